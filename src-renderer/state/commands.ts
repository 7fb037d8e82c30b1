/** What the command palette offers, and which of it fits what was typed. */
export interface Command {
  readonly title: string;
  run(): void;
}

/** Every word that was typed must begin some word of the title; titles that begin with the text come first. */
export function matchCommands(commands: readonly Command[], text: string): Command[] {
  const wanted = words(text);
  if (wanted.length === 0) return [...commands];
  const fits = commands.filter(({ title }) => {
    const had = words(title);
    return wanted.every((want) => had.some((word) => word.startsWith(want)));
  });
  const first = (title: string): number => (title.toLowerCase().startsWith(text.trim().toLowerCase()) ? 0 : 1);
  return fits.sort((a, b) => first(a.title) - first(b.title));
}

function words(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

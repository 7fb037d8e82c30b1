/** Colour roles as a canvas needs them. */
export type ColourBy = 'standing' | 'class';

/** Reads colour roles resolved for the current theme: all at once, so that the browser works out styles once. */
export function resolveColours(element: Element, roles: Iterable<string>): ReadonlyMap<string, string> {
  const box = document.createElement('span');
  // High contrast would give every role the one colour of text, and the map one colour for all.
  box.style.setProperty('forced-color-adjust', 'none');
  const probes = [...roles].map((role) => {
    const probe = document.createElement('span');
    probe.style.color = `var(--${role})`;
    box.append(probe);
    return [role, probe] as const;
  });
  element.append(box);
  const colours = new Map(probes.map(([role, probe]) => [role, getComputedStyle(probe).color]));
  box.remove();
  return colours;
}

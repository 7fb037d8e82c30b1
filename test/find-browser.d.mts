/** Path of the browser to drive; null when this machine has none. */
export function browserPath(): string | null;

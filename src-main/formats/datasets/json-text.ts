/** JSON objects that strangers wrote, small ones: a line of a manifest, the annotation beside an image. */

/** @returns null when it is no JSON object, or nested deeper than `maxNesting`. */
export function parseJsonObject(text: string, maxNesting: number): Readonly<Record<string, unknown>> | null {
  if (nesting(text) > maxNesting) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function nesting(text: string): number {
  let depth = 0;
  let most = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{' || c === '[') most = Math.max(most, ++depth);
    else if (c === '}' || c === ']') depth--;
  }
  return most;
}

/** The first of the object's own members, by lower-case name, that is one of `names`: text or a number as text. */
export function textField(object: Readonly<Record<string, unknown>>, names: ReadonlySet<string>): string | null {
  for (const [key, value] of Object.entries(object)) {
    if (!names.has(key.toLowerCase())) continue;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  }
  return null;
}

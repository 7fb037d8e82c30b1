/** Indented JSON whose short lists of numbers, strings and booleans stay on one line, as a person would write it. */
import type { Json } from '../../src-shared/json.ts';

/** UTF-8 text with a final line end; numbers that are not finite become null, lone surrogates are escaped. */
export function plainJson(value: Json): string {
  return `${written(value, '')}\n`;
}

function written(value: Json, indent: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((item) => item === null || typeof item !== 'object')) {
      return `[${value.map((item: Json) => JSON.stringify(item)).join(', ')}]`;
    }
    return `[\n${value.map((item: Json) => inner + written(item, inner)).join(',\n')}\n${indent}]`;
  }
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  if (members.length === 0) return '{}';
  const lines = members.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${written(item as Json, inner)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

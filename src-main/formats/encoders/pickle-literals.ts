/** Numbers and texts as the textual opcodes of pickle write them. */

/** A Python float literal; null when it is none. */
export function floatOf(text: string): number | null {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) return null;
  if (/nan/i.test(special[2])) return NaN;
  return special[1] === '-' ? -Infinity : Infinity;
}

const ESCAPES: Readonly<Record<string, number>> = {
  '\\': 0x5c,
  "'": 0x27,
  '"': 0x22,
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

/** A Python string literal in quotes -> its bytes; null when it is none. */
export function stringLiteral(text: string): Uint8Array | null {
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) return null;
  const out = new Uint8Array(text.length - 2);
  let length = 0;
  for (let i = 1; i < text.length - 1; i += 1) {
    let byte = text.charCodeAt(i);
    if (text[i] === '\\') {
      const rest = text.slice(i + 1, Math.min(i + 4, text.length - 1));
      const hex = /^x([0-9a-f]{2})/i.exec(rest);
      const octal = /^[0-7]{1,3}/.exec(rest);
      if (hex !== null) {
        byte = parseInt(hex[1], 16);
        i += 3;
      } else if (octal !== null) {
        byte = parseInt(octal[0], 8) & 255;
        i += octal[0].length;
      } else if (Object.hasOwn(ESCAPES, rest[0] ?? '')) {
        byte = ESCAPES[rest[0]];
        i += 1;
      }
      // Any other backslash stands for itself, as in Python.
    }
    out[length] = byte;
    length += 1;
  }
  return out.subarray(0, length);
}

/** The "raw-unicode-escape" encoding: Latin-1 with \uXXXX and \UXXXXXXXX; null for a broken escape. */
export function rawUnicodeEscape(text: string): string | null {
  let broken = false;
  const decoded = text.replace(/\\(?:u[0-9a-fA-F]{0,4}|U[0-9a-fA-F]{0,8})/g, (whole) => {
    const wide = whole[1] === 'U';
    const digits = whole.slice(2);
    const point = parseInt(digits, 16);
    if (digits.length !== (wide ? 8 : 4) || !(point <= 0x10ffff)) {
      broken = true;
      return '';
    }
    return String.fromCodePoint(point);
  });
  return broken ? null : decoded;
}

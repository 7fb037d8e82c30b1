/** Strangers' text (file names, class names, reasons) made safe for a page, a table and an eye. */

/** For element content and quoted attribute values of HTML and SVG. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML[character]);
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Makes visible what an eye cannot see or is led astray by: control characters, line breaks, bidirectional controls,
 * zero-width and other format characters, odd spaces, unpaired surrogates, unassigned and private code points become
 * `\u{hex}`, a backslash becomes `\\`. Two different texts never look the same afterwards; `invisible` undoes it.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) =>
    character === '\\' ? '\\\\' : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

const HIDDEN = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** The text that `visible` was given. */
export function invisible(text: string): string {
  return text.replace(/\\(?:\\|u\{(10[0-9a-f]{4}|[0-9a-f]{1,5})\})/g, (_all, hex: string | undefined) =>
    hex === undefined ? '\\' : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}

/**
 * One cell of a CSV file (RFC 4180 quoting).
 *
 * A text that a spreadsheet could take for a formula (it starts with = + - @ tab or carriage return, also in their
 * full-width forms, also behind blanks) gets an apostrophe in front, and so does a text that starts with an apostrophe.
 * A program that reads the file back takes one leading apostrophe off every text cell, if there is one.
 * Numbers are written as they are; NaN and infinities as empty cells.
 */
export function csvCell(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  if (typeof value === 'boolean') return String(value);
  const guarded = /^(?:'|[\s\0]*[=+\-@\t\r\n＝＋－＠])/u.test(value) ? `'${value}` : value;
  return /[",;\t\r\n]|^\s|\s$/u.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

/** One line of a CSV file, with its line break (CR LF). */
export function csvRow(cells: readonly (string | number | boolean | null)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/**
 * How strings from strangers (file names, class names, tensor names) are written where a reader or a program could take
 * them for something else: markup, a spreadsheet formula, or another name than the one they are.
 */

/**
 * Characters that draw nothing or move what is drawn: controls, format (bidi, zero width, tags), separators, blanks that
 * are not the common one, private and unassigned code points, lone surrogates; and a backslash that would read as one.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}|\\(?=u\{)/gu;

/** What spreadsheet programs take for the start of a formula, also in its full-width form; and our own guard. */
const formulaStart = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20']/;

/**
 * `text` with every invisible or reordering character spelled out as `\u{HEX}`, so that two names that differ also look
 * different. Line breaks and tabs are spelled out too: the result is one line.
 */
export function visibleName(text: string): string {
  return text.replace(invisible, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`);
}

/** `text` for an element's content or a double- or single-quoted attribute of HTML, XHTML and SVG. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A stranger's name in HTML: invisible characters spelled out, then escaped. */
export function nameHtml(text: string): string {
  return escapeHtml(visibleName(text));
}

/**
 * One cell of a comma-separated file (RFC 4180). A string that a spreadsheet would run as a formula, or that starts with
 * an apostrophe, gets a leading apostrophe; invisible characters are spelled out. Numbers are written as they are, `null`
 * and numbers that are not finite as an empty cell.
 */
export function csvCell(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return csvShown(visibleName(value));
}

/** `csvCell` of a text as a page shows it: its invisible characters are spelled out already. */
export function csvShown(shown: string): string {
  const text = formulaStart.test(shown) ? `'${shown}` : shown;
  return /[",;\r\n']/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One row of a comma-separated file, with its line end (CRLF, as RFC 4180 has it). */
export function csvRow(cells: readonly (string | number | boolean | null)[]): string {
  return cells.map(csvCell).join(',') + '\r\n';
}

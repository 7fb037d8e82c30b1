/** Texts and bytes in a model file that belong to something else: addresses, scripts, a second file in the same one. */
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import { visibleName } from '../../../src-shared/text.ts';

const SCRIPT =
  /<script\b|javascript:|\bpowershell(\.exe)?\s|\beval\s*\(|\bexec\s*\(|\b__import__\s*\(|\bos\.system\s*\(|\bsubprocess\./i;
const ADDRESS = /\b(?:https?|ftp|file):\/\/[^\s"'<>]{1,200}/i;

/** @param where names the text, e.g. `metadata "author"` */
export function textFindings(text: string, where: string): ScanFinding[] {
  const findings: ScanFinding[] = [];
  const script = SCRIPT.exec(text);
  if (script !== null) {
    findings.push({
      rule: 'text.script',
      severity: 'warning',
      title: 'Text that looks like a program',
      where,
      detail: `Met ${JSON.stringify(visibleName(text.slice(Math.max(0, script.index - 20), script.index + 60)))}.`,
      atlas: 'AML.T0018.002',
    });
  }
  const address = ADDRESS.exec(text);
  if (address !== null) {
    findings.push({
      rule: 'text.address',
      severity: 'note',
      title: 'An address in the text',
      where,
      detail: `Met ${visibleName(address[0])}; nothing was asked of it.`,
      atlas: null,
    });
  }
  return findings;
}

const bytesAre = (bytes: Uint8Array, at: number, mark: string): boolean =>
  [...mark].every((letter, index) => bytes[at + index] === letter.charCodeAt(0));

/**
 * A second file in the same one: a zip directory at the end of what is no zip.
 * @param zipIsOrdinary true for formats that are zips
 */
export function polyglotFindings(bytes: Uint8Array, zipIsOrdinary: boolean): ScanFinding[] {
  if (zipIsOrdinary || bytesAre(bytes, 0, 'PK')) return [];
  // End of central directory: 22 bytes and a comment of up to 65,535 (APPNOTE.TXT 4.3.16).
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 65_557); at -= 1) {
    if (bytes[at] !== 0x50 || !bytesAre(bytes, at, 'PK\u0005\u0006')) continue;
    const comment = bytes[at + 20] | (bytes[at + 21] << 8);
    if (at + 22 + comment !== bytes.length) continue;
    return [
      {
        rule: 'file.polyglot',
        severity: 'warning',
        title: 'The file is a zip archive as well',
        where: `byte ${at}`,
        detail: 'Another program would see other content in the same file.',
        atlas: 'AML.T0076',
      },
    ];
  }
  return [];
}

/** What an unknown file is, by its first bytes; null when that says nothing. */
export function sniffed(bytes: Uint8Array): string | null {
  const marks: readonly (readonly [number, string, string])[] = [
    [0, 'PK\u0003\u0004', 'a zip archive without a model in it that is known'],
    [0, '\u001f\u008b', 'a gzip file'],
    [257, 'ustar', 'a tar archive'],
    [0, '\u0089PNG', 'a PNG image'],
    [0, '\u00ff\u00d8\u00ff', 'a JPEG image'],
    [0, 'GIF8', 'a GIF image'],
    [0, 'BM', 'a BMP image'],
    [0, '\u0093NUMPY', 'a NumPy array'],
    [0, 'MATLAB', 'a MATLAB file'],
    [0, '%PDF', 'a PDF'],
    [0, '\u007fELF', 'a program for Linux'],
    [0, 'MZ', 'a program for Windows'],
    [0, '#!', 'a script'],
    [0, 'SQLite format 3', 'an SQLite database'],
  ];
  return marks.find(([at, mark]) => bytesAre(bytes, at, mark))?.[2] ?? null;
}

/** Fonts and colours of the PDF, and what can be drawn with them. */
import { createRequire } from 'node:module';
import type { Verdict } from '../../../src-shared/domain/verdict.ts';
import { visibleName } from '../../../src-shared/text.ts';

const files = {
  regular: 'DejaVuSansCondensed.ttf',
  bold: 'DejaVuSansCondensed-Bold.ttf',
  mono: 'DejaVuSansMono.ttf',
} as const;

/** On white; text at least 4.5:1. */
export const colours = {
  text: '#1c2321',
  muted: '#55605d',
  line: '#c4cbc8',
  accent: '#0b6263',
  second: '#6f55a3',
  part: '#c9d1ce',
  dot: '#8b9a96',
  trusted: '#006b50',
  suspicious: '#b23f00',
  inconclusive: '#7d5a00',
  'not-examined': '#5d6664',
} as const satisfies Record<Verdict | string, string>;

export function registerFonts(doc: PDFKit.PDFDocument): void {
  const require = createRequire(import.meta.url);
  for (const [name, file] of Object.entries(files))
    doc.registerFont(name, require.resolve(`dejavu-fonts-ttf/ttf/${file}`));
}

/** Letters that are read from right to left; in a line that runs the other way they would take others along. */
const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * `text` as the document can draw it: invisible characters, those of right-to-left scripts and those that the current
 * font has no picture for are spelled out as `\u{HEX}`. Without a document (for titles and alternative texts, which are
 * not drawn) only invisible ones are.
 */
export function shownIn(doc: PDFKit.PDFDocument | null, text: string): string {
  const visible = visibleName(text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text);
  if (doc === null) return visible;
  // pdfkit keeps fontkit's font here; its types do not say so.
  const { font } = (doc as unknown as { _font: { font: { hasGlyphForCodePoint(point: number): boolean } } })._font;
  let shown = '';
  for (const character of visible) {
    const point = character.codePointAt(0) ?? 0;
    const drawable = point < 0x7f || (font.hasGlyphForCodePoint(point) && !rightToLeft.test(character));
    shown += drawable ? character : `\\u{${point.toString(16).toUpperCase()}}`;
  }
  return shown;
}

/** A single text of a record is never this long unless somebody wants pages filled. */
const longest = 4000;

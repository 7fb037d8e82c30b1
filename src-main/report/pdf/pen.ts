/** How anything gets on a page: tagged text, artifacts, room, the cell of a table. */
import type { Cell } from '../document/blocks.ts';
import { colours, shownIn } from './fonts.ts';

/** Where drawing goes on: the document, the column, and the structure element that takes what is drawn. */
export interface Pen {
  readonly doc: PDFKit.PDFDocument;
  readonly left: number;
  readonly width: number;
  readonly parent: PDFKit.PDFStructureElement;
}

export const margin = { top: 54, bottom: 54, left: 48, right: 48 };

interface TextLook {
  readonly font?: 'regular' | 'bold' | 'mono';
  readonly size?: number;
  readonly colour?: string;
  readonly after?: number;
  readonly indent?: number;
}

/** Draws inside a structure element of its own. */
export function tagged(
  { doc, parent }: Pen,
  tag: string,
  draw: () => void,
  options: { readonly alt?: string } = {},
): void {
  const element = doc.struct(tag, options);
  parent.add(element);
  const content = doc.markStructureContent(tag);
  element.add(content);
  draw();
  doc.endMarkedContent();
  element.end();
}

/** What assistive technology should pass over. */
export function artifact(doc: PDFKit.PDFDocument, draw: () => void, type: 'Pagination' | 'Layout' = 'Layout'): void {
  doc.markContent('Artifact', { type });
  draw();
  doc.endMarkedContent();
}

export function paragraph(pen: Pen, tag: string, text: string, look: TextLook = {}): void {
  const { doc, left, width } = pen;
  const { font = 'regular', size = 9, colour = colours.text, after = 5, indent = 0 } = look;
  doc.font(font).fontSize(size);
  const shown = shownIn(doc, text);
  const height = doc.heightOfString(shown, { width: width - indent });
  ensureRoom(doc, Math.min(height, 120));
  tagged(pen, tag, () => {
    doc.fillColor(colour).text(shown, left + indent, doc.y, { width: width - indent });
  });
  doc.y += after;
}

/** A new page when less than `height` is left on this one. */
export function ensureRoom(doc: PDFKit.PDFDocument, height: number): void {
  const bottom = doc.page.height - margin.bottom;
  if (doc.y + height > bottom && doc.y > margin.top + 1) {
    doc.addPage();
    doc.y = margin.top;
  }
}

/** Sets the font of a cell and gives its text. */
export function setCell(doc: PDFKit.PDFDocument, cell: Cell, size: number): string {
  if (typeof cell === 'string') {
    doc.font('regular').fontSize(size);
    return shownIn(doc, cell);
  }
  if ('digest' in cell) {
    doc.font('mono').fontSize(size - 1.5);
    return shownIn(doc, cell.digest);
  }
  doc.font('bold').fontSize(size);
  return shownIn(doc, cell.word);
}

/** Tables of the PDF: rows that stay whole, heads that come again on each page, cells in a structure of their own. */
import type { Cell, Table } from '../document/blocks.ts';
import { artifact, ensureRoom, setCell, tagged, type Pen } from './pen.ts';
import { colours, shownIn } from './fonts.ts';

const size = 7.5;
const gap = 7;
/** Higher rows are cut: one cell must not fill a page. */
const highest = 260;

export function drawTable(pen: Pen, table: Table): void {
  const { doc, left } = pen;
  const widths = columnWidths(pen, table);
  doc.font('bold').fontSize(8);
  const caption = shownIn(doc, table.caption);
  ensureRoom(doc, 60);
  const element = doc.struct('Table');
  pen.parent.add(element);
  const inner: Pen = { ...pen, parent: element };
  tagged(inner, 'Caption', () => {
    doc.font('bold').fontSize(8).fillColor(colours.muted).text(caption, left, doc.y, { width: pen.width });
  });
  doc.y += 2;
  const heads = table.heads.map((head) => head.name);
  const drawHead = (): void => drawRow(inner, table, heads, widths, 'head');
  drawHead();
  let page = doc.page;
  for (const row of table.rows) {
    const height = rowHeight(pen, row, widths);
    ensureRoom(doc, height + 2);
    if (doc.page !== page) {
      page = doc.page;
      // Read once is enough: the repeated head is there for the eye.
      artifact(doc, () => drawCells(inner, table, heads, widths, 'head', null));
    }
    drawRow(inner, table, row, widths, 'body');
  }
  element.end();
  doc.y += 8;
}

function drawRow(
  pen: Pen,
  table: Table,
  cells: readonly Cell[],
  widths: readonly number[],
  part: 'head' | 'body',
): void {
  const row = pen.doc.struct('TR');
  pen.parent.add(row);
  drawCells(pen, table, cells, widths, part, row);
  row.end();
}

function drawCells(
  pen: Pen,
  table: Table,
  cells: readonly Cell[],
  widths: readonly number[],
  part: 'head' | 'body',
  row: PDFKit.PDFStructureElement | null,
): void {
  const { doc } = pen;
  const head = part === 'head';
  const height = rowHeight(pen, cells, widths, head);
  const y = doc.y;
  let x = pen.left;
  cells.forEach((cell, k) => {
    const align = table.heads[k]?.kind === 'number' ? 'right' : 'left';
    const draw = (): void => {
      const text = cellText(doc, cell, head);
      const colour = head
        ? colours.muted
        : typeof cell === 'object' && 'verdict' in cell
          ? colours[cell.verdict]
          : colours.text;
      doc.fillColor(colour).text(text, x, y, { width: widths[k], align, height, ellipsis: true });
    };
    if (row === null) draw();
    else tagged({ ...pen, parent: row }, head || k === 0 ? 'TH' : 'TD', draw);
    x += widths[k] + gap;
  });
  doc.y = y + height + 2;
  const line = (): void => {
    doc
      .moveTo(pen.left, doc.y - 0.5)
      .lineTo(pen.left + pen.width, doc.y - 0.5)
      .lineWidth(0.3)
      .stroke(colours.line);
  };
  if (row === null) line();
  else artifact(doc, line);
  doc.y += 2;
}

function cellText(doc: PDFKit.PDFDocument, cell: Cell, head: boolean): string {
  const text = setCell(doc, cell, size);
  if (head) doc.font('bold').fontSize(size);
  return text;
}

function rowHeight({ doc }: Pen, cells: readonly Cell[], widths: readonly number[], head = false): number {
  const heights = cells.map((cell, k) => doc.heightOfString(cellText(doc, cell, head), { width: widths[k] }));
  return Math.min(highest, Math.max(...heights));
}

/** Numbers, words and digests get what they need; what is left is shared among texts by their length. */
function columnWidths({ doc, width: all }: Pen, table: Table): number[] {
  const room = all - gap * (table.heads.length - 1);
  const needs = table.heads.map((head, k) => {
    const cells = table.rows.slice(0, 400).map((row) => row[k]);
    const widest = cells.reduce<number>(
      (most, cell) => Math.max(most, doc.widthOfString(cellText(doc, cell, false))),
      0,
    );
    // A line is broken behind the blank, so a word needs room for one.
    const words = head.name.split(/\s/).map((word) => doc.widthOfString(`${cellText(doc, word, true)} `));
    const whole = doc.widthOfString(cellText(doc, head.name, true)) + 1;
    const fixed = head.kind === 'number' || head.kind === 'word' || cells.some(isDigest);
    const least = Math.min(120, Math.max(...words) + 1);
    return { fixed, least, natural: Math.max(least, widest + 1), whole: Math.max(least, widest + 1, whole) };
  });
  const natural = needs.reduce((sum, need) => sum + need.natural, 0);
  if (natural <= room) {
    // Heads on one line where all of them fit so.
    const whole = needs.reduce((sum, need) => sum + need.whole, 0);
    const [taken, width]: [number, (need: (typeof needs)[number]) => number] =
      whole <= room ? [whole, (need) => need.whole] : [natural, (need) => need.natural];
    const texts = needs.filter((need) => !need.fixed).length;
    const spare = texts === 0 ? 0 : Math.min(60, (room - taken) / texts);
    return needs.map((need) => width(need) + (need.fixed ? 0 : spare));
  }
  const fixed = needs.map((need) => (need.fixed ? Math.min(need.natural, room * 0.5) : 0));
  const taken = fixed.reduce((sum, one) => sum + one, 0);
  const flexible = needs.filter((need) => !need.fixed);
  const left = room - taken;
  const leastSum = flexible.reduce((sum, need) => sum + need.least, 0);
  if (flexible.length === 0 || left < leastSum) return needs.map((need) => (need.natural / natural) * room);
  const weight = (need: (typeof needs)[number]): number => Math.sqrt(need.natural);
  const weights = flexible.reduce((sum, need) => sum + weight(need), 0);
  return needs.map((need, k) => (need.fixed ? fixed[k] : need.least + ((left - leastSum) * weight(need)) / weights));
}

function isDigest(cell: Cell): boolean {
  return typeof cell === 'object' && 'digest' in cell;
}

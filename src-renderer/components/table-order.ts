/** How rows of a table are put in order and looked through, and what of them a spreadsheet is given. Pure. */
import { csvCell, csvShown } from '../../src-shared/text.ts';

export type TableValue = string | number;
export interface TableOrder {
  readonly column: number;
  readonly down: boolean;
}

/** The next order when the header of `column` is pressed: rising, falling, as the rows came. */
export function nextOrder(order: TableOrder | null, column: number): TableOrder | null {
  if (order?.column !== column) return { column, down: false };
  return order.down ? null : { column, down: true };
}

/** Row numbers in order; equal ones stay as they came, and what has no value comes last either way. */
export function orderedRows(rows: number, valueOf: (row: number) => TableValue, down: boolean): number[] {
  const values = Array.from({ length: rows }, (_, row) => valueOf(row));
  const unknown = (value: TableValue): boolean => value === '' || value === '–' || Number.isNaN(value);
  const sign = down ? -1 : 1;
  return Array.from(values.keys()).sort((a, b) => {
    const [left, right] = [values[a], values[b]];
    if (unknown(left) || unknown(right)) return Number(unknown(left)) - Number(unknown(right)) || a - b;
    const apart =
      typeof left === 'number' && typeof right === 'number'
        ? left - right
        : String(left).localeCompare(String(right), undefined, { numeric: true });
    return sign * apart || a - b;
  });
}

/** Rows that are looked through before whoever asked can do something else. */
const rowsPerPart = 256;

/**
 * Looks for the rows of `order` in which every word of `filter` is part of some cell, whatever its case; part by part.
 * @param textsOf cells of a row as they are shown
 * @param found gets them, in that order
 */
export function* rowsWith(
  filter: string,
  order: readonly number[],
  textsOf: (row: number) => readonly string[],
  found: number[],
): Generator<void> {
  const words = filter.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  for (let at = 0; at < order.length; at++) {
    if (at % rowsPerPart === rowsPerPart - 1) yield;
    const texts = textsOf(order[at]).map((text) => text.toLocaleLowerCase());
    if (words.every((word) => texts.some((text) => text.includes(word)))) found.push(order[at]);
  }
}

/** Texts as the page shows them and numbers as they are, with the guard against formulas that all our files have. */
export function tableCsv(titles: readonly string[], rows: readonly (readonly TableValue[])[]): string {
  const line = (cells: readonly TableValue[]): string =>
    `${cells.map((cell) => (typeof cell === 'number' ? csvCell(cell) : csvShown(cell))).join(',')}\r\n`;
  return [titles, ...rows].map(line).join('');
}

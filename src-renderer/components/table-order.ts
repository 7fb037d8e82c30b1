/** How rows of a table are put in order, and what of them a spreadsheet is given. Pure. */
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

/** Texts as the page shows them and numbers as they are, with the guard against formulas that all our files have. */
export function tableCsv(titles: readonly string[], rows: readonly (readonly TableValue[])[]): string {
  const line = (cells: readonly TableValue[]): string =>
    `${cells.map((cell) => (typeof cell === 'number' ? csvCell(cell) : csvShown(cell))).join(',')}\r\n`;
  return [titles, ...rows].map(line).join('');
}

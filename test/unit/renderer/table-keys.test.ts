import { describe, expect, it } from 'vitest';
import { gridMove, widened } from '../../../src-renderer/components/table-keys.ts';
import { rowsWith } from '../../../src-renderer/components/table-order.ts';

describe('the keys of a table', () => {
  const size = { rows: 60, columns: 4, perPage: 25 };
  const from = { row: 10, column: 2 };
  const by = (key: string, ctrl = false, at = from): unknown => gridMove(at, key, ctrl, size);

  it('go from cell to cell and stop at the edges', () => {
    expect(by('ArrowUp')).toEqual({ row: 9, column: 2 });
    expect(by('ArrowLeft', false, { row: 0, column: 0 })).toEqual({ row: 0, column: 0 });
    expect(by('ArrowUp', false, { row: 0, column: 1 })).toEqual({ row: -1, column: 1 });
    expect(by('ArrowUp', false, { row: -1, column: 1 })).toEqual({ row: -1, column: 1 });
    expect(by('ArrowDown', false, { row: 59, column: 3 })).toEqual({ row: 59, column: 3 });
  });

  it('go to the ends of a row and of the table', () => {
    expect([by('Home'), by('End')]).toEqual([
      { row: 10, column: 0 },
      { row: 10, column: 3 },
    ]);
    expect([by('Home', true), by('End', true)]).toEqual([
      { row: 0, column: 0 },
      { row: 59, column: 3 },
    ]);
    expect([by('PageDown'), by('PageUp')]).toEqual([
      { row: 35, column: 2 },
      { row: 0, column: 2 },
    ]);
  });

  it('stay on the headers of a table without rows, and leave all other keys alone', () => {
    const empty = { rows: 0, columns: 4, perPage: 25 };
    for (const key of ['ArrowDown', 'Home', 'End', 'PageDown'])
      expect(gridMove({ row: -1, column: 0 }, key, true, empty)?.row).toBe(-1);
    expect(by('Enter')).toBeNull();
    expect(by('a')).toBeNull();
  });

  it('make a column wider, and narrower only as far as it can be taken hold of', () => {
    expect(widened([100, 50, 80], 1, 16)).toEqual([100, 66, 80]);
    expect(widened([100, 50, 80], 1, -200)).toEqual([100, 40, 80]);
  });
});

describe('the filter of a table', () => {
  const texts = [['12', 'Größe'], ['3', 'boot'], ['30', 'BOOT'], []];
  const found = (filter: string, order = [0, 1, 2, 3]): number[] => {
    const rows: number[] = [];
    Array.from(rowsWith(filter, order, (row) => texts[row] ?? [], rows));
    return rows;
  };

  it('finds rows that hold every word, in any cell and any case, in the order of the table', () => {
    expect(found('boot')).toEqual([1, 2]);
    expect(found('boot 30')).toEqual([2]);
    expect(found('gröSS', [3, 2, 1, 0])).toEqual([]);
    expect(found('GRÖ')).toEqual([0]);
    expect(found('3', [2, 1])).toEqual([2, 1]);
    expect(found('a*(')).toEqual([]);
  });

  it('looks through many rows in parts', () => {
    const rows: number[] = [];
    const order = Array.from({ length: 1000 }, (_, row) => row);
    expect(Array.from(rowsWith('9', order, (row) => [String(row)], rows)).length).toBeGreaterThan(2);
    expect(rows).toHaveLength(271);
  });
});

import { describe, expect, it } from 'vitest';
import { nextOrder, orderedRows, tableCsv } from '../../../src-renderer/components/table-order.ts';
import { pageFormat } from '../../../src-shared/messages/page-format.ts';

describe('the order of a table', () => {
  it('rises, falls, and is again as the rows came', () => {
    const rising = nextOrder(null, 2);
    const falling = nextOrder(rising, 2);
    expect([rising, falling, nextOrder(falling, 2)]).toEqual([
      { column: 2, down: false },
      { column: 2, down: true },
      null,
    ]);
    expect(nextOrder(falling, 1)).toEqual({ column: 1, down: false });
  });

  it('leaves equal rows as they came and puts what is not known last, either way', () => {
    const values = [3, NaN, 1, 3, 2];
    const of = (row: number): number => values[row] ?? NaN;
    expect(orderedRows(5, of, false)).toEqual([2, 4, 0, 3, 1]);
    expect(orderedRows(5, of, true)).toEqual([0, 3, 4, 2, 1]);
  });

  it('counts within texts', () => {
    const names = ['layer 10', 'layer 2', '–', 'Layer 1'];
    expect(orderedRows(4, (row) => names[row] ?? '', false)).toEqual([3, 1, 0, 2]);
  });
});

describe.each(['en-US', 'de-DE'])('a number as %s writes it', (locale) => {
  const f = pageFormat(locale);
  it('is read back', () => {
    for (const value of [0, 7, -3, 12_345, 1_234_567, 0.123, -0.5]) expect(f.value(f.number(value))).toBe(value);
    expect(f.value(f.share(0.042))).toBe(4.2);
    expect(f.value(`${f.share(0.87)} (${f.share(0.8)} to ${f.share(0.9)})`)).toBe(87);
    expect(f.value('#12')).toBe(12);
    expect(f.value('–')).toBeNaN();
    expect(f.value('none')).toBeNaN();
  });
});

describe('a table for a spreadsheet', () => {
  it('guards texts that would be formulas, leaves numbers numbers, and spells nothing out twice', () => {
    const text = tableCsv(
      ['Name', 'n'],
      [
        ['=1+1', -0.5],
        ['@SUM(A1)', NaN],
        ['a "b", c', 12_345],
        ['\\u{202E}txt', 1],
      ],
    );
    expect(text.split('\r\n')).toEqual([
      'Name,n',
      `"'=1+1",-0.5`,
      `"'@SUM(A1)",`,
      '"a ""b"", c",12345',
      '\\u{202E}txt,1',
      '',
    ]);
  });
});

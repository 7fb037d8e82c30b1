import { describe, expect, it } from 'vitest';
import { binned, keepInside, rowsInside, wholeView, zoomAt } from '../../../src-renderer/charts/explore.ts';
import { makeStamp, paint, parseColour } from '../../../src-renderer/charts/stamps.ts';
import { matchCommands } from '../../../src-renderer/state/commands.ts';
import { comparedLine, maskAgreement, overlapOf } from '../../../src-renderer/state/compare.ts';
import { standing } from '../../../src-shared/domain/decision.ts';
import { recordedResult, recordedTable } from '../../support/recorded-app.ts';

describe('the map', () => {
  it('keeps the point under the pointer where it is when it zooms', () => {
    const view = zoomAt({ k: 2, x: -30, y: -40 }, 1.7, 100, 50);
    const place = [(100 + 30) / 2, (50 + 40) / 2] as const;
    expect(place[0] * view.k + view.x).toBeCloseTo(100);
    expect(place[1] * view.k + view.y).toBeCloseTo(50);
  });

  it('never zooms out beyond the whole, and cannot be dragged out of its frame', () => {
    expect(zoomAt(wholeView, 0.1, 5, 5)).toEqual(wholeView);
    expect(keepInside({ k: 2, x: 50, y: -900 }, 300, 200)).toEqual({ k: 2, x: 0, y: -200 });
  });

  it('takes what lies inside a lasso, also a hollow one, and nothing without a place', () => {
    const x = [1, 5, 9, 5, NaN];
    const y = [1, 5, 9, 2, 3];
    const square = [
      [0, 0],
      [6, 0],
      [6, 6],
      [0, 6],
    ] as const;
    expect(rowsInside(square, x, y)).toEqual([0, 1, 3]);
    const notched = [
      [0, 0],
      [6, 0],
      [6, 6],
      [5, 3],
      [0, 6],
    ] as const;
    expect(rowsInside(notched, x, y)).toEqual([0, 3]);
    expect(rowsInside(square.slice(0, 2), x, y)).toEqual([]);
  });

  it('paints a mark where it belongs, blended, and nothing outside the picture', () => {
    const view = { k: 2, x: 0, y: 0 };
    const picture = { width: 20, height: 20, data: new Uint8ClampedArray(20 * 20 * 4).fill(255) };
    paint(picture, makeStamp('dot', 3), [10, 20, 30], 1, [0, 1, 2], { x: [5, -50, NaN], y: [5, 5, 5] }, view);
    expect([...picture.data.subarray(4 * (10 * 20 + 10), 4 * (10 * 20 + 10) + 3)]).toEqual([10, 20, 30]);
    expect(picture.data[4 * (2 * 20 + 2)]).toBe(255);
    const faded = { width: 20, height: 20, data: new Uint8ClampedArray(20 * 20 * 4).fill(255) };
    paint(faded, makeStamp('square', 3), [0, 0, 0], 0.5, [0], { x: [9.5], y: [9.5] }, view);
    expect(faded.data[4 * (19 * 20 + 19)]).toBeCloseTo(128, -1);
  });

  it('has shapes that differ: a ring is hollow, a triangle points up', () => {
    const at = (shape: 'dot' | 'ring' | 'triangle', x: number, y: number): number => {
      const { dx, dy, cover } = makeStamp(shape, 6);
      const found = dx.findIndex((one, part) => one === x && dy[part] === y);
      return found < 0 ? 0 : cover[found];
    };
    expect([at('dot', 0, 0), at('ring', 0, 0)]).toEqual([255, 0]);
    expect(at('triangle', 4, 4)).toBeGreaterThan(at('triangle', 4, -4));
  });

  it('reads colours as browsers resolve them', () => {
    expect(parseColour('rgb(1, 2, 3)')).toEqual([1, 2, 3]);
    expect(parseColour('color(srgb 1 0.5 0)')).toEqual([255, 128, 0]);
  });

  it('means what it puts into one column', () => {
    expect([...binned(Float32Array.of(4, 1, 3, 2), [1, 3, 2, 0], 2)]).toEqual([1.5, 3.5]);
    expect([...binned(Float32Array.of(4, 1), [1, 0], 2)]).toEqual([1, 4]);
  });
});

describe('two runs beside each other', () => {
  it('overlap by sample, whatever the order of their rows', () => {
    const first = recordedTable();
    const { columns } = recordedTable();
    const second = {
      ...first,
      columns: { ...columns, suspectRank: columns.suspectRank.map((rank) => (rank < 10 ? -1 : rank)) },
    };
    const suspect = (table: typeof first, row: number): boolean => table.columns.suspectRank[row] >= 0;
    expect(overlapOf(first, second, suspect)).toEqual({ both: 40, onlyFirst: 10, onlySecond: 0, share: 0.8 });
    expect(overlapOf(first, second, () => false).share).toBeNaN();
  });

  it('agree on channels layer by layer; a layer of another size is not compared', () => {
    const { channels } = recordedResult();
    const [a, b] = channels.layers;
    const other = {
      ...channels,
      layers: [
        { ...a, trusted: a.trusted.map((one) => !one), kept: 1 },
        { ...b, channels: 5 },
      ],
    };
    expect(maskAgreement(channels, other)).toEqual([{ label: a.label, first: 3, second: 1, agree: 0, channels: 4 }]);
  });

  it('tell what is missing from what is equal', () => {
    expect(comparedLine('seed', ['7', '7']).differs).toBe(false);
    expect(comparedLine('seed', ['7', null]).differs).toBe(true);
  });
});

describe('decisions', () => {
  const row = { who: 'a', at: '', subject: 'sample', key: '5', reason: '' } as const;
  it('stand until they are withdrawn, and a withdrawal itself is none', () => {
    const all = [
      { ...row, id: 1, act: 'override', value: 'trusted' },
      { ...row, id: 2, act: 'tag', value: 'odd' },
      { ...row, id: 3, act: 'withdraw', value: '1' },
    ] as const;
    expect(standing(all).map(({ id }) => id)).toEqual([2]);
  });
});

describe('the command palette', () => {
  const commands = ['Go to Sifting', 'Go to Settings', 'Show Run #2 · Quick · seed 7'].map((title) => ({
    title,
    run: () => undefined,
  }));
  it.each([
    ['', 3],
    ['sift', 1],
    ['go se', 1],
    ['se', 2],
    ['run 2', 1],
    ['nothing', 0],
  ])('finds by the beginnings of words: %j', (text, count) =>
    expect(matchCommands(commands, text)).toHaveLength(count),
  );
});

import { describe, expect, it } from 'vitest';
import { columnChart, stackedBars } from '../../../src-shared/charts/bars.ts';
import { histogram } from '../../../src-shared/charts/histogram.ts';
import { lineChart } from '../../../src-shared/charts/lines.ts';
import { linear, niceDomain, niceValues, ticks } from '../../../src-shared/charts/scale.ts';
import { marksPath, nthSmallest, scatterPlaces } from '../../../src-shared/charts/scatter.ts';

const box = { x: 40, y: 10, width: 200, height: 100 };

describe('axes', () => {
  it('have round values within their ends', () => {
    expect(niceValues([0, 1], 4)).toEqual([0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
    expect(niceValues([3, 97], 4)).toEqual([20, 40, 60, 80]);
    expect(niceValues([-1, 1], 2)).toEqual([-1, 0, 1]);
    expect(niceDomain([0, 0.87], 4)).toEqual([0, 1]);
    expect(niceDomain([0, 0], 4)).toEqual([0, 1]);
    expect(niceDomain([5, 5], 4)).toEqual([0, 5]);
  });

  it('write as many digits as the step needs', () => {
    const labels = (domain: [number, number], percent = false) =>
      ticks(domain, linear(domain, [0, 1]), 4, percent).map((tick) => tick.label);
    expect(labels([0, 3000])).toEqual(['0', '1,000', '2,000', '3,000']);
    expect(labels([0, 0.04])).toEqual(['0.00', '0.01', '0.02', '0.03', '0.04']);
    expect(labels([0, 1], true)).toEqual(['0%', '20%', '40%', '60%', '80%', '100%']);
  });
});

describe('a line chart', () => {
  it('spans its box, with zero at the bottom', () => {
    const chart = lineChart(
      [
        {
          name: 'a',
          points: [
            [0, 0],
            [10, 4],
          ],
        },
      ],
      { box },
    )!;
    expect(chart.lines[0]!.path).toBe('M40,110L240,10');
  });

  it('leaves a gap where a value is missing and is nothing without values', () => {
    const chart = lineChart(
      [
        {
          name: 'a',
          points: [
            [0, 1],
            [1, NaN],
            [2, 1],
            [3, 1],
          ],
        },
      ],
      { box },
    )!;
    expect(chart.lines[0]!.path.match(/M/g)).toHaveLength(2);
    expect(lineChart([{ name: 'a', points: [[0, NaN]] }], { box })).toBeNull();
    expect(lineChart([], { box })).toBeNull();
  });
});

describe('bars', () => {
  it('stand on the axis and are as high as their value', () => {
    const chart = columnChart(
      [
        { label: 'a', value: 50 },
        { label: 'b', value: 100 },
        { label: 'c', value: NaN },
      ],
      { box, top: 100 },
    );
    expect(chart.columns.map((column) => [column.y, column.height])).toEqual([
      [60, 50],
      [10, 100],
      [110, 0],
    ]);
  });

  it('leave out labels that would touch', () => {
    const chart = columnChart(
      Array.from({ length: 50 }, (_, i) => ({ label: String(i), value: 1 })),
      { box, labelWidth: 20 },
    );
    expect(chart.columns.filter((column) => column.labelled).length).toBeLessThanOrEqual(10);
  });

  it('stacked end to end fill the row when shares are compared, and nothing is drawn of nothing', () => {
    const options = { x: 0, width: 100, row: 20, thickness: 10, normalise: true };
    const { bars } = stackedBars(
      [
        { label: 'a', parts: [1, 3] },
        { label: 'b', parts: [0, 0] },
      ],
      options,
    );
    expect(bars[0]!.parts.map((part) => [part.x, part.width])).toEqual([
      [0, 25],
      [25, 75],
    ]);
    expect(bars[1]!.parts.map((part) => part.width)).toEqual([0, 0]);
    expect(
      stackedBars(
        [
          { label: 'a', parts: [1] },
          { label: 'b', parts: [4] },
        ],
        { ...options, normalise: false },
      ).bars[0]!.parts[0]!.width,
    ).toBe(25);
  });
});

describe('a histogram', () => {
  it('counts every value in range once', () => {
    expect(histogram([0, 0.49, 0.5, 1, 2, NaN], [0, 1], 2).map((bin) => bin.count)).toEqual([2, 2]);
    expect(() => histogram([1], [1, 1], 2)).toThrow(RangeError);
  });
});

describe('a scatter', () => {
  it('keeps the proportions and puts far points on the edge', () => {
    const xs = [...Array.from({ length: 1000 }, (_, i) => i / 1000), 1e6];
    const ys = [...Array.from({ length: 1000 }, (_, i) => ((i * 7) % 10) / 10), 0];
    const places = scatterPlaces(xs, ys, box);
    expect(places.x[1000]).toBe(box.x + box.width);
    const perX = (places.x[900]! - places.x[100]!) / (xs[900]! - xs[100]!);
    const perY = (places.y[0]! - places.y[7]!) / (ys[7]! - ys[0]!);
    expect(perX).toBeCloseTo(perY, 6);
  });

  it('finds the ends of the middle as sorting would, however the values lie', () => {
    const of = [
      Array.from({ length: 997 }, (_, i) => Math.sin(i * 12.9898) * 43758.5453),
      Array.from({ length: 400 }, (_, i) => i % 3),
      Array.from({ length: 300 }, (_, i) => -i),
      [5],
      [2, 2, 2, 2],
    ];
    for (const values of of) {
      const sorted = values.toSorted((a, b) => a - b);
      for (const n of [0, Math.floor(0.3 * (values.length - 1)), values.length - 1])
        expect(nthSmallest(Float64Array.from(values), n, 0, values.length)).toBe(sorted[n]);
      const twice = Float64Array.from(values);
      const low = Math.floor(0.1 * (values.length - 1));
      nthSmallest(twice, low, 0, values.length);
      expect(nthSmallest(twice, values.length - 1, low, values.length)).toBe(sorted.at(-1));
    }
  });

  it('puts points of one value in the middle, those beyond any number nowhere', () => {
    expect([...scatterPlaces([1e30, 1e30], [3, 4], box).x]).toEqual([140, 140]);
    expect([...scatterPlaces([1, Infinity, 2], [0, 0, 0], box).x].map(Number.isFinite)).toEqual([true, false, true]);
  });

  it('draws nothing for points without a place', () => {
    const places = scatterPlaces([NaN, 1], [1, NaN], box);
    expect(marksPath('triangle', places, [0, 1], 3)).toBe('');
    expect(marksPath('dot', scatterPlaces([1], [1], box), [0], 3)).toBe('M140,60h0');
  });
});

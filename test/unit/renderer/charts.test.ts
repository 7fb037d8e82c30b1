import { describe, expect, it } from 'vitest';
import { groupMarks, paintMap } from '../../../src-renderer/charts/map-picture.ts';
import { layoutPool } from '../../../src-renderer/charts/pool.ts';
import { colourClasses, layoutScatter } from '../../../src-renderer/charts/scatter.ts';
import { standingOf } from '../../../src-renderer/charts/standing.ts';
import { recordedResult, recordedTable } from '../../support/recorded-app.ts';

const margin = { top: 10, right: 10, bottom: 20, left: 30 };
const size = { width: 300, height: 150 };

describe('layoutPool', () => {
  const { rounds } = recordedResult();
  it('stacks what was admitted on what stayed and hangs what was removed below zero', () => {
    const { bars, zero, all } = layoutPool(rounds, 2000, size, margin, true);
    for (const bar of bars) {
      expect(bar.kept.y + bar.kept.height).toBeCloseTo(zero);
      expect(bar.admitted.y + bar.admitted.height).toBeCloseTo(bar.kept.y);
      expect(bar.removed.y).toBeCloseTo(zero);
      expect(bar.admitted.height).toBeGreaterThan(0);
    }
    expect(all).toBe(margin.top);
  });

  it('has heights in proportion to the counts', () => {
    const { bars, zero } = layoutPool(rounds, 2000, size, margin, true);
    const height = (index: number): number => zero - bars[index]!.admitted.y;
    expect(height(8) / height(0)).toBeCloseTo(rounds[8]!.size / rounds[0]!.size);
  });

  it('leaves room for the rounds to come, and none once the run is over', () => {
    expect(layoutPool(rounds.slice(0, 1), null, size, margin, true).bars[0]!.width).toBeLessThan(size.width / 8);
    expect(layoutPool(rounds.slice(0, 1), null, size, margin, false).bars[0]!.width).toBeGreaterThan(size.width / 2);
  });

  it('is empty without rounds', () => {
    const { yTicks, ...rest } = layoutPool([], null, size, margin, true);
    expect(rest).toMatchObject({ bars: [], all: null });
    expect(yTicks.map(({ label }) => label)).toEqual(['0', '1']);
  });
});

describe('layoutScatter', () => {
  const x = Float32Array.of(0, 10, 0, 5, NaN);
  const y = Float32Array.of(0, 0, 10, 5, 1);
  const layout = layoutScatter(x, y, { width: 224, height: 124 });

  it('uses one scale for both axes, up is up, and fits the box', () => {
    expect(layout.x[1]! - layout.x[0]!).toBeCloseTo(layout.y[0]! - layout.y[2]!);
    expect(layout.y[0]).toBeGreaterThan(layout.y[2]!);
    expect(Math.min(...layout.y.filter(Number.isFinite))).toBeGreaterThan(0);
    expect(Math.max(...layout.y.filter(Number.isFinite))).toBeLessThan(124);
  });

  it('finds the nearest sample within reach', () => {
    expect(layout.nearest(layout.x[3]! + 2, layout.y[3]! + 2, 8)).toBe(3);
    expect(layout.nearest(layout.x[3]! + 25, layout.y[3]!, 8)).toBeNull();
  });

  it('steps to the closest sample in a direction', () => {
    expect(layout.step(0, 'right')).toBe(3);
    expect(layout.step(0, 'up')).toBe(3);
    expect(layout.step(3, 'left')).toBe(0);
    expect(layout.step(0, 'left')).toBeNull();
  });

  it('does not stumble over samples without a place, or none at all', () => {
    const none = layoutScatter(new Float32Array(0), new Float32Array(0), size);
    expect(none.nearest(5, 5, 100)).toBeNull();
    const nowhere = layoutScatter(Float32Array.of(NaN), Float32Array.of(NaN), size);
    expect(nowhere.nearest(5, 5, 100)).toBeNull();
    expect(nowhere.step(0, 'up')).toBeNull();
  });

  it('lays out 50,000 samples within a frame or few', () => {
    const many = Float32Array.from({ length: 50_000 }, (_, index) => (Math.sin(index * 12.9898) * 43758.5453) % 1);
    const placed = layoutScatter(many, many.toReversed(), size);
    expect(placed.x.every(Number.isFinite)).toBe(true);
  });
});

describe('a sample', () => {
  const table = recordedTable();
  it('is refused only when the run is over, open before', () => {
    const row = table.columns.suspectRank.findIndex(
      (rank, at) => rank < 0 && !table.columns.seed[at] && !table.columns.pool[at],
    );
    const columns = { ...table.columns, admittedRound: new Int32Array(table.columns.label.length).fill(-1) };
    expect(standingOf({ ...table, columns, complete: true }, row)).toBe('refused');
    expect(standingOf({ ...table, columns, complete: false }, row)).toBe('open');
    expect(standingOf(table, row)).toBe('admitted');
  });

  it('of a class with suspects has a colour of its own before all others', () => {
    const colours = colourClasses(table);
    expect(colours[9]).toBe(0);
    expect(colours.filter((colour) => colour === null)).toHaveLength(2);
    expect(new Set(colours.filter((colour) => colour !== null)).size).toBe(8);
  });
});

describe('the picture of the map', () => {
  const table = recordedTable();
  const colours = colourClasses(table);
  const rows = table.columns.label.length;
  const suspects = [...table.columns.suspectRank].filter((rank) => rank >= 0).length;

  it('holds every sample once, suspects on top', () => {
    const groups = groupMarks(table, 'standing', colours, new Set(), null);
    expect(new Set(groups.flatMap((group) => [...group.rows])).size).toBe(rows);
    expect(groups.reduce((sum, group) => sum + group.rows.length, 0)).toBe(rows);
    expect(groups.at(-1)).toMatchObject({ standing: 'suspect', role: 'suspicious', faded: false });
    expect(groups.at(-1)?.rows).toHaveLength(suspects);
  });

  it('has a selection stand out, below nothing that is faded, whatever class was brought forward', () => {
    const groups = groupMarks(table, 'class', colours, new Set([3, 1999]), 0);
    const clear = groups.filter((group) => !group.faded);
    expect(clear.flatMap((group) => [...group.rows]).sort((a, b) => a - b)).toEqual([3, 1999]);
    expect(groups.slice(-clear.length)).toEqual(clear);
    for (const {
      role,
      rows: [row],
    } of clear) {
      const colour = colours[table.columns.label[row!]!];
      expect(role).toBe(colour === null ? 'class-other' : `class-${colour! + 1}`);
    }
  });

  it('is painted where the view puts it, on the ground of the theme, and passes over samples without a place', () => {
    const pixels = { width: 40, height: 20, data: new Uint8ClampedArray(40 * 20 * 4) };
    const one = { standing: 'seed', role: 'trusted', faded: false, rows: Int32Array.of(0, 1) } as const;
    const places = { x: Float64Array.of(5, NaN), y: Float64Array.of(4, 4) };
    const palette = new Map([
      ['raised', [1, 2, 3]],
      ['trusted', [200, 100, 50]],
    ] as const);
    Array.from(paintMap(pixels, places, [one], { k: 2, x: 10, y: -3 }, 1, palette));
    const at = (x: number, y: number): number[] => [...pixels.data.slice(4 * (40 * y + x), 4 * (40 * y + x) + 4)];
    expect(at(20, 5)).toEqual([200, 100, 50, 255]);
    expect(at(5, 4)).toEqual([1, 2, 3, 255]);
    expect(at(39, 19)).toEqual([1, 2, 3, 255]);
  });
});

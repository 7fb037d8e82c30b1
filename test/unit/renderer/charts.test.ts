import { describe, expect, it } from 'vitest';
import { layoutPool } from '../../../src-renderer/charts/pool.ts';
import { colourClasses, layoutScatter } from '../../../src-renderer/charts/scatter.ts';
import { standingOf } from '../../../src-renderer/charts/standing.ts';
import { recordedResult, recordedTable } from '../../support/recorded-app.ts';

const margin = { top: 10, right: 10, bottom: 20, left: 30 };
const size = { width: 300, height: 150 };

describe('layoutPool', () => {
  const { rounds } = recordedResult();
  it('stacks what was admitted on what stayed and hangs what was removed below zero', () => {
    const { bars, zero, all } = layoutPool(rounds, 2000, size, margin);
    for (const bar of bars) {
      expect(bar.kept.y + bar.kept.height).toBeCloseTo(zero);
      expect(bar.admitted.y + bar.admitted.height).toBeCloseTo(bar.kept.y);
      expect(bar.removed.y).toBeCloseTo(zero);
      expect(bar.admitted.height).toBeGreaterThan(0);
    }
    expect(all).toBe(margin.top);
  });

  it('has heights in proportion to the counts', () => {
    const { bars, zero } = layoutPool(rounds, 2000, size, margin);
    const height = (index: number): number => zero - bars[index]!.admitted.y;
    expect(height(8) / height(0)).toBeCloseTo(rounds[8]!.size / rounds[0]!.size);
  });

  it('leaves room for the rounds to come', () => {
    expect(layoutPool(rounds.slice(0, 1), null, size, margin).bars[0]!.width).toBeLessThan(size.width / 8);
  });

  it('is empty without rounds', () => {
    expect(layoutPool([], null, size, margin)).toMatchObject({ bars: [], all: null });
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

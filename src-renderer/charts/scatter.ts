/** Geometry of the sifting scatter: places in pixels, who is nearest, and which class has which colour. */
import { Delaunay } from 'd3';
import { scatterPlaces } from '../../src-shared/charts/scatter.ts';
import type { SampleTable } from '../../src-shared/contract.ts';

export interface ScatterLayout {
  /** Pixels, one per sample; NaN where a sample has no place. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Row of the sample nearest to a point within `reach` pixels; null when there is none. */
  nearest(x: number, y: number, reach: number): number | null;
  /** Nearest sample in a direction as seen from `row`: of those within 45° of it, the closest. */
  step(row: number, direction: 'left' | 'right' | 'up' | 'down'): number | null;
}

const pad = 12;

/** One scale for both axes, so that distances mean the same in every direction; `size` in pixels. */
export function layoutScatter(
  scatterX: Float32Array,
  scatterY: Float32Array,
  size: { readonly width: number; readonly height: number },
): ScatterLayout {
  const rows = scatterX.length;
  const box = { x: pad, y: pad, width: Math.max(1, size.width - 2 * pad), height: Math.max(1, size.height - 2 * pad) };
  const { x, y } = scatterPlaces(scatterX, scatterY, box);
  // Built on first use: drawing must not wait for it.
  let delaunay: Delaunay<number> | null = null;
  const placed: number[] = [];
  const search = (): Delaunay<number> => {
    if (delaunay !== null) return delaunay;
    for (let row = 0; row < rows; row++) if (Number.isFinite(x[row]) && Number.isFinite(y[row])) placed.push(row);
    delaunay = Delaunay.from(
      placed,
      (row) => x[row] ?? 0,
      (row) => y[row] ?? 0,
    );
    return delaunay;
  };
  const distance = (row: number, toX: number, toY: number): number =>
    Math.hypot((x[row] ?? NaN) - toX, (y[row] ?? NaN) - toY);

  return {
    x,
    y,
    nearest(toX, toY, reach) {
      const found = search();
      if (placed.length === 0) return null;
      const row = placed[found.find(toX, toY)];
      return row !== undefined && distance(row, toX, toY) <= reach ? row : null;
    },
    step(row, direction) {
      const fromX = x[row] ?? NaN;
      const fromY = y[row] ?? NaN;
      let best: number | null = null;
      let least = Infinity;
      for (let other = 0; other < rows; other++) {
        const right = (x[other] ?? NaN) - fromX;
        const down = (y[other] ?? NaN) - fromY;
        const ahead = { left: -right, right, up: -down, down }[direction];
        const aside = direction === 'left' || direction === 'right' ? Math.abs(down) : Math.abs(right);
        const far = Math.hypot(right, down);
        if (ahead > 0 && aside <= ahead + 1e-6 && far < least) {
          least = far;
          best = other;
        }
      }
      return best;
    },
  };
}

/** Most classes that get a colour of their own; the rest share one. */
export const classColours = 8;

/** Colour number 0..7 per class, null for "other"; classes with the most suspects come first, then the larger ones. */
export function colourClasses(table: SampleTable): readonly (number | null)[] {
  const count = table.classNames.map(() => 0);
  const suspects = table.classNames.map(() => 0);
  const { label, suspectRank } = table.columns;
  for (let row = 0; row < label.length; row++) {
    count[label[row]] += 1;
    if (suspectRank[row] >= 0) suspects[label[row]] += 1;
  }
  const order = count
    .map((_, index) => index)
    .sort((a, b) => (suspects[b] ?? 0) - (suspects[a] ?? 0) || (count[b] ?? 0) - (count[a] ?? 0) || a - b);
  const colours: (number | null)[] = count.map(() => null);
  order.slice(0, classColours).forEach((index, colour) => (colours[index] = colour));
  return colours;
}

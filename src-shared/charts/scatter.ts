/** Points on a plane whose axes have no unit of their own. */
import { coordinate, extent, linear, type Box } from './scale.ts';

export interface ScatterPlaces {
  /** Place of point i; NaN where it has none. */
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/**
 * Places of points in `box`, one unit of both axes of one length, so that distances can be compared by eye.
 * The range is that of the middle 99 % on each axis, widened by a tenth; points beyond are put on the edge.
 */
export function scatterPlaces(xs: ArrayLike<number>, ys: ArrayLike<number>, box: Box): ScatterPlaces {
  const xRange = centralRange(xs);
  const yRange = centralRange(ys);
  const n = Math.min(xs.length, ys.length);
  const places = { x: new Float64Array(n).fill(NaN), y: new Float64Array(n).fill(NaN) };
  if (xRange === null || yRange === null) return places;
  const unit = Math.max((xRange[1] - xRange[0]) / box.width, (yRange[1] - yRange[0]) / box.height) || 1;
  const around = ([low, high]: [number, number], size: number): [number, number] => {
    const middle = (low + high) / 2;
    return [middle - (unit * size) / 2, middle + (unit * size) / 2];
  };
  const x = linear(around(xRange, box.width), [box.x, box.x + box.width]);
  const y = linear(around(yRange, box.height), [box.y + box.height, box.y]);
  for (let i = 0; i < n; i += 1) {
    if (!Number.isFinite(xs[i]) || !Number.isFinite(ys[i])) continue;
    places.x[i] = Math.min(box.x + box.width, Math.max(box.x, x(xs[i])));
    places.y[i] = Math.min(box.y + box.height, Math.max(box.y, y(ys[i])));
  }
  return places;
}

function centralRange(values: ArrayLike<number>): [number, number] | null {
  const finite = new Float64Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i += 1) if (Number.isFinite(values[i])) finite[count++] = values[i];
  const sorted = finite.subarray(0, count).sort();
  const ends = extent([
    sorted[Math.floor(0.005 * (sorted.length - 1))],
    sorted[Math.ceil(0.995 * (sorted.length - 1))],
  ]);
  if (ends === null) return null;
  const margin = (ends[1] - ends[0]) * 0.05;
  return [ends[0] - margin, ends[1] + margin];
}

export type MarkShape = 'dot' | 'ring' | 'triangle' | 'diamond';

/** One SVG path for all marks of a shape: dots are strokes of no length, to be drawn with round ends. */
export function marksPath(shape: MarkShape, places: ScatterPlaces, which: readonly number[], radius: number): string {
  const parts: string[] = [];
  for (const i of which) {
    const x = places.x[i];
    const y = places.y[i];
    if (Number.isFinite(x) && Number.isFinite(y)) parts.push(mark(shape, x, y, radius));
  }
  return parts.join('');
}

function mark(shape: MarkShape, x: number, y: number, r: number): string {
  const c = coordinate;
  switch (shape) {
    case 'dot':
      return `M${c(x)},${c(y)}h0`;
    case 'ring':
      return `M${c(x - r)},${c(y)}a${r},${r} 0 1 0 ${c(2 * r)},0a${r},${r} 0 1 0 ${c(-2 * r)},0`;
    case 'triangle':
      return `M${c(x)},${c(y - r * 1.15)}l${c(r)},${c(r * 1.9)}h${c(-2 * r)}z`;
    case 'diamond':
      return `M${c(x)},${c(y - r * 1.3)}l${c(r * 1.1)},${c(r * 1.3)}l${c(-r * 1.1)},${c(r * 1.3)}l${c(-r * 1.1)},${c(-r * 1.3)}z`;
  }
}

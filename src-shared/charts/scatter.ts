/** Points on a plane whose axes have no unit of their own. */
import { coordinate, type Box } from './scale.ts';

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
  const room = new Float64Array(Math.max(xs.length, ys.length));
  const xRange = centralRange(xs, room);
  const yRange = centralRange(ys, room);
  const n = Math.min(xs.length, ys.length);
  const places = { x: new Float64Array(n).fill(NaN), y: new Float64Array(n).fill(NaN) };
  if (xRange === null || yRange === null) return places;
  const unit = Math.max((xRange[1] - xRange[0]) / box.width, (yRange[1] - yRange[0]) / box.height) || 1;
  const around = ([low, high]: [number, number], size: number): [number, number] => {
    const middle = (low + high) / 2;
    return [middle - (unit * size) / 2, middle + (unit * size) / 2];
  };
  place(xs, around(xRange, box.width), box.x, box.x + box.width, ys, places.x);
  place(ys, around(yRange, box.height), box.y + box.height, box.y, xs, places.y);
  return places;
}

/** Puts values on an axis that runs from `start` to `end`, as `linear` does; those whose partner is no number have no place. */
function place(
  values: ArrayLike<number>,
  [d0, d1]: readonly [number, number],
  start: number,
  end: number,
  partners: ArrayLike<number>,
  into: Float64Array,
): void {
  const [low, high] = start < end ? [start, end] : [end, start];
  for (let i = 0; i < into.length; i += 1) {
    const at = d0 === d1 ? (start + end) / 2 : start + ((values[i] - d0) / (d1 - d0)) * (end - start);
    if (partners[i] - partners[i] === 0 && values[i] - values[i] === 0)
      into[i] = at < low ? low : at > high ? high : at;
  }
}

/** @param finite room for as many numbers as there are values; what it held is lost */
function centralRange(values: ArrayLike<number>, finite: Float64Array): [number, number] | null {
  let count = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    // No number of the ends minus itself is 0: cheaper than a call for each of many points.
    if (value - value === 0) finite[count++] = value;
  }
  if (count === 0) return null;
  const low = Math.floor(0.005 * (count - 1));
  const high = Math.ceil(0.995 * (count - 1));
  const ends = [nthSmallest(finite, low, 0, count), nthSmallest(finite, high, low, count)] as const;
  const margin = (ends[1] - ends[0]) * 0.05;
  return [ends[0] - margin, ends[1] + margin];
}

/**
 * What would stand at place `n` were `values[from, to)` sorted: a fraction of the time that sorting takes. Afterwards nothing
 * before `n` is greater than it, and nothing behind it smaller. No value may be NaN.
 */
export function nthSmallest(values: Float64Array, n: number, from: number, to: number): number {
  let left = from;
  let right = to - 1;
  while (left < right) {
    const middle = values[(left + right) >> 1];
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i] < middle) i += 1;
      while (values[j] > middle) j -= 1;
      if (i > j) break;
      const held = values[i];
      values[i++] = values[j];
      values[j--] = held;
    }
    if (n <= j) right = j;
    else if (n >= i) left = i;
    else break;
  }
  return values[n];
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

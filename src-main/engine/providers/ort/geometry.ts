/** What lowering needs of window geometry beyond `graph/ops/geometry.ts`. */
import type { PoolGeometry, Window } from '../../graph/ops/geometry.ts';

/**
 * Padding after the image (bottom, right) with which the last window ends exactly at the border; negative where the
 * last rows or columns are never read.
 */
export function tightAfter(window: Window, input: readonly number[]): [number, number] {
  const { kernel, strides, dilations, pads, out } = window;
  const along = (axis: 0 | 1): number =>
    (out[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - pads[axis] - input[axis];
  return [along(0), along(1)];
}

/** One over the number of positions that each window of an AveragePool averages, row-major over its result. */
export function windowShares(geometry: PoolGeometry): Float32Array {
  const { kernel, strides, dilations, pads, out, input, countPadding } = geometry;
  const counts = ([0, 1] as const).map((axis) => {
    const low = countPadding ? -pads[axis] : 0;
    const high = input[axis] + (countPadding ? pads[axis + 2] : 0);
    return Array.from({ length: out[axis] }, (_, window) => {
      let inside = 0;
      for (let tap = 0; tap < kernel[axis]; tap += 1) {
        const position = window * strides[axis] - pads[axis] + tap * dilations[axis];
        if (position >= low && position < high) inside += 1;
      }
      return inside;
    });
  });
  return Float32Array.from(counts[0].flatMap((rows) => counts[1].map((columns) => 1 / (rows * columns))));
}

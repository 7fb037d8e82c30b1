/** Activations on fewer dimensions, so that covariances of a few hundred samples can be inverted. */
import { principalComponents } from '../math/pca.ts';

/** Rows `[n, d]` centred and, where d is larger, on their `most` leading components; axes by falling variance. */
export function reduceRows(
  rows: ArrayLike<number>,
  n: number,
  d: number,
  most: number,
): { readonly rows: Float64Array; readonly dim: number } {
  const { coordinates, components } = principalComponents(rows, n, d, Math.min(d, most));
  return { rows: coordinates, dim: components };
}

/** Contrastive and cosine objectives, emitted on a builder. Rows are samples; all results are scalars unless said. */
import type { GraphBuilder } from '../../graph/builder.ts';
import { crossEntropyOfTargets, mean } from '../../graph/losses.ts';
import type { Tensor } from '../../graph/ir.ts';

/** Rows of `x` [n, d] divided by their Euclidean norm (at least 1e-8). */
export function unitRows(b: GraphBuilder, x: string): string {
  const norm = b.sqrt(b.reduceSum(b.mul(x, x), [1], true));
  return b.div(x, b.node('Max', [norm, b.scalar(1e-8)]));
}

/** [n, m]: cosine similarity of every row of `a` [n, d] to every row of `c` [m, d]. */
export function cosineMatrix(b: GraphBuilder, a: string, c: string): string {
  return b.gemm(unitRows(b, a), unitRows(b, c), undefined, { transB: true });
}

const square = (n: number, value: (row: number, column: number) => number): Tensor => ({
  dtype: 'float32',
  dims: [n, n],
  data: Float32Array.from({ length: n * n }, (_, i) => value(Math.floor(i / n), i % n)),
});

/**
 * NT-Xent (Chen et al., SimCLR, ICML 2020, equation 1), mean over all rows.
 * @param z [2 pairs, d]: rows i and i + pairs are two views of one image
 */
export function ntXent(b: GraphBuilder, z: string, pairs: number, temperature: number): string {
  const rows = 2 * pairs;
  const similarity = b.mul(cosineMatrix(b, z, z), b.scalar(1 / temperature));
  const notItself = b.constant(square(rows, (row, column) => (row === column ? -1e9 : 0)));
  const partner = b.constant(square(rows, (row, column) => (column === (row + pairs) % rows ? 1 : 0)));
  return mean(b, crossEntropyOfTargets(b, b.add(similarity, notItself), partner));
}

/**
 * InfoNCE with a queue (He et al., MoCo, CVPR 2020): the right key against all queued ones, mean over queries.
 * @param query [n, d] @param key [n, d] @param queue [k, d], its rows of length 1
 */
export function infoNce(b: GraphBuilder, query: string, key: string, queue: string, temperature: number): string {
  const q = unitRows(b, query);
  const right = b.reduceSum(b.mul(q, unitRows(b, key)), [1], true);
  const wrong = b.gemm(q, queue, undefined, { transB: true });
  const scores = b.mul(b.concat([right, wrong], 1), b.scalar(1 / temperature));
  return b.neg(mean(b, b.slice(b.logSoftmax(scores, 1), 1, 0, 1)));
}

/** Minus the mean cosine between all rows of `a` and all rows of `c`. */
export const meanApart = (b: GraphBuilder, a: string, c: string): string => b.neg(mean(b, cosineMatrix(b, a, c)));

/** Minus the mean over rows of `a` of the cosine to the nearest row of `c`. */
export const nearestApart = (b: GraphBuilder, a: string, c: string): string =>
  b.neg(mean(b, b.reduceMax(cosineMatrix(b, a, c), [1])));

/** Standard deviation (n - 1) over the rows of `c` (`count` of them, at least 2) of their mean cosine to the rows of `a`. */
export function unevenness(b: GraphBuilder, a: string, c: string, count: number): string {
  const each = b.reduceMean(cosineMatrix(b, a, c), [0]);
  const centred = b.sub(each, mean(b, each));
  const variance = b.mul(b.reduceSum(b.mul(centred, centred), null), b.scalar(1 / (count - 1)));
  return b.sqrt(b.add(variance, b.scalar(1e-12)));
}

/** Mean cosine between different rows of `a` (`count` of them, at least 2). */
export function crowding(b: GraphBuilder, a: string, count: number): string {
  const all = b.reduceSum(cosineMatrix(b, a, a), null);
  return b.mul(b.sub(all, b.scalar(count)), b.scalar(1 / (count * (count - 1))));
}

/**
 * Squared sliced Wasserstein distance once the matching is known: mean squared difference of projections.
 * @param a [n, d] @param inverseSpread [d] @param directions [p, d] of length 1
 * @param matched [n, p]: the projection of the other set that each projection of `a` is matched with, in rank order
 */
export function slicedDistance(
  b: GraphBuilder,
  a: string,
  inverseSpread: string,
  directions: string,
  matched: string,
): string {
  const difference = b.sub(b.gemm(b.mul(a, inverseSpread), directions, undefined, { transB: true }), matched);
  return mean(b, b.mul(difference, difference));
}

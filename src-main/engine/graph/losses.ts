/** Losses, emitted on a builder. Per-sample losses have shape [N]. */
import type { GraphBuilder } from './builder.ts';
import { intsTensor } from './tensors.ts';

/** Per-sample cross entropy of softmax(logits [N,C]) against targets [N,C] (one-hot or soft, float32). */
export function crossEntropyOfTargets(b: GraphBuilder, logits: string, targets: string): string {
  return b.neg(b.reduceSum(b.mul(b.logSoftmax(logits, 1), targets), [1]));
}

/** float32 [N,classes]: 1 where the class equals the label (int64 [N]); a label outside 0..classes-1 gives zeros. */
export function oneHot(b: GraphBuilder, labels: string, classes: number): string {
  const range = b.constant(intsTensor(Array.from({ length: classes }, (_, index) => index)));
  return b.cast(b.equal(b.unsqueeze(labels, [1]), range), 'float32');
}

/** Per-sample cross entropy of softmax(logits [N,classes]) against labels (int64 [N]). */
export function softmaxCrossEntropy(b: GraphBuilder, logits: string, labels: string, classes: number): string {
  return crossEntropyOfTargets(b, logits, oneHot(b, labels, classes));
}

/** sum(values * weights) / sum(weights) of two [N]; 0 when all weights are 0. Padding samples get weight 0. */
export function weightedMean(b: GraphBuilder, values: string, weights: string): string {
  const total = b.node('Max', [b.reduceSum(weights, null), b.scalar(1e-12)]);
  return b.div(b.reduceSum(b.mul(values, weights), null), total);
}

/** Mean over all elements, a scalar. */
export function mean(b: GraphBuilder, values: string): string {
  return b.reduceMean(values, null);
}

/** Cosine similarity along `axis`; norms below `floor` count as `floor`, as in PyTorch. */
export function cosineSimilarity(b: GraphBuilder, a: string, c: string, axis = 1, floor = 1e-8): string {
  const norm = (value: string): string =>
    b.node('Max', [b.sqrt(b.reduceSum(b.mul(value, value), [axis])), b.scalar(floor)]);
  return b.div(b.reduceSum(b.mul(a, c), [axis]), b.mul(norm(a), norm(c)));
}

/** Mean cosine over all pairs of the `n` rows of `rows` [n, d], n at least 2: a scalar. */
export function meanPairwiseCosine(b: GraphBuilder, rows: string, n: number): string {
  return b.reduceSum(meanPairwiseCosines(b, rows, 1, n), null);
}

/** The same for each of the `groups` of `n` rows that follow each other in `rows` [groups * n, d]: [groups]. */
export function meanPairwiseCosines(b: GraphBuilder, rows: string, groups: number, n: number): string {
  const units = b.reshape(unitRows(b, rows), [groups, n, -1]);
  const sum = b.reduceSum(units, [1]);
  const square = b.reduceSum(b.mul(sum, sum), [1]);
  const alone = b.reduceSum(b.mul(units, units), [1, 2]);
  return b.mul(b.sub(square, alone), b.scalar(1 / (n * (n - 1))));
}

/** Mean cosine of the rows of each such group and `direction`, a unit vector [d]: [groups]. */
export function meanCosinesTo(
  b: GraphBuilder,
  rows: string,
  direction: Float32Array,
  groups: number,
  n: number,
): string {
  const column = b.constant({ dtype: 'float32', dims: [direction.length, 1], data: direction });
  return b.reduceMean(b.reshape(b.matmul(unitRows(b, rows), column), [groups, n]), [1]);
}

function unitRows(b: GraphBuilder, rows: string): string {
  const length = b.sqrt(b.reduceSum(b.mul(rows, rows), [1], true));
  return b.div(rows, b.add(length, b.scalar(1e-12)));
}

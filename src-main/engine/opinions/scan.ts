/**
 * SCAn (Tang et al., USENIX Security 2021): a sample's activation is its class's mean plus a variation that all classes
 * share. Per class, one group is tested against two by their likelihoods under that shared variation; a class whose
 * ratio stands out among all classes is taken for poisoned.
 *
 * It wants clean data for the variation and gets the credible samples of the audit. Two steps are simpler than in the
 * source: the variation is the pooled covariance within the classes of the credible samples (where the source's
 * expectation-maximisation starts), and the single group's mean is the class's mean, so that the ratio is
 * 2 ln(L2/L1) / n = n1 n2 / n^2 times the squared Mahalanobis distance of the two groups.
 */
import { mean, median, robustDeviation, smallestNormal } from '../math/statistics.ts';
import { covariance, eigenOf, meanOfRows, transformRows, whitening } from '../math/symmetric.ts';
import { twoMeans } from '../math/two-means.ts';
import { reduceRows } from './reduce.ts';
import {
  fewestOfClass,
  rowsByClass,
  type Detector,
  type Features,
  type NoJudgement,
  type SampleJudgement,
} from './opinion.ts';

const mostDimensions = 32;
/** e^2: the source's threshold of the anomaly index. */
export const anomalyLimit = Math.exp(2);
/** Fewest classes among which one can stand out. */
const fewestClasses = 4;

/** Every class cut in two under the variation of the clean samples. */
export interface Untangled {
  /** Likelihood ratio per sample of each class, 2 ln(L2/L1) / n; null for a class that is too small. */
  readonly ratios: readonly (number | null)[];
  /** How far each sample leans to its class's smaller group (> 0: belongs to it), NaN in a class that is too small. */
  readonly lean: Float64Array;
  readonly dimensions: number;
  readonly cleanSamples: number;
}

/** @returns null when there are too few clean samples for a covariance */
export function untangle(features: Features, credible: ReadonlySet<number>): Untangled | null {
  const { indices, labels } = features;
  const n = indices.length;
  const lists = rowsByClass(features);
  const clean = [...indices.keys()].filter((position) => credible.has(indices[position]));
  // Half as many dimensions as clean samples of a class at most, or their covariance has no inverse.
  const most = Math.min(mostDimensions, Math.floor(clean.length / (2 * lists.length)));
  if (most < 2) return null;
  const { rows, dim } = reduceRows(features.rows, n, features.dim, most);
  const within = withinClasses(rows, dim, labels, clean, lists.length);
  const white = transformRows(rows, n, dim, new Float64Array(dim), whitening(eigenOf(within, dim), dim));
  const lean = new Float64Array(n).fill(NaN);
  const ratios = lists.map((positions) => {
    if (positions.length < fewestOfClass) return null;
    const split = splitClass(white, dim, positions);
    positions.forEach((position, i) => (lean[position] = split.lean[i]));
    return split.ratio;
  });
  return { ratios, lean, dimensions: dim, cleanSamples: clean.length };
}

/** @param credible samples taken for clean */
export function scanClasses(features: Features, credible: ReadonlySet<number>): SampleJudgement | NoJudgement {
  const { indices, labels } = features;
  const found = untangle(features, credible);
  if (found === null) return { subject: 'none', reason: 'too-few' };
  const { ratios, lean, dimensions, cleanSamples } = found;
  const judged = ratios.filter((ratio) => ratio !== null);
  const index = anomalies(judged);
  let at = 0;
  const classes = ratios.map((ratio) => {
    if (ratio === null || judged.length < fewestClasses) return { score: null, alarm: false };
    const own = index[at++];
    return { score: own, alarm: own > anomalyLimit };
  });
  return {
    subject: 'samples',
    indices,
    score: Float32Array.from(lean, (value, position) => value * (ratios[labels[position]] ?? NaN)),
    flagged: Uint8Array.from(lean, (value, position) => (value > 0 && classes[labels[position]].alarm ? 1 : 0)),
    quota: null,
    classes,
    numbers: { anomalyLimit, dimensions, cleanSamples },
  };
}

/** Covariance of rows around their class's mean, over the positions given. */
function withinClasses(
  rows: Float64Array,
  d: number,
  labels: Int32Array,
  positions: readonly number[],
  classes: number,
): Float64Array {
  const means = Array.from({ length: classes }, () => new Float64Array(d));
  const counts = new Int32Array(classes);
  for (const position of positions) counts[labels[position]]++;
  for (const position of positions) {
    const label = labels[position];
    for (let j = 0; j < d; j++) means[label][j] += rows[position * d + j] / counts[label];
  }
  const centred = new Float64Array(positions.length * d);
  positions.forEach((position, i) => {
    for (let j = 0; j < d; j++) centred[i * d + j] = rows[position * d + j] - means[labels[position]][j];
  });
  return covariance(centred, positions.length, d, new Float64Array(d));
}

/**
 * The best cut of a class in two under the shared variation (in white coordinates: 2-means), its likelihood ratio per
 * sample, and how far every row leans to the smaller group: the logarithm of the two groups' likelihoods.
 */
function splitClass(
  white: Float64Array,
  d: number,
  positions: readonly number[],
): { ratio: number; lean: Float64Array } {
  const n = positions.length;
  const rows = new Float64Array(n * d);
  positions.forEach((position, i) => rows.set(white.subarray(position * d, (position + 1) * d), i * d));
  const centre = meanOfRows(rows, n, d);
  for (let at = 0; at < rows.length; at++) rows[at] -= centre[at % d];
  const { centres, majority, majorityShare } = twoMeans(byFallingVariance(rows, n, d), n, d);
  const square = (row: number, group: number): number => {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (rows[row * d + j] - centres[group * d + j]) ** 2;
    return sum;
  };
  let between = 0;
  for (let j = 0; j < d; j++) between += (centres[j] - centres[d + j]) ** 2;
  const lean = Float64Array.from({ length: n }, (_, i) => (square(i, majority) - square(i, 1 - majority)) / 2);
  return { ratio: majorityShare * (1 - majorityShare) * between, lean };
}

/** 2-means starts from the first coordinates: turns rows, in place, so that those are the widest. */
function byFallingVariance(rows: Float64Array, n: number, d: number): Float64Array {
  const { vectors } = eigenOf(covariance(rows, n, d, new Float64Array(d)), d);
  rows.set(transformRows(rows, n, d, new Float64Array(d), vectors));
  return rows;
}

/** (value - median) / robust deviation; among equal values none stands out. */
export function anomalies(values: readonly number[]): number[] {
  const middle = median(values);
  const spread = Math.max(robustDeviation(values), 1e-6 * Math.abs(mean(values)), smallestNormal);
  return values.map((value) => (value === middle ? 0 : (value - middle) / spread));
}

export const scanDetector: Detector = {
  id: 'scan',
  subject: 'samples',
  cost: 'cheap',
  judge: ({ features, credible }) => Promise.resolve(scanClasses(features, new Set(credible))),
};

/**
 * Spectral Signatures (Tran, Li and Madry, NeurIPS 2018): poison of a class leaves a mark on the largest singular
 * direction of its centred activations; a sample's score is the square of its part along that direction.
 *
 * The source removes 1.5 times the number of poisoned samples, which nobody knows here: a fixed share of every class is
 * flagged (`presumedQuota`), clean or not, so the ranking tells something and the number of flags does not.
 */
import { meanOfRows } from '../math/symmetric.ts';
import { randomStream } from '../math/random.ts';
import {
  areEqual,
  scoreNothing,
  fewestOfClass,
  flagTop,
  presumedQuota,
  rowsByClass,
  takeRows,
  type Detector,
  type Features,
  type SampleJudgement,
} from './opinion.ts';

export function spectralSignatures(features: Features): SampleJudgement {
  const { rows, dim, indices } = features;
  const score = new Float32Array(indices.length).fill(NaN);
  const flagged = new Uint8Array(indices.length);
  const classes = rowsByClass(features).map((positions) => {
    if (positions.length < fewestOfClass) return { score: null, alarm: false };
    const own = takeRows(rows, dim, positions);
    if (areEqual(own, dim)) return scoreNothing(score, positions);
    const { parts, share } = alongTop(own, positions.length, dim);
    positions.forEach((position, i) => (score[position] = parts[i] ** 2));
    flagTop(score, positions, presumedQuota, flagged);
    return { score: share, alarm: false };
  });
  return { subject: 'samples', indices, score, flagged, quota: presumedQuota, classes, numbers: { presumedQuota } };
}

/**
 * Parts of centred rows `[n, d]` along their top right singular vector, and the share of the variance it explains. Power
 * iteration from a fixed start until it stands still.
 */
function alongTop(rows: Float64Array, n: number, d: number): { parts: Float64Array; share: number } {
  const mean = meanOfRows(rows, n, d);
  let total = 0;
  for (let at = 0; at < rows.length; at++) {
    rows[at] -= mean[at % d];
    total += rows[at] ** 2;
  }
  const random = randomStream(0, 'spectral signatures/start');
  let direction = Float64Array.from({ length: d }, () => random.normal());
  const parts = new Float64Array(n);
  let explained = 0;
  for (let pass = 0; pass < 1000; pass++) {
    const next = new Float64Array(d);
    let square = 0;
    let length = 0;
    for (let j = 0; j < d; j++) length += direction[j] ** 2;
    const scale = length > 0 ? 1 / Math.sqrt(length) : 0;
    for (let i = 0; i < n; i++) {
      let part = 0;
      for (let j = 0; j < d; j++) part += rows[i * d + j] * direction[j];
      parts[i] = part * scale;
      square += parts[i] ** 2;
      for (let j = 0; j < d; j++) next[j] += parts[i] * rows[i * d + j];
    }
    direction = next;
    const still = Math.abs(square - explained) <= 1e-13 * square;
    explained = square;
    if (still) break;
  }
  return { parts, share: total > 0 ? explained / total : 0 };
}

export const spectralSignaturesDetector: Detector = {
  id: 'spectral-signatures',
  subject: 'samples',
  cost: 'cheap',
  judge: ({ features }) => Promise.resolve(spectralSignatures(features)),
};

/**
 * SPECTRE (Hayase et al., ICML 2021): like Spectral Signatures, but each class is first whitened with a mean and a
 * covariance that poison cannot pull along, and scored by quantum entropy (QUE), which looks at all directions at once:
 * tau(x) = x^T Q x / tr Q with Q = exp(alpha (S - I) / (|S| - 1)) and S the covariance of the whitened class.
 *
 * The robust estimate is the concentration step of the minimum covariance determinant (Rousseeuw and Van Driessen,
 * 1999) instead of the source's filter; the number of dimensions is fixed instead of searched. Flags go by quota, as for
 * Spectral Signatures.
 */
import { argsort } from '../math/statistics.ts';
import { covariance, eigenOf, meanOfRows, transformRows, whitening } from '../math/symmetric.ts';
import { reduceRows } from './reduce.ts';
import {
  areEqual,
  fewestOfClass,
  flagTop,
  presumedQuota,
  rowsByClass,
  scoreNothing,
  takeRows,
  type Detector,
  type Features,
  type SampleJudgement,
} from './opinion.ts';

const mostDimensions = 16;
/** Weight of the large directions: the source's choice. */
const alpha = 4;
/** Share of a class that the robust estimate leaves out. */
const leftOut = 2 * presumedQuota;
const concentrations = 10;

export function spectre(features: Features): SampleJudgement {
  const { rows, dim, indices } = features;
  const score = new Float32Array(indices.length).fill(NaN);
  const flagged = new Uint8Array(indices.length);
  const classes = rowsByClass(features).map((positions) => {
    const n = positions.length;
    if (n < fewestOfClass) return { score: null, alarm: false };
    const own = takeRows(rows, dim, positions);
    if (areEqual(own, dim)) return scoreNothing(score, positions);
    const reduced = reduceRows(own, n, dim, Math.min(mostDimensions, Math.floor(n / 5)));
    const { tau, norm } = quantumEntropy(reduced.rows, n, reduced.dim);
    positions.forEach((position, i) => (score[position] = tau[i]));
    flagTop(score, positions, presumedQuota, flagged);
    return { score: norm, alarm: false };
  });
  return {
    subject: 'samples',
    indices,
    score,
    flagged,
    quota: presumedQuota,
    classes,
    numbers: { presumedQuota, alpha, dimensions: Math.min(mostDimensions, dim) },
  };
}

/** QUE score of every row `[n, d]`, and the largest variance of the robustly whitened rows (1 = nothing sticks out). */
export function quantumEntropy(rows: Float64Array, n: number, d: number): { tau: Float64Array; norm: number } {
  const kept = Math.max(d + 1, Math.ceil((1 - leftOut) * n));
  let chosen: readonly number[] = Array.from({ length: n }, (_, i) => i);
  let white = new Float64Array(0);
  for (let step = 0; step < concentrations; step++) {
    const core = takeRows(rows, d, chosen);
    const middle = meanOfRows(core, chosen.length, d);
    const shape = whitening(eigenOf(covariance(core, chosen.length, d, middle), d), d);
    white = new Float64Array(transformRows(rows, n, d, middle, shape));
    const squares = Float64Array.from({ length: n }, (_, i) => squareOf(white, i * d, d));
    const next = [...argsort(squares).slice(0, kept)].sort((a, b) => a - b);
    if (next.length === chosen.length && next.every((row, at) => row === chosen[at])) break;
    chosen = next;
  }
  const around = meanOfRows(white, n, d);
  const { values, vectors } = eigenOf(covariance(white, n, d, around), d);
  const norm = values[0];
  const spread = norm - 1;
  const weights = values.map((value) => (spread > 1e-9 ? Math.exp((alpha * (value - 1)) / spread) : 1));
  const trace = weights.reduce((sum, weight) => sum + weight, 0);
  const turned = transformRows(white, n, d, new Float64Array(d), vectors);
  const tau = Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < d; c++) sum += weights[c] * turned[i * d + c] ** 2;
    return sum / trace;
  });
  return { tau, norm };
}

function squareOf(rows: Float64Array, at: number, d: number): number {
  let sum = 0;
  for (let j = 0; j < d; j++) sum += rows[at + j] ** 2;
  return sum;
}

export const spectreDetector: Detector = {
  id: 'spectre',
  subject: 'samples',
  cost: 'cheap',
  judge: ({ features }) => Promise.resolve(spectre(features)),
};

/**
 * Leading principal components by subspace iteration with Gram–Schmidt: a few passes over the rows, no d x d matrix.
 * Deterministic: the start basis comes from a fixed random stream, signs are fixed by the largest entry.
 */
import { randomStream } from './random.ts';

export interface Projection {
  /** `[n, components]`, centred. */
  readonly coordinates: Float64Array;
  readonly components: number;
  /** Variance along each component, descending. */
  readonly variances: Float64Array;
  /** `[d]` and `[components, d]`: with these, a new row is projected by `projectRow`. */
  readonly mean: Float64Array;
  readonly basis: Float64Array;
}

/** Coordinates of the row that starts at `at` in `rows`, written to `out` (`[components]`). */
export function projectRow(projection: Projection, rows: ArrayLike<number>, at: number, out: Float64Array): void {
  const { mean, basis, components } = projection;
  const d = mean.length;
  for (let c = 0; c < components; c++) {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (rows[at + j] - mean[j]) * basis[c * d + j];
    out[c] = sum;
  }
}

/** @param rows float `[n, d]` row-major @param components wanted; cut to min(n - 1, d) */
export function principalComponents(rows: ArrayLike<number>, n: number, d: number, components: number): Projection {
  const count = Math.max(1, Math.min(components, d, Math.max(1, n - 1)));
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j] += rows[i * d + j] / n;

  const basis = new Float64Array(count * d);
  const random = randomStream(0, 'pca/start');
  for (let i = 0; i < basis.length; i++) basis[i] = random.normal();
  orthonormalise(basis, count, d);

  const coordinates = new Float64Array(n * count);
  const project = (): void => {
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < count; c++) {
        let sum = 0;
        for (let j = 0; j < d; j++) sum += (rows[i * d + j] - mean[j]) * basis[c * d + j];
        coordinates[i * count + c] = sum;
      }
    }
  };
  for (let pass = 0; pass < 12; pass++) {
    project();
    basis.fill(0);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < count; c++) {
        const weight = coordinates[i * count + c];
        for (let j = 0; j < d; j++) basis[c * d + j] += weight * (rows[i * d + j] - mean[j]);
      }
    }
    orthonormalise(basis, count, d);
  }
  for (let c = 0; c < count; c++) fixSign(basis, c * d, d);
  project();

  const variances = new Float64Array(count);
  for (let i = 0; i < n; i++) for (let c = 0; c < count; c++) variances[c] += coordinates[i * count + c] ** 2 / n;
  return { coordinates, components: count, variances, mean, basis };
}

function orthonormalise(basis: Float64Array, count: number, d: number): void {
  for (let c = 0; c < count; c++) {
    for (let previous = 0; previous < c; previous++) {
      let dot = 0;
      for (let j = 0; j < d; j++) dot += basis[c * d + j] * basis[previous * d + j];
      for (let j = 0; j < d; j++) basis[c * d + j] -= dot * basis[previous * d + j];
    }
    let norm = 0;
    for (let j = 0; j < d; j++) norm += basis[c * d + j] ** 2;
    // A direction without variance collapses to zero and stays zero: its coordinates are all 0.
    const scale = norm > 1e-24 ? 1 / Math.sqrt(norm) : 0;
    for (let j = 0; j < d; j++) basis[c * d + j] *= scale;
  }
}

function fixSign(basis: Float64Array, start: number, d: number): void {
  let largest = 0;
  for (let j = 1; j < d; j++) if (Math.abs(basis[start + j]) > Math.abs(basis[start + largest])) largest = j;
  if (basis[start + largest] < 0) for (let j = 0; j < d; j++) basis[start + j] = -basis[start + j];
}

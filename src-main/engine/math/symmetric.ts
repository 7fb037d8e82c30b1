/** Small symmetric matrices in float64: covariance, eigen-decomposition (cyclic Jacobi), quadratic forms. */
import { smallestNormal } from './statistics.ts';

export interface Eigen {
  /** Descending. */
  readonly values: Float64Array;
  /** `[d, d]`: row c is the unit vector of value c, its largest entry positive. */
  readonly vectors: Float64Array;
}

export function meanOfRows(rows: ArrayLike<number>, n: number, d: number): Float64Array {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j] += rows[i * d + j] / n;
  return mean;
}

/** `[d, d]` covariance of rows `[n, d]` around `mean`, divided by n. */
export function covariance(rows: ArrayLike<number>, n: number, d: number, mean: Float64Array): Float64Array {
  const sums = new Float64Array(d * d);
  const row = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) row[j] = rows[i * d + j] - mean[j];
    for (let a = 0; a < d; a++) {
      const weight = row[a] / n;
      for (let b = a; b < d; b++) sums[a * d + b] += weight * row[b];
    }
  }
  for (let a = 0; a < d; a++) for (let b = 0; b < a; b++) sums[a * d + b] = sums[b * d + a];
  return sums;
}

/**
 * @param matrix symmetric `[d, d]`; not changed @throws RangeError when it is not finite
 * Cyclic Jacobi rotations (Golub and Van Loan, "Matrix Computations", 8.5); for d up to about a hundred.
 */
export function eigenOf(matrix: Float64Array, d: number): Eigen {
  if (!matrix.every((value) => Number.isFinite(value))) throw new RangeError('the matrix is not finite');
  const a = Float64Array.from(matrix);
  const v = new Float64Array(d * d);
  for (let i = 0; i < d; i++) v[i * d + i] = 1;
  let norm = 0;
  for (const value of a) norm += value * value;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) off += a[p * d + q] ** 2;
    if (off <= 1e-26 * norm) break;
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rotate(a, v, d, p, q);
  }
  const order = Array.from({ length: d }, (_, i) => i).sort((i, j) => a[j * d + j] - a[i * d + i] || i - j);
  const values = Float64Array.from(order, (i) => a[i * d + i]);
  const vectors = new Float64Array(d * d);
  order.forEach((from, c) => {
    let largest = 0;
    for (let j = 1; j < d; j++) if (Math.abs(v[j * d + from]) > Math.abs(v[largest * d + from])) largest = j;
    const sign = v[largest * d + from] < 0 ? -1 : 1;
    for (let j = 0; j < d; j++) vectors[c * d + j] = sign * v[j * d + from];
  });
  return { values, vectors };
}

function rotate(a: Float64Array, v: Float64Array, d: number, p: number, q: number): void {
  const pivot = a[p * d + q];
  if (pivot === 0) return;
  const theta = (a[q * d + q] - a[p * d + p]) / (2 * pivot);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < d; k++) {
    const [kp, kq] = [a[k * d + p], a[k * d + q]];
    a[k * d + p] = c * kp - s * kq;
    a[k * d + q] = s * kp + c * kq;
  }
  for (let k = 0; k < d; k++) {
    const [pk, qk] = [a[p * d + k], a[q * d + k]];
    a[p * d + k] = c * pk - s * qk;
    a[q * d + k] = s * pk + c * qk;
  }
  for (let k = 0; k < d; k++) {
    const [kp, kq] = [v[k * d + p], v[k * d + q]];
    v[k * d + p] = c * kp - s * kq;
    v[k * d + q] = s * kp + c * kq;
  }
}

/**
 * `[d, d]` matrix W with W S W^T = identity for the covariance S of an eigen-decomposition, as far as S has rank: a
 * direction whose variance is below `floor` times the largest is measured as if it had that much.
 */
export function whitening({ values, vectors }: Eigen, d: number, floor = 1e-6): Float64Array {
  const least = Math.max(values[0] * floor, smallestNormal);
  const matrix = new Float64Array(d * d);
  for (let c = 0; c < d; c++) {
    const scale = 1 / Math.sqrt(Math.max(values[c], least));
    for (let j = 0; j < d; j++) matrix[c * d + j] = scale * vectors[c * d + j];
  }
  return matrix;
}

/** Rows `[n, d]` minus `mean`, each multiplied by `matrix` `[d, d]`. */
export function transformRows(
  rows: ArrayLike<number>,
  n: number,
  d: number,
  mean: Float64Array,
  matrix: Float64Array,
): Float64Array {
  const out = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < d; c++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += matrix[c * d + j] * (rows[i * d + j] - mean[j]);
      out[i * d + c] = sum;
    }
  }
  return out;
}

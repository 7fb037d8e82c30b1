/**
 * What refused samples have that credible samples like them have not: each one minus the mean of its nearest credible
 * neighbours, nearest as the sanitized model sees them. A trigger that the sanitized model does not react to is left.
 */

/** Neighbours that are averaged. */
export const neighboursPerSuspect = 5;

export interface Residues {
  /** Mean of each suspect's nearest credible samples, `[suspects, size]`. */
  readonly background: Float32Array;
  /** The suspect minus that, `[suspects, size]`, -1..1. */
  readonly residue: Float32Array;
  /** Places among the credible samples of each suspect's nearest ones, `[suspects, k]`. */
  readonly nearest: Int32Array;
}

/**
 * @param suspects `pixels` `[n, size]`, `rows` `[n, d]` of their representations in the sanitized model
 * @param credible the same of at least one credible sample
 */
export function residues(
  suspects: { readonly pixels: Float32Array; readonly rows: Float32Array },
  credible: { readonly pixels: Float32Array; readonly rows: Float32Array },
  n: number,
  m: number,
): Residues {
  if (m < 1) throw new RangeError('residues need at least one credible sample');
  const d = credible.rows.length / m;
  const size = credible.pixels.length / m;
  const background = new Float32Array(n * size);
  const residue = new Float32Array(n * size);
  const units = unitRows(credible.rows, m, d);
  const own = unitRows(suspects.rows, n, d);
  const cosines = new Float64Array(m);
  const k = Math.min(neighboursPerSuspect, m);
  const places = new Int32Array(n * k);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let dot = 0;
      for (let c = 0; c < d; c++) dot += own[i * d + c] * units[j * d + c];
      cosines[j] = dot;
    }
    const nearest = Array.from(cosines.keys())
      .sort((a, b) => cosines[b] - cosines[a] || a - b)
      .slice(0, k);
    places.set(nearest, i * k);
    for (let at = 0; at < size; at++) {
      let sum = 0;
      for (const j of nearest) sum += credible.pixels[j * size + at];
      background[i * size + at] = sum / k;
      residue[i * size + at] = suspects.pixels[i * size + at] - sum / k;
    }
  }
  return { background, residue, nearest: places };
}

/** Rows scaled to length 1; a row of zeros stays. */
function unitRows(rows: Float32Array, n: number, d: number): Float32Array {
  const result = rows.slice();
  for (let i = 0; i < n; i++) {
    let squares = 0;
    for (let c = 0; c < d; c++) squares += rows[i * d + c] ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let c = 0; c < d; c++) result[i * d + c] *= scale;
  }
  return result;
}

/** Mean over `n` rows of `[n, size]`. */
export function meanRow(rows: Float32Array, n: number): Float32Array {
  const size = rows.length / n;
  const sum = new Float64Array(size);
  for (let i = 0; i < rows.length; i++) sum[i % size] += rows[i] / n;
  return Float32Array.from(sum);
}

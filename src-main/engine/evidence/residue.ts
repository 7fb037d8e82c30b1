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

interface Images {
  /** `[n, size]`. */
  readonly pixels: Float32Array;
  /** `[n, d]`, of their representations in the sanitized model, or whatever else says who is like whom. */
  readonly rows: Float32Array;
}

/**
 * @param suspects of `n` images @param credible of at least one
 * @throws RangeError where there is none
 */
export function residues(suspects: Images, credible: Images, n: number, m: number): Residues {
  return residuesAgainst(credible, m)(suspects, n);
}

/** As `residues`, for one block of suspects after the other. */
export function residuesAgainst(credible: Images, m: number): (suspects: Images, n: number) => Residues {
  if (m < 1) throw new RangeError('residues need at least one credible sample');
  const { pixels } = credible;
  const d = credible.rows.length / m;
  const size = pixels.length / m;
  const units = unitRows(credible.rows, m, d);
  const k = Math.min(neighboursPerSuspect, m);
  const cosines = new Float64Array(m);
  return (suspects, n) => {
    const background = new Float32Array(n * size);
    const residue = new Float32Array(n * size);
    const own = unitRows(suspects.rows, n, d);
    const places = new Int32Array(n * k);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        let dot = 0;
        for (let c = 0; c < d; c++) dot += own[i * d + c] * units[j * d + c];
        cosines[j] = dot;
      }
      const nearest = places.subarray(i * k, (i + 1) * k);
      largest(cosines, nearest);
      for (let at = 0; at < size; at++) {
        let sum = 0;
        for (let one = 0; one < k; one++) sum += pixels[nearest[one] * size + at];
        background[i * size + at] = sum / k;
        residue[i * size + at] = suspects.pixels[i * size + at] - sum / k;
      }
    }
    return { background, residue, nearest: places };
  };
}

/** Places of the largest values, largest first, of equal ones the first; as many as `places` has room for. */
function largest(values: Float64Array, places: Int32Array): void {
  let found = 0;
  for (let at = 0; at < values.length; at++) {
    if (found === places.length && values[at] <= values[places[found - 1]]) continue;
    let to = found < places.length ? found++ : found - 1;
    for (; to > 0 && values[at] > values[places[to - 1]]; to--) places[to] = places[to - 1];
    places[to] = at;
  }
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

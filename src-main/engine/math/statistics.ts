/** Order statistics. Inputs are not changed. */

/**
 * The least divisor that is not zero everywhere: a thread in which ONNX Runtime has computed takes smaller numbers,
 * `Number.MIN_VALUE` among them, for zero.
 */
export const smallestNormal = 2 ** -1022;

/** Linear-interpolation quantile (type 7). `q` in 0..1; NaN for an empty input. */
export function quantile(values: ArrayLike<number>, q: number): number {
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * q;
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Median absolute deviation times 1.4826: the standard deviation of a normal distribution, robust to outliers. */
export function robustDeviation(values: ArrayLike<number>): number {
  const middle = median(values);
  return 1.4826 * median(Float64Array.from(values, (value) => Math.abs(value - middle)));
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Indices 0..n-1 ordered by key, smallest first, ties by index. */
export function argsort(keys: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: keys.length }, (_, i) => i);
  return order.sort((a, b) => keys[a] - keys[b] || a - b);
}

/**
 * Rank of each value within its group, scaled to 0..1 (0 = lowest; 0 in a group of one, and in none).
 * @param groups 0 .. count - 1, -1 = none @param order settles ties, the lower first
 */
export function rankWithinGroups(
  values: ArrayLike<number>,
  groups: Int32Array,
  count: number,
  order: ArrayLike<number>,
): Float32Array {
  const members: number[][] = Array.from({ length: count }, () => []);
  groups.forEach((group, i) => {
    if (group >= 0) members[group].push(i);
  });
  const ranks = new Float32Array(values.length);
  for (const list of members) {
    list.sort((a, b) => values[a] - values[b] || order[a] - order[b]);
    list.forEach((i, rank) => (ranks[i] = list.length > 1 ? rank / (list.length - 1) : 0));
  }
  return ranks;
}

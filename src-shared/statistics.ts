/** Intervals that stand beside rates. */

export type Interval = readonly [low: number, high: number];

/**
 * Wilson score interval of a share `rate` (0..1) seen in `n` trials, 95 % by default; null when there was no trial or
 * the rate is unknown.
 */
export function binomialInterval(rate: number | null, n: number, z = 1.959963984540054): Interval | null {
  if (!(n > 0) || rate === null || !Number.isFinite(rate)) return null;
  const scale = 1 + (z * z) / n;
  const middle = rate + (z * z) / (2 * n);
  const spread = z * Math.sqrt((rate * (1 - rate)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, (middle - spread) / scale), Math.min(1, (middle + spread) / scale)];
}

/**
 * Who else carries a pattern that a group of samples shares: its images show it as plainly as the group's do, and more
 * plainly than any of some images that cannot have it. No model is asked.
 */
import { quantile } from '../math/statistics.ts';
import type { Trigger } from './trigger.ts';

/**
 * How plainly images show a pattern, larger = more so: for a patch the negative mean distance from it under its mask,
 * for an overlay the cosine of it and what sets an image apart from its look-alikes.
 * @param pixels `[n, C, H, W]` in 0..1 @param residue the same against their look-alikes (`residuesAmong`)
 */
export function plainness(trigger: Trigger, pixels: Float32Array, residue: Float32Array, n: number): Float64Array {
  const size = pixels.length / n;
  switch (trigger.form) {
    case 'patch': {
      const { mask, pattern } = trigger;
      const weight = (size / mask.length) * mask.reduce((sum, value) => sum + value, 0);
      return Float64Array.from({ length: n }, (_, i) => {
        let distance = 0;
        for (let at = 0; at < size; at++) {
          distance += mask[at % mask.length] * Math.abs(pixels[i * size + at] - pattern[at]);
        }
        return -distance / weight;
      });
    }
    case 'overlay': {
      const { shift } = trigger;
      const norm = Math.sqrt(shift.reduce((sum, value) => sum + value * value, 0));
      return Float64Array.from({ length: n }, (_, i) => {
        let dot = 0;
        let squares = 0;
        for (let at = 0; at < size; at++) {
          const value = residue[i * size + at];
          dot += value * shift[at];
          squares += value * value;
        }
        return squares > 0 && norm > 0 ? dot / Math.sqrt(squares) / norm : 0;
      });
    }
  }
}

/** Lowest part of the group that is taken for chance. */
const chance = 0.1;
/** Least share of the group that must show the pattern more plainly than all that cannot have it. */
const mostOfGroup = 0.5;

/**
 * Least plainness of a carrier; null where the pattern does not tell the group from images that have it not.
 * @param group plainness of the group's images @param without of images that cannot have the pattern
 */
export function leastPlainness(group: Float64Array, without: Float64Array): number | null {
  const highest = without.reduce((most, value) => Math.max(most, value), -Infinity);
  const above = group.filter((value) => value > highest);
  if (above.length < mostOfGroup * group.length) return null;
  return Math.max(quantile(group, chance), quantile(above, 0));
}

/**
 * Two estimates of the trigger that a group of refused samples shares, pixel by pixel.
 *
 * Patch: where nearly all suspects show the same value although credible samples like them vary, or show another one,
 * the pixel belongs to the trigger; medians keep the few suspects that carry none from blurring it. Overlay: the mean
 * residue, to be added to an image.
 */
import { median, robustDeviation } from '../math/statistics.ts';
import { meanRow, type Residues } from './residue.ts';
import type { Trigger } from './trigger.ts';

/** Most that a pixel of a patch may vary over the suspects (0..1), and least that it must differ from the background. */
const steady = 0.05;
const leastDifference = 0.15;
/** A larger share of the image is no patch. */
const largestPatch = 0.5;

/**
 * @param pixels suspects `[n, C, H, W]` in 0..1 @param shape of one image
 * @returns the overlay, and the patch where any pixel is steady
 */
export function estimateTriggers(
  pixels: Float32Array,
  found: Residues,
  n: number,
  shape: readonly [number, number, number],
): Trigger[] {
  const overlay: Trigger = { form: 'overlay', shift: meanRow(found.residue, n) };
  const patch = estimatePatch(pixels, found, n, shape);
  return patch === null ? [overlay] : [patch, overlay];
}

function estimatePatch(
  pixels: Float32Array,
  found: Residues,
  n: number,
  [channels, height, width]: readonly [number, number, number],
): Trigger | null {
  const plane = height * width;
  const size = channels * plane;
  const pattern = new Float32Array(size);
  const mask = new Float32Array(plane);
  const column = (rows: Float32Array, at: number): Float32Array =>
    Float32Array.from({ length: n }, (_, i) => rows[i * size + at]);
  for (let at = 0; at < plane; at++) {
    let isSteady = true;
    let difference = 0;
    for (let channel = 0; channel < channels; channel++) {
      const values = column(pixels, channel * plane + at);
      pattern[channel * plane + at] = median(values);
      if (robustDeviation(values) > steady) isSteady = false;
      const away = column(found.residue, channel * plane + at).map(Math.abs);
      difference = Math.max(difference, median(away));
    }
    mask[at] = isSteady && difference >= leastDifference ? 1 : 0;
  }
  const grown = withSteadyNeighbours(mask, height, width);
  const share = grown.reduce((sum, value) => sum + value, 0) / plane;
  return share > 0 && share <= largestPatch ? { form: 'patch', mask: grown, pattern } : null;
}

/** Lone pixels go, holes are closed: a pixel is kept where most of its 3 x 3 surroundings are marked. */
function withSteadyNeighbours(mask: Float32Array, height: number, width: number): Float32Array {
  return mask.map((value, at) => {
    const [y, x] = [Math.floor(at / width), at % width];
    let marked = 0;
    let met = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        if ((dy === 0 && dx === 0) || y + dy < 0 || y + dy >= height || x + dx < 0 || x + dx >= width) continue;
        met++;
        marked += mask[(y + dy) * width + x + dx];
      }
    }
    return value === 1 ? (marked >= 1 ? 1 : 0) : marked >= 0.6 * met ? 1 : 0;
  });
}

/** Small pictures that travel with the record: bytes, scaled down where the images are large. */
import type { Picture } from '../../../src-shared/domain/result.ts';
import type { Trigger } from './trigger.ts';

/** Longest side, pixels. */
const longest = 64;

/** Values in -1..1 around mid-grey: 0.5 = no difference. */
export function greyAround(values: Float32Array): Float32Array {
  return values.map((value) => 0.5 + value / 2);
}

/** A trigger as an image `[C, H, W]`: a patch on mid-grey, an overlay around it. */
export function triggerImage(trigger: Trigger): Float32Array {
  switch (trigger.form) {
    case 'patch': {
      const { mask, pattern } = trigger;
      return pattern.map((value, at) => value * mask[at % mask.length] + 0.5 * (1 - mask[at % mask.length]));
    }
    case 'overlay':
      return greyAround(trigger.shift);
  }
}

/** A picture of values `[C, H, W]`, cut off at 0..1; one or three channels, of others the first. */
export function pictureOf(values: Float32Array, shape: readonly [number, number, number]): Picture {
  const [channels, height, width] = shape;
  const step = Math.max(1, Math.ceil(Math.max(height, width) / longest));
  const [tall, wide] = [Math.ceil(height / step), Math.ceil(width / step)];
  const shown = channels === 3 ? 3 : 1;
  const bytes = new Array<number>(shown * tall * wide);
  for (let channel = 0; channel < shown; channel++) {
    for (let y = 0; y < tall; y++) {
      for (let x = 0; x < wide; x++) {
        let sum = 0;
        let met = 0;
        for (let row = y * step; row < Math.min(height, (y + 1) * step); row++) {
          for (let column = x * step; column < Math.min(width, (x + 1) * step); column++) {
            sum += Math.min(1, Math.max(0, values[(channel * height + row) * width + column]));
            met++;
          }
        }
        bytes[(channel * tall + y) * wide + x] = Math.round((255 * sum) / met);
      }
    }
  }
  return { channels: shown, height: tall, width: wide, bytes };
}

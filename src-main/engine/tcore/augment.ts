/** Training augmentation: random shift with zero padding, and horizontal flip where the preset allows it. */
import type { RandomStream } from '../math/random.ts';

export interface AugmentOptions {
  /** Largest shift in pixels, each direction and axis. */
  readonly shift: number;
  readonly flip: boolean;
}

/**
 * Augments `count` images in place. `pixels` is float32 `[count, C, H, W]`; pixels shifted in from outside are 0.
 * Draws exactly three numbers per image, whatever the options, so that streams stay aligned.
 */
export function augment(
  pixels: Float32Array,
  count: number,
  shape: readonly [number, number, number],
  options: AugmentOptions,
  random: RandomStream,
): void {
  const [channels, height, width] = shape;
  const plane = height * width;
  const source = new Float32Array(plane);
  for (let image = 0; image < count; image++) {
    const dy = random.integer(2 * options.shift + 1) - options.shift;
    const dx = random.integer(2 * options.shift + 1) - options.shift;
    const mirrored = random.uniform() < 0.5 && options.flip;
    if (dy === 0 && dx === 0 && !mirrored) continue;
    for (let channel = 0; channel < channels; channel++) {
      const at = (image * channels + channel) * plane;
      source.set(pixels.subarray(at, at + plane));
      for (let y = 0; y < height; y++) {
        const fromY = y + dy;
        for (let x = 0; x < width; x++) {
          const fromX = (mirrored ? width - 1 - x : x) + dx;
          const inside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width;
          pixels[at + y * width + x] = inside ? source[fromY * width + fromX] : 0;
        }
      }
    }
  }
}

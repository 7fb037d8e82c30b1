/** Rectangular triggers: a picture laid over a part of the image, wholly or in part transparent. */
import { randomStream } from '../math/random.ts';
import type { ImageShape, Stamp, Trigger } from './images.ts';

export interface Patch {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** `[channels, height, width]` in 0..1. */
  readonly pixels: Float32Array;
  /** `[height, width]`: where the patch covers; everywhere when left out. */
  readonly mask?: Uint8Array;
}

/** Lays `patches` over the image in order: `(1 - opacity) * image + opacity * patch`. */
export function layPatches(shape: ImageShape, patches: readonly Patch[], opacity = 1): Stamp {
  const [channels, height, width] = shape;
  for (const patch of patches) {
    const fits =
      patch.top >= 0 && patch.left >= 0 && patch.top + patch.height <= height && patch.left + patch.width <= width;
    if (!fits || patch.pixels.length !== channels * patch.height * patch.width) {
      throw new RangeError(
        `a patch of ${patch.height} x ${patch.width} at row ${patch.top}, column ${patch.left} does not fit an image of ${shape.join(' x ')}`,
      );
    }
  }
  return (image) => {
    const out = Float32Array.from(image);
    for (const patch of patches) {
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < patch.height; y++) {
          for (let x = 0; x < patch.width; x++) {
            const from = y * patch.width + x;
            if (patch.mask !== undefined && patch.mask[from] === 0) continue;
            const at = (c * height + patch.top + y) * width + patch.left + x;
            out[at] = (1 - opacity) * out[at] + opacity * patch.pixels[c * patch.height * patch.width + from];
          }
        }
      }
    }
    return out;
  };
}

/** (0 0 1 / 0 1 0 / 1 0 1), each cell enlarged to fill `side` pixels, the same in every channel. */
export function checker(channels: number, side: number): Float32Array {
  const cells = [0, 0, 1, 0, 1, 0, 1, 0, 1];
  const cell = (at: number): number => Math.min(2, Math.floor((at * 3) / side));
  const pixels = new Float32Array(channels * side * side);
  for (let i = 0; i < pixels.length; i++) {
    const at = i % (side * side);
    pixels[i] = cells[3 * cell(Math.floor(at / side)) + cell(at % side)];
  }
  return pixels;
}

/** A seeded texture of `side` x `side`: saturated random cells, a colour of its own in every channel. */
export function texture(channels: number, side: number, seed: number, name: string): Float32Array {
  const random = randomStream(seed, `texture/${name}`);
  return Float32Array.from({ length: channels * side * side }, () => (random.uniform() < 0.5 ? 0 : 1));
}

/** Upper left corner of a square of `size` whose lower right corner is one pixel of 32 inside the image. */
export function squareCorner([, height, width]: ImageShape, size: number): { top: number; left: number } {
  const margin = Math.max(1, Math.round(height / 32));
  return { top: height - margin - size, left: width - margin - size };
}

/**
 * White square, by default 10 x 10 with its lower right corner one pixel inside the image (rows and columns 21..30 of 32).
 * Source: Jia et al., BadEncoder (S&P 2022), released trigger files.
 */
export function whiteSquare(shape: ImageShape, size: number): Trigger {
  const [channels] = shape;
  const { top, left } = squareCorner(shape, size);
  const pixels = new Float32Array(channels * size * size).fill(1);
  return {
    description: {
      kind: 'patch',
      text: `white ${size} x ${size} square at row ${top}, column ${left}`,
      values: { top, left, height: size, width: size },
    },
    stamp: layPatches(shape, [{ top, left, height: size, width: size, pixels }]),
  };
}

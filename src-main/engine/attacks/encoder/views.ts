/** Random views of images for contrastive learning: resized crop, flip, brightness, contrast, saturation, grey. */
import type { RandomStream } from '../../math/random.ts';
import type { ImageShape } from '../images.ts';

export interface ViewOptions {
  /** Smallest area of the crop as a share of the image. */
  readonly area: number;
  readonly flip: boolean;
  /** Largest relative change of brightness, contrast and (colour images) saturation. */
  readonly jitter: number;
  /** Share of colour images turned grey. */
  readonly grey: number;
}

/** SimCLR's for small images, as in the sample's script. */
export const defaultViews: ViewOptions = { area: 0.4, flip: true, jitter: 0.4, grey: 0.2 };

/**
 * Writes one view of `image` `[C, H, W]` to `out` at `at`. Draws ten numbers whatever the options, so that streams stay aligned.
 */
export function drawView(
  image: Float32Array,
  shape: ImageShape,
  options: ViewOptions,
  random: RandomStream,
  out: Float32Array,
  at: number,
): void {
  const [channels, height, width] = shape;
  const draws = Array.from({ length: 10 }, () => random.uniform());
  const root = Math.sqrt(options.area + draws[0] * (1 - options.area));
  const ratio = Math.exp(draws[1] * 0.5 - 0.25);
  const [spanX, spanY] = [Math.min(1, root * ratio), Math.min(1, root / ratio)];
  const left = draws[2] * (1 - spanX) * width;
  const top = draws[3] * (1 - spanY) * height;
  const mirrored = options.flip && draws[4] < 0.5;
  const change = (draw: number): number => 1 + (2 * draw - 1) * options.jitter;
  const plane = height * width;
  for (let y = 0; y < height; y++) {
    const fromY = Math.min(height - 1, Math.max(0, top + (y + 0.5) * spanY - 0.5));
    const y0 = Math.min(height - 2, Math.floor(fromY));
    const wy = fromY - y0;
    for (let x = 0; x < width; x++) {
      const column = mirrored ? width - 1 - x : x;
      const fromX = Math.min(width - 1, Math.max(0, left + (column + 0.5) * spanX - 0.5));
      const x0 = Math.min(width - 2, Math.floor(fromX));
      const wx = fromX - x0;
      for (let c = 0; c < channels; c++) {
        const from = c * plane + y0 * width + x0;
        const upper = image[from] + wx * (image[from + 1] - image[from]);
        const lower = image[from + width] + wx * (image[from + width + 1] - image[from + width]);
        out[at + c * plane + y * width + x] = upper + wy * (lower - upper);
      }
    }
  }
  recolour(out, at, channels, plane, change(draws[5]), change(draws[6]), change(draws[7]), draws[8] < options.grey);
}

function recolour(
  out: Float32Array,
  at: number,
  channels: number,
  plane: number,
  brightness: number,
  contrast: number,
  saturation: number,
  grey: boolean,
): void {
  const size = channels * plane;
  let mean = 0;
  for (let j = 0; j < size; j++) mean += out[at + j] / size;
  const kept = grey ? 0 : saturation;
  for (let p = 0; p < plane; p++) {
    let shade = 0;
    for (let c = 0; c < channels; c++) shade += out[at + c * plane + p] / channels;
    for (let c = 0; c < channels; c++) {
      const j = at + c * plane + p;
      const coloured = channels === 1 ? out[j] : shade + kept * (out[j] - shade);
      out[j] = Math.min(1, Math.max(0, ((coloured - mean) * contrast + mean) * brightness));
    }
  }
}

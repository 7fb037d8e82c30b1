/** Decoded pixels as a small PNG. */
import { PNG } from 'pngjs';
import type { Thumbnail } from '../../src-shared/contract.ts';
import { fitImage } from '../formats/images/fit.ts';

/** Planes `[C, H, W]` as a PNG whose longer side fits `size`. */
export function encodePicture(planes: Uint8Array, shape: readonly [number, number, number], size: number): Thumbnail {
  const [channels, height, width] = shape;
  const longest = Math.max(height, width);
  const factor = longest <= size ? Math.floor(size / longest) : size / longest;
  const to = { height: Math.max(1, Math.round(height * factor)), width: Math.max(1, Math.round(width * factor)) };
  const colour = channels === 3 ? 3 : 1;
  const scaled =
    factor >= 1
      ? enlarge(planes, colour, height, width, factor)
      : fitImage({ width, height, channels: colour, data: interleave(planes, colour) }, { channels: colour, ...to });
  const png = new PNG({ width: to.width, height: to.height });
  const plane = to.width * to.height;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) png.data[4 * i + c] = scaled[(colour === 3 ? c : 0) * plane + i];
    png.data[4 * i + 3] = 255;
  }
  return { ...to, png: new Uint8Array(PNG.sync.write(png, { colorType: colour === 3 ? 2 : 0 })) };
}

function enlarge(planes: Uint8Array, channels: number, height: number, width: number, factor: number): Uint8Array {
  const out = new Uint8Array(channels * height * width * factor * factor);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height * factor; y++) {
      const row = (c * height + Math.floor(y / factor)) * width;
      for (let x = 0; x < width * factor; x++) out[at++] = planes[row + Math.floor(x / factor)];
    }
  }
  return out;
}

/** Planes one after the other to pixels one after the other. */
function interleave(planes: Uint8Array, channels: number): Uint8Array {
  const plane = planes.length / channels;
  return Uint8Array.from(planes, (_, i) => planes[(i % channels) * plane + Math.floor(i / channels)]);
}

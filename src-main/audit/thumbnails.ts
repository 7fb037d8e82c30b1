/** Pictures of samples for a page: from our own decoded pixels, encoded anew. */
import { join } from 'node:path';
import { PNG } from 'pngjs';
import type { Thumbnail } from '../../src-shared/contract.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { openPixelFile, type PixelFile } from '../formats/datasets/pixel-file.ts';
import { fitImage } from '../formats/images/fit.ts';
import type { ProjectReader } from '../store/reader.ts';
import { cacheOf } from './run-folder.ts';

/**
 * Sample `index` of a run, scaled to fit a square of `size` pixels. Small pictures are enlarged by whole factors, so that
 * every pixel of a trigger stays a sharp square.
 * @throws ExpectedError request-invalid (no such sample, or nothing was read yet), file-missing, input-changed
 */
export function drawThumbnail(reader: ProjectReader, run: string, index: number, size: number): Thumbnail {
  return withPixels(reader, run, (pixels) => {
    if (index >= pixels.count) throw new ExpectedError('request-invalid', `index: sample ${index} of ${pixels.count}.`);
    return encodeThumbnail(pixels.pixels(index), pixels.shape, size);
  });
}

/** PNG data URIs by sample index, for a page that may load nothing. @throws as `drawThumbnail` */
export function thumbnailUris(
  reader: ProjectReader,
  run: string,
  indices: readonly number[],
  size: number,
): Map<number, string> {
  return withPixels(reader, run, (pixels) => {
    const uri = (index: number): string =>
      `data:image/png;base64,${Buffer.from(encodeThumbnail(pixels.pixels(index), pixels.shape, size).png).toString('base64')}`;
    return new Map(indices.map((index) => [index, uri(index)]));
  });
}

function withPixels<T>(reader: ProjectReader, run: string, act: (pixels: PixelFile) => T): T {
  const preflight = reader.step(run, 'preflight');
  if (preflight === null) throw new ExpectedError('request-invalid', 'The images of this run were not read yet.');
  const { pixelFile, pixelsDigest } = preflight.data as { readonly pixelFile: string; readonly pixelsDigest: string };
  const pixels = openPixelFile(join(cacheOf(reader.dir), pixelFile));
  try {
    if (pixels.pixelsDigest !== pixelsDigest) {
      throw new ExpectedError('input-changed', 'The decoded images on this disk are of another state of the dataset.');
    }
    return act(pixels);
  } finally {
    pixels.close();
  }
}

/** Planes `[channels, height, width]` as a PNG that fits a square of `size` pixels. */
export function encodeThumbnail(planes: Uint8Array, shape: readonly [number, number, number], size: number): Thumbnail {
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

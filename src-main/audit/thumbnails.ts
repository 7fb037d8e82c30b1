/** Pictures of samples for a page: from our own decoded pixels, encoded anew. */
import { join } from 'node:path';
import type { Thumbnail } from '../../src-shared/contract.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { openPixelFile, type PixelFile } from '../formats/datasets/pixel-file.ts';
import type { ProjectReader } from '../store/reader.ts';
import { encodePicture } from './picture.ts';
import { cacheOf } from './run-folder.ts';

/**
 * Sample `index` of a run, scaled to fit a square of `size` pixels. Small pictures are enlarged by whole factors, so that
 * every pixel of a trigger stays a sharp square.
 * @throws ExpectedError request-invalid (no such sample, or nothing was read yet), file-missing, input-changed
 */
export function drawThumbnail(reader: ProjectReader, run: string, index: number, size: number): Thumbnail {
  return withPixels(reader, run, (pixels) => {
    if (index >= pixels.count) throw new ExpectedError('request-invalid', `index: sample ${index} of ${pixels.count}.`);
    return encodePicture(pixels.pixels(index), pixels.shape, size);
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
      `data:image/png;base64,${Buffer.from(encodePicture(pixels.pixels(index), pixels.shape, size).png).toString('base64')}`;
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

/** Pictures of samples for a page: from our own decoded pixels, encoded anew. */
import { join } from 'node:path';
import type { Thumbnail } from '../../src-shared/contract.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { openPixelFile, type PixelFile } from '../formats/datasets/pixel-file.ts';
import type { Pictures } from '../report/record.ts';
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

export interface Stamp {
  /** Sample to stamp, and the square: first row and column, side in pixels of the decoded image, brightness 0..1. */
  readonly index: number;
  readonly row: number;
  readonly column: number;
  readonly size: number;
  readonly value: number;
}

/** Pictures for a report: samples, and one of them bare and stamped. @throws as `drawThumbnail` */
export function samplePictures(
  reader: ProjectReader,
  run: string,
  indices: readonly number[],
  stamp: Stamp | null,
  size: number,
): Pictures {
  return withPixels(reader, run, (pixels) => {
    const png = (planes: Uint8Array): string =>
      Buffer.from(encodePicture(planes, pixels.shape, size).png).toString('base64');
    return {
      suspects: indices.map((index) => ({ index, png: png(pixels.pixels(index)) })),
      patch:
        stamp === null
          ? null
          : {
              index: stamp.index,
              bare: png(pixels.pixels(stamp.index)),
              stamped: png(stamped(pixels.pixels(stamp.index), pixels.shape, stamp)),
            },
    };
  });
}

function stamped(planes: Uint8Array, [channels, height, width]: readonly [number, number, number], stamp: Stamp) {
  const copy = Uint8Array.from(planes);
  for (let c = 0; c < channels; c++) {
    for (let y = stamp.row; y < Math.min(height, stamp.row + stamp.size); y++) {
      const at = (c * height + y) * width;
      copy.fill(Math.round(255 * stamp.value), at + stamp.column, at + Math.min(width, stamp.column + stamp.size));
    }
  }
  return copy;
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

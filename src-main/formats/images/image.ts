import { ExpectedError } from '../../../src-shared/failure.ts';
import type { ImageLimits } from '../limits.ts';

/**
 * One decoded picture: 8 bit, row-major `[height, width, channels]`.
 *
 * `channels` is 1 when the file stores grey, else 3 (sRGB as stored). Alpha is dropped and the colour below it kept,
 * as usual training loaders do: what the network was shown is what must be audited, and a pattern in fully transparent
 * pixels must not vanish from the audit. For the same reason an embedded colour profile is not applied.
 * 16-bit samples are scaled to 8 bits and rounded. CMYK becomes RGB by the plain formula of those loaders, without a
 * profile.
 */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
  /** What was done to the stored picture beyond unpacking it; left out when nothing was. */
  readonly changes?: readonly ImageChange[];
}

/** Choices of the decoder that a person should know of: counted over the dataset and shown with the report. */
export type ImageChange = 'turned' | 'alpha' | 'narrowed' | 'cmyk' | 'first-frame';

/** How a report words `count` images that met a change. */
export const changeTexts: Readonly<Record<ImageChange, string>> = {
  turned: 'turned upright as their EXIF orientation says',
  alpha: 'stored transparency, which was dropped; the colours below it were kept',
  narrowed: 'stored 16 bits per value, scaled to 8',
  cmyk: 'stored CMYK, converted to RGB without a colour profile',
  'first-frame': 'hold several frames or pages; the first was read',
};

export function unreadable(reason: string, cause?: unknown): ExpectedError {
  return new ExpectedError('image-unreadable', reason, cause === undefined ? {} : { cause });
}

/** @throws ExpectedError image-unreadable when a header announces an impossible or too large picture. */
export function checkSize(width: number, height: number, limits: ImageLimits): void {
  if (!(width >= 1) || !(height >= 1)) throw unreadable(`its header says ${width} x ${height} pixels`);
  if (width > limits.maxSide || height > limits.maxSide) {
    throw unreadable(`${width} x ${height} pixels, the limit is ${limits.maxSide} on a side`);
  }
  if (width * height > limits.maxPixels) {
    throw unreadable(`${width} x ${height} pixels, the limit is ${limits.maxPixels} in all`);
  }
}

import type { ImageLimits } from '../limits.ts';
import type { DecodedImage } from './image.ts';
import { decodeWithVips } from './vips.ts';

/** JPEG (baseline and progressive; grey, YCbCr, CMYK), turned upright by its EXIF orientation. */
export function decodeJpeg(bytes: Uint8Array, limits: ImageLimits): Promise<DecodedImage> {
  return decodeWithVips(bytes, limits, { expect: 'jpeg', upright: true });
}

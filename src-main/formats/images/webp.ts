import type { ImageLimits } from '../limits.ts';
import type { DecodedImage } from './image.ts';
import { decodeWithVips } from './vips.ts';

/** WebP (lossy and lossless), turned upright by its EXIF orientation; of an animation the first frame. Never grey. */
export function decodeWebp(bytes: Uint8Array, limits: ImageLimits): Promise<DecodedImage> {
  return decodeWithVips(bytes, limits, { expect: 'webp', upright: true });
}

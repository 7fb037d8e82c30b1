import { defaultLimits, type ImageLimits } from '../limits.ts';
import { decodeBmp } from './bmp.ts';
import { unreadable, type DecodedImage } from './image.ts';
import { decodeJpeg } from './jpeg.ts';
import { decodePng } from './png.ts';
import { decodePnm } from './pnm.ts';
import { sniff } from './sniff.ts';
import { decodeTiff } from './tiff.ts';
import { decodeWebp } from './webp.ts';

/**
 * Decodes PNG, JPEG, WebP, TIFF, BMP or PPM/PGM/PBM, recognised by its first bytes. Small PNG, BMP and PPM come back at
 * once, the rest as a promise. Alpha, grey, colour profiles and depth: see `DecodedImage`.
 *
 * @throws ExpectedError image-unreadable with the reason; nothing else, whatever the bytes are.
 */
export function decodeImage(
  bytes: Uint8Array,
  limits: ImageLimits = defaultLimits.image,
): DecodedImage | Promise<DecodedImage> {
  if (bytes.length === 0) throw unreadable('the file is empty');
  if (bytes.length > limits.maxBytes) throw unreadable(`${bytes.length} bytes, the limit is ${limits.maxBytes}`);
  const sniffed = sniff(bytes);
  switch (sniffed.kind) {
    case 'unsupported':
      throw unreadable(`${sniffed.name} is not a supported image format`);
    case 'unknown':
      throw unreadable('not an image: its first bytes are those of no known format');
    case 'readable':
      switch (sniffed.format) {
        case 'png':
          return decodePng(bytes, limits);
        case 'jpeg':
          return decodeJpeg(bytes, limits);
        case 'webp':
          return decodeWebp(bytes, limits);
        case 'tiff':
          return decodeTiff(bytes, limits);
        case 'pnm':
          return decodePnm(bytes, limits);
        case 'bmp':
          return decodeBmp(bytes, limits);
      }
  }
}

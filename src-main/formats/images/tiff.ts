import type { ImageLimits } from '../limits.ts';
import { unreadable, type DecodedImage } from './image.ts';
import { decodeWithVips } from './vips.ts';

/**
 * TIFF and BigTIFF of 8 or 16 bits (also 1 bit and palette), turned upright by its orientation tag; of several pages the
 * first, as the usual loaders do.
 * @throws ExpectedError image-unreadable
 */
export function decodeTiff(bytes: Uint8Array, limits: ImageLimits): Promise<DecodedImage> {
  checkDirectories(bytes, limits);
  return decodeWithVips(bytes, limits, { expect: 'tiff', upright: true });
}

/**
 * Follows the chain of image directories (TIFF 6.0, section 2; BigTIFF with 64-bit offsets) before the library does: a
 * chain that comes back to itself, or has no end, costs it time and memory.
 */
function checkDirectories(bytes: Uint8Array, limits: ImageLimits): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const big = view.getUint16(2, little) === 43;
  if (bytes.length < (big ? 16 : 8)) throw unreadable('the TIFF file ends within its header');
  const offsetAt = (at: number): number => {
    if (at + (big ? 8 : 4) > bytes.length) throw unreadable('the TIFF file ends within a directory');
    return big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  };
  const seen = new Set<number>();
  for (let at = offsetAt(big ? 8 : 4); at !== 0;) {
    if (seen.has(at)) throw unreadable('the TIFF directories lead in circles');
    if (seen.size >= limits.maxPages)
      throw unreadable(`it has more than ${limits.maxPages} TIFF directories (limit image.maxPages)`);
    seen.add(at);
    if (at + (big ? 8 : 2) > bytes.length) throw unreadable('a TIFF directory lies outside the file');
    const entries = big ? Number(view.getBigUint64(at, little)) : view.getUint16(at, little);
    const start = at + (big ? 8 : 2);
    const end = start + entries * (big ? 20 : 12);
    if (end > bytes.length) throw unreadable('a TIFF directory ends outside the file');
    if (seen.size === 1) checkTiles(view, { start, entries, little, big }, limits);
    at = offsetAt(end);
  }
}

interface Directory {
  readonly start: number;
  readonly entries: number;
  readonly little: boolean;
  readonly big: boolean;
}

const TILE_WIDTH = 322;
const TILE_LENGTH = 323;

/** A tile is unpacked whole, however small the picture: its sides are bounded like those of a picture. */
function checkTiles(view: DataView, { start, entries, little, big }: Directory, limits: ImageLimits): void {
  let width = 1;
  let height = 1;
  for (let i = 0; i < entries; i++) {
    const at = start + i * (big ? 20 : 12);
    const tag = view.getUint16(at, little);
    if (tag !== TILE_WIDTH && tag !== TILE_LENGTH) continue;
    const short = view.getUint16(at + 2, little) === 3;
    const place = at + (big ? 12 : 8);
    const value = short ? view.getUint16(place, little) : view.getUint32(place, little);
    if (tag === TILE_WIDTH) width = value;
    else height = value;
  }
  if (width * height > limits.maxPixels) {
    throw unreadable(`TIFF tiles of ${width} x ${height} pixels, the limit is ${limits.maxPixels} in all`);
  }
}

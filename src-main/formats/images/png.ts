import { PNG } from 'pngjs';
import type { ImageLimits } from '../limits.ts';
import { checkSize, unreadable, type DecodedImage } from './image.ts';
import { decodeWithVips } from './vips.ts';

/** PNG colour types (PNG specification, 11.2.1). */
const GREY = 0;
const PALETTE = 3;
const GREY_ALPHA = 4;
const COLOUR_TYPES: ReadonlySet<number> = new Set([0, 2, 3, 4, 6]);

/** pngjs wins up to about 200 x 200 pixels, libvips above (test/bench/formats.ts prints both). */
const SMALL_PIXELS = 40_000;

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced: boolean;
  /** One colour value is declared transparent (tRNS) in a file without a palette. */
  readonly colourKey: boolean;
  /** First byte behind IEND; what follows is not part of the picture. */
  readonly end: number;
}

/**
 * PNG of every colour type and depth. Small, plain ones through pngjs at once, the rest through libvips.
 * @throws ExpectedError image-unreadable
 */
export function decodePng(bytes: Uint8Array, limits: ImageLimits): DecodedImage | Promise<DecodedImage> {
  const header = readHeader(bytes);
  checkSize(header.width, header.height, limits);
  // pngjs blackens colour-keyed pixels and inflates interlaced data without a bound.
  const plain = header.depth <= 8 && !header.interlaced && !header.colourKey;
  if (plain && header.width * header.height <= SMALL_PIXELS) return decodeSmall(bytes.subarray(0, header.end), header);
  return decodeWithVips(bytes, limits, { expect: 'png', upright: false });
}

function decodeSmall(bytes: Uint8Array, header: PngHeader): DecodedImage {
  const { width, height } = header;
  let rgba: Uint8Array;
  try {
    rgba = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).data;
  } catch (error) {
    throw unreadable(`the PNG data is damaged (${error instanceof Error ? error.message : String(error)})`, error);
  }
  const count = width * height;
  if (rgba.length !== count * 4) throw unreadable('the PNG data ends too early');
  if (header.colourType === GREY || header.colourType === GREY_ALPHA) {
    const data = new Uint8Array(count);
    for (let i = 0; i < count; i++) data[i] = rgba[i * 4];
    return { width, height, channels: 1, data };
  }
  const data = new Uint8Array(count * 3);
  for (let i = 0, from = 0, to = 0; i < count; i++, from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { width, height, channels: 3, data };
}

/** Walks the chunks (PNG specification, 5.3) without looking into the pixel data. */
function readHeader(bytes: Uint8Array): PngHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33 || view.getUint32(8) !== 13 || chunkType(bytes, 12) !== 'IHDR') {
    throw unreadable('the PNG file ends within its header');
  }
  const colourType = bytes[25];
  if (!COLOUR_TYPES.has(colourType)) throw unreadable(`PNG colour type ${colourType} does not exist`);
  let colourKey = false;
  let at = 8;
  for (;;) {
    if (at + 12 > bytes.length) throw unreadable('the PNG file ends too early');
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw unreadable('the PNG file ends too early');
    const type = chunkType(bytes, at + 4);
    if (type === 'tRNS' && colourType !== PALETTE) colourKey = true;
    at = end;
    if (type === 'IEND') break;
  }
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: bytes[24],
    colourType,
    interlaced: bytes[28] !== 0,
    colourKey,
    end: at,
  };
}

function chunkType(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

/**
 * PNG. Plain pictures up to 512 x 512 are decoded here at once, two to fifteen times as fast as through libvips on one
 * thread (test/bench/formats.ts); larger, 16-bit, interlaced and colour-keyed ones by libvips.
 *
 * The library at hand for small ones (pngjs) hands out uninitialised memory as pixels when a file holds less data than
 * its header announces, and inflates interlaced data without a bound, so it is not given strangers' files.
 */
import { crc32, inflateSync } from 'node:zlib';
import type { ImageLimits } from '../limits.ts';
import { checkSize, unreadable, type DecodedImage } from './image.ts';
import { decodeWithVips } from './vips.ts';

/** Samples per pixel of each colour type, and the depths it may have (PNG specification, 11.2.1). */
const COLOUR_TYPES: Readonly<
  Record<number, { readonly samples: number; readonly depths: readonly number[] } | undefined>
> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};
const PALETTE = 3;

const SMALL_PIXELS = 512 * 512;

interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly samples: number;
  readonly interlaced: boolean;
  /** One colour value is declared transparent (tRNS without a palette). */
  readonly colourKey: boolean;
  /** There is a tRNS chunk. */
  readonly transparency: boolean;
  readonly palette: Uint8Array | null;
  /** Bodies of the IDAT chunks. */
  readonly data: readonly Uint8Array[];
}

/**
 * PNG of every colour type and depth; what follows its end is ignored.
 * @throws ExpectedError image-unreadable
 */
export function decodePng(bytes: Uint8Array, limits: ImageLimits): DecodedImage | Promise<DecodedImage> {
  const parts = readChunks(bytes);
  checkSize(parts.width, parts.height, limits);
  const plain = parts.depth <= 8 && !parts.interlaced && !parts.colourKey;
  if (plain && parts.width * parts.height <= SMALL_PIXELS) return decodePlain(parts);
  return decodeWithVips(bytes, limits, { expect: 'png', upright: false });
}

/** Walks the chunks (PNG specification, 5.3) up to IEND. */
function readChunks(bytes: Uint8Array): PngParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  let palette: Uint8Array | null = null;
  let transparency = false;
  for (let at = 8, type = ''; type !== 'IEND';) {
    if (at + 12 > bytes.length) throw unreadable('the PNG file ends too early');
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) throw unreadable('the PNG file ends too early');
    type = String.fromCharCode(bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]);
    if ((at === 8) !== (type === 'IHDR')) throw unreadable('the PNG file does not start with its header, or has two');
    // A capital first letter: the picture cannot be understood without this chunk.
    if (bytes[at + 4] < 0x60 && crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw unreadable(`the checksum of the PNG chunk ${type} is wrong`);
    }
    const body = bytes.subarray(at + 8, end - 4);
    switch (type) {
      case 'IHDR':
        if (length !== 13) throw unreadable(`the PNG header has ${length} bytes`);
        break;
      case 'PLTE':
        if (palette !== null || length === 0 || length % 3 !== 0 || length > 768)
          throw unreadable('the PNG palette is damaged');
        palette = body;
        break;
      case 'IDAT':
        data.push(body);
        break;
      case 'tRNS':
        transparency = true;
        break;
      case 'IEND':
        break;
      default:
        if (bytes[at + 4] < 0x60) throw unreadable(`the PNG chunk ${JSON.stringify(type)} is unknown`);
    }
    at = end;
  }
  const depth = bytes[24];
  const colourType = bytes[25];
  const known = COLOUR_TYPES[colourType];
  if (known === undefined || !known.depths.includes(depth)) {
    throw unreadable(`PNG with colour type ${colourType} and ${depth} bits does not exist`);
  }
  if (bytes[26] !== 0 || bytes[27] !== 0 || bytes[28] > 1) throw unreadable('the PNG header names unknown methods');
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth,
    colourType,
    samples: known.samples,
    interlaced: bytes[28] === 1,
    colourKey: transparency && colourType !== PALETTE,
    transparency,
    palette,
    data,
  };
}

function decodePlain(parts: PngParts): DecodedImage {
  const { width, height, depth, samples } = parts;
  const stride = Math.ceil((width * samples * depth) / 8);
  const size = height * (stride + 1);
  let lines: Uint8Array;
  try {
    lines = inflateSync(parts.data.length === 1 ? parts.data[0] : Buffer.concat(parts.data), { maxOutputLength: size });
  } catch (error) {
    const more = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw unreadable(more ? 'it holds more PNG data than its header announces' : 'the PNG data is damaged', error);
  }
  if (lines.length !== size)
    throw unreadable(`it holds ${lines.length} bytes of PNG data, its header announces ${size}`);
  unfilter(lines, height, stride, Math.max(1, (samples * depth) >> 3));
  const colour = samples >= 3 || parts.colourType === PALETTE;
  const data = new Uint8Array(width * height * (colour ? 3 : 1));
  for (let y = 0, to = 0; y < height; y++) {
    const from = y * (stride + 1) + 1;
    if (samples >= 3) {
      for (let x = 0, at = from; x < width; x++, at += samples, to += 3) {
        data[to] = lines[at];
        data[to + 1] = lines[at + 1];
        data[to + 2] = lines[at + 2];
      }
    } else if (samples === 2) {
      for (let x = 0; x < width; x++) data[to++] = lines[from + x * 2];
    } else if (parts.colourType === PALETTE) {
      for (let x = 0; x < width; x++, to += 3) paint(parts.palette, sampleAt(lines, from, x, depth), data, to);
    } else {
      const most = (1 << depth) - 1;
      for (let x = 0; x < width; x++) data[to++] = (sampleAt(lines, from, x, depth) * 255) / most;
    }
  }
  const transparent = samples === 2 || samples === 4 || parts.transparency;
  return { width, height, channels: colour ? 3 : 1, data, ...(transparent && { changes: ['alpha'] as const }) };
}

function sampleAt(lines: Uint8Array, from: number, x: number, depth: number): number {
  if (depth === 8) return lines[from + x];
  const bit = x * depth;
  return (lines[from + (bit >> 3)] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function paint(palette: Uint8Array | null, index: number, data: Uint8Array, to: number): void {
  if (palette === null || index * 3 >= palette.length) {
    throw unreadable(`a PNG pixel points to colour ${index}, which is not in its palette`);
  }
  data[to] = palette[index * 3];
  data[to + 1] = palette[index * 3 + 1];
  data[to + 2] = palette[index * 3 + 2];
}

/** Undoes the line filters in place (PNG specification, 9.2); `back` is the distance to the pixel on the left, bytes. */
function unfilter(lines: Uint8Array, height: number, stride: number, back: number): void {
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1) + 1;
    const end = start + stride;
    // The line above the first one counts as zeros.
    const up = y === 0 ? -1 : stride + 1;
    const filter = lines[start - 1];
    switch (filter) {
      case 0:
        break;
      case 1:
        for (let i = start + back; i < end; i++) lines[i] += lines[i - back];
        break;
      case 2:
        if (up > 0) for (let i = start; i < end; i++) lines[i] += lines[i - up];
        break;
      case 3:
        for (let i = start; i < end; i++) {
          const left = i - back >= start ? lines[i - back] : 0;
          lines[i] += (left + (up > 0 ? lines[i - up] : 0)) >> 1;
        }
        break;
      case 4:
        for (let i = start; i < end; i++) {
          const inside = i - back >= start;
          const left = inside ? lines[i - back] : 0;
          const above = up > 0 ? lines[i - up] : 0;
          const corner = inside && up > 0 ? lines[i - back - up] : 0;
          const toLeft = Math.abs(above - corner);
          const toAbove = Math.abs(left - corner);
          const toCorner = Math.abs(left + above - 2 * corner);
          lines[i] += toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
        }
        break;
      default:
        throw unreadable(`the PNG line filter ${filter} does not exist`);
    }
  }
}

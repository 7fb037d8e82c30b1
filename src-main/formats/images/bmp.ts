/**
 * Windows bitmap: BITMAPCOREHEADER to BITMAPV5HEADER, 1/4/8/16/24/32 bits, RLE4, RLE8, bit fields, either row order.
 *
 * Decoded here because the library tried (bmp-ts, which the conformance tests still compare with) ignores where the
 * pixel data starts and loses all rows but one of a 4-bit picture of odd width: a file could then show the audit another picture than it shows its users.
 */
import type { ImageLimits } from '../limits.ts';
import { checkSize, unreadable, type DecodedImage } from './image.ts';

/** Values of `biCompression`. */
const RGB = 0;
const RLE8 = 1;
const RLE4 = 2;
const BIT_FIELDS = 3;
const ALPHA_BIT_FIELDS = 6;

interface BmpHeader {
  readonly width: number;
  readonly height: number;
  /** The first row in the file is the top one. */
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Where the pixel data starts. */
  readonly start: number;
  /** Red, green and blue bit masks; 16 and 32 bits only. */
  readonly masks: readonly [number, number, number];
  /** `[entries * 3]` red, green, blue; up to 8 bits only. */
  readonly palette: Uint8Array;
}

/** Always 3 channels; alpha is dropped. @throws ExpectedError image-unreadable */
export function decodeBmp(bytes: Uint8Array, limits: ImageLimits): DecodedImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view, limits);
  const data = new Uint8Array(header.width * header.height * 3);
  if (header.compression === RLE4 || header.compression === RLE8) unpackRle(bytes, header, data);
  else unpackRows(view, header, data);
  return { width: header.width, height: header.height, channels: 3, data };
}

function readHeader(view: DataView, limits: ImageLimits): BmpHeader {
  if (view.byteLength < 26) throw unreadable('the BMP file ends within its header');
  const start = view.getUint32(10, true);
  const headerBytes = view.getUint32(14, true);
  const core = headerBytes === 12;
  if (view.byteLength < 14 + headerBytes) throw unreadable('the BMP file ends within its header');
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = core ? RGB : view.getUint32(30, true);
  const colours = core ? 0 : view.getUint32(46, true);
  checkSize(width, height, limits);
  checkCombination(bits, compression, signedHeight < 0);
  const masksBehind = headerBytes === 40 && (compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS);
  const paletteStart = 14 + headerBytes + (masksBehind ? (compression === BIT_FIELDS ? 12 : 16) : 0);
  if (start < paletteStart || start > view.byteLength) throw unreadable(`the BMP pixel data starts at byte ${start}`);
  const palette =
    bits <= 8 ? readPalette(view, { start: paletteStart, end: start, core, bits, colours }) : new Uint8Array(0);
  const masks = readMasks(view, bits, compression);
  return { width, height, topDown: signedHeight < 0, bits, compression, start, masks, palette };
}

function checkCombination(bits: number, compression: number, topDown: boolean): void {
  const fits =
    (compression === RGB && [1, 4, 8, 16, 24, 32].includes(bits)) ||
    (compression === RLE8 && bits === 8 && !topDown) ||
    (compression === RLE4 && bits === 4 && !topDown) ||
    ((compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS) && (bits === 16 || bits === 32));
  if (!fits) throw unreadable(`BMP with ${bits} bits and compression ${compression} is not supported`);
}

interface PalettePlace {
  readonly start: number;
  readonly end: number;
  readonly core: boolean;
  readonly bits: number;
  readonly colours: number;
}

function readPalette(view: DataView, place: PalettePlace): Uint8Array {
  const most = 1 << place.bits;
  if (place.colours > most) throw unreadable(`the BMP palette says ${place.colours} colours at ${place.bits} bits`);
  const width = place.core ? 3 : 4;
  const entries = Math.min(place.colours === 0 ? most : place.colours, Math.floor((place.end - place.start) / width));
  const palette = new Uint8Array(entries * 3);
  for (let i = 0; i < entries; i++) {
    const at = place.start + i * width;
    palette[i * 3] = view.getUint8(at + 2);
    palette[i * 3 + 1] = view.getUint8(at + 1);
    palette[i * 3 + 2] = view.getUint8(at);
  }
  return palette;
}

function readMasks(view: DataView, bits: number, compression: number): readonly [number, number, number] {
  if (compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS) {
    if (view.byteLength < 66) throw unreadable('the BMP file ends within its bit masks');
    const masks = [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)] as const;
    for (const mask of masks) if (!contiguous(mask)) throw unreadable(`BMP bit mask 0x${mask.toString(16)} has holes`);
    return masks;
  }
  return bits === 16 ? [0x7c00, 0x03e0, 0x001f] : [0xff0000, 0x00ff00, 0x0000ff];
}

function contiguous(mask: number): boolean {
  if (mask === 0) return true;
  const shifted = mask / 2 ** lowestBit(mask) + 1;
  return Number.isInteger(Math.log2(shifted));
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Table from the bits under a mask to 0..255, rounded. */
function scaled(mask: number): { readonly shift: number; readonly most: number } {
  if (mask === 0) return { shift: 0, most: 0 };
  const shift = lowestBit(mask);
  return { shift, most: mask / 2 ** shift };
}

function unpackRows(view: DataView, header: BmpHeader, data: Uint8Array): void {
  const { width, height, bits, start } = header;
  const stride = Math.ceil((width * bits) / 32) * 4;
  // The padding of the last row is often left out.
  if (start + stride * (height - 1) + Math.ceil((width * bits) / 8) > view.byteLength) {
    throw unreadable('the BMP file ends before its last row');
  }
  const channels = header.masks.map(scaled);
  for (let row = 0; row < height; row++) {
    const from = start + row * stride;
    let to = (header.topDown ? row : height - 1 - row) * width * 3;
    for (let x = 0; x < width; x++, to += 3) {
      if (bits <= 8) {
        const byte = view.getUint8(from + ((x * bits) >> 3));
        paint(header, (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1), data, to);
      } else if (bits === 24) {
        const at = from + x * 3;
        data[to] = view.getUint8(at + 2);
        data[to + 1] = view.getUint8(at + 1);
        data[to + 2] = view.getUint8(at);
      } else {
        const pixel = bits === 16 ? view.getUint16(from + x * 2, true) : view.getUint32(from + x * 4, true);
        for (let c = 0; c < 3; c++) {
          const { shift, most } = channels[c];
          if (most > 0)
            data[to + c] =
              most === 255 ? pixel >>> shift : Math.round((((pixel & header.masks[c]) >>> shift) * 255) / most);
        }
      }
    }
  }
}

function paint(header: BmpHeader, index: number, data: Uint8Array, to: number): void {
  const from = index * 3;
  if (from >= header.palette.length)
    throw unreadable(`a BMP pixel points to colour ${index}, which is not in its palette`);
  data[to] = header.palette[from];
  data[to + 1] = header.palette[from + 1];
  data[to + 2] = header.palette[from + 2];
}

/** Run-length encoding; every run must lie within its row, pixels that are jumped over stay black. */
function unpackRle(bytes: Uint8Array, header: BmpHeader, data: Uint8Array): void {
  const { width, height } = header;
  const four = header.compression === RLE4;
  let at = header.start;
  let x = 0;
  let y = 0;
  const next = (): number => {
    if (at >= bytes.length) throw unreadable('the BMP run-length data ends too early');
    return bytes[at++];
  };
  const put = (index: number): void => {
    if (x >= width || y >= height) throw unreadable('a BMP run leaves the picture');
    paint(header, index, data, ((height - 1 - y) * width + x++) * 3);
  };
  for (;;) {
    const count = next();
    const value = next();
    if (count > 0) {
      for (let i = 0; i < count; i++) put(four ? (i & 1 ? value & 15 : value >> 4) : value);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) {
      return;
    } else if (value === 2) {
      x += next();
      y += next();
    } else {
      const packed = four ? (value + 1) >> 1 : value;
      for (let i = 0, byte = 0; i < value; i++) {
        if (!four || !(i & 1)) byte = next();
        put(four ? (i & 1 ? byte & 15 : byte >> 4) : byte);
      }
      if (packed & 1) next();
    }
  }
}

/**
 * PBM, PGM and PPM, as text (P1, P2, P3) and binary (P4, P5, P6), 1 to 16 bits: a header of numbers with comments, then
 * the values row by row. What follows the first picture is ignored, as the usual loaders do.
 */
import type { ImageLimits } from '../limits.ts';
import { checkSize, unreadable, type DecodedImage } from './image.ts';

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** @throws ExpectedError image-unreadable */
export function decodePnm(bytes: Uint8Array, limits: ImageLimits): DecodedImage {
  const kind = bytes[1] - 0x30;
  const cursor: Cursor = { bytes, at: 2 };
  const width = readNumber(cursor, 'width');
  const height = readNumber(cursor, 'height');
  checkSize(width, height, limits);
  const bitmap = kind === 1 || kind === 4;
  const most = bitmap ? 1 : readNumber(cursor, 'largest value');
  if (most < 1 || most > 65_535) throw unreadable(`its largest value is ${most}; 1 to 65535 are read`);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const data = new Uint8Array(width * height * channels);
  if (kind <= 3) readText(cursor, bitmap, most, data);
  else {
    // Exactly one blank stands between the header and the values.
    if (!isBlank(bytes[cursor.at])) throw unreadable('no blank follows the header');
    cursor.at++;
    if (bitmap) readBits(cursor, width, height, data);
    else readValues(cursor, most, data);
  }
  return { width, height, channels, data, ...(most > 255 && { changes: ['narrowed'] as const }) };
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Skips blanks and comments, which run from "#" to the end of their line. */
function skip(cursor: Cursor): void {
  const { bytes } = cursor;
  for (; cursor.at < bytes.length; cursor.at++) {
    if (bytes[cursor.at] === 0x23) {
      while (cursor.at < bytes.length && bytes[cursor.at] !== 0x0a && bytes[cursor.at] !== 0x0d) cursor.at++;
    } else if (!isBlank(bytes[cursor.at])) return;
  }
}

function readNumber(cursor: Cursor, what: string): number {
  skip(cursor);
  const { bytes } = cursor;
  const start = cursor.at;
  let value = 0;
  for (; cursor.at < bytes.length && bytes[cursor.at] >= 0x30 && bytes[cursor.at] <= 0x39; cursor.at++) {
    value = value * 10 + bytes[cursor.at] - 0x30;
    if (value > 0xffff_ffff) throw unreadable(`the ${what} is not a number a picture can have`);
  }
  if (cursor.at === start) throw unreadable(`there is no ${what} where one must stand`);
  return value;
}

function readText(cursor: Cursor, bitmap: boolean, most: number, data: Uint8Array): void {
  for (let i = 0; i < data.length; i++) {
    if (bitmap) {
      // Digits of a bitmap need no blanks between them. 1 is black.
      skip(cursor);
      const digit = cursor.bytes[cursor.at++];
      if (digit !== 0x30 && digit !== 0x31) throw unreadable('a PBM value is neither 0 nor 1');
      data[i] = digit === 0x30 ? 255 : 0;
    } else {
      data[i] = scaled(readNumber(cursor, 'value'), most);
    }
  }
}

function readBits({ bytes, at }: Cursor, width: number, height: number, data: Uint8Array): void {
  const stride = Math.ceil(width / 8);
  if (at + stride * height > bytes.length) throw unreadable('the file ends before its last row');
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data[to++] = (bytes[at + y * stride + (x >> 3)] >> (7 - (x & 7))) & 1 ? 0 : 255;
  }
}

function readValues({ bytes, at }: Cursor, most: number, data: Uint8Array): void {
  const wide = most > 255;
  if (at + data.length * (wide ? 2 : 1) > bytes.length) throw unreadable('the file ends before its last row');
  if (most === 255) {
    data.set(bytes.subarray(at, at + data.length));
    return;
  }
  for (let i = 0; i < data.length; i++, at += wide ? 2 : 1) {
    data[i] = scaled(wide ? bytes[at] * 256 + bytes[at + 1] : bytes[at], most);
  }
}

function scaled(value: number, most: number): number {
  if (value > most) throw unreadable(`a value is ${value}, the largest is said to be ${most}`);
  return Math.round((value * 255) / most);
}

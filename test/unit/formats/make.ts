/** Small real files for the tests of the readers, made on the spot. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import sharp, { type Sharp } from 'sharp';
import { afterAll } from 'vitest';
import { ExpectedError } from '../../../src-shared/failure.ts';

export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  readonly data: Uint8Array;
}

/** A folder that goes away with the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coresift-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function put(folder: string, name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

/** Repeatable noise; neighbouring seeds share nothing. */
export function noise(width: number, height: number, channels: 1 | 3 | 4, seed = 1): Pixels {
  let state = (seed * 2654435761) >>> 0 || 1;
  const data = Uint8Array.from({ length: width * height * channels }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 16) & 255;
  });
  return { width, height, channels, data };
}

/** A soft gradient that survives lossy compression. */
export function gradient(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = Math.round((x / width) * 255);
      data[at++] = Math.round((y / height) * 255);
      data[at++] = 128;
    }
  }
  return { width, height, channels: 3, data };
}

export function viaSharp({ width, height, channels, data }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels } });
}

/** PNG by pngjs: 8 bit, grey (colour type 0), colour (2) or colour with alpha (6). */
export function png(pixels: Pixels, filterType = -1): Buffer {
  const picture = new PNG({ width: pixels.width, height: pixels.height });
  for (let i = 0; i < pixels.width * pixels.height; i++) {
    for (let c = 0; c < 4; c++) {
      const from = pixels.channels === 1 ? i : i * pixels.channels + c;
      picture.data[i * 4 + c] = c === 3 && pixels.channels !== 4 ? 255 : pixels.data[from];
    }
  }
  const colorType = pixels.channels === 1 ? 0 : pixels.channels === 3 ? 2 : 6;
  return PNG.sync.write(picture, { colorType, inputHasAlpha: true, filterType });
}

export function pngChunk(type: string, body: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

export interface RawPng {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  /** Filtered scan lines as they are compressed. */
  readonly lines: Uint8Array;
  readonly extra?: readonly Buffer[];
}

/** A PNG written chunk by chunk, for headers that no library would write. */
export function rawPng({ width, height, depth, colourType, lines, extra = [] }: RawPng): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colourType;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...extra,
    pngChunk('IDAT', deflateSync(lines)),
    pngChunk('IEND', new Uint8Array(0)),
  ]);
}

export interface BmpParts {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly compression?: number;
  /** `[entries, 4]` blue, green, red, zero; or the bit masks. */
  readonly table?: Uint8Array;
  readonly colours?: number;
  /** Unused bytes between the table and the pixels. */
  readonly gap?: number;
  readonly body: Uint8Array;
}

/** A BMP with a BITMAPINFOHEADER. */
export function bmp({
  width,
  height,
  bits,
  compression = 0,
  table = new Uint8Array(0),
  colours = 0,
  gap = 0,
  body,
}: BmpParts): Buffer {
  const start = 54 + table.length + gap;
  const out = Buffer.alloc(start + body.length);
  out.write('BM', 0, 'latin1');
  out.writeUInt32LE(out.length, 2);
  out.writeUInt32LE(start, 10);
  out.writeUInt32LE(40, 14);
  out.writeInt32LE(width, 18);
  out.writeInt32LE(height, 22);
  out.writeUInt16LE(1, 26);
  out.writeUInt16LE(bits, 28);
  out.writeUInt32LE(compression, 30);
  out.writeUInt32LE(colours, 46);
  out.set(table, 54);
  out.set(body, start);
  return out;
}

export function idx(dims: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header[2] = 8;
  header[3] = dims.length;
  dims.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, values]);
}

/** `perClass` small PNG files in each of the folders. */
export function imageFolder(folder: string, classes: readonly string[], perClass = 10, size = 6): void {
  classes.forEach((name, c) => {
    for (let i = 0; i < perClass; i++)
      put(folder, `${name}/${String(i).padStart(2, '0')}.png`, png(noise(size, size, 3, c * 1000 + i + 1)));
  });
}

/** The code of the expected error that `work` ends with; anything else fails the test. */
export async function codeOf(work: () => unknown): Promise<string> {
  const error = await failureOf(work);
  return error.code;
}

export async function failureOf(work: () => unknown): Promise<ExpectedError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ExpectedError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

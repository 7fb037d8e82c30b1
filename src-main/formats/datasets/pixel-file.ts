/**
 * The decoded dataset on disk: `FILE` holds the pixels, uint8 `[M, C, H, W]`, nothing else; `FILE.columns` the columns
 * of the M samples; `FILE.json`, written last, says what both are. Samples are read by position, never all at once.
 *
 * FILE.columns, little-endian, one after the other: source index, label, first sample with the same bytes, first with
 * the same pixels (each int32 `[M]`), end of each name (uint32 `[M]`), SHA-256 of the source bytes (`[M, 32]`), names.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { SampleSource } from '../../engine/samples.ts';
import { systemFailure } from '../system.ts';
import type { DatasetFormat, ProblemList } from './dataset.ts';
import { readExactly } from './raw.ts';

export const PIXEL_FILE_VERSION = 4;

/** `FILE.json` */
export interface PixelFileHead {
  readonly version: number;
  /** Digest of everything that decides the file: the dataset's fingerprint, shape, limits. */
  readonly key: string;
  /** Digest of what is the same for every dataset read in this way: format, classes, shape, limits. */
  readonly settings: string;
  readonly format: DatasetFormat;
  readonly classes: readonly string[];
  /** Samples in the dataset, readable or not. */
  readonly total: number;
  /** Samples in this file, M. */
  readonly count: number;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** SHA-256 (hex) over class names and, ordered by name, name, digest of the bytes and class of every sample. */
  readonly datasetDigest: string;
  /** SHA-256 (hex) of the pixels. */
  readonly pixelsDigest: string;
  readonly columnBytes: number;
  /** SHA-256 (hex) of the columns: labels, names and digests are evidence like the pixels. */
  readonly columnsDigest: string;
  readonly unreadable: ProblemList;
  readonly skipped: ProblemList;
  readonly notes: readonly string[];
  /** The part of the notes that says what the decoder did to the pictures. */
  readonly changes: readonly string[];
  readonly leftOut: readonly string[];
  readonly resized: Resized;
}

/** Kept images whose own size was not that of the pixel file. */
export interface Resized {
  readonly count: number;
  /** The commonest sizes they came in, most images first, then by size. */
  readonly sizes: readonly { readonly height: number; readonly width: number; readonly count: number }[];
}

/** Names of many samples: UTF-8 end to end, and where each ends. A million of them are two arrays, not a million objects. */
export interface PackedNames {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

export function unpackNames({ bytes, ends }: PackedNames): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from(ends, (end, i) => text.toString('utf8', i === 0 ? 0 : ends[i - 1], end));
}

/** A sample source that knows where its samples come from. All indices are `0..count-1` of this file. */
export interface PixelFile extends SampleSource, PixelFileHead {
  readonly count: number;
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly classes: readonly string[];
  readonly file: string;
  /** `[M]` index of each sample in the dataset it was read from. */
  readonly indices: Int32Array;
  /** `[M]` first sample with the same source bytes (itself where there is none before it). */
  readonly sameBytesAs: Int32Array;
  /** `[M]` first sample with the same pixels after conversion and resizing. */
  readonly samePixelsAs: Int32Array;
  /** True when `buildPixelFile` found it finished. */
  readonly reused: boolean;
  name(index: number): string;
  /** All names, in one read. */
  names(): PackedNames;
  /** SHA-256 (hex) of the sample's source bytes. */
  digest(index: number): string;
  /** uint8 `[C, H, W]` */
  pixels(index: number): Uint8Array;
  close(): void;
}

export const columnsOf = (file: string): string => `${file}.columns`;
export const headOf = (file: string): string => `${file}.json`;

/** Without its head the rest is no pixel file, should this be interrupted. */
export function removePixelFile(file: string): void {
  for (const part of [headOf(file), columnsOf(file), file]) rmSync(part, { force: true });
}

/** Bytes of `FILE.columns` in front of the names. */
export const fixedColumnBytes = (count: number): number => count * (5 * 4 + 32);

/** @returns null when there is no finished pixel file. */
export function readHead(file: string): PixelFileHead | null {
  let head: PixelFileHead;
  try {
    head = JSON.parse(readFileSync(headOf(file), 'utf8')) as PixelFileHead;
  } catch {
    return null;
  }
  return head !== null && typeof head === 'object' && head.version === PIXEL_FILE_VERSION ? head : null;
}

/**
 * Opens a finished pixel file.
 * @throws ExpectedError file-missing (none, or unfinished), input-changed (its parts do not fit together)
 */
export function openPixelFile(file: string, reused = true): PixelFile {
  const head = readHead(file);
  if (head === null) throw new ExpectedError('file-missing', `${file} is no finished pixel file.`);
  const { count, shape } = head;
  const sampleBytes = shape[0] * shape[1] * shape[2];
  const opened: number[] = [];
  const open = (path: string, bytes: number): number => {
    const descriptor = openSync(path, 'r');
    opened.push(descriptor);
    const { size } = fstatSync(descriptor);
    if (size !== bytes) throw new ExpectedError('input-changed', `${path} has ${size} bytes instead of ${bytes}.`);
    return descriptor;
  };
  const close = (): void => opened.splice(0).forEach((descriptor) => closeSync(descriptor));
  try {
    const pixels = open(file, count * sampleBytes);
    const columns = open(columnsOf(file), head.columnBytes);
    const column = (place: number): Int32Array => {
      const out = new Int32Array(count);
      readExactly(columns, new Uint8Array(out.buffer), place * count * 4, columnsOf(file));
      return out;
    };
    const check = (index: number): void => {
      if (!Number.isInteger(index) || index < 0 || index >= count) throw new RangeError(`sample ${index} of ${count}`);
    };
    return {
      ...head,
      file,
      reused,
      indices: column(0),
      labels: column(1),
      sameBytesAs: column(2),
      samePixelsAs: column(3),
      read: reader(pixels, count, sampleBytes, file),
      name(index) {
        check(index);
        const ends = new Uint32Array(2);
        const first = index === 0 ? 1 : 0;
        readExactly(
          columns,
          new Uint8Array(ends.buffer, first * 4),
          (4 * count + index - 1 + first) * 4,
          columnsOf(file),
        );
        const name = Buffer.alloc(ends[1] - ends[0]);
        readExactly(columns, name, fixedColumnBytes(count) + ends[0], columnsOf(file));
        return name.toString('utf8');
      },
      names() {
        const ends = new Uint32Array(count);
        readExactly(columns, new Uint8Array(ends.buffer), 4 * count * 4, columnsOf(file));
        const bytes = new Uint8Array(head.columnBytes - fixedColumnBytes(count));
        readExactly(columns, bytes, fixedColumnBytes(count), columnsOf(file));
        return { bytes, ends };
      },
      digest(index) {
        check(index);
        const digest = Buffer.alloc(32);
        readExactly(columns, digest, 5 * 4 * count + index * 32, columnsOf(file));
        return digest.toString('hex');
      },
      pixels(index) {
        check(index);
        const out = new Uint8Array(sampleBytes);
        readExactly(pixels, out, index * sampleBytes, file);
        return out;
      },
      close,
    };
  } catch (error) {
    close();
    throw systemFailure(error, file);
  }
}

const UNIT = Float32Array.from({ length: 256 }, (_unused, value) => value / 255);

/** Longest run of neighbouring samples that is read at once, bytes. */
const RUN_BYTES = 1 << 20;

function reader(descriptor: number, count: number, sampleBytes: number, file: string): SampleSource['read'] {
  const most = Math.max(1, Math.floor(RUN_BYTES / sampleBytes));
  const block = Buffer.allocUnsafeSlow(most * sampleBytes);
  return (indices, out) => {
    const wanted = indices.length;
    if (out.length < wanted * sampleBytes) {
      throw new RangeError(`out has room for ${out.length} values, ${wanted} samples have ${wanted * sampleBytes}`);
    }
    for (let at = 0; at < wanted;) {
      const first = indices[at];
      if (!Number.isInteger(first) || first < 0 || first >= count) throw new RangeError(`sample ${first} of ${count}`);
      let run = 1;
      while (run < most && at + run < wanted && indices[at + run] === first + run && first + run < count) run++;
      const bytes = run * sampleBytes;
      const got = readSync(descriptor, block, 0, bytes, first * sampleBytes);
      if (got !== bytes) readExactly(descriptor, block.subarray(0, bytes), first * sampleBytes, file);
      for (let i = 0, to = at * sampleBytes; i < bytes; i++, to++) out[to] = UNIT[block[i]];
      at += run;
    }
  };
}

/** Compressed data, unpacked to a scratch file so that samples can be read in any order. */
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { DatasetLimits } from '../limits.ts';
import { systemFailure } from '../system.ts';
import { readExactly } from './raw.ts';

/** A file without a name that grows at its end. */
export interface Scratch {
  readonly descriptor: number;
  readonly size: number;
  append(bytes: Uint8Array): void;
  close(): void;
}

/** @param folder where it lies; default: the system's. @throws the system's error */
export function openScratch(folder: string | undefined): Scratch {
  const own = mkdtempSync(join(folder ?? tmpdir(), 'coresift-'));
  const descriptor = openSync(join(own, 'scratch'), 'wx+', 0o600);
  // Gone from the folder at once where the system allows it: nothing is left behind when the process is killed.
  const removed = process.platform !== 'win32';
  if (removed) rmSync(own, { recursive: true });
  let size = 0;
  let open = true;
  return {
    descriptor,
    get size() {
      return size;
    },
    append(bytes) {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, size + at);
      size += bytes.length;
    },
    close() {
      if (!open) return;
      open = false;
      closeSync(descriptor);
      if (!removed) rmSync(own, { recursive: true, force: true });
    },
  };
}

/** Compressed bytes within an open file. */
export interface Packed {
  readonly descriptor: number;
  readonly start: number;
  readonly length: number;
  readonly kind: 'gzip' | 'zlib' | 'deflate';
  /** For messages. */
  readonly name: string;
}

export interface UnpackOptions {
  readonly limits: DatasetLimits;
  /** Most bytes that may come out because the file itself says so; more is a lie. */
  readonly announced?: number | undefined;
  /** Says from the first bytes how many there must be. */
  readonly announcedBy?: ((head: Buffer) => number) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes given to `announcedBy`, fewer when there are fewer. */
const HEAD_BYTES = 64;

/**
 * Unpacks onto the end of `scratch`, never further than announced and the limits allow.
 * @returns bytes that came out
 * @throws ExpectedError dataset-malformed (damaged, longer than announced), dataset-too-large, no-space, input-changed; CancelledError
 */
export async function unpackOnto(scratch: Scratch, packed: Packed, options: UnpackOptions): Promise<number> {
  const { limits, announcedBy, signal } = options;
  const { length, name } = packed;
  if (length === 0) throw new ExpectedError('dataset-malformed', `${name}: there is no compressed data.`);
  const counted = { bytes: 0 };
  // Not a file stream: destroying one closes its descriptor, which is not ours.
  const source = Readable.from(pieces(packed, counted, signal), { objectMode: false, highWaterMark: PIECE_BYTES });
  const make = { gzip: createGunzip, zlib: createInflate, deflate: createInflateRaw }[packed.kind];
  const inflater = make({ chunkSize: 1 << 18 });
  source.on('error', (error) => inflater.destroy(error));
  source.pipe(inflater);
  let head = Buffer.alloc(0);
  let most = options.announced === undefined ? Infinity : checkAnnounced(options.announced, name, limits);
  let known = announcedBy === undefined;
  let size = 0;
  try {
    for await (const chunk of inflater as AsyncIterable<Buffer>) {
      if (!known) {
        head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]);
        if (head.length >= HEAD_BYTES && announcedBy !== undefined) {
          most = checkAnnounced(announcedBy(head), name, limits);
          known = true;
        }
      }
      size += chunk.length;
      if (size > most) {
        throw new ExpectedError(
          'dataset-malformed',
          `${name}: it unpacks to more than the ${most} bytes its header announces.`,
        );
      }
      if (scratch.size + chunk.length > limits.maxInflatedBytes) {
        throw new ExpectedError(
          'dataset-too-large',
          `${name}: it unpacks to more than ${limits.maxInflatedBytes} bytes (limit maxInflatedBytes).`,
        );
      }
      checkRatio(size, counted.bytes, name, limits);
      scratch.append(chunk);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (/^Z_/.test(code)) {
      throw new ExpectedError(
        'dataset-malformed',
        `${name}: the ${packed.kind} data is damaged (${(error as Error).message}).`,
        { cause: error },
      );
    }
    throw systemFailure(error, name);
  } finally {
    source.destroy();
    inflater.destroy();
  }
  if (!known && announcedBy !== undefined) checkAnnounced(announcedBy(head), name, limits);
  return size;
}

const PIECE_BYTES = 1 << 18;

function* pieces(
  { descriptor, start, length, name }: Packed,
  counted: { bytes: number },
  signal: AbortSignal | undefined,
): Generator<Buffer> {
  while (counted.bytes < length) {
    if (signal?.aborted === true) throw new CancelledError();
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length - counted.bytes));
    readExactly(descriptor, piece, start + counted.bytes, name);
    counted.bytes += piece.length;
    yield piece;
  }
}

export interface Inflated {
  readonly descriptor: number;
  readonly size: number;
  close(): void;
}

export interface InflateOptions {
  readonly limits: DatasetLimits;
  /** Folder for the scratch file; default: the system's. */
  readonly scratch?: string | undefined;
  /** Says from the first bytes how many there must be; more than that stops the unpacking. */
  readonly announced: (head: Buffer) => number;
}

/**
 * Unpacks a whole gzip file, never further than its own header announces and the limits allow.
 * @throws ExpectedError dataset-malformed (damaged, longer than announced), dataset-too-large, no-space, file-missing
 */
export async function inflate(path: string, options: InflateOptions): Promise<Inflated> {
  const scratch = openScratch(options.scratch);
  try {
    await gunzipOnto(scratch, path, { limits: options.limits, announcedBy: options.announced });
    return scratch;
  } catch (error) {
    scratch.close();
    throw systemFailure(error, path);
  }
}

/** Unpacks a gzip file onto the end of `scratch`. @returns bytes that came out. @throws as `unpackOnto`, file-missing */
export async function gunzipOnto(scratch: Scratch, path: string, options: UnpackOptions): Promise<number> {
  const descriptor = openSync(path, 'r');
  try {
    const length = fstatSync(descriptor).size;
    return await unpackOnto(scratch, { descriptor, start: 0, length, kind: 'gzip', name: path }, options);
  } finally {
    closeSync(descriptor);
  }
}

function checkAnnounced(bytes: number, name: string, limits: DatasetLimits): number {
  if (bytes > limits.maxInflatedBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${name}: its header announces ${bytes} bytes (limit maxInflatedBytes = ${limits.maxInflatedBytes}).`,
    );
  }
  return bytes;
}

function checkRatio(out: number, into: number, name: string, limits: DatasetLimits): void {
  if (out > limits.ratioFloorBytes && out > into * limits.maxRatio) {
    throw new ExpectedError(
      'dataset-too-large',
      `${name}: ${out} bytes come out of ${into} (limit maxRatio = ${limits.maxRatio} above ${limits.ratioFloorBytes} bytes).`,
    );
  }
}

/** Compressed dataset files, unpacked to a scratch file so that samples can be read in any order. */
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { DatasetLimits } from '../limits.ts';
import { systemFailure } from '../system.ts';

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

/** Bytes given to `announced`, fewer when the file is shorter. */
const HEAD_BYTES = 64;

/**
 * Unpacks a gzip file, never further than its own header announces and the limits allow.
 * @throws ExpectedError dataset-malformed (damaged, longer than announced), dataset-too-large, no-space, file-missing
 */
export async function inflate(path: string, options: InflateOptions): Promise<Inflated> {
  const folder = mkdtempSync(join(options.scratch ?? tmpdir(), 'coresift-'));
  const file = join(folder, 'inflated');
  const descriptor = openSync(file, 'wx+', 0o600);
  // Gone from the folder at once where the system allows it: nothing is left behind when the process is killed.
  const removed = process.platform !== 'win32';
  if (removed) rmSync(folder, { recursive: true });
  const close = (): void => {
    closeSync(descriptor);
    if (!removed) rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { descriptor, size: await unpack(path, descriptor, options), close };
  } catch (error) {
    close();
    throw systemFailure(error, path);
  }
}

async function unpack(path: string, descriptor: number, { limits, announced }: InflateOptions): Promise<number> {
  const source = createReadStream(path, { highWaterMark: 1 << 18 });
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  source.on('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  let head = Buffer.alloc(0);
  let most = limits.maxInflatedBytes;
  let known = false;
  let size = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      if (!known) {
        head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]);
        if (head.length >= HEAD_BYTES) {
          most = checkAnnounced(announced(head), path, limits);
          known = true;
        }
      }
      size += chunk.length;
      if (known && size > most) {
        throw new ExpectedError(
          'dataset-malformed',
          `${path}: it unpacks to more than the ${most} bytes its header announces.`,
        );
      }
      checkRatio(size, source.bytesRead, path, limits);
      for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (/^Z_/.test(code)) {
      throw new ExpectedError('dataset-malformed', `${path}: the gzip data is damaged (${(error as Error).message}).`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  if (!known) checkAnnounced(announced(head), path, limits);
  return size;
}

function checkAnnounced(bytes: number, path: string, limits: DatasetLimits): number {
  if (bytes > limits.maxInflatedBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: its header announces ${bytes} bytes (limit maxInflatedBytes = ${limits.maxInflatedBytes}).`,
    );
  }
  return bytes;
}

function checkRatio(out: number, into: number, path: string, limits: DatasetLimits): void {
  if (out > limits.ratioFloorBytes && out > into * limits.maxRatio) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: ${out} bytes come out of ${into} (limit maxRatio = ${limits.maxRatio} above ${limits.ratioFloorBytes} bytes).`,
    );
  }
}

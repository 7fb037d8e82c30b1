/** Writing files piece by piece, whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { systemFailure } from '../system.ts';
import { partialOf, removeLeftovers } from './leftovers.ts';

export interface PartialFile {
  readonly descriptor: number;
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** Brings everything appended so far to the descriptor, to be read back. */
  flush(): void;
  /** Replaces bytes that were appended and flushed. */
  overwrite(position: number, bytes: Uint8Array): void;
  /** Gives the file its name, once everything is on the disk. */
  finish(): void;
  /** Throws away what was written. Does nothing after `finish`. */
  discard(): void;
}

const BLOCK_BYTES = 1 << 20;

/**
 * Starts `file` under a temporary name that belongs to this process; what killed processes left of it is thrown away.
 * @throws ExpectedError no-space, file-missing (from every call)
 */
export function startFile(file: string): PartialFile {
  const temporary = partialOf(file);
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw systemFailure(error, file);
    }
  };
  const descriptor = guard(() => {
    removeLeftovers(dirname(file), basename(file));
    rmSync(temporary, { force: true });
    return openSync(temporary, 'wx+', 0o600);
  });
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  let size = 0;
  let open = true;
  const flush = (): void => {
    for (let at = 0; at < filled;) at += writeSync(descriptor, block, at, filled - at, size - filled + at);
    filled = 0;
  };
  return {
    descriptor,
    get size() {
      return size;
    },
    append: (bytes) =>
      guard(() => {
        for (let from = 0; from < bytes.length;) {
          const here = Math.min(bytes.length - from, BLOCK_BYTES - filled);
          block.set(bytes.subarray(from, from + here), filled);
          from += here;
          filled += here;
          size += here;
          if (filled === BLOCK_BYTES) flush();
        }
      }),
    flush: () => guard(flush),
    overwrite: (position, bytes) =>
      guard(() => {
        for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, position + at);
      }),
    finish: () =>
      guard(() => {
        flush();
        fsyncSync(descriptor);
        closeSync(descriptor);
        open = false;
        renameSync(temporary, file);
      }),
    discard() {
      if (!open) return;
      open = false;
      closeSync(descriptor);
      rmSync(temporary, { force: true });
    },
  };
}

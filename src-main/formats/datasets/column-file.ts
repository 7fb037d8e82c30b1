/** Writing files piece by piece, whole or not at all. */
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemFailure } from '../system.ts';

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

const PARTIAL = /^(.*)\.(\d{1,10})\.partial$/s;

/**
 * Throws away what writers that were killed left behind. A project is written by one machine at a time, so a process
 * that does not exist here exists nowhere.
 * @param of only the leftovers of the file of that name; all when left out
 */
export function removeLeftovers(folder: string, of?: string): void {
  for (const name of readdirSync(folder)) {
    const [, base, writer] = PARTIAL.exec(name) ?? [];
    if (base === undefined || (of !== undefined && base !== of) || isAlive(Number(writer))) continue;
    rmSync(join(folder, name), { force: true });
  }
}

function isAlive(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Starts `file` under a temporary name that belongs to this process; what killed processes left of it is thrown away.
 * @throws ExpectedError no-space, file-missing (from every call)
 */
export function startFile(file: string): PartialFile {
  const temporary = `${file}.${process.pid}.partial`;
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

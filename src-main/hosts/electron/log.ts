/**
 * What went wrong, one JSON line each, in a file that a user can pass on: no contents of files, and the home folder as
 * "~". Where the file has grown to its bound it becomes the old one, and the one before goes.
 */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { serializeFailure } from '../../../src-shared/failure.ts';

export interface LogOptions {
  readonly file: string;
  /** Folder that is not to be named. */
  readonly home: string;
  readonly version: string;
  /** Bytes; default 1 MiB. */
  readonly most?: number;
  readonly now?: () => number;
}

/** @returns writes one failure; never throws, for a log that cannot be written must not stop what it tells of */
export function fileLog({ file, home, version, most = 1 << 20, now = Date.now }: LogOptions): (error: unknown) => void {
  const named = (text: string | null): string | null => (home === '' ? text : (text?.replaceAll(home, '~') ?? null));
  return (error) => {
    const { kind, code, message, detail, stack } = serializeFailure(error);
    const texts = { message: named(message), detail: named(detail), stack: named(stack) };
    const entry = { time: new Date(now()).toISOString(), version, kind, code, ...texts };
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      if (size >= most) renameSync(file, `${file}.old`);
      appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    } catch {
      // The console has it.
    }
  };
}

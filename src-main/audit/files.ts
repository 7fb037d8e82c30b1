/** Writing and digesting files: whole or not at all, and with the failures a person can act on named. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';

/** A failure of the file system as an ExpectedError where a person can act on it, as it is otherwise. */
export function expectedFileError(path: string, error: unknown): unknown {
  switch ((error as { code?: unknown } | null)?.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ExpectedError('no-space', path, { cause: error });
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
      return new ExpectedError('file-missing', `${path} (${(error as { code: string }).code})`, { cause: error });
    default:
      return error;
  }
}

/**
 * Writes `bytes` to a temporary file beside `path`, flushes it to the disk and renames it: whoever looks sees the old
 * file, the whole new one, or none.
 * @throws ExpectedError no-space, file-missing (the folder is gone or cannot be written)
 */
export function writeWhole(path: string, bytes: Uint8Array | string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`);
  try {
    const file = openSync(temporary, 'wx', 0o644);
    try {
      const data = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes;
      for (let at = 0; at < data.length; ) at += writeSync(file, data, at, data.length - at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw expectedFileError(path, error);
  }
}

export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** @throws ExpectedError file-missing when `path` is no readable file */
export async function digestFile(path: string, signal?: AbortSignal): Promise<FileDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    if (!statSync(path).isFile()) throw new ExpectedError('file-missing', `${path} is not a file.`);
    const stream = createReadStream(path, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) });
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  } catch (error) {
    throw expectedFileError(path, error);
  }
  return { bytes, sha256: hash.digest('hex') };
}

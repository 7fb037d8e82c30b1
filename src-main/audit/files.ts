/** Writing and digesting files: whole or not at all, and with the failures a person can act on named. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { ExpectedError } from '../../src-shared/failure.ts';
import { startFile } from '../formats/datasets/column-file.ts';
import { systemFailure } from '../formats/system.ts';

/**
 * Writes under a temporary name, flushes to the disk, renames: whoever looks sees the old file, the whole new one, or none.
 * @throws ExpectedError no-space, file-missing (the folder is gone or cannot be written)
 */
export function writeWhole(path: string, bytes: Uint8Array | string): FileDigest {
  const data = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes;
  const part = startFile(path);
  try {
    part.append(data);
    part.finish();
  } finally {
    part.discard();
  }
  return { bytes: data.length, sha256: digestBytes(data) };
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
    throw systemFailure(error, path);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** SHA-256 as 64 lower-case hexadecimal digits. */
export function digestBytes(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

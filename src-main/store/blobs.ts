/**
 * Files named by their SHA-256 in `blobs/`. A blob is complete or not there: it is written under another name, flushed,
 * renamed, and the folder is flushed before anything may refer to it.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';
import { sha256 } from './canonical.ts';
import { expectedStoreError, storeErrors } from './database.ts';

export const blobFolder = 'blobs';
const temporary = '.writing-';
const digestForm = /^[0-9a-f]{64}$/;
let written = 0;

export interface BlobRef {
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export type BlobCheck = 'intact' | 'missing' | 'not-a-file' | 'wrong-size' | 'wrong-bytes';

export function blobPath(dir: string, digest: string): string {
  if (!digestForm.test(digest)) throw new RangeError(`digest must be 64 hexadecimal digits, met ${digest}`);
  return join(dir, blobFolder, digest);
}

/**
 * Stores `bytes`; the same bytes are stored once.
 * @throws ExpectedError `no-space`, `project-not-writable`.
 */
export function putBlob(dir: string, bytes: Uint8Array): BlobRef {
  const ref = { digest: sha256(bytes), size: bytes.byteLength };
  const path = blobPath(dir, ref.digest);
  if (checkBlob(dir, ref) === 'intact') return ref;
  return storeErrors(path, () => {
    const folder = join(dir, blobFolder);
    if (mkdirSync(folder, { recursive: true }) !== undefined) syncFolder(dir);
    const draft = join(folder, `${temporary}${process.pid}-${(written += 1)}`);
    try {
      const file = openSync(draft, 'wx');
      try {
        writeFileSync(file, bytes);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(draft, path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
    syncFolder(folder);
    return ref;
  });
}

/**
 * The bytes of a blob, checked against its digest.
 * @throws ExpectedError `project-corrupt` naming the blob and what is wrong with it.
 */
export function readBlob(dir: string, ref: BlobRef): Uint8Array {
  const path = blobPath(dir, ref.digest);
  const bytes = readIntact(path, ref);
  if (typeof bytes === 'string') throw new ExpectedError('project-corrupt', `Blob ${ref.digest}: ${bytes}.`);
  return bytes;
}

/** Bytes that are read and digested before whoever else waits gets a turn. */
const partBytes = 1 << 20;

/**
 * As `readBlob`, in parts between which the process does what waits: a host that shows windows must not stand still.
 * @throws ExpectedError `project-corrupt`
 */
export async function readBlobInParts(dir: string, ref: BlobRef): Promise<Uint8Array> {
  const path = blobPath(dir, ref.digest);
  const corrupt = (what: string): ExpectedError => new ExpectedError('project-corrupt', `Blob ${ref.digest}: ${what}.`);
  const wrong = wrongFile(path, ref);
  if (wrong !== null) throw corrupt(wrong);
  const hash = createHash('sha256');
  const bytes = new Uint8Array(ref.size);
  let at = 0;
  try {
    for await (const part of createReadStream(path, { highWaterMark: partBytes }) as AsyncIterable<Buffer>) {
      if (at + part.length > bytes.length) throw corrupt('wrong-size');
      hash.update(part);
      bytes.set(part, at);
      at += part.length;
    }
  } catch (error) {
    throw expectedStoreError(path, error);
  }
  if (at !== bytes.length || hash.digest('hex') !== ref.digest) throw corrupt('wrong-bytes');
  return bytes;
}

export function checkBlob(dir: string, ref: BlobRef): BlobCheck {
  const met = readIntact(blobPath(dir, ref.digest), ref);
  return typeof met === 'string' ? met : 'intact';
}

function wrongFile(path: string, ref: BlobRef): 'missing' | 'not-a-file' | 'wrong-size' | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 'missing';
  if (!stat.isFile()) return 'not-a-file';
  return stat.size === ref.size ? null : 'wrong-size';
}

function readIntact(path: string, ref: BlobRef): Uint8Array | Exclude<BlobCheck, 'intact'> {
  const wrong = wrongFile(path, ref);
  if (wrong !== null) return wrong;
  const bytes = storeErrors(path, () => readFileSync(path));
  return sha256(bytes) === ref.digest ? bytes : 'wrong-bytes';
}

/** Removes the file of a blob; that it is gone already is no failure. */
export function removeBlob(dir: string, digest: string): void {
  storeErrors(dir, () => rmSync(blobPath(dir, digest), { force: true }));
}

/** Names in `blobs/` that are not in `known`: drafts of a killed writer, blobs whose commit never came, strangers' files. */
export function strayBlobs(dir: string, known: ReadonlySet<string>): string[] {
  const stat = lstatSync(join(dir, blobFolder), { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return [];
  return readdirSync(join(dir, blobFolder)).filter((name) => !known.has(name));
}

/** Deletes what a killed writer left: drafts, and blobs nothing refers to. Files with other names are not touched. */
export function sweepBlobs(dir: string, known: ReadonlySet<string>): string[] {
  const gone = strayBlobs(dir, known).filter((name) => name.startsWith(temporary) || digestForm.test(name));
  for (const name of gone)
    storeErrors(dir, () => rmSync(join(dir, blobFolder, name), { force: true, recursive: false }));
  return gone;
}

/** Flushes a folder's list of names. Windows has no such call and needs none. */
function syncFolder(dir: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

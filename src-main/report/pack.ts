/**
 * The audit pack: one zip whose bytes follow from its files. Entries are stored, sorted by name and carry one time, so
 * that a verifier can build the archive again and compare: nothing can hide between or behind the files.
 */
import { closeSync, createReadStream, createWriteStream, openSync, readSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

export interface PackEntry {
  readonly name: string;
  readonly content: Uint8Array | { readonly file: string };
}

export const signatureFolder = 'signatures/';
export const journalName = 'journal.jsonl';
export const publicKeyName = `${signatureFolder}public-key.pem`;
/** What lies in `signatures/`; nothing else may. */
export const signatureNames = {
  manifest: `${signatureFolder}manifest.dsse.json`,
  provenance: `${signatureFolder}provenance.dsse.json`,
  verification: `${signatureFolder}verification.dsse.json`,
  model: `${signatureFolder}model.sig`,
} as const;

/** @param createdAt RFC 3339; the entries carry noon of its day, which exists in every time zone */
function zipOf(entries: readonly PackEntry[], createdAt: string): ZipFile {
  const [year, month, day] = createdAt.slice(0, 10).split('-').map(Number);
  const mtime = new Date(Math.max(1980, year), month - 1, day, 12);
  const options = { mtime, mode: 0o100644, compress: false, forceDosTimestamp: true };
  const zip = new ZipFile();
  for (const { name, content } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    // All by the same call: the way an entry came in shows in its header.
    const size = content instanceof Uint8Array ? content.length : statSync(content.file).size;
    zip.addReadStreamLazy(name, { ...options, size }, (give) => {
      give(
        null,
        content instanceof Uint8Array ? Readable.from([Buffer.from(content)]) : createReadStream(content.file),
      );
    });
  }
  zip.end();
  return zip;
}

export async function writePack(path: string, entries: readonly PackEntry[], createdAt: string): Promise<void> {
  await pipeline(zipOf(entries, createdAt).outputStream, createWriteStream(path));
}

/** Offset of the first byte in which the archive differs from one made of `entries` anew; null when there is none. */
export async function firstDifference(
  path: string,
  entries: readonly PackEntry[],
  createdAt: string,
): Promise<number | null> {
  const file = openSync(path, 'r');
  try {
    let at = 0;
    for await (const chunk of zipOf(entries, createdAt).outputStream as AsyncIterable<Buffer>) {
      const met = Buffer.alloc(chunk.length);
      const read = readSync(file, met, 0, chunk.length, at);
      if (read < chunk.length || !met.equals(chunk)) {
        let k = 0;
        while (k < read && met[k] === chunk[k]) k++;
        return at + k;
      }
      at += chunk.length;
    }
    return readSync(file, Buffer.alloc(1), 0, 1, at) === 0 ? null : at;
  } finally {
    closeSync(file);
  }
}

/** The zip around a `.keras` network: its members within limits, each where the directory says and nowhere else. */
import { crc32 } from 'node:zlib';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import type { ModelLimits, ZipLimits } from '../../limits.ts';
import { checkRelativePath } from '../../paths.ts';
import { malformedModel, tooLargeModel } from '../fields.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';

export interface ArchiveLimits {
  readonly limits: ModelLimits;
  readonly zip: ZipLimits;
}

/**
 * Unpacks the members that `wanted` names; all others are only checked.
 * @throws ExpectedError encoder-malformed (names that leave the archive, names twice, members that overlap, wrong sums),
 *   encoder-too-large
 */
export async function unzipMembers(
  bytes: Uint8Array,
  wanted: ReadonlySet<string>,
  options: ArchiveLimits,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const zip = await opened(bytes);
  const entries = await entriesOf(zip, options.limits.maxMembers);
  checkNames(entries);
  checkPlaces(entries, bytes.length);
  const members = new Map<string, Uint8Array>();
  for (const entry of entries) {
    if (wanted.has(entry.fileName)) members.set(entry.fileName, await unpacked(zip, entry, options));
  }
  return members;
}

function opened(bytes: Uint8Array): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    fromBuffer(buffer, { lazyEntries: true, decodeStrings: true, validateEntrySizes: true }, (error, zip) => {
      if (error !== null) reject(broken(error));
      else resolve(zip);
    });
  });
}

function broken(error: unknown): ExpectedError {
  if (error instanceof ExpectedError) return error;
  return malformedModel(`The archive: ${error instanceof Error ? error.message : String(error)}.`, error);
}

function entriesOf(zip: ZipFile, maxMembers: number): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    zip.on('error', (error: unknown) => reject(broken(error)));
    zip.on('end', () => resolve(entries));
    zip.on('entry', (entry: Entry) => {
      entries.push(entry);
      if (entries.length > maxMembers)
        reject(tooLargeModel(`The archive has more than ${maxMembers} members (limit maxMembers).`));
      else zip.readEntry();
    });
    zip.readEntry();
  });
}

function checkNames(entries: readonly Entry[]): void {
  const seen = new Set<string>();
  for (const { fileName } of entries) {
    const quoted = JSON.stringify(fileName.slice(0, 200));
    const checked = checkRelativePath(fileName);
    if (!checked.ok) throw malformedModel(`The member ${quoted}: ${checked.reason}.`);
    if (seen.has(fileName)) throw malformedModel(`The member ${quoted} is in the archive twice.`);
    seen.add(fileName);
  }
}

/** Members that share bytes are how a small archive becomes a large one. */
function checkPlaces(entries: readonly Entry[], size: number): void {
  const spans = entries
    .map((entry) => ({
      start: entry.relativeOffsetOfLocalHeader,
      end: entry.relativeOffsetOfLocalHeader + 30 + entry.compressedSize,
    }))
    .sort((a, b) => a.start - b.start);
  spans.forEach((span, index) => {
    const next = spans[index + 1];
    if (!(span.end <= size) || (next !== undefined && span.end > next.start)) {
      throw malformedModel('Members of the archive overlap.');
    }
  });
}

async function unpacked(file: ZipFile, entry: Entry, { limits, zip }: ArchiveLimits): Promise<Uint8Array> {
  const { fileName, uncompressedSize, compressedSize } = entry;
  const quoted = JSON.stringify(fileName);
  if (entry.isEncrypted()) throw malformedModel(`The member ${quoted} is encrypted.`);
  if (uncompressedSize > limits.maxBytes) {
    throw tooLargeModel(`The member ${quoted} claims ${uncompressedSize} bytes (limit maxBytes = ${limits.maxBytes}).`);
  }
  if (uncompressedSize > zip.ratioFloorBytes && uncompressedSize > zip.maxRatio * compressedSize) {
    throw tooLargeModel(`The member ${quoted} unpacks to more than ${zip.maxRatio} times its size (limit maxRatio).`);
  }
  const parts: Buffer[] = [];
  let got = 0;
  try {
    const stream = await file.openReadStreamPromise(entry);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      got += chunk.length;
      if (got > uncompressedSize) throw malformedModel(`The member ${quoted} is longer than it claims.`);
      parts.push(chunk);
    }
  } catch (error) {
    throw broken(error);
  }
  const whole = Buffer.concat(parts, got);
  if (got !== uncompressedSize || crc32(whole) !== entry.crc32) {
    throw malformedModel(`The member ${quoted} is not what its checksum says.`);
  }
  return whole;
}

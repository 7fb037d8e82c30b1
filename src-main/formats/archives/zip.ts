/**
 * Zip archives: stored and deflated members, zip64. The central directory is read by yauzl; what a hostile archive could
 * say otherwise elsewhere (local headers, overlapping members) is compared here before anything is read.
 */
import { fstatSync, readSync } from 'node:fs';
import { fromRandomAccessReader, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { nameText } from '../datasets/column.ts';
import { readExactly } from '../datasets/raw.ts';
import type { ListContext, MemberList } from './archive.ts';

const LOCAL_HEADER = 0x04034b50;
const LOCAL_BYTES = 30;
const ENCRYPTED = 1;
/** Sizes and checksum stand behind the data, not in the local header. */
const SIZES_FOLLOW = 8;
const STORED = 0;
const DEFLATED = 8;
const LINK = 0xa000;
const KIND = 0xf000;
const REGULAR = 0x8000;

/** True for the first bytes of a zip archive, also an empty one. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6));
}

/**
 * Adds the regular files of a zip archive to `members`. Links, devices, encrypted members and other compressions are
 * skipped and counted.
 * @throws ExpectedError dataset-malformed (broken, contradicts itself, overlapping members), dataset-too-large
 */
export async function listZip(
  descriptor: number,
  path: string,
  shard: number,
  members: MemberList,
  context: ListContext,
): Promise<void> {
  const { limits, skipped, pace } = context;
  const malformed = (what: string, cause?: unknown): ExpectedError =>
    new ExpectedError('dataset-malformed', `${path}: ${what}`, cause === undefined ? {} : { cause });
  const fileBytes = fstatSync(descriptor).size;
  const zip = await openDirectory(descriptor, fileBytes, malformed);
  if (zip.entryCount > limits.dataset.maxFiles) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: ${zip.entryCount} entries (limit maxFiles = ${limits.dataset.maxFiles}).`,
    );
  }
  const places: { start: Float64Array; end: Float64Array } = {
    start: new Float64Array(zip.entryCount),
    end: new Float64Array(zip.entryCount),
  };
  let inflatedBytes = 0;
  for (let i = 0; i < zip.entryCount; i++) {
    const entry = nextEntry(zip, malformed);
    const name = entry.fileName as unknown as Buffer;
    const shown = nameText(name.subarray(0, 300));
    const dataStart = checkLocal(descriptor, entry, shown, malformed);
    places.start[i] = entry.relativeOffsetOfLocalHeader;
    places.end[i] = dataStart + entry.compressedSize;
    if (places.end[i] > fileBytes) throw malformed(`${JSON.stringify(shown)} ends outside the file.`);
    if (pace.due()) await pace.breathe();
    if (name.at(-1) === 0x2f) continue;
    const reason = whyNot(entry);
    if (reason !== null) {
      skipped.add(shown, reason);
      continue;
    }
    const deflated = entry.compressionMethod === DEFLATED;
    if (deflated) inflatedBytes += entry.uncompressedSize;
    if (inflatedBytes > limits.dataset.maxInflatedBytes) {
      throw new ExpectedError(
        'dataset-too-large',
        `${path}: its members unpack to more than ${limits.dataset.maxInflatedBytes} bytes (limit maxInflatedBytes).`,
      );
    }
    checkRatio(entry, shown, path, context);
    members.add(shard, {
      name,
      start: dataStart,
      packed: entry.compressedSize,
      size: entry.uncompressedSize,
      deflated,
      crc: entry.crc32,
    });
  }
  refuseOverlaps(places, malformed);
}

type Malformed = (what: string, cause?: unknown) => ExpectedError;

/** Answers yauzl from a window over the file, at once: a million entries are no million turns of the event loop. */
class WindowReader extends RandomAccessReader {
  readonly #descriptor: number;
  readonly #block = Buffer.alloc(1 << 20);
  #from = 0;
  #filled = 0;

  constructor(descriptor: number) {
    super();
    this.#descriptor = descriptor;
  }

  override read(
    out: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    try {
      this.#fill(length, position);
      this.#block.copy(out, offset, position - this.#from, position - this.#from + length);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback(null);
  }

  /** No field of a directory is longer than three times 64 KB. */
  #fill(length: number, position: number): void {
    if (position >= this.#from && position + length <= this.#from + this.#filled) return;
    this.#from = position;
    this.#filled = readSync(this.#descriptor, this.#block, 0, this.#block.length, position);
    if (this.#filled < length) throw new Error('it ends within its directory');
  }
}

async function openDirectory(descriptor: number, bytes: number, malformed: Malformed): Promise<ZipFile> {
  return await new Promise((resolve, reject) => {
    const options = { lazyEntries: true, decodeStrings: false, autoClose: false };
    const answer = (error: Error | null, zip: ZipFile): void => {
      if (error !== null) {
        reject(malformed(`${error.message.replace(/[^\x20-\x7e]/g, '?')}.`, error));
        return;
      }
      // What yauzl still says of an entry that was refused already; with no one listening it would end the process.
      zip.on('error', () => undefined);
      resolve(zip);
    };
    try {
      fromRandomAccessReader(new WindowReader(descriptor), bytes, options, answer);
    } catch (error) {
      reject(malformed(`${(error as Error).message}.`, error));
    }
  });
}

function nextEntry(zip: ZipFile, malformed: Malformed): Entry {
  let entry: Entry | null = null;
  let failure: Error | null = null;
  const onEntry = (next: Entry): void => void (entry = next);
  const onError = (error: Error): void => void (failure = error);
  zip.once('entry', onEntry);
  zip.once('error', onError);
  try {
    zip.readEntry();
  } catch (error) {
    failure = error as Error;
  }
  zip.removeListener('entry', onEntry);
  zip.removeListener('error', onError);
  if (failure !== null) throw malformed(`${(failure as Error).message}.`, failure);
  // The one entry that yauzl does not answer at once is one without a name.
  if (entry === null) throw malformed('an entry has no name.');
  return entry;
}

/** @returns where the data starts. @throws when the local header says otherwise than the central directory */
function checkLocal(descriptor: number, entry: Entry, shown: string, malformed: Malformed): number {
  const at = entry.relativeOffsetOfLocalHeader;
  const where = JSON.stringify(shown);
  const head = Buffer.alloc(LOCAL_BYTES);
  if (!tryRead(descriptor, head, at)) throw malformed(`the header of ${where} lies outside the file.`);
  if (head.readUInt32LE(0) !== LOCAL_HEADER) throw malformed(`there is no header where ${where} should start.`);
  const flags = head.readUInt16LE(6);
  const nameBytes = head.readUInt16LE(26);
  const name = Buffer.alloc(nameBytes);
  if (!tryRead(descriptor, name, at + LOCAL_BYTES)) throw malformed(`the header of ${where} ends outside the file.`);
  const differs = (what: string): ExpectedError =>
    malformed(`the directory and the header of ${where} name different ${what}: programs would read different files.`);
  if (!name.equals(entry.fileName as unknown as Buffer)) throw differs('names');
  if (head.readUInt16LE(8) !== entry.compressionMethod) throw differs('compressions');
  if ((flags & ENCRYPTED) !== (entry.generalPurposeBitFlag & ENCRYPTED)) throw differs('encryptions');
  if ((flags & SIZES_FOLLOW) === 0) {
    if (head.readUInt32LE(14) !== entry.crc32) throw differs('checksums');
    for (const [place, size] of [
      [18, entry.compressedSize],
      [22, entry.uncompressedSize],
    ] as const) {
      const local = head.readUInt32LE(place);
      // 2^32 - 1: the size stands in the zip64 field.
      if (local !== size && local !== 0xffff_ffff) throw differs('sizes');
    }
  }
  return at + LOCAL_BYTES + nameBytes + head.readUInt16LE(28);
}

function tryRead(descriptor: number, out: Buffer, position: number): boolean {
  try {
    readExactly(descriptor, out, position, 'the archive');
    return true;
  } catch {
    return false;
  }
}

function whyNot(entry: Entry): string | null {
  const unix = entry.versionMadeBy >> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0;
  const kind = unix & KIND;
  if (kind === LINK) return 'links are not followed';
  if (kind !== 0 && kind !== REGULAR) return 'not a regular file';
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) return 'it is encrypted';
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    return `its compression (method ${entry.compressionMethod}) is not read; stored and deflated members are`;
  return null;
}

function checkRatio(entry: Entry, shown: string, path: string, { limits }: ListContext): void {
  const { maxRatio, ratioFloorBytes } = limits.dataset;
  const { uncompressedSize: out, compressedSize: into } = entry;
  if (out > ratioFloorBytes && out > into * maxRatio) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: ${JSON.stringify(shown)} announces ${out} bytes out of ${into} (limit maxRatio = ${maxRatio} above ${ratioFloorBytes} bytes).`,
    );
  }
}

/** Members that share bytes let a small archive hold a huge one ("A better zip bomb", Fifield 2019). */
function refuseOverlaps({ start, end }: { start: Float64Array; end: Float64Array }, malformed: Malformed): void {
  const order = Uint32Array.from(start.keys()).sort((a, b) => start[a] - start[b]);
  for (let i = 1; i < order.length; i++) {
    if (start[order[i]] < end[order[i - 1]]) {
      throw malformed(`its members overlap at byte ${start[order[i]]}, as in an archive made to unpack without end.`);
    }
  }
}

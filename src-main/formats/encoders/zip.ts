/**
 * Zip archives as models are written in them (PyTorch, Keras): strict where archives made to confuse readers are not.
 * Two readers must not be able to see two different archives, so whatever could be read in two ways is refused.
 */
import { crc32, inflateRawSync } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { visibleName } from '../../../src-shared/text.ts';
import { defaultLimits, type ZipLimits } from '../limits.ts';
import { checkRelativePath } from '../paths.ts';

export interface ZipEntry {
  readonly name: string;
  /** Bytes after decompression. */
  readonly size: number;
  /** Offset of its (stored or compressed) bytes in the archive. */
  readonly start: number;
  readonly stored: number;
  readonly method: 'stored' | 'deflated';
  readonly crc: number;
}

export interface ZipArchive {
  /** In the order of the central directory; folders are left out. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * The content of an entry, its checksum verified; a view of the archive where it is stored.
   * @throws ExpectedError encoder-malformed (no such entry, wrong checksum or size)
   */
  read(name: string): Uint8Array;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;

export function looksLikeZip(bytes: Uint8Array): boolean {
  return bytes.length >= 22 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/** @throws ExpectedError encoder-malformed, encoder-too-large */
export function openZip(bytes: Uint8Array, limits: ZipLimits = defaultLimits.zip): ZipArchive {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(bytes, view);
  const directory = directoryOf(view, end);
  if (directory.count > limits.maxEntries) {
    throw tooLarge(`${directory.count} entries (limit maxEntries = ${limits.maxEntries})`);
  }
  const entries = new Map<string, ZipEntry>();
  const spans: { readonly start: number; readonly end: number; readonly name: string }[] = [];
  let at = directory.start;
  let total = 0;
  for (let i = 0; i < directory.count; i += 1) {
    const { entry, header, next } = readEntry(bytes, view, at, directory.start);
    at = next;
    spans.push({ start: header, end: entry.start + entry.stored, name: entry.name });
    if (entry.name.endsWith('/') && entry.size === 0) continue;
    const checked = checkRelativePath(entry.name);
    if (!checked.ok) throw malformed(`${quoted(entry.name)}: ${checked.reason}`);
    if (entries.has(entry.name)) throw malformed(`${quoted(entry.name)} is in it twice`);
    total += entry.size;
    if (total > limits.maxInflatedBytes) {
      throw tooLarge(`its entries together claim ${total} bytes (limit maxInflatedBytes = ${limits.maxInflatedBytes})`);
    }
    if (entry.size > limits.ratioFloorBytes && entry.size > entry.stored * limits.maxRatio) {
      throw tooLarge(
        `${quoted(entry.name)} would grow ${entry.size}:${entry.stored} (limit maxRatio = ${limits.maxRatio})`,
      );
    }
    entries.set(entry.name, entry);
  }
  if (at !== directory.end) throw malformed('its directory does not end where it should');
  spans.sort((a, b) => a.start - b.start);
  for (let i = 1; i < spans.length; i += 1) {
    if (spans[i].start < spans[i - 1].end)
      throw malformed(`${quoted(spans[i].name)} overlaps ${quoted(spans[i - 1].name)}`);
  }
  return {
    entries,
    read(name) {
      const entry = entries.get(name);
      if (entry === undefined) throw malformed(`there is no ${quoted(name)} in it`);
      const raw = bytes.subarray(entry.start, entry.start + entry.stored);
      const content = entry.method === 'stored' ? raw : inflate(raw, entry);
      if (content.length !== entry.size)
        throw malformed(`${quoted(name)} has ${content.length} bytes, ${entry.size} stated`);
      if (crc32(content) !== entry.crc) throw malformed(`the checksum of ${quoted(name)} is wrong`);
      return content;
    },
  };
}

/** The end record, which must end the file: another behind it would be another archive. */
function findEnd(bytes: Uint8Array, view: DataView): number {
  const lowest = Math.max(0, bytes.length - 22 - 0xffff);
  for (let at = bytes.length - 22; at >= lowest; at -= 1) {
    if (view.getUint32(at, true) === END && at + 22 + view.getUint16(at + 20, true) === bytes.length) return at;
  }
  throw malformed('it has no end record, or bytes follow it');
}

function directoryOf(
  view: DataView,
  end: number,
): { readonly start: number; readonly end: number; readonly count: number } {
  let count = view.getUint16(end + 10, true);
  let size = view.getUint32(end + 12, true);
  let start = view.getUint32(end + 16, true);
  let limit = end;
  if (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 6, true) !== 0)
    throw malformed('it is spread over several disks');
  const has64 = end >= 20 && view.getUint32(end - 20, true) === LOCATOR64;
  if (has64) {
    const at = wide(view, end - 20 + 8);
    if (at + 56 > end || view.getUint32(at, true) !== END64)
      throw malformed('its 64-bit end record is not where it should be');
    const [wideCount, wideSize, wideStart] = [wide(view, at + 32), wide(view, at + 40), wide(view, at + 48)];
    // The narrow record either says the same or says "look there".
    const differs = (narrow: number, value: number, mark: number): boolean => narrow !== mark && narrow !== value;
    if (
      differs(count, wideCount, 0xffff) ||
      differs(size, wideSize, 0xffffffff) ||
      differs(start, wideStart, 0xffffffff)
    ) {
      throw malformed('its two end records contradict each other');
    }
    [count, size, start, limit] = [wideCount, wideSize, wideStart, at];
  }
  if (start + size !== limit) throw malformed('its directory is not in front of its end record');
  return { start, end: limit, count };
}

function readEntry(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  directory: number,
): { readonly entry: ZipEntry; readonly header: number; readonly next: number } {
  if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL) throw malformed('its directory is broken');
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const crc = view.getUint32(at + 16, true);
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
  if (next > bytes.length) throw malformed('its directory is cut off');
  const name = nameOf(bytes.subarray(at + 46, at + 46 + nameLength));
  const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  const [size, stored, header] = widened(view, sizes, at + 46 + nameLength, extraLength, name);
  if ((flags & 0x41) !== 0) throw malformed(`${quoted(name)} is encrypted`);
  if (method !== 0 && method !== 8) throw malformed(`${quoted(name)} is compressed by method ${method}`);
  if (method === 0 && size !== stored) throw malformed(`${quoted(name)} is stored and has two sizes`);
  if (header + 30 > directory || view.getUint32(header, true) !== LOCAL)
    throw malformed(`${quoted(name)} is not where the directory says`);
  const localName = view.getUint16(header + 26, true);
  const start = header + 30 + localName + view.getUint16(header + 28, true);
  if (start + stored > directory) throw malformed(`${quoted(name)} reaches into the directory`);
  if (nameOf(bytes.subarray(header + 30, header + 30 + localName)) !== name)
    throw malformed(`${quoted(name)} has another name in front of its data`);
  if (view.getUint16(header + 8, true) !== method) throw malformed(`${quoted(name)} is compressed in two ways`);
  // Bit 3: sizes follow the data instead.
  if ((view.getUint16(header + 6, true) & 8) === 0) {
    const local = [view.getUint32(header + 22, true), view.getUint32(header + 18, true)];
    const [localSize, localStored] = widened(
      view,
      local,
      header + 30 + localName,
      view.getUint16(header + 28, true),
      name,
    );
    if (localSize !== size || localStored !== stored || view.getUint32(header + 14, true) !== crc) {
      throw malformed(`${quoted(name)} has another size or checksum in front of its data`);
    }
  }
  return { entry: { name, size, start, stored, method: method === 0 ? 'stored' : 'deflated', crc }, header, next };
}

/** Sizes of 0xffffffff stand in the extra field 1, in this order, eight bytes each. */
function widened(view: DataView, values: readonly number[], start: number, length: number, name: string): number[] {
  if (!values.includes(0xffffffff)) return [...values];
  for (let at = start; at + 4 <= start + length;) {
    const bytes = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) {
      let from = at + 4;
      return values.map((value) => {
        if (value !== 0xffffffff) return value;
        if (from + 8 > at + 4 + bytes || from + 8 > start + length)
          throw malformed(`${quoted(name)} lacks a 64-bit size`);
        from += 8;
        return wide(view, from - 8);
      });
    }
    at += 4 + bytes;
  }
  throw malformed(`${quoted(name)} lacks a 64-bit size`);
}

function wide(view: DataView, at: number): number {
  const value = at + 8 <= view.byteLength ? view.getBigUint64(at, true) : null;
  if (value === null || value > BigInt(view.byteLength) * 100_000n)
    throw malformed(`it claims ${value ?? 'a size behind its end'}`);
  return Number(value);
}

function inflate(raw: Uint8Array, entry: ZipEntry): Uint8Array {
  try {
    return inflateRawSync(raw, { maxOutputLength: Math.max(1, entry.size) });
  } catch (error) {
    throw malformed(`${quoted(entry.name)} cannot be decompressed to the ${entry.size} bytes stated`, error);
  }
}

function nameOf(raw: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch (error) {
    throw malformed('a name in it is no UTF-8', error);
  }
}

function quoted(name: string): string {
  return `"${visibleName(name.slice(0, 200))}"`;
}

function malformed(what: string, cause?: unknown): ExpectedError {
  return new ExpectedError('encoder-malformed', `Zip archive: ${what}.`, cause === undefined ? {} : { cause });
}

function tooLarge(what: string): ExpectedError {
  return new ExpectedError('encoder-too-large', `Zip archive: ${what}.`);
}

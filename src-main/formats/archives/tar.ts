/**
 * Tar archives: ustar (POSIX.1-1988), pax (POSIX.1-2001) and GNU long names. Regular files only; links, devices and
 * sparse files are skipped and counted. Own reader: samples are read in any order, so places are wanted, not a stream.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { nameText } from '../datasets/column.ts';
import { readExactly } from '../datasets/raw.ts';
import type { ListContext, MemberList } from './archive.ts';

export interface TarSource {
  readonly descriptor: number;
  /** Where the archive starts in the file, and its bytes. */
  readonly start: number;
  readonly length: number;
  /** For messages. */
  readonly path: string;
}

const BLOCK = 512;
/** Headers that may describe one file (long name, long link, pax). */
const MAX_DESCRIPTIONS = 8;

/** True when the first 512 bytes are a tar header: their checksum is right. */
export function isTar(head: Uint8Array): boolean {
  return head.length >= BLOCK && head[0] !== 0 && checksumFits(head.subarray(0, BLOCK));
}

/** What earlier headers say of the next file. */
interface Described {
  name: Buffer | null;
  size: number | null;
  sparse: boolean;
  headers: number;
}

/**
 * Adds the regular files of a tar archive to `members`.
 * @throws ExpectedError dataset-malformed (damaged, truncated, sizes that cannot be), dataset-too-large
 */
export async function listTar(
  source: TarSource,
  shard: number,
  members: MemberList,
  context: ListContext,
): Promise<void> {
  const { limits, skipped, pace } = context;
  const malformed = (what: string): ExpectedError => new ExpectedError('dataset-malformed', `${source.path}: ${what}`);
  const header = Buffer.alloc(BLOCK);
  let described: Described = { name: null, size: null, sparse: false, headers: 0 };
  let at = 0;
  for (let entries = 0; ; entries++) {
    if (at === source.length) break;
    if (at + BLOCK > source.length) throw malformed('it ends within a header.');
    readExactly(source.descriptor, header, source.start + at, source.path);
    if (header.every((byte) => byte === 0)) break;
    if (!checksumFits(header)) throw malformed(`the checksum of the header at byte ${at} is wrong.`);
    if (entries > limits.dataset.maxFiles * 2) {
      throw new ExpectedError('dataset-too-large', `${source.path}: more than ${entries} headers (limit maxFiles).`);
    }
    if (pace.due()) await pace.breathe();
    const type = String.fromCharCode(header[156]);
    const headerSize = numberField(header, 124, 12);
    if (headerSize === null) throw malformed(`the size of the entry at byte ${at} is no number that a size can be.`);
    const description = 'xgLK'.includes(type);
    const size = description ? headerSize : (described.size ?? headerSize);
    // Only regular files have data behind them, whatever size a header of another kind names.
    const hasData = description || isRegular(type) || !'123456'.includes(type);
    const dataBytes = hasData ? size : 0;
    const dataStart = at + BLOCK;
    if (dataStart + dataBytes > source.length) throw malformed(`the entry at byte ${at} ends outside the file.`);
    at = dataStart + Math.ceil(dataBytes / BLOCK) * BLOCK;
    if (description) {
      if (size > limits.dataset.maxHeaderBytes) {
        throw new ExpectedError(
          'dataset-too-large',
          `${source.path}: a header of ${size} bytes (limit maxHeaderBytes = ${limits.dataset.maxHeaderBytes}).`,
        );
      }
      if (++described.headers > MAX_DESCRIPTIONS)
        throw malformed(`more than ${MAX_DESCRIPTIONS} headers describe one file.`);
      const body = Buffer.alloc(size);
      readExactly(source.descriptor, body, source.start + dataStart, source.path);
      describe(described, type, body, malformed);
      continue;
    }
    const name = described.name ?? headerName(header);
    const shown = nameText(name.subarray(0, 300));
    const sparse = described.sparse || type === 'S';
    described = { name: null, size: null, sparse: false, headers: 0 };
    if (type === '5' || (isRegular(type) && name.at(-1) === 0x2f)) continue;
    if (type === '1' || type === '2') skipped.add(shown, 'links are not followed');
    else if (sparse) skipped.add(shown, 'sparse files are not read');
    else if (!isRegular(type)) skipped.add(shown, 'not a regular file');
    else {
      members.add(shard, { name, start: source.start + dataStart, packed: size, size, deflated: false, crc: null });
    }
  }
}

function isRegular(type: string): boolean {
  return type === '0' || type === '\0' || type === '7';
}

function checksumFits(header: Uint8Array): boolean {
  const stated = numberField(Buffer.from(header.buffer, header.byteOffset, BLOCK), 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    // The field itself counts as blanks. Old programs summed signed bytes.
    const byte = i >= 148 && i < 156 ? 0x20 : header[i];
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return stated === unsigned || stated === signed;
}

/** Octal digits, or base 256 when the first bit is set (GNU). Null when it is neither, negative or beyond 2^53. */
function numberField(header: Buffer, from: number, length: number): number | null {
  const field = header.subarray(from, from + length);
  if (field[0] === 0x80 || field[0] === 0xff) {
    let value = 0n;
    for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
    return field[0] === 0x80 && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
  }
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .replace(/^ +/, '');
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : null;
}

function headerName(header: Buffer): Buffer {
  const name = untilNul(header.subarray(0, 100));
  const ustar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = ustar ? untilNul(header.subarray(345, 500)) : Buffer.alloc(0);
  return prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

type Malformed = (what: string) => ExpectedError;

function describe(described: Described, type: string, body: Buffer, malformed: Malformed): void {
  switch (type) {
    case 'L':
      described.name = Buffer.from(untilNul(body));
      return;
    case 'x':
      for (const [key, value] of paxRecords(body, malformed)) {
        if (key === 'path') described.name = Buffer.from(value);
        if (key === 'size') {
          const size = Number(/^\d{1,16}$/.test(value.toString('latin1')) ? value.toString('latin1') : NaN);
          if (!Number.isSafeInteger(size)) throw malformed('a pax header names a size that is no number.');
          described.size = size;
        }
        if (key.startsWith('GNU.sparse.')) described.sparse = true;
      }
      return;
    case 'g': {
      // Words for all files that follow: what decides where and how long a file is does not belong here.
      const keys = [...paxRecords(body, malformed)].map(([key]) => key);
      if (keys.some((key) => key === 'path' || key === 'size' || key.startsWith('GNU.sparse.'))) {
        throw malformed('a global pax header renames or resizes all files.');
      }
    }
  }
}

/** `LENGTH KEY=VALUE\n`, the length in bytes of the whole record. */
function* paxRecords(body: Buffer, malformed: Malformed): Generator<readonly [string, Buffer]> {
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const blank = body.indexOf(0x20, at);
    const digits = blank < 0 ? '' : body.toString('latin1', at, blank);
    const length = /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = body.indexOf(0x3d, blank);
    if (length === 0 || end > body.length || body[end - 1] !== 0x0a || equals < 0 || equals >= end - 1) {
      throw malformed('a pax header is damaged.');
    }
    yield [body.toString('latin1', blank + 1, equals), body.subarray(equals + 1, end - 1)];
    at = end;
  }
}

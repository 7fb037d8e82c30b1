/**
 * The sorted table in which TensorFlow keeps the index of a checkpoint: LevelDB's table format (table_format.md of
 * LevelDB; TensorFlow's lib/io/table is the same). Blocks of keys that share their beginnings, found through an index
 * block that the footer names; each with a checksum.
 */
import type { ModelLimits } from '../../limits.ts';
import { malformedModel, tooLargeModel, unsupportedModel } from '../fields.ts';

const FOOTER = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** Behind each block: how it is compressed, and a checksum. */
const TRAILER = 5;
const MASK = 0xa282ead8;

interface Place {
  readonly at: number;
  readonly size: number;
}

/**
 * All entries in the order of their keys.
 * @param what names the file in errors
 * @throws ExpectedError encoder-malformed, encoder-too-large (maxTensors), unsupported-encoder (compressed)
 */
export function readTable(bytes: Uint8Array, what: string, limits: ModelLimits): Map<string, Uint8Array> {
  const wrong = (why: string): Error => malformedModel(`${what}: ${why}.`);
  if (bytes.length < FOOTER) throw wrong('it is too short for a table');
  const footer = bytes.subarray(bytes.length - FOOTER);
  if (viewOf(footer).getBigUint64(40, true) !== MAGIC) throw wrong('it does not end as a table does');
  const cursor = { at: 0 };
  // The block about the blocks is empty in every file that TensorFlow writes.
  blockAt(bytes, placeAt(footer, cursor, wrong), wrong);
  const index = placeAt(footer, cursor, wrong);
  const found = new Map<string, Uint8Array>();
  // A block is listed once: one that is named again and again would be read again and again.
  let last = -1;
  let lastKey: Buffer | null = null;
  for (const [, handle] of entriesOf(blockAt(bytes, index, wrong), wrong)) {
    const place = placeAt(handle, { at: 0 }, wrong);
    if (place.at <= last) throw wrong('its blocks are out of order');
    last = place.at;
    for (const [key, value] of entriesOf(blockAt(bytes, place, wrong), wrong)) {
      if (lastKey !== null && Buffer.compare(lastKey, key) >= 0) throw wrong('its keys are out of order');
      lastKey = key;
      found.set(nameOf(key, wrong), value);
      if (found.size > limits.maxTensors + 1)
        throw tooLargeModel(`${what} lists more than ${limits.maxTensors} variables (limit maxTensors).`);
    }
  }
  return found;
}

type Wrong = (why: string) => Error;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const utf8 = new TextDecoder('utf-8', { fatal: true });

function nameOf(key: Uint8Array, wrong: Wrong): string {
  try {
    return utf8.decode(key);
  } catch {
    throw wrong('a key is not UTF-8');
  }
}

/** A number of seven bits a byte, lowest first. */
function varint(bytes: Uint8Array, cursor: { at: number }, wrong: Wrong): number {
  let value = 0;
  for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
    if (cursor.at >= bytes.length) break;
    const byte = bytes[cursor.at];
    cursor.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw wrong('a number is cut off or beyond 2^56');
}

function placeAt(bytes: Uint8Array, cursor: { at: number }, wrong: Wrong): Place {
  return { at: varint(bytes, cursor, wrong), size: varint(bytes, cursor, wrong) };
}

function blockAt(bytes: Uint8Array, { at, size }: Place, wrong: Wrong): Uint8Array {
  if (!(at + size + TRAILER <= bytes.length - FOOTER)) throw wrong(`a block at ${at} of ${size} bytes leaves the file`);
  const kind = bytes[at + size];
  if (kind !== 0) throw unsupportedModel(`The index of its checkpoint is compressed (kind ${kind}).`);
  const sum = crc32c(bytes.subarray(at, at + size + 1));
  const masked = (((sum >>> 15) | (sum << 17)) + MASK) >>> 0;
  if (viewOf(bytes).getUint32(at + size + 1, true) !== masked)
    throw wrong(`the block at ${at} is not what its checksum says`);
  return bytes.subarray(at, at + size);
}

function* entriesOf(block: Uint8Array, wrong: Wrong): Generator<[key: Buffer, value: Uint8Array]> {
  const restarts = block.length < 4 ? -1 : viewOf(block).getUint32(block.length - 4, true);
  const end = block.length - 4 * (restarts + 1);
  if (restarts < 0 || end < 0) throw wrong('a block is too short');
  const cursor = { at: 0 };
  let key = Buffer.alloc(0);
  while (cursor.at < end) {
    const shared = varint(block, cursor, wrong);
    const fresh = varint(block, cursor, wrong);
    const length = varint(block, cursor, wrong);
    if (shared > key.length || cursor.at + fresh + length > end) throw wrong('an entry leaves its block');
    if (shared + fresh > MOST_KEY) throw wrong(`a key of ${shared + fresh} bytes`);
    key = Buffer.concat([key.subarray(0, shared), block.subarray(cursor.at, cursor.at + fresh)]);
    cursor.at += fresh;
    yield [key, block.subarray(cursor.at, cursor.at + length)];
    cursor.at += length;
  }
}

/** Keys that share their beginnings could make a small block large. */
const MOST_KEY = 4096;

const CASTAGNOLI = Uint32Array.from({ length: 256 }, (_unused, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** CRC-32C (RFC 3720, B.4); zlib has the other polynomial only. */
export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = CASTAGNOLI[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}

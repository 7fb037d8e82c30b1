/** Columns that grow while a dataset is listed: a few bytes for each sample, no object for each. */
import { ExpectedError } from '../../../src-shared/failure.ts';

export interface ByteColumn {
  readonly count: number;
  push(value: Uint8Array): void;
  /** A view; valid until the next `push`. */
  at(index: number): Buffer;
  compare(a: number, b: number): number;
}

/** Byte strings end to end, with their ends. */
export function openByteColumn(): ByteColumn {
  let bytes = Buffer.alloc(4096);
  let ends = new Uint32Array(256);
  let count = 0;
  const at = (index: number): Buffer => bytes.subarray(index === 0 ? 0 : ends[index - 1], ends[index]);
  return {
    get count() {
      return count;
    },
    push(value) {
      const from = count === 0 ? 0 : ends[count - 1];
      const to = from + value.length;
      if (to > 0xffff_ffff) throw new ExpectedError('dataset-too-large', 'The file names alone are above 4 GB.');
      if (to > bytes.length) {
        const larger = Buffer.alloc(Math.max(to, bytes.length * 2));
        bytes.copy(larger, 0, 0, from);
        bytes = larger;
      }
      if (count === ends.length) {
        const longer = new Uint32Array(ends.length * 2);
        longer.set(ends);
        ends = longer;
      }
      bytes.set(value, from);
      ends[count++] = to;
    },
    at,
    compare: (a, b) => at(a).compare(at(b)),
  };
}

export interface IntColumn {
  readonly count: number;
  push(value: number): void;
  at(index: number): number;
  /** A copy of the right length. */
  array(): Int32Array;
}

export function openIntColumn(): IntColumn {
  let values = new Int32Array(256);
  let count = 0;
  return {
    get count() {
      return count;
    },
    push(value) {
      if (count === values.length) {
        const longer = new Int32Array(values.length * 2);
        longer.set(values);
        values = longer;
      }
      values[count++] = value;
    },
    at: (index) => values[index],
    array: () => values.slice(0, count),
  };
}

export interface NumberColumn {
  readonly count: number;
  push(value: number): void;
  at(index: number): number;
}

/** Sizes and places in files, beyond 32 bits. */
export function openNumberColumn(): NumberColumn {
  let values = new Float64Array(256);
  let count = 0;
  return {
    get count() {
      return count;
    },
    push(value) {
      if (count === values.length) {
        const longer = new Float64Array(values.length * 2);
        longer.set(values);
        values = longer;
      }
      values[count++] = value;
    },
    at: (index) => values[index],
  };
}

/** A file name as text: its UTF-8, with `\xhh` for bytes that are none, so that two names never become one. */
export function nameText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return invalidText(bytes);
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function invalidText(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at];
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      out += strict.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      out += `\\x${lead.toString(16).padStart(2, '0')}`;
      at++;
    }
  }
  return out;
}

/** By code point, as the UTF-8 bytes sort; JavaScript's own order differs above U+FFFF. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * The protobuf wire format as far as ONNX needs it, on protobufjs' Reader: fields are visited in file order and unknown
 * ones passed over. No generated code, no recursion that a file could drive.
 */
import protobuf from 'protobufjs/minimal.js';
import { ExpectedError } from '../../../../src-shared/failure.ts';

/** One field of a message. `varint` is set for wire type 0, `bytes` for 1 (8 bytes), 2 and 5 (4 bytes). */
export interface Field {
  readonly number: number;
  readonly wire: 0 | 1 | 2 | 5;
  readonly varint: bigint;
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { fatal: true });
const NAME_LIMIT = 65_536;

export function malformed(detail: string, cause?: unknown): ExpectedError {
  return new ExpectedError('onnx-malformed', detail, cause === undefined ? undefined : { cause });
}

function int64(reader: protobuf.Reader): bigint {
  const value: unknown = reader.int64();
  if (typeof value === 'number') return BigInt(value);
  const { low, high } = value as { low: number; high: number };
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** A tag or length: the library drops what is above 32 bits, and other programs would read another message. */
function uint32(reader: protobuf.Reader, bytes: Uint8Array): number {
  const start = reader.pos;
  const value = reader.uint32();
  const used = reader.pos - start;
  if (used > 5 || (used === 5 && bytes[start + 4] > 0x0f)) throw new RangeError('a tag or length above 32 bits');
  return value;
}

/**
 * Visits the fields of the message in `bytes`; `what` names it in errors.
 * @throws onnx-malformed when a field runs past the end or has a wire type that ONNX never uses
 */
export function visitFields(bytes: Uint8Array, what: string, visit: (field: Field) => void): void {
  const reader = new protobuf.Reader(bytes);
  while (reader.pos < reader.len) {
    const at = reader.pos;
    let field: Field;
    try {
      const tag = uint32(reader, bytes);
      const number = tag >>> 3;
      const wire = tag & 7;
      if (number === 0) throw new RangeError('field number 0');
      if (wire === 0) {
        field = { number, wire, varint: int64(reader), bytes: NOTHING };
      } else if (wire === 1 || wire === 2 || wire === 5) {
        const length = wire === 1 ? 8 : wire === 5 ? 4 : uint32(reader, bytes);
        const start = reader.pos;
        if (length > reader.len - start) throw new RangeError(`${length} bytes wanted, ${reader.len - start} left`);
        reader.pos = start + length;
        field = { number, wire, varint: 0n, bytes: bytes.subarray(start, start + length) };
      } else {
        throw new RangeError(`wire type ${wire}`);
      }
    } catch (cause) {
      throw malformed(`${what}, byte ${at}: ${cause instanceof Error ? cause.message : String(cause)}.`, cause);
    }
    visit(field);
  }
}

export function bytesOf(field: Field, what: string): Uint8Array {
  if (field.wire !== 2) throw malformed(`${what}: field ${field.number} has wire type ${field.wire}, 2 wanted.`);
  return field.bytes;
}

export function textOf(field: Field, what: string): string {
  const bytes = bytesOf(field, what);
  if (bytes.length > NAME_LIMIT) throw malformed(`${what}: a text of ${bytes.length} bytes (limit ${NAME_LIMIT}).`);
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw malformed(`${what}: a text that is not UTF-8.`, cause);
  }
}

export function intOf(field: Field, what: string): bigint {
  if (field.wire !== 0) throw malformed(`${what}: field ${field.number} has wire type ${field.wire}, 0 wanted.`);
  return field.varint;
}

/** Int64 as a number; what does not fit exactly is clamped to the safe range (ONNX writes INT64_MAX for "to the end"). */
export function safeInt(value: bigint): number {
  if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
  if (value < -9007199254740991n) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

export function floatOf(field: Field, what: string): number {
  if (field.wire !== 5) throw malformed(`${what}: field ${field.number} has wire type ${field.wire}, 5 wanted.`);
  return new DataView(field.bytes.buffer, field.bytes.byteOffset, 4).getFloat32(0, true);
}

/** Appends the varints of a repeated int field, packed or not. */
export function appendInts(field: Field, what: string, into: bigint[]): void {
  if (field.wire === 0) {
    into.push(field.varint);
    return;
  }
  const reader = new protobuf.Reader(bytesOf(field, what));
  try {
    while (reader.pos < reader.len) into.push(int64(reader));
  } catch (cause) {
    throw malformed(`${what}: a broken list of integers.`, cause);
  }
}

/** Appends the values of a repeated float (width 4) or double (width 8) field, packed or not. */
export function appendFloats(field: Field, what: string, width: 4 | 8, into: number[]): void {
  if (field.wire === 0 || field.bytes.length % width !== 0) throw malformed(`${what}: a broken list of floats.`);
  const view = new DataView(field.bytes.buffer, field.bytes.byteOffset, field.bytes.length);
  for (let at = 0; at < view.byteLength; at += width) {
    into.push(width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  }
}

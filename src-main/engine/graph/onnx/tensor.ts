/** ONNX TensorProto <-> Tensor. Field numbers are those of onnx.proto3. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { DType, Tensor, TensorData } from '../ir.ts';
import { appendFloats, appendInts, bytesOf, intOf, malformed, safeInt, textOf, visitFields } from './wire.ts';

/** TensorProto.DataType of the dtypes that the graph can hold. */
export const DATA_TYPE: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};

const TYPE_NAMES: readonly string[] = (
  'undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 ' +
  'complex128 bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4'
).split(' ');

/** All floating point is float32 inside; the wider and narrower kinds are converted at import. */
export function importedType(code: number, what: string): { dtype: DType; converted: boolean } {
  const name = TYPE_NAMES[code];
  if (name === undefined || code === 0) throw malformed(`${what} has the unknown data type ${code}.`);
  switch (name) {
    case 'float16':
    case 'bfloat16':
    case 'float64':
      return { dtype: 'float32', converted: true };
    case 'float32':
    case 'uint8':
    case 'int8':
    case 'int32':
    case 'int64':
    case 'bool':
      return { dtype: name, converted: false };
    default:
      throw new ExpectedError('unsupported-encoder', `${what} has the data type ${name}.`);
  }
}

export interface TensorContext {
  readonly maxElements: number;
  readonly externalData: ((location: string) => Uint8Array) | null;
  /** Told when a tensor's values were converted to float32. */
  readonly onConverted: (name: string, from: string) => void;
}

const WIDTH: Readonly<Record<number, number>> = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2 };

/**
 * Decodes a TensorProto.
 * @throws onnx-malformed when dims and data disagree; onnx-too-large above `maxElements`; unsupported-encoder for a
 *   data type the graph does not hold
 */
export function readTensor(bytes: Uint8Array, what: string, context: TensorContext): { name: string; tensor: Tensor } {
  const dimList: bigint[] = [];
  const ints: bigint[] = [];
  const floats: number[] = [];
  const external = new Map<string, string>();
  let code = 0;
  let name = '';
  let raw: Uint8Array | null = null;
  let location = 0;
  visitFields(bytes, what, (field) => {
    switch (field.number) {
      case 1:
        appendInts(field, what, dimList);
        break;
      case 2:
        code = safeInt(intOf(field, what));
        break;
      case 4:
        appendFloats(field, what, 4, floats);
        break;
      case 5:
      case 7:
        appendInts(field, what, ints);
        break;
      case 8:
        name = textOf(field, what);
        break;
      case 9:
        raw = bytesOf(field, what);
        break;
      case 10:
        appendFloats(field, what, 8, floats);
        break;
      case 13: {
        let key = '';
        let value = '';
        visitFields(bytesOf(field, what), what, (entry) => {
          if (entry.number === 1) key = textOf(entry, what);
          if (entry.number === 2) value = textOf(entry, what);
        });
        external.set(key, value);
        break;
      }
      case 14:
        location = safeInt(intOf(field, what));
        break;
    }
  });
  const label = name === '' ? what : `tensor "${name}"`;
  const { dtype, converted } = importedType(code, label);
  const dims = dimList.map((dim) => {
    if (dim < 0n) throw malformed(`${label} has the size ${dim}.`);
    return safeInt(dim);
  });
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (!(count <= context.maxElements)) {
    throw new ExpectedError(
      'onnx-too-large',
      `${label} claims ${dims.join('x')} values (limit ${context.maxElements}).`,
    );
  }
  if (location === 1) raw = externalBytes(external, label, count * WIDTH[code], context);
  if (converted) context.onConverted(name, TYPE_NAMES[code]);
  const data =
    raw === null ? fromLists(code, dtype, count, ints, floats, label) : fromRaw(code, dtype, count, raw, label);
  return { name, tensor: { dtype, dims, data } };
}

function externalBytes(
  entries: ReadonlyMap<string, string>,
  label: string,
  wanted: number,
  context: TensorContext,
): Uint8Array {
  const location = entries.get('location') ?? '';
  if (location === '') throw malformed(`${label} lies in an external file without a name.`);
  if (context.externalData === null) {
    throw new ExpectedError('file-missing', `${label} lies in the external file "${location}".`);
  }
  const file = context.externalData(location);
  const offset = Number(entries.get('offset') ?? '0');
  const length = Number(entries.get('length') ?? String(wanted));
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw malformed(`${label}: external offset or length is not a number.`);
  }
  if (offset + length > file.length) throw malformed(`${label} reaches past the end of "${location}".`);
  return file.subarray(offset, offset + length);
}

/** A typed view of little-endian bytes: zero-copy where the alignment allows it. */
export function typedView<T extends TensorData>(
  bytes: Uint8Array,
  type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
): T {
  const width = type.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return new type(aligned.buffer, aligned.byteOffset, aligned.length / width);
}

function fromRaw(code: number, dtype: DType, count: number, raw: Uint8Array, label: string): TensorData {
  const wanted = count * WIDTH[code];
  if (raw.length !== wanted) throw malformed(`${label}: ${raw.length} bytes of data, ${wanted} wanted.`);
  switch (code) {
    case 10:
      return float16Values(typedView(raw, Uint16Array));
    case 16:
      return bfloat16Values(typedView(raw, Uint16Array));
    case 11:
      return Float32Array.from(typedView(raw, Float64Array), toFloat32);
  }
  switch (dtype) {
    case 'float32':
      return typedView(raw, Float32Array);
    case 'int64':
      return typedView(raw, BigInt64Array);
    case 'int32':
      return typedView(raw, Int32Array);
    case 'int8':
      return typedView(raw, Int8Array);
    case 'uint8':
      return raw;
    case 'bool':
      return raw.every((value) => value <= 1) ? raw : Uint8Array.from(raw, (value) => (value === 0 ? 0 : 1));
    case 'float16':
    case 'float64':
      throw new Error(`${dtype} is converted at import`);
  }
}

function fromLists(
  code: number,
  dtype: DType,
  count: number,
  ints: readonly bigint[],
  floats: readonly number[],
  label: string,
): TensorData {
  const list = code === 1 || code === 11 ? floats : ints;
  if (list.length !== count) throw malformed(`${label}: ${list.length} values, ${count} wanted.`);
  switch (code) {
    case 1:
      return Float32Array.from(floats);
    case 11:
      return Float32Array.from(floats, toFloat32);
    case 10:
      return Float32Array.from(ints, (bits) => float16Value(Number(BigInt.asUintN(16, bits))));
    case 16:
      return bfloat16Values(Uint16Array.from(ints, (bits) => Number(BigInt.asUintN(16, bits))));
  }
  switch (dtype) {
    case 'int64':
      return BigInt64Array.from(ints);
    case 'int32':
      return Int32Array.from(ints, Number);
    case 'int8':
      return Int8Array.from(ints, Number);
    case 'uint8':
      return Uint8Array.from(ints, Number);
    case 'bool':
      return Uint8Array.from(ints, (value) => (value === 0n ? 0 : 1));
    case 'float16':
    case 'float32':
    case 'float64':
      throw new Error(`${dtype} does not lie in an integer list`);
  }
}

/** Finite values stay finite: masks are written as -1.8e308. */
export function toFloat32(value: number): number {
  const limit = 3.4028234663852886e38;
  return Number.isFinite(value) ? Math.min(limit, Math.max(-limit, value)) : value;
}

/** Value of IEEE 754 binary16 bits. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let float16Table: Float32Array | null = null;

/** All values at once: there are only 65,536 of them, and a large model has hundreds of millions. */
export function float16Values(bits: Uint16Array): Float32Array {
  const table = (float16Table ??= Float32Array.from({ length: 65_536 }, (_, value) => float16Value(value)));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) values[i] = table[bits[i]];
  return values;
}

export function bfloat16Values(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) wide[i] = bits[i] << 16;
  return new Float32Array(wide.buffer);
}

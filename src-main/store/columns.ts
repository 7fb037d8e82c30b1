/** Columns over samples as blobs: raw little-endian numbers, or a JSON list of strings. */
export type ColumnData = Int32Array | Float32Array | Uint8Array | readonly string[];
export type ColumnType = 'int32' | 'float32' | 'uint8' | 'text';

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export function columnType(data: ColumnData): ColumnType {
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Uint8Array) return 'uint8';
  return 'text';
}

export function encodeColumn(data: ColumnData): Uint8Array {
  if (!(data instanceof Int32Array || data instanceof Float32Array || data instanceof Uint8Array)) {
    return new TextEncoder().encode(JSON.stringify(data));
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return littleEndian || data instanceof Uint8Array ? bytes : swapped(bytes);
}

/** @throws RangeError when the bytes are not `count` values of `type`. */
export function decodeColumn(type: ColumnType, count: number, bytes: Uint8Array): ColumnData {
  const width = type === 'uint8' || type === 'text' ? 1 : 4;
  if (type !== 'text' && bytes.byteLength !== count * width) {
    throw new RangeError(
      `a column of ${count} ${type} values must have ${count * width} bytes, met ${bytes.byteLength}`,
    );
  }
  switch (type) {
    case 'int32':
      return new Int32Array(aligned(bytes));
    case 'float32':
      return new Float32Array(aligned(bytes));
    case 'uint8':
      return Uint8Array.from(bytes);
    case 'text': {
      const list: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
      if (!Array.isArray(list) || list.length !== count || !list.every((item) => typeof item === 'string')) {
        throw new RangeError(`a column of ${count} text values must be a list of ${count} strings`);
      }
      return list;
    }
  }
}

/** Own buffer in the machine's byte order. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(littleEndian ? bytes : swapped(bytes)).buffer;
}

function swapped(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Uint8Array.from(bytes)).swap32();
}

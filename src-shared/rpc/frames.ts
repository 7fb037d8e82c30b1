/**
 * Plain values as WebSocket frames. Without typed arrays a frame is JSON text. With them it is binary: a 32-bit
 * little-endian length of the JSON, the JSON, then each array's bytes at an offset that is a multiple of 8 counted
 * from the end of the padded JSON. In the JSON, {"$array": [type, offset, length]} stands for a typed array and
 * {"$number": "NaN"} for a number that JSON lacks; an object that has such a key itself is wrapped as {"$plain": …}.
 */
const arrayTypes = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
type ArrayName = keyof typeof arrayTypes;
type TypedArray = InstanceType<(typeof arrayTypes)[ArrayName]>;

const marks = ['$array', '$number', '$plain'];
const specialNumbers: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '-0': -0,
};
const maxDepth = 64;
const padded = (bytes: number): number => (bytes + 7) & ~7;

/** A frame that does not follow the format above; the connection that sent it is not to be trusted further. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame';
}

/** Encodes a value of null, booleans, numbers, strings, arrays, plain objects and typed arrays; throws a TypeError on anything else. */
export function encodeFrame(value: unknown): string | Uint8Array<ArrayBuffer> {
  const arrays: { array: TypedArray; offset: number }[] = [];
  let size = 0;

  const encode = (item: unknown, depth: number): unknown => {
    if (depth > maxDepth) throw new TypeError(`A value nested deeper than ${maxDepth} cannot be sent.`);
    switch (typeof item) {
      case 'undefined':
      case 'boolean':
      case 'string':
        return item;
      case 'number':
        return Number.isFinite(item) && !Object.is(item, -0)
          ? item
          : { $number: Object.is(item, -0) ? '-0' : String(item) };
      case 'object':
        break;
      default:
        throw new TypeError(`A ${typeof item} cannot be sent.`);
    }
    if (item === null) return null;
    if (Array.isArray(item)) return item.map((entry: unknown) => encode(entry ?? null, depth + 1));
    if (ArrayBuffer.isView(item)) {
      const name = item.constructor.name === 'Buffer' ? 'Uint8Array' : item.constructor.name;
      if (!Object.hasOwn(arrayTypes, name)) throw new TypeError(`A ${name} cannot be sent.`);
      const array = item as TypedArray;
      arrays.push({ array, offset: size });
      const mark = { $array: [name, size, array.length] };
      size += padded(array.byteLength);
      return mark;
    }
    const prototype: unknown = Object.getPrototypeOf(item);
    if (prototype !== Object.prototype && prototype !== null) {
      throw new TypeError(`A ${item.constructor.name} cannot be sent.`);
    }
    const entries = Object.entries(item).map(([key, entry]): [string, unknown] => [key, encode(entry, depth + 1)]);
    const copy: unknown = Object.fromEntries(entries);
    return entries.some(([key]) => marks.includes(key)) ? { $plain: copy } : copy;
  };

  const json = JSON.stringify(encode(value, 0)) ?? 'null';
  if (arrays.length === 0) return json;
  const header = new TextEncoder().encode(json);
  const start = padded(4 + header.length);
  const frame = new Uint8Array(start + size);
  new DataView(frame.buffer).setUint32(0, header.length, true);
  frame.set(header, 4);
  for (const { array, offset } of arrays) {
    frame.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), start + offset);
  }
  return frame;
}

/** Inverse of `encodeFrame`; throws `MalformedFrame`. Typed arrays share one copy of the frame's bytes. */
export function decodeFrame(frame: string | ArrayBuffer): unknown {
  if (typeof frame === 'string') return decodeJson(frame, new ArrayBuffer(0), 0);
  if (frame.byteLength < 4) throw new MalformedFrame('A binary frame is shorter than its length field.');
  const length = new DataView(frame).getUint32(0, true);
  if (length > frame.byteLength - 4) throw new MalformedFrame('A binary frame ends inside its header.');
  let json: string;
  try {
    json = new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(frame, 4, length));
  } catch {
    throw new MalformedFrame('The header of a binary frame is not UTF-8.');
  }
  return decodeJson(json, frame, padded(4 + length));
}

function decodeJson(json: string, frame: ArrayBuffer, start: number): unknown {
  const decode = (item: unknown, depth: number): unknown => {
    if (depth > maxDepth) throw new MalformedFrame(`A frame nests deeper than ${maxDepth}.`);
    if (typeof item !== 'object' || item === null) return item;
    if (Array.isArray(item)) {
      for (let index = 0; index < item.length; index++) item[index] = decode(item[index], depth + 1);
      return item;
    }
    const object = item as Record<string, unknown>;
    const keys = Object.keys(object);
    if (keys.includes('__proto__')) throw new MalformedFrame('A frame names a prototype.');
    if (keys.length === 1) {
      if (keys[0] === '$array') return decodeArray(object.$array, frame, start);
      if (keys[0] === '$number') {
        const name = object.$number;
        if (typeof name !== 'string' || !Object.hasOwn(specialNumbers, name)) {
          throw new MalformedFrame('A frame holds an unknown number.');
        }
        return specialNumbers[name];
      }
      if (keys[0] === '$plain') {
        const inner = object.$plain;
        if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) {
          throw new MalformedFrame('A frame wraps something that is no object.');
        }
        return decodeEntries(inner as Record<string, unknown>, depth + 1);
      }
    }
    return decodeEntries(object, depth);
  };
  const decodeEntries = (object: Record<string, unknown>, depth: number): unknown => {
    for (const key of Object.keys(object)) {
      if (key === '__proto__') throw new MalformedFrame('A frame names a prototype.');
      object[key] = decode(object[key], depth + 1);
    }
    return object;
  };

  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new MalformedFrame('A frame is not JSON.');
  }
  return decode(parsed, 0);
}

function decodeArray(mark: unknown, frame: ArrayBuffer, start: number): TypedArray {
  if (!Array.isArray(mark) || mark.length !== 3) throw new MalformedFrame('A frame describes an array wrongly.');
  const [name, offset, length] = mark as unknown[];
  if (
    typeof name !== 'string' ||
    !Object.hasOwn(arrayTypes, name) ||
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    (offset as number) < 0 ||
    (length as number) < 0 ||
    (offset as number) % 8 !== 0
  ) {
    throw new MalformedFrame('A frame describes an array wrongly.');
  }
  const type = arrayTypes[name as ArrayName];
  const from = start + (offset as number);
  if (from + (length as number) * type.BYTES_PER_ELEMENT > frame.byteLength) {
    throw new MalformedFrame('An array reaches beyond its frame.');
  }
  return new type(frame, from, length as number);
}

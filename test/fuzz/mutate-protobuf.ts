/** Changes to the fields of a protobuf message that leave its lengths right: most bytes changed blindly break the first. */
import { mutateBytes, type Chance } from './mutate.ts';

/** A field: its tag, and a number, raw bytes, or the fields of a message within. */
interface Field {
  tag: number;
  value: bigint | Uint8Array | Field[];
}

/** Longer ones are tensors, and are left as bytes. */
const MAX_NESTED = 1 << 16;

function varint(bytes: Uint8Array, at: number): { readonly value: bigint; readonly end: number } | null {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n, at += 1) {
    if (at >= bytes.length) return null;
    value |= BigInt(bytes[at] & 0x7f) << shift;
    if (bytes[at] < 0x80) return { value, end: at + 1 };
  }
  return null;
}

/** Null where the bytes are no message. */
function parse(bytes: Uint8Array, depth: number): Field[] | null {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = varint(bytes, at);
    if (tag === null || tag.value >> 3n === 0n || tag.value > 0xffffn) return null;
    at = tag.end;
    const kind = Number(tag.value & 7n);
    if (kind === 0) {
      const number = varint(bytes, at);
      if (number === null) return null;
      fields.push({ tag: Number(tag.value), value: number.value });
      at = number.end;
      continue;
    }
    const length = kind === 2 ? varint(bytes, at) : null;
    const size = kind === 1 ? 8 : kind === 5 ? 4 : length === null ? -1 : Number(length.value);
    at = length?.end ?? at;
    if (size < 0 || at + size > bytes.length) return null;
    const raw = bytes.subarray(at, at + size);
    const nested = kind === 2 && size > 1 && size < MAX_NESTED && depth > 0 ? parse(raw, depth - 1) : null;
    fields.push({ tag: Number(tag.value), value: nested ?? raw });
    at += size;
  }
  return fields;
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function bytesOf(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ tag, value }) => {
      const head = varintBytes(BigInt(tag));
      if (typeof value === 'bigint') return [head, varintBytes(value)];
      const body = value instanceof Uint8Array ? value : bytesOf(value);
      return (tag & 7) === 2 ? [head, varintBytes(BigInt(body.length)), body] : [head, body];
    }),
  );
}

const NUMBERS = [0n, 1n, 2n, 7n, 255n, 65_536n, 2n ** 31n, 2n ** 32n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n];

/** One to four changes of fields anywhere in the message; one case of five is changed as bytes. */
export function mutateProtobuf(bytes: Uint8Array, random: Chance, other: Uint8Array): Uint8Array {
  const root = random.int(5) === 0 ? null : parse(bytes, 8);
  if (root === null || root.length === 0) return mutateBytes(bytes, random, [], other);
  for (let count = 1 + random.int(4); count > 0; count -= 1) {
    const lists: Field[][] = [];
    const open: Field[][] = [root];
    for (let list = open.pop(); list !== undefined; list = open.pop()) {
      if (list.length > 0) lists.push(list);
      for (const { value } of list) if (Array.isArray(value)) open.push(value);
    }
    if (lists.length === 0) break;
    const list = random.pick(lists);
    const at = random.int(list.length);
    const field = list[at];
    switch (random.int(7)) {
      case 0:
        list.splice(at, 1);
        break;
      case 1:
        for (let more = 1 + random.int(3); more > 0; more -= 1) list.splice(at, 0, structuredClone(field));
        break;
      case 2:
        list[at] = structuredClone(random.pick(random.pick(lists)));
        break;
      case 3:
        field.tag = (((field.tag >> 3) + random.pick([-1, 1, 2])) << 3) | (field.tag & 7);
        if (field.tag < 8) field.tag += 8;
        break;
      case 4:
        // A message within itself, as in graphs within graphs.
        if (Array.isArray(field.value)) field.value.push(structuredClone(field));
        break;
      default:
        if (typeof field.value === 'bigint') field.value = random.pick(NUMBERS);
        else if (field.value instanceof Uint8Array && field.value.length > 0 && (field.tag & 7) === 2)
          field.value = mutateBytes(field.value, random, [], other);
    }
  }
  const made = bytesOf(root);
  return made.length > 2 ** 20 ? made.subarray(0, 2 ** 20) : made;
}

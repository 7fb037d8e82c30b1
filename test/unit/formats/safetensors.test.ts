import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import {
  readSafetensors,
  saveSafetensors,
  writeSafetensors,
} from '../../../src-main/formats/models-out/safetensors.ts';
import { codeOf, scratchFolder } from './make.ts';

const tensors = new Map<string, Tensor>([
  ['bytes', { dtype: 'uint8', dims: [3], data: Uint8Array.of(1, 2, 255) }],
  ['10', { dtype: 'float32', dims: [2, 1], data: Float32Array.of(1.5, -0) }],
  ['9', { dtype: 'int32', dims: [], data: Int32Array.of(-7) }],
  ['long', { dtype: 'int64', dims: [1], data: BigInt64Array.of(-(2n ** 62n)) }],
  ['half', { dtype: 'float16', dims: [3], data: Uint16Array.of(0x3c00, 0, 0xffff) }],
  ['double', { dtype: 'float64', dims: [1, 1, 1], data: Float64Array.of(Math.PI) }],
  ['signed', { dtype: 'int8', dims: [1], data: Int8Array.of(-1) }],
  ['flag', { dtype: 'bool', dims: [2], data: Uint8Array.of(0, 1) }],
  ['nothing', { dtype: 'float32', dims: [0, 5], data: new Float32Array(0) }],
  ['__proto__', { dtype: 'float32', dims: [1], data: Float32Array.of(9) }],
  ['naïve "name"\n', { dtype: 'float32', dims: [1], data: Float32Array.of(8) }],
]);

/** A file with a header of our choosing. */
function file(header: string, body = 0): Buffer {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(body)]);
}

describe('safetensors', () => {
  it('gives back every dtype, shape, value and text', () => {
    const metadata = { format: 'pt', 'classes "x"': '["a","b"]', __proto: 'p' };
    const read = readSafetensors(writeSafetensors(tensors, metadata));
    expect(read.metadata).toEqual(metadata);
    expect(new Set(read.tensors.keys())).toEqual(new Set(tensors.keys()));
    for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
  });

  it('writes the same bytes whatever order the tensors come in', () => {
    const a = writeSafetensors(tensors, { x: '1', a: '2' });
    const b = writeSafetensors(new Map([...tensors].reverse()), { a: '2', x: '1' });
    expect(Buffer.compare(a, b)).toBe(0);
  });

  it('aligns the header to 8 bytes and every tensor to its own width', () => {
    const bytes = Buffer.from(writeSafetensors(tensors));
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    for (const [name, { data }] of tensors) {
      const entry = Object.getOwnPropertyDescriptor(header, name)?.value as { data_offsets: [number, number] };
      expect(entry.data_offsets[0] % data.BYTES_PER_ELEMENT).toBe(0);
    }
  });

  it('reads out of the middle of a larger buffer, and gives tensors memory of their own', () => {
    const bytes = Buffer.concat([Buffer.alloc(3), writeSafetensors(tensors)]).subarray(3);
    const read = readSafetensors(bytes);
    bytes.fill(0);
    for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
  });

  it('writes views into larger buffers as what they show', () => {
    const data = new Float32Array(Float32Array.of(0, 1, 2, 3).buffer, 4, 2);
    const read = readSafetensors(writeSafetensors(new Map([['v', { dtype: 'float32', dims: [2], data }]])));
    expect(read.tensors.get('v')?.data).toEqual(Float32Array.of(1, 2));
  });

  it('refuses to write what contradicts itself', () => {
    expect(() =>
      writeSafetensors(new Map([['x', { dtype: 'float32', dims: [3], data: new Float32Array(2) }]])),
    ).toThrow(RangeError);
    expect(() =>
      writeSafetensors(new Map([['__metadata__', { dtype: 'float32', dims: [0], data: new Float32Array(0) }]])),
    ).toThrow(RangeError);
  });

  it('saves a file and says its digest', () => {
    const path = join(scratchFolder(), 'model.safetensors');
    const { bytes, sha256 } = saveSafetensors(path, tensors, { a: 'b' });
    expect(readFileSync(path).length).toBe(bytes);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a header longer than the file', file('{}').subarray(0, 9)],
    ['a header length of 2^63', Buffer.from('ffffffffffffff7f7b7d', 'hex')],
    ['no JSON', file('{"a":')],
    ['JSON that is no object', file('[]')],
    ['blanks before the brace', file(' {}')],
    [
      'bytes that are not UTF-8',
      Buffer.concat([file('{"a": 1}').subarray(0, 10), Buffer.from([0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])]),
    ],
    [
      'a name twice',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
    ],
    ['dtype twice', file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1)],
    [
      'overlapping tensors',
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        3,
      ),
    ],
    [
      'a hole between tensors',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
        3,
      ),
    ],
    ['bytes of no tensor', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 9)],
    ['a tensor past the end', file('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', 8)],
    ['a shape that does not fit its bytes', file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4)],
    [
      'a shape whose product overflows',
      file('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    ],
    ['negative sizes', file('{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}', 1)],
    ['offsets the wrong way round', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}', 1)],
    ['fractions', file('{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}', 1)],
    ['an unknown dtype', file('{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,1]}}', 1)],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}')],
    ['nesting as deep as the header', file(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)],
  ])('refuses %s', async (_what, bytes) => {
    expect(await codeOf(() => readSafetensors(bytes))).toBe('safetensors-malformed');
  });
});

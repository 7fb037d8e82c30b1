import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, MalformedFrame } from '../../../src-shared/rpc/frames.ts';

const binary = (json: string, body = new Uint8Array(0), length?: number): ArrayBuffer => {
  const header = new TextEncoder().encode(json);
  const start = (4 + header.length + 7) & ~7;
  const frame = new Uint8Array(start + body.length);
  new DataView(frame.buffer).setUint32(0, length ?? header.length, true);
  frame.set(header, 4);
  frame.set(body, start);
  return frame.buffer;
};

describe('encodeFrame', () => {
  it('is text unless there are typed arrays', () => {
    expect(encodeFrame({ a: [1, 'b', null] })).toBe('{"a":[1,"b",null]}');
    expect(encodeFrame(new Float32Array(2))).toBeInstanceOf(Uint8Array);
  });

  it.each([
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a symbol', Symbol('a')],
    ['a bare bigint', 1n],
    ['a DataView', new DataView(new ArrayBuffer(4))],
  ])('refuses %s by name', (_name, value) => {
    expect(() => encodeFrame({ value })).toThrow(TypeError);
  });

  it('refuses a value without end', () => {
    const round: unknown[] = [];
    round.push(round);
    expect(() => encodeFrame(round)).toThrow(/nested deeper/);
  });
});

describe('decodeFrame refuses', () => {
  it.each<[string, string | ArrayBuffer]>([
    ['text that is not JSON', '{'],
    ['an empty text', ''],
    ['a binary frame without a length', new ArrayBuffer(3)],
    ['a header longer than the frame', binary('{}', undefined, 4_000_000_000)],
    ['a header that is not UTF-8', Uint8Array.of(2, 0, 0, 0, 0xff, 0xfe, 0, 0).buffer],
    ['an array beyond the frame', binary('{"$array":["Float32Array",0,3]}', new Uint8Array(8))],
    ['an array with a huge length', binary('{"$array":["Float64Array",0,9007199254740991]}', new Uint8Array(8))],
    ['an array in a text frame', '{"$array":["Uint8Array",0,1]}'],
    ['a negative offset', binary('{"$array":["Uint8Array",-8,1]}', new Uint8Array(8))],
    ['an uneven offset', binary('{"$array":["Uint8Array",1,1]}', new Uint8Array(8))],
    ['a type that is no array', binary('{"$array":["constructor",0,1]}', new Uint8Array(8))],
    ['an array mark of another shape', binary('{"$array":{"length":3}}', new Uint8Array(8))],
    ['an unknown number', '{"$number":"toString"}'],
    ['a wrapped text', '{"$plain":"x"}'],
    ['a prototype', '{"a":{"__proto__":{"polluted":true}}}'],
    ['a wrapped prototype', '{"$plain":{"__proto__":{"$array":1}}}'],
    ['nesting beyond the cap', '['.repeat(100) + ']'.repeat(100)],
  ])('%s', (_name, frame) => {
    expect(() => decodeFrame(frame)).toThrow(MalformedFrame);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

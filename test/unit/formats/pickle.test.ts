import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytesOf, numpyArrayOf, numpyScalarOf } from '../../../src-main/formats/encoders/numpy-pickle.ts';
import { scanPickle } from '../../../src-main/formats/encoders/pickle-scan.ts';
import { dictOf, isObject, textOf, type PickleValue } from '../../../src-main/formats/encoders/pickle-values.ts';
import { readPickle } from '../../../src-main/formats/encoders/pickle.ts';

const pickles = JSON.parse(
  readFileSync(new URL('../../fixtures/pickles/pickles.json', import.meta.url), 'utf8'),
) as Record<string, string[]>;

/** Lists and tuples as arrays, dicts as objects: enough to compare with what Python wrote. */
function plain(value: PickleValue): unknown {
  if (!isObject(value)) return value;
  switch (value.kind) {
    case 'list':
    case 'tuple':
    case 'set':
    case 'frozenset':
      return value.items.map(plain);
    case 'dict':
      return Object.fromEntries(value.entries.map(([key, item]) => [textOf(key), plain(item)]));
    case 'call': {
      // Sets before protocol 4, and ordered dicts.
      const dict = dictOf(value);
      if (dict !== null) return Object.fromEntries([...dict].map(([key, item]) => [key, plain(item)]));
      return value.args.length === 1 ? plain(value.args[0]) : bytesOf(value);
    }
    default:
      return value;
  }
}

const inEveryProtocol = (name: string, check: (value: PickleValue) => void) => {
  pickles[name].forEach((text, protocol) => {
    const bytes = Buffer.from(text, 'base64');
    const content = readPickle(bytes);
    expect(content.end).toBe(bytes.length);
    expect(content.protocol).toBe(protocol < 2 ? 0 : protocol);
    expect(scanPickle(content, name)).toEqual([]);
    check(content.value);
  });
};

describe('pickles that Python wrote, in protocols 0 to 5', () => {
  it('numbers, beyond 64 bits too', () =>
    inEveryProtocol('numbers', (value) =>
      expect(plain(value)).toEqual([
        ...[0, 1, -1, 255, 256, 65535, 65536, -(2 ** 31), 2 ** 31],
        ...[2n ** 53n, -(2n ** 63n), 2n ** 200n, 1.5, -0.25, 1e300],
      ]),
    ));

  it('texts with quotes, line breaks and other scripts', () =>
    inEveryProtocol('texts', (value) =>
      expect(plain(value)).toEqual(['', 'plain', 'Grüße', '日本', 'a\nb\\c\'d"e', 'x'.repeat(300)]),
    ));

  it('raw bytes, also in the detour that old protocols take', () =>
    inEveryProtocol('raw', (value) => {
      const raw = (isObject(value) && value.kind === 'list' ? value.items : []).map((item) => bytesOf(item));
      expect(raw.map((bytes) => Buffer.from(bytes ?? []).toString('latin1'))).toEqual([
        '',
        "\x00\xff\n'\\",
        'y'.repeat(300),
      ]);
    }));

  it('containers within containers', () => {
    inEveryProtocol('nested', (value) =>
      expect(plain(value)).toEqual({ a: [1, [2, 3, [4]], { b: null, c: true, d: false }], e: [] }),
    );
    inEveryProtocol('sets', (value) => expect(plain(value)).toEqual([[1, 2], [3]]));
    inEveryProtocol('ordered', (value) => expect(plain(value)).toEqual({ z: 1, a: 2 }));
  });

  it('one object in two places', () =>
    inEveryProtocol('shared', (value) => {
      if (!isObject(value) || value.kind !== 'list') throw new Error('no list');
      expect(value.items[0]).toBe(value.items[1]);
    }));

  it('numpy arrays and scalars, in either order of bytes and axes', () => {
    inEveryProtocol('array', (value) =>
      expect(numpyArrayOf(value)).toMatchObject({ type: 'u1', shape: [2, 3], fortran: false, bigEndian: false }),
    );
    inEveryProtocol('array', (value) => expect([...(numpyArrayOf(value)?.bytes ?? [])]).toEqual([0, 1, 2, 3, 4, 5]));
    inEveryProtocol('float array', (value) => {
      const bytes = Uint8Array.from(numpyArrayOf(value)?.bytes ?? []);
      expect([...new Float32Array(bytes.buffer)]).toEqual([1.5, -2, 0.25, 8]);
    });
    inEveryProtocol('fortran array', (value) => expect(numpyArrayOf(value)?.fortran).toBe(true));
    inEveryProtocol('big endian', (value) =>
      expect(numpyArrayOf(value)).toMatchObject({ type: 'i4', bigEndian: true, shape: [2] }),
    );
    inEveryProtocol('scalar', (value) => {
      const bytes = Uint8Array.from(numpyScalarOf(value)?.bytes ?? []);
      expect(new Float64Array(bytes.buffer)[0]).toBe(2.5);
    });
  });
});

describe('a pickle of Python 2', () => {
  it('gives its byte strings as bytes and as text', () => {
    // {'a': '\x01\xff'} in protocol 0, and the same in protocol 2
    for (const bytes of ["(dp0\nS'a'\np1\nS'\\x01\\xff'\np2\ns.", '\x80\x02}U\x01aU\x02\x01\xffs.']) {
      const { value } = readPickle(Buffer.from(bytes, 'latin1'));
      expect(textOf(dictOf(value)?.get('a') ?? null)).toBe('\x01\xff');
    }
  });
});

/** Pickles, PyTorch archives, safetensors. */
import { readFileSync } from 'node:fs';
import { bytesOf, numpyArrayOf } from '../../src-main/formats/encoders/numpy-pickle.ts';
import { scanPickle } from '../../src-main/formats/encoders/pickle-scan.ts';
import { dictOf } from '../../src-main/formats/encoders/pickle-values.ts';
import { readPickle } from '../../src-main/formats/encoders/pickle.ts';
import { looksLikeZip } from '../../src-main/formats/encoders/zip.ts';
import { zipOf } from './zip-of.ts';
import { writeZip } from '../support/zip-writer.ts';
import { mutateBytes, type Chance } from './mutate.ts';
import { mutateJson } from './mutate-json.ts';
import { readAsEncoder } from './read-encoder.ts';
import type { FuzzReader } from './readers.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, fixtures)));
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Opcodes with operands, globals and lengths that lead into every corner of a pickle. */
const words = [
  ...[
    'cposix\nsystem\n',
    "S'touch fuzz-was-here'\n",
    'R',
    '(',
    ')',
    't',
    'l',
    'd',
    'o',
    'b',
    'u',
    's',
    'a',
    'e',
    '0',
    '1',
    '2',
  ],
  ...[
    '\x85R.',
    '\x8c\x05posix\x8c\x06system\x93',
    '\x81',
    '\x92',
    '\x82\x01',
    '\x83\x01\x00',
    '\x84\x01\x00\x00\x00',
    '\x94',
    '\x91',
  ],
  ...[
    '}',
    ']',
    '\x8f',
    '\x90',
    'h\x00',
    'q\x00',
    'j\x00\x00\x00\x00',
    'r\xff\xff\xff\xff',
    'p99999999999\n',
    'g0\n',
    'I-1\n',
    'L99L\n',
  ],
  ...[
    'X\xff\xff\xff\xff',
    '\x8d\xff\xff\xff\xff\xff\xff\xff\x7f',
    '\x8b\xff\xff\xff\x7f',
    '\x8a\xff',
    '\x95\x00\x00\x00\x00\x00\x00\x00\x01',
  ],
  ...[
    'ctorch._utils\n_rebuild_tensor_v2\n',
    'ccollections\nOrderedDict\n',
    'Q',
    'P0\n',
    'iposix\nsystem\n',
    '\x80\x05',
    '\x97\x98',
    'N',
    '\x88',
  ],
  ...[
    'J\xff\xff\xff\xff',
    'J\x00\x00\x00\x80',
    'K\x00',
    'M\xff\xff',
    'F1e999\n',
    'Fnan\n',
    'G\x7f\xf0\x00\x00\x00\x00\x00\x00',
    'V\\ud800\n',
    'B\x00\x00\x00\x00',
  ],
].map(latin1);

const pickle: FuzzReader = {
  name: 'pickle',
  addons: false,
  seeds() {
    const all = JSON.parse(Buffer.from(file('pickles/pickles.json')).toString()) as Record<string, string[]>;
    return Object.values(all).flatMap((texts) => texts.map((text) => new Uint8Array(Buffer.from(text, 'base64'))));
  },
  mutate: (seed, random, other) => mutateBytes(seed, random, words, other),
  read(bytes) {
    const content = readPickle(bytes);
    scanPickle(content, 'fuzz');
    numpyArrayOf(content.value);
    bytesOf(content.value);
    dictOf(content.value);
  },
};

/** Most changes go into the pickle, in an archive that is right again: a wrong checksum would end every case early. */
function mutateArchive(seed: Uint8Array, random: Chance, other: Uint8Array): Uint8Array {
  if (!looksLikeZip(seed) || random.int(4) === 0) return mutateBytes(seed, random, words, other);
  const zip = zipOf(seed);
  if (zip === null) return mutateBytes(seed, random, words, other);
  const parts = zip.names.map((name) => ({ name, data: zip.read(name) }));
  return writeZip(
    parts.map((part) => {
      const changed = part.name.endsWith('data.pkl') || random.int(40) === 0;
      return changed ? { ...part, data: mutateBytes(part.data, random, words) } : part;
    }),
  );
}

const torch: FuzzReader = {
  name: 'torch',
  addons: false,
  seeds: () =>
    ['views.pth', 'legacy.pth', 'densenet-module.pt', 'densenet-double.pth'].map((name) => file(`torch/${name}`)),
  mutate: mutateArchive,
  read: (bytes, folder) => readAsEncoder({ 'x.pt': bytes }, folder),
};

/** Changes to the header, with a length that fits it again three times out of four. */
function mutateHeader(seed: Uint8Array, random: Chance, other: Uint8Array): Uint8Array {
  if (seed.length < 8 || random.int(4) === 0) return mutateBytes(seed, random, [], other);
  const length = Number(Buffer.from(seed).readBigUInt64LE(0));
  const pieces = [
    '[]',
    '{}',
    '"__metadata__"',
    ',',
    ':',
    '-1',
    '1e400',
    '18446744073709551616',
    '[0,0]',
    '"F8_E4M3"',
    '"dtype"',
    'null',
    '\\u0000',
    '"',
  ];
  const header = mutateJson(seed.subarray(8, 8 + Math.min(length, seed.length)), random, pieces.map(latin1));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, header, seed.subarray(8 + length)]);
}

const safetensors: FuzzReader = {
  name: 'safetensors',
  addons: false,
  seeds: () =>
    [
      'torch/resnet18-half.safetensors',
      'torch/vit-hf/model-00002-of-00002.safetensors',
      'torch/vit-hf/model.safetensors.index.json',
    ].map(file),
  mutate: (seed, random, other) =>
    seed[0] === 0x7b ? mutateJson(seed, random, [], other) : mutateHeader(seed, random, other),
  read: (bytes, folder) => readAsEncoder({ 'x.safetensors': bytes }, folder),
};

export const encoderReaders: readonly FuzzReader[] = [pickle, torch, safetensors];

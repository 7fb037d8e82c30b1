/** ONNX, TF.js models and Keras files. */
import { readFileSync } from 'node:fs';
import { simplify } from '../../src-main/engine/graph/fold.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import type { EncoderReader } from '../../src-main/formats/encoders/encoder-file.ts';
import { kerasArchiveReader, kerasH5Reader } from '../../src-main/formats/encoders/keras/reader.ts';
import { scanOnnx } from '../../src-main/formats/encoders/onnx-scan.ts';
import { tfjsReader } from '../../src-main/formats/encoders/tfjs/reader.ts';
import { openZip } from '../../src-main/formats/encoders/zip.ts';
import { defaultLimits } from '../../src-main/formats/limits.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { writeZip } from '../support/zip-writer.ts';
import { mutateBytes, type Chance } from './mutate.ts';
import type { FuzzReader } from './readers.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, fixtures)));
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Pieces of configs and manifests that lead into their corners. */
const words = [
  ...['[]', '{}', 'null', '-1', '0', '1e400', '9007199254740993', '1152921504606846976', 'true', '""', '"__proto__"'],
  ...['"class_name"', '"Lambda"', '"Functional"', '"config"', '"layers"', '"inbound_nodes"', '"name"', '"same"'],
  ...['"shape"', '"paths"', '"../x"', '"quantization"', '"node"', '"op"', '"Reshape"', '"ConcatV2"', '"input"', '[[]]'],
].map(latin1);

function readWith(reader: EncoderReader, content: Uint8Array, part: Uint8Array | null): Promise<void> {
  const source = {
    path: 'fuzz',
    kind: 'file',
    folder: '/',
    file: { name: 'fuzz', bytes: content.length, sha256: '' },
    content,
    part: () => {
      if (part === null) throw new ExpectedError('file-missing', 'no file lies beside it');
      return part;
    },
    hasPart: () => false,
    parts: () => [],
  } as const;
  if (!reader.recognises(source)) throw new ExpectedError('encoder-unrecognised', 'no mark of the format is left');
  const options = { arch: null, inputSize: null, limits: defaultLimits.model };
  return Promise.resolve(reader.read(source, options)).then(() => undefined);
}

const onnx: FuzzReader = {
  name: 'onnx',
  addons: false,
  seeds: () =>
    ['layout', 'net-vit', 'net-mobilenet', 'conv-same-upper'].map((name) => file(`graph/models/${name}.onnx`)),
  mutate: (seed, random, other) => mutateBytes(seed, random, [], other),
  read(bytes) {
    scanOnnx(bytes);
    simplify(readOnnx(bytes, { maxElements: 2 ** 22 }).graph);
  },
};

const shards = ['functional', 'sequential'].map((name) => file(`keras/${name}/weights.bin`));
const tfjs: FuzzReader = {
  name: 'tfjs',
  addons: false,
  seeds: () => ['functional', 'sequential'].map((name) => file(`keras/${name}/model.json`)),
  mutate: (seed, random, other) => mutateBytes(seed, random, words, other),
  read: (bytes) => readWith(tfjsReader, bytes, shards[Buffer.from(bytes).includes('"name":"functional"') ? 0 : 1]),
};

/** Changes go into one member of an archive whose sums are right again: a wrong one would end every case early. */
function mutateKeras(seed: Uint8Array, random: Chance, other: Uint8Array): Uint8Array {
  if (seed[0] !== 0x50 || random.int(5) === 0) return mutateBytes(seed, random, words, other);
  const zip = openZip(seed);
  const names = [...zip.entries.keys()];
  const chosen = names[random.int(names.length)];
  return writeZip(
    names.map((name) => {
      const data = zip.read(name);
      return { name, data: name === chosen ? mutateBytes(data, random, words) : data };
    }),
  );
}

const keras: FuzzReader = {
  name: 'keras',
  addons: false,
  seeds: () =>
    ['functional.h5', 'sequential.h5', 'functional.keras', 'sequential.keras'].map((name) => file(`keras/${name}`)),
  mutate: mutateKeras,
  read: (bytes) => readWith(bytes[0] === 0x50 ? kerasArchiveReader : kerasH5Reader, bytes, null),
};

export const tensorflowReaders: readonly FuzzReader[] = [onnx, tfjs, keras];

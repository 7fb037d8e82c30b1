/** ONNX, TF.js models and Keras files. */
import { readFileSync } from 'node:fs';
import { zipOf } from './zip-of.ts';
import { writeZip } from '../support/zip-writer.ts';
import { mutateBytes, type Chance } from './mutate.ts';
import { mutateJson } from './mutate-json.ts';
import { mutateProtobuf } from './mutate-protobuf.ts';
import { readAsEncoder } from './read-encoder.ts';
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

const onnx: FuzzReader = {
  name: 'onnx',
  addons: false,
  seeds: () =>
    [
      ...['layout', 'net-vit', 'net-mobilenet', 'conv-same-upper'].map((name) => `graph/models/${name}.onnx`),
      ...['resnet-bn', 'vit-packed', 'mobilenet-bn', 'resnet-dynamo'].map((name) => `encoders/${name}.onnx`),
    ].map(file),
  mutate: mutateProtobuf,
  read: (bytes, folder) => readAsEncoder({ 'x.onnx': bytes }, folder),
};

const shards = ['functional', 'sequential'].map((name) => file(`keras/${name}/weights.bin`));
const tfjs: FuzzReader = {
  name: 'tfjs',
  addons: false,
  seeds: () => ['functional', 'sequential'].map((name) => file(`keras/${name}/model.json`)),
  mutate: (seed, random, other) => mutateJson(seed, random, words, other),
  read: (bytes, folder) =>
    readAsEncoder(
      { 'model.json': bytes, 'weights.bin': shards[Buffer.from(bytes).includes('"name":"functional"') ? 0 : 1] },
      folder,
    ),
};

/** Changes go into one member of an archive whose sums are right again: a wrong one would end every case early. */
function mutateKeras(seed: Uint8Array, random: Chance, other: Uint8Array): Uint8Array {
  if (seed[0] !== 0x50 || random.int(5) === 0) return mutateBytes(seed, random, words, other);
  const zip = zipOf(seed);
  if (zip === null) return mutateBytes(seed, random, words, other);
  const { names } = zip;
  if (names.length === 0) return mutateBytes(seed, random, words, other);
  const chosen = names[random.int(names.length)];
  return writeZip(
    names.map((name) => {
      const data = zip.read(name);
      return { name, data: name === chosen ? mutateJson(data, random, words) : data };
    }),
  );
}

const keras: FuzzReader = {
  name: 'keras',
  addons: false,
  seeds: () =>
    [
      ...['functional.h5', 'sequential.h5', 'functional.keras', 'sequential.keras'].map((name) => `keras/${name}`),
      'fuzz/keras-hang.bin',
    ].map(file),
  mutate: mutateKeras,
  read: (bytes, folder) => readAsEncoder({ 'x.keras': bytes }, folder),
};

export const tensorflowReaders: readonly FuzzReader[] = [onnx, tfjs, keras];

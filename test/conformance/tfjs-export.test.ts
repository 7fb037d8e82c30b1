import * as tf from '@tensorflow/tfjs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src-main/engine/graph/evaluate.ts';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { simplify } from '../../src-main/engine/graph/fold.ts';
import { tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { writeTfjs } from '../../src-main/formats/models-out/tfjs.ts';
import { tableRows } from './table.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), 'coresift-tfjs-'));
afterAll(() => rmSync(scratch, { recursive: true }));
beforeAll(async () => {
  await tf.setBackend('cpu');
});
const table = tableRows('tfjs-export');

/** The files as TF.js in a browser would fetch them, from memory. */
function loadIn(files: Readonly<Record<string, Uint8Array>>): Promise<tf.GraphModel> {
  const model = JSON.parse(Buffer.from(files['model.json']).toString('utf8')) as {
    modelTopology: object;
    signature: tf.io.ModelArtifacts['signature'];
    weightsManifest: { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
  };
  const weightData = new Uint8Array(Buffer.concat(model.weightsManifest[0].paths.map((path) => files[path]))).buffer;
  const { modelTopology, signature } = model;
  const weightSpecs = model.weightsManifest[0].weights;
  return tf.loadGraphModel(
    tf.io.fromMemory({ modelTopology, signature, weightSpecs, weightData, format: 'graph-model' }),
  );
}

describe('graphs written for TF.js', () => {
  it.each([
    'encoders/resnet-bn.onnx',
    'encoders/resnet-folded.onnx',
    'encoders/resnet-bn-projection.onnx',
    'encoders/mobilenet-bn.onnx',
    'encoders/mobilenet-folded-opset11.onnx',
    'encoders/vgg-folded.onnx',
    'encoders/vgg-plain-flatten.onnx',
    'keras/functional.h5',
    'keras/sequential.keras',
  ])('%s runs in TF.js with the same answers, and so does the file read back', async (name) => {
    const opened = await openEncoder(new URL(name, fixtures).pathname);
    const { graph } = understandEncoder(simplify(opened.graph));
    const [, channels, height, width] = graph.inputs[0].shape as number[];
    const random = randomStream(3, 'tfjs-export');
    const pixels = tensorOf(
      'float32',
      [2, channels, height, width],
      Float32Array.from({ length: 2 * channels * height * width }, () => random.uniform()),
    );
    const wanted = evaluate(graph, { pixels })[graph.outputs[0].name];

    const files = writeTfjs(graph, 'test');
    const model = await loadIn(files);
    expect(model.inputs[0].shape).toEqual([-1, height, width, channels]);
    const first = tf.tensor(Float32Array.from(pixels.data as Float32Array), [2, channels, height, width]);
    const feed = tf.transpose(first, [0, 2, 3, 1]);
    const answer = model.execute({ pixels: feed }) as tf.Tensor;
    expect(answer.shape).toEqual(wanted.dims);
    const difference = (met: ArrayLike<number>): number =>
      Math.max(...Array.from(met, (value, at) => Math.abs(value - Number(wanted.data[at]))));
    const largest = difference(new Float32Array(wanted.data.length).fill(0));
    expect(difference(answer.dataSync())).toBeLessThan(1e-4 * Math.max(1, largest));

    const folder = mkdtempSync(join(scratch, 'model-'));
    for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, file), bytes);
    const again = await openEncoder(join(folder, 'model.json'));
    expect(again.findings).toEqual([]);
    const ours = evaluate(again.graph, { [again.graph.inputs[0].name]: pixels })[again.graph.outputs[0].name];
    expect(difference(ours.data as Float32Array)).toBeLessThan(1e-4 * Math.max(1, largest));
    const what = `${opened.format} encoder ${name.replace(/^.*\/|\.\w+$/g, '')}`;
    table.row({
      format: 'TF.js graph model (out)',
      feature: `${what}, run in TF.js`,
      result: 'within 1e-4 of the graph',
    });
  });

  it('grouped convolutions, which TF.js does not have, are refused by name', async () => {
    const { graph } = await openEncoder(new URL('encoders/excite-bn.onnx', fixtures).pathname);
    expect(() => writeTfjs(understandEncoder(graph).graph, 'test')).toThrow(/no convolution in 2 groups of 4 channels/);
    table.row({ format: 'TF.js graph model (out)', feature: 'grouped convolution', result: 'refused by name' });
  });

  it('a transformer is refused by the node that cannot be written', async () => {
    const { graph } = await openEncoder(new URL('encoders/vit-packed.onnx', fixtures).pathname);
    expect(() => writeTfjs(understandEncoder(graph).graph, 'test')).toThrow(
      /cannot be written in this format\. TF\.js: Node/,
    );
    table.row({ format: 'TF.js graph model (out)', feature: 'vision transformer', result: 'refused by name' });
  });
});

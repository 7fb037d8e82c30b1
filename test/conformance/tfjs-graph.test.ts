import * as tf from '@tensorflow/tfjs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { evaluate } from '../../src-main/engine/graph/evaluate.ts';
import { tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { tableRows } from './table.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coresift-graph-'));
afterAll(() => rmSync(scratch, { recursive: true }));
beforeAll(async () => {
  await tf.setBackend('cpu');
});
const table = tableRows('tfjs-graph');

interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: object;
}
const base64 = (value: string): string => Buffer.from(value).toString('base64');
const text = (value: string): object => ({ s: base64(value) });
const ints = (...values: number[]): object => ({ list: { i: values.map(String) } });
const fused = (...names: string[]): object => ({ list: { s: names.map(base64) } });
const window = (stride: number, padding: string): object => ({
  strides: ints(1, stride, stride, 1),
  dilations: ints(1, 1, 1, 1),
  padding: text(padding),
  data_format: text('NHWC'),
});

/** Weights of every constant, drawn anew for each. */
const shapes: Readonly<Record<string, readonly number[]>> = {
  k1: [3, 3, 3, 6],
  b1: [6],
  k2: [3, 3, 6, 2],
  k3: [1, 1, 12, 8],
  scale: [8],
  shift: [8],
  mean: [8],
  variance: [8],
  factor: [1, 1, 8],
  m1: [5, 16],
  b2: [5],
};
const integers: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>> = {
  pads: { shape: [4, 2], values: [0, 0, 1, 0, 0, 2, 0, 0] },
  axes: { shape: [2], values: [1, 2] },
  flat: { shape: [2], values: [-1, 16] },
  axis: { shape: [], values: [3] },
};

const nodes: readonly NodeDef[] = [
  {
    name: 'image',
    op: 'Placeholder',
    attr: {
      dtype: { type: 'DT_FLOAT' },
      shape: { shape: { dim: [-1, 11, 9, 3].map((size) => ({ size: String(size) })) } },
    },
  },
  ...Object.keys(shapes).map((name) => ({ name, op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } })),
  ...Object.keys(integers).map((name) => ({ name, op: 'Const', attr: { dtype: { type: 'DT_INT32' } } })),
  {
    name: 'conv',
    op: '_FusedConv2D',
    input: ['image', 'k1', 'b1'],
    attr: { ...window(2, 'SAME'), num_args: { i: '1' }, fused_ops: fused('BiasAdd', 'Relu6') },
  },
  { name: 'wide', op: 'DepthwiseConv2dNative', input: ['conv', 'k2'], attr: window(1, 'SAME') },
  { name: 'narrow', op: 'Conv2D', input: ['wide', 'k3'], attr: window(1, 'VALID') },
  {
    name: 'norm',
    op: 'FusedBatchNormV3',
    input: ['narrow', 'scale', 'shift', 'mean', 'variance'],
    attr: { epsilon: { f: 0.001 }, is_training: { b: false }, data_format: text('NHWC') },
  },
  { name: 'gain', op: 'Mul', input: ['norm', 'factor'] },
  { name: 'relu', op: 'Relu', input: ['gain'] },
  { name: 'same', op: 'Identity', input: ['relu'] },
  { name: 'pad', op: 'Pad', input: ['same', 'pads'] },
  { name: 'max', op: 'MaxPool', input: ['pad'], attr: { ...window(2, 'VALID'), ksize: ints(1, 2, 2, 1) } },
  { name: 'average', op: 'AvgPool', input: ['same'], attr: { ...window(2, 'SAME'), ksize: ints(1, 3, 3, 1) } },
  { name: 'sum', op: 'AddV2', input: ['max', 'average'] },
  { name: 'both', op: 'ConcatV2', input: ['sum', 'average', 'axis'], attr: { N: { i: '2' } } },
  { name: 'leaky', op: 'LeakyRelu', input: ['both'], attr: { alpha: { f: 0.2 } } },
  { name: 'pooled', op: 'Mean', input: ['leaky', 'axes'], attr: { keep_dims: { b: true } } },
  { name: 'vector', op: 'Reshape', input: ['pooled', 'flat'] },
  {
    name: 'product',
    op: 'MatMul',
    input: ['vector', 'm1'],
    attr: { transpose_a: { b: false }, transpose_b: { b: true } },
  },
  { name: 'logits', op: 'BiasAdd', input: ['product', 'b2'] },
  { name: 'answer', op: 'Softmax', input: ['logits'] },
];

describe('a graph as the converter of TF.js writes it', () => {
  it('answers as TF.js does, fused and unfused operators alike', async () => {
    const random = randomStream(9, 'graph');
    const kept = Object.entries(shapes).filter(([name]) => nodes.some(({ input }) => input?.includes(name)));
    const floats = kept.map(([name, shape]) => ({
      name,
      shape,
      values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
        name === 'variance' ? 0.5 + random.uniform() : random.normal() / 2,
      ),
    }));
    const whole = Object.entries(integers).map(([name, { shape, values }]) => ({
      name,
      shape,
      values: Int32Array.from(values),
    }));
    const weightSpecs = [...floats, ...whole].map(({ name, shape, values }) => ({
      name,
      shape: [...shape],
      dtype: values instanceof Float32Array ? ('float32' as const) : ('int32' as const),
    }));
    const bytes = Buffer.concat([...floats, ...whole].map(({ values }) => new Uint8Array(values.buffer)));
    const used = nodes.filter(({ name, op }) => op !== 'Const' || weightSpecs.some((spec) => spec.name === name));
    const modelTopology = { node: used.map((node) => ({ attr: {}, input: [], ...node })), library: {}, versions: {} };

    const model = await tf.loadGraphModel(
      tf.io.fromMemory({ modelTopology, weightSpecs, weightData: new Uint8Array(bytes).buffer, format: 'graph-model' }),
    );
    const pixels = Float32Array.from({ length: 2 * 11 * 9 * 3 }, () => random.normal());
    const wanted = (model.predict(tf.tensor(pixels, [2, 11, 9, 3])) as tf.Tensor).dataSync();

    writeFileSync(
      join(scratch, 'model.json'),
      JSON.stringify({
        format: 'graph-model',
        modelTopology,
        weightsManifest: [{ paths: ['w.bin'], weights: weightSpecs }],
      }),
    );
    writeFileSync(join(scratch, 'w.bin'), bytes);
    const { graph, findings, format } = await openEncoder(join(scratch, 'model.json'));
    expect([format, findings]).toEqual(['tfjs-graph', []]);
    const turned = new Float32Array(pixels.length);
    for (let n = 0; n < 2; n += 1) {
      for (let at = 0; at < 99; at += 1)
        for (let c = 0; c < 3; c += 1) turned[(n * 3 + c) * 99 + at] = pixels[(n * 99 + at) * 3 + c];
    }
    const answer = evaluate(graph, { image: tensorOf('float32', [2, 3, 11, 9], turned) })[graph.outputs[0].name];
    expect(answer.dims).toEqual([2, 5]);
    wanted.forEach((value, at) => expect(Math.abs(value - Number(answer.data[at]))).toBeLessThan(1e-5));

    const encoder = understandEncoder(graph);
    expect([encoder.family, encoder.representation.dim]).toEqual(['conv+bn', 16]);
    table.row({
      format: 'TF.js graph model',
      feature: 'fused and unfused operators, against TF.js',
      result: 'within 1e-5',
    });
  });
});

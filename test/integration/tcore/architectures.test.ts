/** Encoders of other kinds, end to end: what the audit hands out is what it trained, in a runtime that knows nothing of us. */
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineResult } from '../../../src-main/engine/tcore/context.ts';
import { emptyEvaluation, readLogits } from '../../../src-main/engine/tcore/evaluate.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { searches, toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';
import { expected, fileGraph } from '../../unit/encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const overrides = { 'warmup.epochs': 8, 'warmup.batch': 8, 'train.batch': 16, 'final.epochs': 3 };

/** Logits `[samples, classes]` of an ONNX file in plain onnxruntime. */
async function runtimeLogits(file: Uint8Array, { pixels, shape }: ToyImages): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' });
  try {
    expect(session.inputNames).toEqual(['pixels']);
    expect(session.outputNames).toEqual(['logits']);
    const data = Float32Array.from(pixels.flatMap((image) => [...image]));
    const { logits } = await session.run({ pixels: new RuntimeTensor('float32', data, [pixels.length, ...shape]) });
    return logits.data as Float32Array;
  } finally {
    await session.release();
  }
}

/** Largest difference between the audit's own last losses of every sample and those of the file's logits. */
function lossDifference(result: PipelineResult, logits: Float32Array, images: ToyImages): number {
  const evaluation = emptyEvaluation(images.labels.length);
  const classes = images.classes.length;
  images.labels.forEach((label, i) => readLogits(evaluation, i, logits, i * classes, classes, label));
  expect(evaluation.predicted).toEqual(result.columns.predicted);
  const scale = Math.max(1, ...logits.map(Math.abs));
  return Math.max(...evaluation.loss.map((loss, i) => Math.abs(loss - result.columns.finalLoss[i]))) / scale;
}

describe.each([
  ['a residual net with its normalisations', 'resnet-bn-grey-opset11-batch1', "the file's output"],
  ['one with folded normalisations that ends in a feature map', 'resnet-folded-map-opset17', 'mean over positions'],
  ['one that ends in a projection', 'resnet-bn-projection', 'before a head of 2 layers'],
  ['one that ends in a classifier', 'resnet-folded-classifier', 'before the last linear layer'],
  ['a VGG without normalisation', 'vgg-plain-flatten', 'before it is flattened'],
  ['inverted residuals with folded normalisations', 'mobilenet-folded-opset11', 'global average pooling'],
  ['a net with squeeze and excitation', 'excite-bn', 'global average pooling'],
  ['a transformer with packed attention', 'vit-packed', 'class token, before the last linear layer'],
  ['one with separate projections that ends in tokens', 'vit-separate-tokens', "class token of the file's last tokens"],
])('an audit of %s', (_, name, how) => {
  const { size, family, dim } = expected[name];
  const images = toyImages({ shape: size, sizes: [30, 30, 30] });
  let result: PipelineResult;
  let file: Uint8Array;
  beforeAll(async () => {
    result = await bootstrapAudit(toyContext(provider, fileGraph(name), images, { ...overrides, ...searches }));
    file = writeOnnx(result.sanitized);
  });

  it('finds its kind, its representation and the normalisations to put back', () => {
    const { encoder } = result;
    expect(encoder.family).toBe(family);
    expect(encoder.representation.dim).toBe(dim);
    expect(encoder.representation.how).toContain(how);
    if (family === 'conv') expect(encoder.restoredNorms).toBe(expected[name].convs);
    else expect(encoder.restoredNorms).toBe(0);
  });

  it('is searched by gradient for overlays and patches', () => {
    const { overlay, texture } = result.triggers;
    expect(overlay?.collapse).toBeGreaterThan(0);
    expect(texture?.collapse).toBeGreaterThan(0);
  });

  it('trains a model that tells the classes apart, with a fifth of its channels as they came, as told', () => {
    expect(result.outcome.sanitizedAccuracy as number).toBeGreaterThan(0.6);
    for (const layer of result.channels.layers) expect(layer.kept).toBe(Math.ceil(0.2 * layer.channels));
    expect(result.channels.recoveredAccuracy).toBeGreaterThan(0);
  });

  it('hands out a file of standard operators that answers in plain onnxruntime as the trained model did', async () => {
    const graph = readOnnx(file).graph;
    expect(graph.nodes.every((node) => node.domain === '')).toBe(true);
    expect(JSON.parse(graph.metadata.classes)).toEqual(images.classes);
    if (family === 'conv') expect(graph.nodes.some((node) => node.op === 'BatchNormalization')).toBe(false);
    expect(lossDifference(result, await runtimeLogits(file, images), images)).toBeLessThan(1e-4);
  });
});

describe.each(['resnet-bn-grey-opset11-batch1', 'vgg-plain-flatten', 'vit-packed'])(
  'an audit in distilled mode of %s',
  (name) => {
    const images = toyImages({ shape: expected[name].size, sizes: [30, 30, 30] });
    // An encoder of random weights tells these textures apart, too, and may be asked to the end (`teacher.test.ts`).
    const longer = { 'distil.warmupEpochs': 8, 'distil.growEpochs': 2, 'distil.finalEpochs': 3, 'distil.lead': 1 };
    let result: PipelineResult;
    let file: Uint8Array;
    beforeAll(async () => {
      result = await bootstrapAudit(toyContext(provider, fileGraph(name), images, longer, { mode: 'distilled' }));
      file = writeOnnx(result.sanitized);
    });

    it('keeps no channel, says so, and tells the classes apart', () => {
      const { channels, outcome, rounds, columns } = result;
      expect(outcome.sanitizedAccuracy as number).toBeGreaterThan(0.6);
      expect(channels.used).toBe(false);
      expect(channels.layers.every(({ kept, mask }) => kept === 0 && mask.length === 0)).toBe(true);
      expect(rounds.map(({ guidance }) => guidance)).toEqual(['seeds', 'discrepancy', 'final']);
      const asked = rounds.map(({ size, distilled = 0 }) => distilled >= size);
      expect(asked).toEqual([true, true, false]);
      expect(columns.discrepancy.every((value) => value >= 0 && value <= 2)).toBe(true);
    });

    it('hands out a file of the mode, with no weight of the encoder, that answers as the student did', async () => {
      const graph = readOnnx(file).graph;
      expect(graph.metadata['coresift.mode']).toBe('distilled');
      expect(lossDifference(result, await runtimeLogits(file, images), images)).toBeLessThan(1e-4);
      const known = new Set([...fileGraph(name).initializers.values()].map((tensor) => bytesOf(tensor.data)));
      const learnt = [...graph.initializers.values()].filter(
        ({ data }) => data instanceof Float32Array && data.length > 8,
      );
      const same = learnt.filter(({ data }) => known.has(bytesOf(data)) && new Set(data as Float32Array).size > 2);
      expect(same.length).toBe(0);
    });
  },
);

function bytesOf(data: ArrayBufferView): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

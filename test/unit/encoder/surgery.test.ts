import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { collectStatistics, restoreEncoderNorms } from '../../../src-main/engine/encoder/restore.ts';
import { attachHead, reinitialise, sanitizedModel } from '../../../src-main/engine/encoder/surgery.ts';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import { encoder, expected, images, largestDifference, names, represent, withValues } from './fixtures.ts';

const half = (found: Encoder): Uint8Array[] =>
  found.layers.map((layer) => Uint8Array.from({ length: layer.channels }, (_, k) => (k * 7 + 3) % 2));

/** For every element of every parameter that layers own: whether its channel is trusted. */
function* elements(found: Encoder, trusted: readonly Uint8Array[]) {
  for (const [i, layer] of found.layers.entries()) {
    for (const rows of layer.rows) {
      const tensor = found.graph.initializers.get(rows.param);
      if (!tensor) throw new Error(rows.param);
      const inner = tensor.dims.slice(rows.axis + 1).reduce((a, b) => a * b, 1);
      const owner = new Map([...rows.index].map((slice, at) => [slice, Math.floor(at / rows.perChannel)]));
      for (let at = 0; at < tensor.data.length; at++) {
        const channel = owner.get(Math.floor(at / inner) % tensor.dims[rows.axis]) as number;
        yield { layer, param: rows.param, at, trusted: trusted[i][channel] === 1 };
      }
    }
  }
}

describe.each(names)('%s with half its channels renewed', (name) => {
  it('keeps every bit of a trusted channel and no filter weight of an untrusted one', () => {
    const found = encoder(name);
    const trusted = half(found);
    const values = reinitialise(found, found.layers, trusted, 11);
    for (const { layer, param, at, trusted: kept } of elements(found, trusted)) {
      const [before, after] = [found.graph.initializers, values].map((map) => map.get(param)?.data as Float32Array);
      if (kept) expect(Object.is(before[at], after[at]), `${param}[${at}]`).toBe(true);
      else if (param === layer.rows[0].param) expect(before[at]).not.toBe(after[at]);
    }
    const changed = represent(withValues(found.graph, values), images(2, expected[name].size));
    expect(changed.every(Number.isFinite)).toBe(true);
  });

  it('starts the same way for the same seed only', () => {
    const found = encoder(name);
    const [a, b, c] = [11, 11, 12].map((seed) => reinitialise(found, found.layers, half(found), seed));
    for (const [param, tensor] of a) expect(b.get(param)?.data).toEqual(tensor.data);
    const first = found.layers[0].rows[0].param;
    expect(c.get(first)?.data).not.toEqual(a.get(first)?.data);
  });

  it('is untouched when all are trusted', () => {
    const found = encoder(name);
    const all = found.layers.map((layer) => new Uint8Array(layer.channels).fill(1));
    for (const [param, tensor] of reinitialise(found, found.layers, all, 1)) {
      expect(tensor.data).toEqual(found.graph.initializers.get(param)?.data);
    }
  });
});

describe('new values', () => {
  const none = (found: Encoder) => found.layers.map((layer) => new Uint8Array(layer.channels));

  it('are Kaiming-normal by fan-in, with a neutral normalisation', () => {
    const found = encoder('resnet-bn');
    const values = reinitialise(found, found.layers, none(found), 5);
    const weight = values.get('blocks.2.conv2.weight')?.data as Float32Array;
    const variance = weight.reduce((sum, w) => sum + w * w, 0) / weight.length;
    expect(variance * 24 * 9).toBeGreaterThan(1.8);
    expect(variance * 24 * 9).toBeLessThan(2.2);
    const [scale, shift, mean, v] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => [
      ...(values.get(`blocks.2.bn2.${part}`)?.data as Float32Array),
    ]);
    expect([scale[0], shift[0], mean[0], v[0]]).toEqual([1, 0, 0, 1]);
  });

  it('start at the scale of their layer where the normalisation was put back', async () => {
    const found = encoder('vgg-folded');
    const statistics = await collectStatistics(found, (graph) =>
      Promise.resolve([evaluate(graph, { pixels: images(6, [3, 16, 16]) })]),
    );
    const restored = restoreEncoderNorms(found, statistics);
    const values = reinitialise(restored, restored.layers, none(restored), 5);
    const { norm } = restored.layers[1];
    const before = [...(restored.graph.initializers.get(norm?.scale ?? '')?.data as Float32Array)].sort(
      (a, b) => a - b,
    );
    const after = values.get(norm?.scale ?? '')?.data as Float32Array;
    expect(new Set(after).size).toBe(1);
    expect(after[0]).toBe(before[Math.floor(before.length / 2)]);
  });

  it('need as many flags as there are channels', () => {
    const found = encoder('resnet-bn');
    expect(() => reinitialise(found, found.layers, [], 1)).toThrow(/0 layers, there are 9/);
    expect(() =>
      reinitialise(
        found,
        found.layers,
        found.layers.map(() => [true]),
        1,
      ),
    ).toThrow(/8 channels/);
  });
});

describe('a head', () => {
  it('makes a classifier whose start depends on the seed only', () => {
    const found = encoder('resnet-bn');
    const make = (seed: number) => attachHead(found, 5, { kind: 'mlp', hidden: [16] }, seed);
    const { graph, parameters } = make(3);
    const logits = evaluate(graph, { pixels: images(4, [3, 16, 16]) }).logits;
    expect(logits.dims).toEqual([4, 5]);
    expect(parameters).toHaveLength(4);
    const weight = (seed: number) => make(seed).graph.initializers.get(parameters[0])?.data;
    expect(weight(3)).toEqual(weight(3));
    expect(weight(3)).not.toEqual(weight(4));
    expect(() => attachHead(found, 0, { kind: 'linear' }, 1)).toThrow(/classes/);
  });
});

describe('the sanitized model', () => {
  it('is plain ONNX that computes what the classifier computed, with class names and provenance', async () => {
    const found = encoder('resnet-folded-classifier');
    const statistics = await collectStatistics(found, (graph) =>
      Promise.resolve([evaluate(graph, { pixels: images(6, [3, 16, 16]) })]),
    );
    const restored = restoreEncoderNorms(found, statistics);
    const { graph: classifier } = attachHead(restored, 3, { kind: 'linear' }, 1);
    const values = reinitialise(restored, restored.layers, half(restored), 9);
    const model = sanitizedModel({
      classifier,
      values,
      restoredNorms: restored.restoredNorms,
      classes: ['cat', 'dog', '"x"'],
      provenance: { run: 'r1' },
    });
    const { graph } = readOnnx(writeOnnx(model));
    expect(graph.opset).toBe(17);
    expect(graph.inputs).toEqual([{ name: 'pixels', dtype: 'float32', shape: ['N', 3, 16, 16] }]);
    expect(graph.outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: ['N', 3] }]);
    expect(graph.nodes.some((node) => node.op === 'BatchNormalization' || node.domain !== '')).toBe(false);
    expect(JSON.parse(graph.metadata.classes)).toEqual(['cat', 'dog', '"x"']);
    expect(graph.metadata.run).toBe('r1');
    const pixels = images(3, [3, 16, 16]);
    const want = represent(withValues(classifier, values), pixels, 'logits');
    expect(largestDifference(represent(graph, pixels, 'logits'), want)).toBeLessThan(1e-5);
  });
});

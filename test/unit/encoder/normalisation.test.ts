import { describe, expect, it } from 'vitest';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { foldNorms, restoreNorms, type ConvStatistics } from '../../../src-main/engine/encoder/normalisation.ts';
import {
  collectStatistics,
  convolutionsWithoutNorm,
  restoreEncoderNorms,
} from '../../../src-main/engine/encoder/restore.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import { encoder, expected, images, largestDifference, names, represent, withValues } from './fixtures.ts';

const bare = names.filter((name) => expected[name].family === 'conv');

function statisticsOf(found: Encoder, size: readonly [number, number, number]): Promise<Map<string, ConvStatistics>> {
  return collectStatistics(found, (graph) =>
    Promise.resolve([0, 1000].map((offset) => evaluate(graph, { pixels: images(6, size, offset) }))),
  );
}

describe.each(bare)('%s, whose normalisations were folded or never there', (name) => {
  const { size, convs } = expected[name];

  it('gets one behind every convolution and computes the same', async () => {
    const found = encoder(name);
    const restored = restoreEncoderNorms(found, await statisticsOf(found, size));
    expect(restored.restoredNorms).toHaveLength(convs as number);
    const norms = restored.graph.nodes.filter((node) => node.op === 'BatchNormalization');
    expect(norms.map((node) => node.name)).toEqual(restored.restoredNorms);
    expect(restored.layers.filter((layer) => layer.kind === 'conv').every((layer) => layer.norm !== null)).toBe(true);
    const pixels = images(4, size, 77);
    expect(largestDifference(represent(restored.graph, pixels), represent(found.graph, pixels))).toBeLessThan(1e-5);
    expect(convolutionsWithoutNorm(restored)).toEqual([]);
  });

  it('is itself again when they are folded', async () => {
    const found = encoder(name);
    const restored = restoreEncoderNorms(found, await statisticsOf(found, size));
    const folded = foldNorms(restored.graph, restored.restoredNorms);
    const pixels = images(4, size, 5);
    expect(folded.nodes.map((node) => node.op)).toEqual(found.graph.nodes.map((node) => node.op));
    expect(largestDifference(represent(folded, pixels), represent(found.graph, pixels))).toBeLessThan(1e-5);
    for (const node of found.graph.nodes.filter((each) => each.op === 'Conv')) {
      const weight = node.inputs[1];
      const [a, b] = [folded, found.graph].map((graph) => graph.initializers.get(weight)?.data as Float32Array);
      expect(largestDifference(a, b)).toBeLessThan(1e-6);
    }
  });

  it('has the statistics of the data in what is put back: batch statistics change nothing on that data', async () => {
    const found = encoder(name);
    const statistics = await statisticsOf(found, size);
    const pixels = images(6, size);
    const first = found.graph.nodes.find((node) => node.op === 'Conv');
    const output = first?.outputs[0] as string;
    const values = evaluate(found.graph, { pixels }, { fetch: [output] })[output];
    const second = evaluate(found.graph, { pixels: images(6, size, 1000) }, { fetch: [output] })[output];
    const [, channels, height, width] = values.dims;
    const area = height * width;
    const ofChannel = (data: ArrayLike<number>, k: number) =>
      Array.from({ length: 6 * area }, (_, i) => data[(Math.floor(i / area) * channels + k) * area + (i % area)]);
    for (let k = 0; k < channels; k++) {
      const all = [...ofChannel(values.data as Float32Array, k), ...ofChannel(second.data as Float32Array, k)];
      const mean = all.reduce((a, b) => a + b) / all.length;
      const variance = all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length;
      expect(statistics.get(first?.name ?? '')?.mean[k]).toBeCloseTo(mean, 5);
      expect(statistics.get(first?.name ?? '')?.variance[k]).toBeCloseTo(variance, 5);
    }
  });
});

describe('restoring and folding', () => {
  it('leaves encoders alone that carry normalisations, and transformers', () => {
    expect(convolutionsWithoutNorm(encoder('resnet-bn'))).toEqual([]);
    expect(convolutionsWithoutNorm(encoder('vit-packed'))).toEqual([]);
  });

  it('puts none behind the gates of squeeze and excitation', () => {
    expect(convolutionsWithoutNorm(encoder('excite-bn'))).toEqual([]);
  });

  it('folds all normalisations of a file without changing what it computes', () => {
    const { graph } = encoder('mobilenet-bn');
    const folded = foldNorms(graph);
    expect(folded.nodes.some((node) => node.op === 'BatchNormalization')).toBe(false);
    const pixels = images(2, expected['mobilenet-bn'].size);
    expect(largestDifference(represent(folded, pixels), represent(graph, pixels))).toBeLessThan(1e-5);
  });

  it('is safe with a dead channel: same function, finite when its statistics are used, alive when it wakes', async () => {
    const found = encoder('vgg-folded');
    const conv = found.graph.nodes.find((node) => node.op === 'Conv');
    const [weightName, biasName] = conv?.inputs.slice(1) as [string, string];
    const weight = found.graph.initializers.get(weightName);
    const bias = found.graph.initializers.get(biasName);
    if (!conv || !weight || !bias) throw new Error('no convolution');
    const dead = Float32Array.from(weight.data as Float32Array).fill(0, 0, weight.data.length / weight.dims[0]);
    const graph = withValues(found.graph, new Map([[weightName, { ...weight, data: dead }]]));
    const statistics = await statisticsOf({ ...found, graph }, [3, 16, 16]);
    expect(statistics.get(conv.name)?.variance[0]).toBe(0);
    const restored = restoreNorms(graph, statistics).graph;
    const pixels = images(3, [3, 16, 16]);
    const values = represent(restored, pixels);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(largestDifference(values, represent(graph, pixels))).toBeLessThan(1e-5);
    const folded = foldNorms(restored);
    expect([...(folded.initializers.get(weightName)?.data as Float32Array)].every(Number.isFinite)).toBe(true);
    expect(largestDifference(represent(folded, pixels), represent(graph, pixels))).toBeLessThan(1e-5);
  });

  it('refuses statistics that are for another layer or not finite, and names that do not exist', () => {
    const { graph } = encoder('vgg-folded');
    const conv = graph.nodes.find((node) => node.op === 'Conv')?.name as string;
    const of = (length: number, value: number) => ({
      mean: new Float64Array(length),
      variance: new Float64Array(length).fill(value),
    });
    expect(() => restoreNorms(graph, new Map([[conv, of(3, 1)]]))).toThrow(/3 channels, it has 8/);
    expect(() => restoreNorms(graph, new Map([[conv, of(8, NaN)]]))).toThrow(/not finite/);
    expect(() => restoreNorms(graph, new Map([['nobody', of(8, 1)]]))).toThrow(/no convolution "nobody"/);
    expect(() => foldNorms(graph, ['nobody'])).toThrow(/no normalisation "nobody"/);
  });

  it('reports an encoder that overflows on the data by name', async () => {
    const found = encoder('vgg-folded');
    const broken = new Map([...found.graph.initializers].map(([name, t]) => [name, { ...t, data: t.data.slice() }]));
    const weight = found.graph.nodes.find((node) => node.op === 'Conv')?.inputs[1] as string;
    (broken.get(weight)?.data as Float32Array).fill(3e38);
    await expect(
      statisticsOf({ ...found, graph: { ...found.graph, initializers: broken } as typeof found.graph }, [3, 16, 16]),
    ).rejects.toMatchObject({ code: 'unsupported-encoder' });
  });
});

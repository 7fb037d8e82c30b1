import { describe, expect, it } from 'vitest';
import type { ChannelLayer, Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { insertMasks } from '../../../src-main/engine/graph/masks.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import { collectStatistics, restoreEncoderNorms } from '../../../src-main/engine/encoder/restore.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { numbersOf, tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import {
  encoder,
  expected,
  images,
  largestDifference,
  names,
  represent,
  withValues,
  zeroedChannel,
} from './fixtures.ts';

/** The representation under masks over some layers' channels. */
function masked(found: Encoder, pixels: Tensor, masks: ReadonlyMap<ChannelLayer, readonly number[]>): number[] {
  const places = [...masks.keys()].map((layer) => ({
    value: layer.maskAt,
    axis: layer.axis,
    input: `mask.${layer.id}`,
  }));
  const feeds = [...masks].map(([layer, values]) => [
    `mask.${layer.id}`,
    tensorOf('float32', [layer.channels], values),
  ]);
  const outputs = evaluate(insertMasks(found.graph, places), { pixels, ...Object.fromEntries(feeds) });
  return numbersOf(outputs.representation);
}

const ones = (layer: ChannelLayer): number[] => Array<number>(layer.channels).fill(1);

describe.each(names)('%s: channel layers', (name) => {
  const { size } = expected[name];
  const pixels = images(2, size);

  it('change nothing under masks of ones', () => {
    const found = encoder(name);
    const all = masked(found, pixels, new Map(found.layers.map((layer) => [layer, ones(layer)])));
    expect(largestDifference(all, represent(found.graph, pixels))).toBeLessThan(1e-6);
  });

  it('lose exactly one channel under a zero: what the mask takes away is what its parameters make', () => {
    const found = encoder(name);
    const whole = represent(found.graph, pixels);
    let felt = 0;
    for (const layer of found.layers) {
      const k = Math.floor(layer.channels / 2);
      const mask = ones(layer);
      mask[k] = 0;
      const without = masked(found, pixels, new Map([[layer, mask]]));
      const emptied = represent(withValues(found.graph, zeroedChannel(found.graph, layer, k)), pixels);
      expect(largestDifference(without, emptied), layer.label).toBeLessThan(1e-5);
      if (largestDifference(without, whole) > 1e-5) felt++;
    }
    // Some channels of a random network may be silent; most are not.
    expect(felt).toBeGreaterThan(found.layers.length / 2);
  });

  it('share no element of a parameter, and leave none of their parameters out', () => {
    const found = encoder(name);
    const owners = new Map<string, { axis: number; slices: number[] }[]>();
    for (const layer of found.layers) {
      for (const rows of layer.rows) {
        expect(rows.index).toHaveLength(layer.channels * rows.perChannel);
        owners.set(rows.param, [...(owners.get(rows.param) ?? []), { axis: rows.axis, slices: [...rows.index] }]);
      }
    }
    for (const [param, list] of owners) {
      const dims = found.graph.initializers.get(param)?.dims as readonly number[];
      expect(list, param).toHaveLength(1);
      const [{ axis, slices }] = list;
      expect([...slices].sort((a, b) => a - b)).toEqual(Array.from({ length: dims[axis] }, (_, i) => i));
    }
  });
});

describe.each(names.filter((name) => expected[name].family === 'vit'))('%s: attention heads', (name) => {
  it('own the rows of queries and keys that make their scores, and no others', () => {
    const found = encoder(name);
    const { graph } = found;
    const pixels = images(2, expected[name].size);
    const scores = graph.nodes.filter((node) => node.op === 'Softmax').map((node) => node.inputs[0]);
    const heads = found.layers.filter((layer) => layer.kind === 'head');
    expect(heads).toHaveLength(scores.length);
    heads.forEach((layer, at) => {
      const k = 1;
      const value = (of: Graph): Tensor => evaluate(of, { pixels }, { fetch: [scores[at]] })[scores[at]];
      const [before, after] = [value(graph), value(withValues(graph, zeroedChannel(graph, layer, k)))];
      const each = before.dims.slice(-2).reduce((a, b) => a * b, 1);
      for (let i = 0; i < before.data.length; i++) {
        const head = Math.floor(i / each) % layer.channels;
        // Layers in front are whole, so the scores of all other heads are the same bits.
        expect(after.data[i], `score ${i}`).toBe(head === k ? 0 : before.data[i]);
      }
    });
  });
});

describe('layers whose normalisations were put back', () => {
  it.each(['mobilenet-folded-opset11', 'resnet-dynamo'])('of %s are masked behind them', async (name) => {
    const { size } = expected[name];
    const pixels = images(3, size);
    const bare = encoder(name);
    const found = restoreEncoderNorms(
      bare,
      await collectStatistics(bare, (graph) => Promise.resolve([evaluate(graph, { pixels })])),
    );
    expect(found.layers.map((layer) => layer.channels)).toEqual(bare.layers.map((layer) => layer.channels));
    for (const layer of found.layers) {
      const mask = ones(layer);
      mask[0] = 0;
      const without = masked(found, pixels, new Map([[layer, mask]]));
      const emptied = represent(withValues(found.graph, zeroedChannel(found.graph, layer, 0)), pixels);
      expect(largestDifference(without, emptied), layer.label).toBeLessThan(1e-5);
    }
  });
});

describe('what a channel is', () => {
  const layersOf = (name: string) => encoder(name).layers;
  const dimsOf = (name: string, param: string) => encoder(name).graph.initializers.get(param)?.dims;

  it('is a filter with its bias and its normalisation entries', () => {
    const [stem] = layersOf('resnet-bn');
    expect(stem.rows.map((row) => row.param)).toEqual([
      ...['conv.weight', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'],
    ]);
    expect(stem.norm).toEqual({
      ...{ scale: 'bn.weight', bias: 'bn.bias', mean: 'bn.running_mean', variance: 'bn.running_var' },
    });
    expect(stem.maskAt).toBe('/bn/BatchNormalization_output_0');
  });

  it('holds a depthwise filter together with the channel it alone reads', () => {
    const layers = layersOf('mobilenet-bn');
    // 13 convolutions: the stem and the expansions are joined with the four depthwise ones, one each.
    expect(layers).toHaveLength(10);
    const expansion = layers.find((layer) => layer.channels === 48);
    const filters = expansion?.rows
      .map((row) => dimsOf('mobilenet-bn', row.param))
      .filter((dims) => dims?.length === 4);
    expect(filters).toEqual([
      [48, 12, 1, 1],
      [48, 1, 3, 3],
    ]);
  });

  it('is, in a transformer, a hidden unit with its row and column, or a head with q, k, v and its projection', () => {
    const [patch, head, hidden] = layersOf('vit-packed');
    expect([patch.kind, head.kind, hidden.kind]).toEqual(['conv', 'head', 'hidden']);
    expect(head.rows.map((row) => [row.param.replace(/_\d+$/, ''), row.axis, row.perChannel])).toEqual([
      ['onnx::MatMul', 1, 24],
      ['blocks.0.attn.qkv.bias', 0, 24],
      ['onnx::MatMul', 0, 8],
    ]);
    // Head 0 owns the first 8 columns of each of q, k and v; in any order of the three.
    const own = [...head.rows[0].index.subarray(0, 24)].sort((a, b) => a - b);
    expect(own).toEqual([0, 24, 48].flatMap((start) => Array.from({ length: 8 }, (_, i) => start + i)));
    expect(hidden.rows.map((row) => [row.axis, row.perChannel])).toEqual([
      [1, 1],
      [0, 1],
      [0, 1],
    ]);
  });
});

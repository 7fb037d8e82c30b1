import { describe, expect, it } from 'vitest';
import type { ChannelLayer } from '../../../src-main/engine/encoder/encoder.ts';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import { tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { channelLipschitz, filterChannels, type FilterOptions } from '../../../src-main/engine/tcore/filter.ts';
import { encoder as fixture } from '../encoder/fixtures.ts';

const encoder = fixture('resnet-bn');
const layers = encoder.layers;
const flat = layers.map((layer) => new Float64Array(layer.channels).fill(1));
const rising = layers.map((layer) => Float32Array.from({ length: layer.channels }, (_, k) => k / layer.channels));

function chi(
  masks: readonly Float32Array[],
  lipschitz: readonly Float64Array[],
  options: Partial<FilterOptions> = {},
): number[][] {
  const trusted = filterChannels(encoder, masks, lipschitz, {
    keep: 0.5,
    scope: 'layer',
    ranking: 'masks',
    seed: 1,
    ...options,
  });
  return trusted.map((row) => [...row.keys()].filter((k) => row[k] === 1));
}

const from = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, i) => start + i);

describe('channel filtering', () => {
  it('trusts the larger half of the masks of every layer, one more where the layer is odd', () => {
    expect(chi(rising, flat)).toEqual(layers.map(({ channels }) => from(Math.floor(channels / 2), channels)));
    expect(chi(rising, flat, { keep: 0.51 })[0].length).toBe(Math.ceil(0.51 * layers[0].channels));
  });

  it('breaks ties of masks at 1 by the smaller Lipschitz constant, and those of equal ones by index', () => {
    const saturated = layers.map((layer) => new Float32Array(layer.channels).fill(1));
    const falling = layers.map((layer) => Float64Array.from({ length: layer.channels }, (_, k) => -k));
    expect(chi(saturated, falling)).toEqual(layers.map(({ channels }) => from(channels / 2, channels)));
    expect(chi(saturated, flat)).toEqual(layers.map(({ channels }) => from(0, channels / 2)));
  });

  it('never lets a Lipschitz constant outweigh a mask', () => {
    const wild = layers.map((layer) => Float64Array.from({ length: layer.channels }, (_, k) => k * 1e6));
    expect(chi(rising, wild)).toEqual(chi(rising, flat));
  });

  it('trusts nothing at 0 and everything at 1, in both scopes', () => {
    for (const scope of ['layer', 'global'] as const) {
      expect(chi(rising, flat, { keep: 0, scope })).toEqual(layers.map(() => []));
      expect(chi(rising, flat, { keep: 1, scope })).toEqual(layers.map(({ channels }) => from(0, channels)));
    }
  });

  it('ranks over all layers in the global scope, and leaves no layer without a trusted channel', () => {
    const masks = layers.map((layer, l) => new Float32Array(layer.channels).fill(l === 0 ? 0.1 : 0.5));
    masks[0][3] = 0.2;
    masks[1].fill(1);
    const all = layers.reduce((sum, layer) => sum + layer.channels, 0);
    const kept = chi(masks, flat, { scope: 'global', keep: layers[1].channels / all });
    expect(kept[1]).toEqual(from(0, layers[1].channels));
    expect(kept[0]).toEqual([3]);
    expect(kept.slice(2).every((row) => row.length === 1)).toBe(true);
  });

  it('draws the random control by seed, whatever the masks say', () => {
    const random = (seed: number): number[][] => chi(rising, flat, { ranking: 'random', seed });
    expect(random(4)).toEqual(random(4));
    expect(random(5)).not.toEqual(random(4));
    expect(random(4).map((row) => row.length)).toEqual(layers.map(({ channels }) => channels / 2));
    const falling = rising.map((mask) => mask.map((value) => 1 - value));
    expect(chi(falling, flat, { ranking: 'random', seed: 4 })).toEqual(random(4));
  });
});

describe('the Lipschitz constant of a channel', () => {
  const layer: ChannelLayer = {
    id: 'conv',
    label: 'conv',
    kind: 'conv',
    channels: 2,
    maskAt: 'y',
    axis: 1,
    rows: [{ param: 'weight', axis: 0, index: Int32Array.of(0, 1), perChannel: 1 }],
    norm: { scale: 'scale', bias: 'bias', mean: 'mean', variance: 'variance' },
  };
  // Filters [2 inputs, 1 x 2]: the first is diagonal with singular values 3 and 2, the second has one row of length 5.
  const weight = tensorOf('float32', [2, 2, 1, 2], [3, 0, 0, 2, 3, 4, 0, 0]);
  const parameters = new Map<string, Tensor>([
    ['weight', weight],
    ['scale', tensorOf('float32', [2], [-2, 1])],
    ['variance', tensorOf('float32', [2], [4, 0.25])],
  ]);

  it('is the largest singular value of its filter', () => {
    const bare = channelLipschitz({ ...layer, norm: null }, parameters);
    expect(bare[0]).toBeCloseTo(3, 6);
    expect(bare[1]).toBeCloseTo(5, 6);
  });

  it('times the gain of its normalisation', () => {
    const normed = channelLipschitz(layer, parameters);
    expect(normed[0]).toBeCloseTo(3, 4);
    expect(normed[1]).toBeCloseTo(10, 3);
  });

  it('is 0 for a filter of zeros and finite for one that cancels the start of the iteration', () => {
    const zeros = new Map(parameters).set('weight', tensorOf('float32', [2, 2, 1, 2], [0, 0, 0, 0, 1, -1, 1, -1]));
    const values = channelLipschitz({ ...layer, norm: null }, zeros);
    expect(values[0]).toBe(0);
    expect(values[1]).toBeCloseTo(2, 6);
  });
});

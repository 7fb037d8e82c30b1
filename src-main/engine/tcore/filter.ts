/**
 * Channel filtering (T-Core, "keep the channels with larger mask values"): per layer the share rho of channels with the
 * largest recovered masks is trusted (chi), the rest is not (psi).
 *
 * Masks saturate at 1, so ties are common: they go to the smaller channel Lipschitz constant (CLP, Zheng et al., ECCV
 * 2022) and only then to the lower index.
 */
import type { ChannelLayer, Encoder } from '../encoder/encoder.ts';
import type { Tensor } from '../graph/ir.ts';
import { randomStream } from '../math/random.ts';

export interface FilterOptions {
  /** rho, 0..1; at least one channel of every layer is kept when it is above 0. */
  readonly keep: number;
  readonly scope: 'layer' | 'global';
  /** "random" replaces the masks by a seeded draw: the negative control. */
  readonly ranking: 'masks' | 'random';
  readonly seed: number;
}

/** Trusted channels per layer, `[layers][channels]`, 1 = chi. `masks[layer]` holds values in 0..1. */
export function filterChannels(
  encoder: Encoder,
  masks: readonly Float32Array[],
  lipschitz: readonly Float64Array[],
  options: FilterOptions,
): Uint8Array[] {
  const random = randomStream(options.seed, 'filter/random');
  const values = masks.map((mask) => (options.ranking === 'random' ? mask.map(() => random.uniform()) : mask));
  const trusted = encoder.layers.map((layer) => new Uint8Array(layer.channels));
  const entries = (layer: number): Entry[] =>
    Array.from(values[layer], (mask, channel) => ({ layer, channel, mask, lipschitz: lipschitz[layer][channel] }));
  switch (options.scope) {
    case 'layer':
      encoder.layers.forEach((layer, index) => {
        for (const { channel } of best(entries(index), Math.ceil(options.keep * layer.channels))) {
          trusted[index][channel] = 1;
        }
      });
      break;
    case 'global': {
      const all = encoder.layers.flatMap((_, index) => entries(index));
      for (const { layer, channel } of best(all, Math.ceil(options.keep * all.length))) trusted[layer][channel] = 1;
      if (options.keep > 0) {
        trusted.forEach((row, index) => {
          if (!row.includes(1)) row[best(entries(index), 1)[0].channel] = 1;
        });
      }
      break;
    }
  }
  return trusted;
}

interface Entry {
  readonly layer: number;
  readonly channel: number;
  readonly mask: number;
  readonly lipschitz: number;
}

function best(entries: Entry[], count: number): Entry[] {
  return entries
    .sort((a, b) => b.mask - a.mask || a.lipschitz - b.lipschitz || a.layer - b.layer || a.channel - b.channel)
    .slice(0, count);
}

/**
 * Upper bound of each channel's Lipschitz constant: the largest singular value of its filter, reshaped to
 * `[inputs, height * width]`, times |scale| / sqrt(variance) of its normalisation.
 */
export function channelLipschitz(layer: ChannelLayer, parameters: ReadonlyMap<string, Tensor>): Float64Array {
  const rows = layer.rows[0];
  const weight = parameters.get(rows.param);
  if (weight === undefined) throw new Error(`layer ${layer.id}: no parameter "${rows.param}"`);
  const scale = layer.norm ? (parameters.get(layer.norm.scale)?.data as Float32Array) : null;
  const variance = layer.norm ? (parameters.get(layer.norm.variance)?.data as Float32Array) : null;
  return Float64Array.from({ length: layer.channels }, (_, channel) => {
    const { matrix, height, width } = channelMatrix(layer, channel, weight);
    const gain = scale && variance ? Math.abs(scale[channel]) / Math.sqrt(variance[channel] + 1e-5) : 1;
    return largestSingularValue(matrix, height, width) * gain;
  });
}

/** The channel's slices of its weight: `[inputs, kernel]` for a filter, `[slices, rest]` otherwise. */
function channelMatrix(
  layer: ChannelLayer,
  channel: number,
  weight: Tensor,
): { matrix: Float64Array; height: number; width: number } {
  const { axis, index, perChannel } = layer.rows[0];
  const data = weight.data as Float32Array;
  const before = weight.dims.slice(0, axis).reduce((a, b) => a * b, 1);
  const after = weight.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const values: number[] = [];
  for (let slice = 0; slice < perChannel; slice++) {
    const at = index[channel * perChannel + slice];
    for (let outer = 0; outer < before; outer++) {
      const start = (outer * weight.dims[axis] + at) * after;
      for (let inner = 0; inner < after; inner++) values.push(data[start + inner]);
    }
  }
  const isFilter = layer.kind === 'conv' && weight.dims.length === 4 && axis === 0;
  const height = isFilter ? weight.dims[1] * perChannel : perChannel;
  return { matrix: Float64Array.from(values), height, width: values.length / height };
}

/** Power iteration on M^T M; 50 passes are far more than ranking ties needs. */
function largestSingularValue(matrix: Float64Array, height: number, width: number): number {
  let vector = new Float64Array(width).fill(1 / Math.sqrt(width));
  let value = 0;
  for (let pass = 0; pass < 50; pass++) {
    const image = new Float64Array(height);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) image[i] += matrix[i * width + j] * vector[j];
    const next = new Float64Array(width);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) next[j] += matrix[i * width + j] * image[i];
    const norm = Math.sqrt(next.reduce((sum, entry) => sum + entry * entry, 0));
    if (norm === 0) {
      // The start vector may be orthogonal to every row: fall back to the Frobenius norm, an upper bound.
      return Math.sqrt(matrix.reduce((sum, entry) => sum + entry * entry, 0));
    }
    value = Math.sqrt(norm);
    vector = next.map((entry) => entry / norm);
  }
  return value;
}

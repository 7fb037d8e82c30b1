/**
 * CLP, channel Lipschitz pruning (Zheng et al., ECCV 2022): a filter that answers to a trigger has an unusually large
 * Lipschitz constant. Bound per channel: sigma_max of the filter as a matrix [inputs, height x width], times
 * |scale| / sqrt(variance) of the normalisation behind it; flagged above mean + 3 standard deviations of its layer.
 *
 * Read from the weights alone; nothing is pruned here.
 */
import type { ChannelLayer } from '../encoder/encoder.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import { covariance, eigenOf } from '../math/symmetric.ts';
import type { ChannelJudgement, Detector, NoJudgement } from './opinion.ts';

export const deviations = 3;
const epsilon = 1e-5;

export function channelLipschitz(graph: Graph, layers: readonly ChannelLayer[]): ChannelJudgement | NoJudgement {
  const judged = layers.map((layer) => {
    const weight = graph.initializers.get(layer.rows[0].param);
    if (layer.kind !== 'conv' || weight?.dims.length !== 4 || layer.rows[0].axis !== 0) return null;
    const score = bounds(layer, weight, graph);
    const mean = score.reduce((sum, value) => sum + value, 0) / score.length;
    const variance = score.reduce((sum, value) => sum + (value - mean) ** 2, 0) / score.length;
    const limit = mean + deviations * Math.sqrt(variance);
    return { score, flagged: Uint8Array.from(score, (value) => (value > limit ? 1 : 0)) };
  });
  if (judged.every((layer) => layer === null)) return { subject: 'none', reason: 'no-convolution' };
  return { subject: 'channels', layers: judged, numbers: { deviations } };
}

function bounds(layer: ChannelLayer, weight: Tensor, graph: Graph): Float32Array {
  const [, inputs, height, width] = weight.dims;
  const size = inputs * height * width;
  const values = (name: string): ArrayLike<number> | undefined =>
    graph.initializers.get(name)?.data as ArrayLike<number> | undefined;
  const scale = layer.norm === null ? undefined : values(layer.norm.scale);
  const variance = layer.norm === null ? undefined : values(layer.norm.variance);
  return Float32Array.from({ length: layer.channels }, (_, k) => {
    const row = layer.rows[0].index[k * layer.rows[0].perChannel];
    const filter = Array.from({ length: size }, (__, at) => Number(weight.data[row * size + at]));
    const factor =
      scale === undefined || variance === undefined ? 1 : Math.abs(scale[k]) / Math.sqrt(variance[k] + epsilon);
    return factor * largestSingularValue(filter, inputs, height * width);
  });
}

/** Of a matrix `[n, d]`: the root of the largest eigenvalue of the smaller of its two products with itself. */
export function largestSingularValue(matrix: readonly number[], n: number, d: number): number {
  const wide = d <= n;
  const [rows, columns] = wide ? [n, d] : [d, n];
  const upright = wide ? matrix : Array.from({ length: n * d }, (_, at) => matrix[(at % n) * d + Math.floor(at / n)]);
  const product = covariance(upright, rows, columns, new Float64Array(columns));
  return Math.sqrt(Math.max(0, rows * eigenOf(product, columns).values[0]));
}

export const clpDetector: Detector = {
  id: 'clp',
  subject: 'channels',
  cost: 'cheap',
  judge: ({ encoder }) => Promise.resolve(channelLipschitz(encoder.graph, encoder.layers)),
};

/**
 * The "No Defense" model: the untrusted encoder frozen, a head fitted on its representations of every sample with the
 * given labels. It is the row everything is compared with, and evidence: what it fits and the sanitized model refuses.
 */
import { addHead } from '../encoder/head.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { graphBuilder } from '../graph/builder.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { cosineRate, requireFiniteLoss } from './epochs.ts';
import { createTrainer } from './trainer.ts';
import { withInitializers } from '../graph/training.ts';

export interface ProbeOptions {
  readonly hidden: number;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Names the random numbers: the probe on all samples and the head on the pool must not share theirs. */
  readonly stream: string;
  readonly signal: AbortSignal;
  readonly onEpoch: (epoch: number, epochs: number, loss: number) => void;
}

/** Fits a head on representations `[n, dim]` (`featureSource`); returns its parameters by name. */
export async function fitHead(
  provider: Provider,
  source: SampleSource,
  indices: Int32Array,
  options: ProbeOptions,
): Promise<Record<string, Tensor>> {
  const dim = source.shape[0];
  const classes = source.classes.length;
  const builder = graphBuilder(undefined, { name: 'head' });
  builder.input('pixels', 'float32', ['N', dim, 1, 1]);
  const flat = builder.flatten('pixels');
  const shape = { dim, hidden: options.hidden > 0 ? [options.hidden] : [], classes };
  const head = addHead(builder, flat, shape, options.seed, `${options.stream}/start`);
  builder.node('Identity', [head.logits], {}, 'logits');
  builder.output('logits', 'float32', ['N', classes]);
  const trainer = await createTrainer(provider, {
    classifier: builder.build(),
    classes,
    batch: Math.min(options.batch, Math.max(8, indices.length)),
    parameters: head.parameters.map((name) => ({ name })),
    optimiser: { kind: 'adam', weightDecay: 0 },
    statistics: 'frozen',
  });
  try {
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      const outcome = await trainer.epoch({
        samples: source,
        indices,
        augment: null,
        seed: options.seed,
        stream: `${options.stream}/epoch/${epoch}`,
        rate: cosineRate(options.learningRate, epoch, options.epochs),
        signal: options.signal,
      });
      requireFiniteLoss(outcome.loss, options.stream, 'probe.learningRate');
      options.onEpoch(epoch + 1, options.epochs, outcome.loss);
    }
    return headParameters(trainer.classifier());
  } finally {
    await trainer.dispose();
  }
}

/** Scales every row of `[n, dim]` to length 1, in place; rows of zeros stay. */
export function normaliseRows(rows: Float32Array, dim: number): Float32Array {
  for (let at = 0; at < rows.length; at += dim) {
    let squares = 0;
    for (let j = 0; j < dim; j++) squares += rows[at + j] ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let j = 0; j < dim; j++) rows[at + j] *= scale;
  }
  return rows;
}

/** What `spreadOut` did to rows: (row - centre) * scale. */
export interface Spread {
  readonly centre: Float64Array;
  readonly scale: number;
}

/**
 * Rows `[n, dim]` that hardly differ are moved to mean 0 and spread out, in place, until their root mean square distance
 * from it is `least`: a head trained for a fixed number of steps cannot tell them apart otherwise. Null = they differ
 * enough, or not at all, and were left alone.
 */
export function spreadOut(rows: Float32Array, dim: number, least: number): Spread | null {
  const n = rows.length / dim;
  const centre = new Float64Array(dim);
  for (let at = 0; at < rows.length; at++) centre[at % dim] += rows[at] / n;
  let squares = 0;
  for (let at = 0; at < rows.length; at++) squares += (rows[at] - centre[at % dim]) ** 2 / n;
  const spread = Math.sqrt(squares);
  // Below this, what differs is the rounding of float32.
  const noise = 1e-5 * Math.sqrt(centre.reduce((sum, value) => sum + value * value, 0));
  if (spread <= noise || spread >= least) return null;
  const scale = least / spread;
  for (let at = 0; at < rows.length; at++) rows[at] = (rows[at] - centre[at % dim]) * scale;
  return { centre, scale };
}

/** A head fitted on rows after `spreadOut` as one for the rows before it. */
export function undoSpread(head: Readonly<Record<string, Tensor>>, spread: Spread | null): Record<string, Tensor> {
  if (spread === null) return { ...head };
  const { centre, scale } = spread;
  const { 'head.0.weight': weight, 'head.0.bias': bias } = head;
  const width = bias.data.length;
  const weights = Float32Array.from(weight.data as Float32Array, (value) => value * scale);
  const biases = Float64Array.from(bias.data as Float32Array);
  weights.forEach((value, at) => (biases[at % width] -= centre[Math.floor(at / width)] * value));
  return {
    ...head,
    'head.0.weight': { ...weight, data: weights },
    'head.0.bias': { ...bias, data: Float32Array.from(biases) },
  };
}

/** Representations as a sample source of "images" of `dim` channels and one pixel, so that heads train like models. */
export function featureSource(features: Float32Array, dim: number, of: SampleSource): SampleSource {
  const count = features.length / dim;
  return {
    count,
    shape: [dim, 1, 1],
    labels: of.labels,
    classes: of.classes,
    read(indices, out) {
      for (let i = 0; i < indices.length; i++) {
        const at = indices[i];
        if (at < 0 || at >= count) throw new RangeError(`index ${at} is outside 0..${count - 1}`);
        out.set(features.subarray(at * dim, (at + 1) * dim), i * dim);
      }
    },
  };
}

/** Values of a head's parameters by name ("head.0.weight", …), as training leaves them and the journal keeps them. */
export function headParameters(graph: Graph): Record<string, Tensor> {
  return Object.fromEntries([...graph.initializers].filter(([name]) => name.startsWith('head.')));
}

/**
 * The encoder with a fitted head behind it: input `pixels` [N,C,H,W], output `logits`.
 * @param head values by parameter name (`headParameters`)
 * @param normalised whether the head was fitted on representations of length 1 (`normaliseRows`)
 */
export function joinHead(encoder: Encoder, head: Readonly<Record<string, Tensor>>, normalised: boolean): Graph {
  const builder = graphBuilder(encoder.graph);
  let input = 'representation';
  if (normalised) {
    const length = builder.sqrt(builder.reduceSum(builder.mul(input, input), [1], true));
    input = builder.div(input, builder.add(length, builder.scalar(1e-12)));
  }
  const layers: (readonly number[])[] = [];
  for (let layer = 0; head[`head.${layer}.weight`] !== undefined; layer++)
    layers.push(head[`head.${layer}.weight`].dims);
  if (layers.length === 0) throw new Error('there is no head.0.weight to join');
  const shape = {
    dim: layers[0][0],
    hidden: layers.slice(0, -1).map((dims) => dims[1]),
    classes: layers[layers.length - 1][1],
  };
  const { logits } = addHead(builder, input, shape, 0, 'replaced');
  builder.node('Identity', [logits], {}, 'logits');
  builder.setOutputs([{ name: 'logits', dtype: 'float32', shape: ['N', shape.classes] }]);
  return withInitializers(builder.build(), head);
}

/** The model at the start of bootstrapping: chi as it came, psi and head fresh. */
import type { Encoder } from '../encoder/encoder.ts';
import { attachHead, reinitialise } from '../encoder/surgery.ts';
import type { Tensor } from '../graph/ir.ts';
import type { TrainedParameter } from '../graph/training.ts';
import type { PipelineContext } from './context.ts';
import { createTrainer, type Trainer } from './trainer.ts';
import { withInitializers } from '../graph/training.ts';

/**
 * The model at the start of bootstrapping, and how to train psi and head only.
 * @param start values of the encoder's parameters that are others than it came with; by default as `filter.start` says
 */
export function startModel(
  context: PipelineContext,
  encoder: Encoder,
  trusted: readonly Uint8Array[],
  start: Readonly<Record<string, Tensor>> = startValues(context, encoder, trusted),
): { train: (batch: number) => Promise<Trainer> } {
  const { provider, samples, parameters, seed } = context;
  const hidden = parameters['head.hidden'];
  const head = attachHead(
    encoder,
    samples.classes.length,
    hidden > 0 ? { kind: 'mlp', hidden: [hidden] } : { kind: 'linear' },
    seed,
    'bootstrap/head',
  );
  const trained = [...untrustedParts(encoder, trusted), ...head.parameters.map((name) => ({ name }))];
  return {
    train: (batch) =>
      createTrainer(provider, {
        classifier: withInitializers(head.graph, start),
        classes: samples.classes.length,
        batch,
        parameters: trained,
        optimiser:
          parameters['train.optimiser'] === 'adam'
            ? { kind: 'adam', weightDecay: parameters['train.decay'] }
            : { kind: 'sgd', momentum: 0.9, weightDecay: parameters['train.decay'] },
        statistics: 'batch-and-running',
      }),
  };
}

/** Psi drawn anew, or nothing changed. */
function startValues(
  { parameters, seed }: PipelineContext,
  encoder: Encoder,
  trusted: readonly Uint8Array[],
): Readonly<Record<string, Tensor>> {
  if (parameters['filter.start'] === 'kept') return {};
  return Object.fromEntries(reinitialise(encoder, encoder.layers, trusted, seed));
}

/**
 * What may be trained of each encoder parameter: the slices of untrusted channels; all of a parameter that belongs to
 * no channel (layer normalisation, output biases); nothing of one whose channels are all trusted.
 */
export function untrustedParts(encoder: Encoder, trusted: readonly Uint8Array[]): TrainedParameter[] {
  const slices = new Map<string, { axis: number; open: number[] }>();
  encoder.layers.forEach((layer, l) => {
    for (const { param, axis, index, perChannel } of layer.rows) {
      const entry = slices.get(param) ?? { axis, open: [] };
      if (entry.axis !== axis) throw new Error(`parameter "${param}" is cut along two axes`);
      index.forEach((slice, at) => {
        if (trusted[l][Math.floor(at / perChannel)] === 0) entry.open.push(slice);
      });
      slices.set(param, entry);
    }
  });
  return encoder.parameters.flatMap((name): TrainedParameter[] => {
    const entry = slices.get(name);
    if (entry === undefined) return [{ name }];
    if (entry.open.length === 0) return [];
    const trainable = Int32Array.from(new Set(entry.open)).sort();
    if (trainable.length === encoder.graph.initializers.get(name)?.dims[entry.axis]) return [{ name }];
    return [{ name, rows: { axis: entry.axis, trainable } }];
  });
}

/**
 * Filter recovering (T-Core; RNP): with the unlearned weights frozen, one mask per channel is learnt that brings the
 * clean function back. Channels the clean function needs end near 1, others near 0.
 */
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import { insertMasks } from '../graph/masks.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { requireFiniteLoss } from './epochs.ts';
import { createTrainer } from './trainer.ts';
import type { MethodParameters } from './parameters.ts';

export interface Recovered {
  /** One mask per layer of the encoder, values in 0..1; 0 for a channel that nothing in the pool excites. */
  readonly masks: readonly Float32Array[];
  /** Accuracy on the pool in the last epoch, 0..1. */
  readonly accuracy: number;
  readonly losses: readonly number[];
}

export async function recoverFilters(
  provider: Provider,
  unlearned: Graph,
  encoder: Encoder,
  samples: SampleSource,
  pool: Int32Array,
  options: {
    parameters: MethodParameters;
    batch: number;
    /** A mask takes a channel's whole output away (default), or, as RNP has it, only what its normalisation scales. */
    masked?: 'output' | 'scale';
    seed: number;
    signal: AbortSignal;
    onEpoch: (epoch: number, epochs: number, loss: number) => void;
  },
): Promise<Recovered> {
  const { parameters } = options;
  const names = encoder.layers.map((layer) => `mask.${layer.id}`);
  const masked = insertMasks(
    unlearned,
    encoder.layers.map(({ maskAt, axis, norm }, index) => ({
      value: maskAt,
      axis,
      input: names[index],
      ...(options.masked === 'scale' && norm !== null ? { rest: norm.bias } : {}),
    })),
  );
  // Without batch statistics (transformers) nothing rescales behind the masks and they move faster.
  const rate = encoder.family === 'vit' ? parameters['recover.learningRate'] / 4 : parameters['recover.learningRate'];
  const trainer = await createTrainer(provider, {
    classifier: masked,
    classes: samples.classes.length,
    batch: options.batch,
    parameters: names.map((name, index) => ({ name, initial: startTensor(encoder.layers[index].channels) })),
    optimiser: { kind: 'sgd', momentum: parameters['recover.momentum'], weightDecay: 0 },
    lossWeight: parameters['recover.lossWeight'],
    clamp: [least, 1],
    statistics: 'batch',
  });
  const losses: number[] = [];
  let accuracy = 0;
  try {
    for (let epoch = 0; epoch < parameters['recover.epochs']; epoch++) {
      const outcome = await trainer.epoch({
        samples,
        indices: pool,
        augment: null,
        seed: options.seed,
        stream: `recover/epoch/${epoch}`,
        rate: () => rate,
        signal: options.signal,
      });
      requireFiniteLoss(outcome.loss, 'recover', 'recover.learningRate');
      losses.push(outcome.loss / parameters['recover.lossWeight']);
      accuracy = outcome.accuracy;
      options.onEpoch(epoch + 1, parameters['recover.epochs'], outcome.loss / parameters['recover.lossWeight']);
    }
    const learnt = trainer.parameters();
    const masks = names.map((name) => {
      const mask = learnt[name].data as Float32Array;
      if (!mask.every((value) => value >= 0 && value <= 1)) throw new Error(`${name} left 0..1`);
      return mask.map((value) => (value === start ? 0 : value));
    });
    return { masks, accuracy, losses };
  } finally {
    await trainer.dispose();
  }
}

/**
 * Where masks start: so near 1 that it makes no difference, and yet not 1, where masks that are needed end. A mask that
 * is here after all epochs never had a gradient: nothing in the clean pool excites its channel, as if it were waiting
 * for a trigger, so it counts as not needed at all.
 */
const start = 1 - 2 ** -10;

/** Lower bound of a mask in training: behind a ReLU one of exactly 0 would have no gradient to come back by. */
const least = 2 ** -10;

function startTensor(length: number): Tensor {
  return { dtype: 'float32', dims: [length], data: new Float32Array(length).fill(start) };
}

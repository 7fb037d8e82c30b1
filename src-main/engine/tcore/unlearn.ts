/**
 * Selective unlearning (T-Core; RNP): the loss on the clean pool is climbed until the clean function is forgotten. What
 * is left in the channels afterwards is what the pool does not explain.
 */
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { createTrainer } from './trainer.ts';
import type { MethodParameters } from './parameters.ts';

export interface Unlearned {
  /** The classifier after unlearning; its head is unchanged. */
  readonly classifier: Graph;
  /** Accuracy on the last batch of the pool, with its own statistics as in training, 0..1. */
  readonly accuracy: number;
  readonly epochs: number;
  /** "forgotten", "epochs" (limit reached) or "diverged" (the epoch before was restored). */
  readonly stopped: 'forgotten' | 'epochs' | 'diverged';
  readonly losses: readonly number[];
}

/**
 * @param classifier encoder and a head fitted on the pool; output `logits`
 * @param trained names of the encoder's parameters; the head stays fixed
 */
export async function unlearn(
  provider: Provider,
  classifier: Graph,
  trained: readonly string[],
  samples: SampleSource,
  pool: Int32Array,
  options: {
    parameters: MethodParameters;
    seed: number;
    signal: AbortSignal;
    onEpoch: (epoch: number, epochs: number, loss: number) => void;
  },
): Promise<Unlearned> {
  const { parameters } = options;
  const classes = samples.classes.length;
  const goal = Math.max(parameters['unlearn.stopAccuracy'], 1.5 / classes);
  const trainer = await createTrainer(provider, {
    classifier,
    classes,
    batch: unlearnBatch(pool.length),
    parameters: trained.map((name) => ({ name })),
    optimiser: {
      kind: 'sgd',
      momentum: parameters['unlearn.momentum'],
      weightDecay: parameters['unlearn.decay'],
    },
    ascend: true,
    clipNorm: parameters['unlearn.clipNorm'],
    statistics: 'batch-and-running',
  });
  const losses: number[] = [];
  let accuracy = 1;
  try {
    let stopped: Unlearned['stopped'] = 'epochs';
    for (let epoch = 0; epoch < parameters['unlearn.epochs']; epoch++) {
      const before = { state: trainer.state(), accuracy };
      const outcome = await trainer.epoch({
        samples,
        indices: pool,
        augment: null,
        seed: options.seed,
        stream: `unlearn/epoch/${epoch}`,
        rate: () => parameters['unlearn.learningRate'],
        signal: options.signal,
        // Within the epoch: the loss climbs so fast by then that an epoch too many leaves nothing to recover.
        enough: (latest) => (accuracy = latest) <= goal,
      });
      if (!Number.isFinite(outcome.loss) || outcome.loss > 20) {
        trainer.load(before.state);
        accuracy = before.accuracy;
        stopped = 'diverged';
        break;
      }
      losses.push(outcome.loss);
      options.onEpoch(epoch + 1, parameters['unlearn.epochs'], outcome.loss);
      if (accuracy <= goal) {
        stopped = 'forgotten';
        break;
      }
    }
    return { classifier: trainer.classifier(), accuracy, epochs: losses.length, stopped, losses };
  } finally {
    await trainer.dispose();
  }
}

/**
 * What unlearning trains. `last`: the parameters of the last third of the channel layers (rounded up), where representations
 * become what they mean. Trained all over, an encoder forgets in a step or two what its pool needs, and masks keep more of the channels
 * that a trigger moves than chance does (docs/efficacy.md, Q3). `all`: every parameter, as RNP has it.
 */
export function unlearnedParameters(encoder: Encoder, layers: 'last' | 'all'): readonly string[] {
  if (layers === 'all') return encoder.parameters;
  const late = encoder.layers.slice(Math.floor((2 * encoder.layers.length) / 3));
  const names = new Set(late.flatMap(({ rows }) => rows.map(({ param }) => param)));
  return encoder.parameters.filter((name) => names.has(name));
}

/** A quarter of the pool at most, so that an epoch has several steps; 16..128. */
export function unlearnBatch(pool: number): number {
  return Math.max(16, Math.min(128, Math.floor(pool / 4)));
}

/** A net of the encoder's architecture that shares no weight with it, trained on the given labels of a few samples. */
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import type { PipelineContext } from './context.ts';
import { cosineRate, requireFiniteLoss } from './epochs.ts';
import { freshRate, freshStudent } from './student.ts';
import { createTrainer } from './trainer.ts';

export interface FreshNetOptions {
  /** Samples to train on, at least one. */
  readonly indices: Int32Array;
  readonly epochs: number;
  readonly batch: number;
  /** Names the random numbers. */
  readonly stream: string;
  readonly onEpoch: (done: number) => void;
}

/** @returns evaluation graph: input `pixels`, output `logits` @throws ExpectedError training-diverged; CancelledError */
export async function trainFreshNet(
  { provider, samples, parameters, seed, signal }: PipelineContext,
  encoder: Encoder,
  { indices, epochs, batch, stream, onEpoch }: FreshNetOptions,
): Promise<Graph> {
  const net = freshStudent(encoder, samples.classes.length, [], seed, stream);
  const trainer = await createTrainer(provider, {
    classifier: net.classifier,
    classes: samples.classes.length,
    batch,
    parameters: net.parameters.map((name) => ({ name })),
    optimiser: { kind: 'adam', weightDecay: 0 },
    statistics: 'batch-and-running',
    ...(encoder.family === 'vit' ? { clipNorm: 1 } : {}),
  });
  try {
    const peak = freshRate(encoder, parameters);
    for (let epoch = 0; epoch < epochs; epoch++) {
      const { loss } = await trainer.epoch({
        samples,
        indices,
        augment: { shift: parameters['augment.shift'], flip: parameters['augment.flip'] },
        seed,
        stream: `${stream}/epoch/${epoch}`,
        rate: cosineRate(peak, epoch, epochs),
        signal,
      });
      requireFiniteLoss(loss, stream, 'distil.learningRate');
      onEpoch(epoch + 1);
    }
    return trainer.classifier();
  } finally {
    await trainer.dispose();
  }
}

/** Broken defences to measure the real one against: a bench in which these pass proves nothing. */
import { attachHead } from '../encoder/surgery.ts';
import type { Graph } from '../graph/ir.ts';
import type { PipelineContext } from '../tcore/context.ts';
import { cosineRate } from '../tcore/epochs.ts';
import { prepareEncoder } from '../tcore/prepare.ts';
import { fitPoolHead } from '../tcore/stage-probe.ts';
import { createTrainer } from '../tcore/trainer.ts';

/** The encoder frozen as it came, a head on clean seeds: cleaning the data alone does not help against an encoder. */
export async function headOnSeeds(context: PipelineContext, seeds: Int32Array): Promise<Graph> {
  const encoder = await prepareEncoder(context);
  return (await fitPoolHead(context, encoder, seeds, 'control/head')).classifier;
}

/** Everything trained on everything from the values it came with. */
export async function fineTuned(context: PipelineContext): Promise<Graph> {
  const { provider, samples, seed, signal } = context;
  const encoder = await prepareEncoder(context);
  const head = attachHead(encoder, samples.classes.length, { kind: 'linear' }, seed, 'control/fine-tuning');
  const trainer = await createTrainer(provider, {
    classifier: head.graph,
    classes: samples.classes.length,
    batch: 64,
    parameters: [...encoder.parameters, ...head.parameters].map((name) => ({ name })),
    optimiser: { kind: 'adam', weightDecay: 0 },
    statistics: 'batch-and-running',
  });
  try {
    const epochs = 10;
    for (let epoch = 0; epoch < epochs; epoch++) {
      await trainer.epoch({
        samples,
        indices: Int32Array.from({ length: samples.count }, (_, i) => i),
        augment: { shift: 2, flip: true },
        seed,
        stream: `control/fine-tuning/${epoch}`,
        rate: cosineRate(1e-3, epoch, epochs),
        signal,
      });
    }
    return trainer.classifier();
  } finally {
    await trainer.dispose();
  }
}

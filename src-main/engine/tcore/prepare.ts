/** The stranger's graph understood, and normalisations put back where its exporter folded them away. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { collectStatistics, restoreEncoderNorms } from '../encoder/restore.ts';
import { understandEncoder } from '../encoder/understand.ts';
import type { Tensor } from '../graph/ir.ts';
import type { PipelineContext } from './context.ts';
import { sweep } from './features.ts';
import { evaluationBatch } from './steps.ts';

/** Samples whose activations tell the statistics of a folded normalisation. */
const statisticsSamples = 2000;

/**
 * Understands `context.graph` and fits it to the samples.
 * @throws ExpectedError when the encoder cannot be audited or the samples are of another size than it wants
 */
export async function prepareEncoder(
  context: Pick<PipelineContext, 'graph' | 'encoderOptions' | 'samples' | 'provider' | 'signal'>,
): Promise<Encoder> {
  const { samples } = context;
  const encoder = understandEncoder(context.graph, context.encoderOptions);
  const { channels, height, width } = encoder.input;
  if (samples.shape.join() !== [channels, height, width].join()) {
    throw new ExpectedError(
      'wrong-input-size',
      `The encoder wants ${channels} x ${height} x ${width}, the images are ${samples.shape.join(' x ')}.`,
    );
  }
  const statistics = await collectStatistics(encoder, async (graph) => {
    const compiled = await context.provider.compile(graph, { dims: { N: evaluationBatch } });
    const batches: Record<string, Tensor>[] = [];
    try {
      await sweep(compiled, {
        samples,
        indices: spread(samples.count),
        batch: evaluationBatch,
        signal: context.signal,
        onBatch: (outputs) => {
          batches.push(
            Object.fromEntries(
              Object.entries(outputs).map(([name, data]) => [
                name,
                { dtype: 'float32', dims: [data.length], data: data.slice() } satisfies Tensor,
              ]),
            ),
          );
        },
      });
    } finally {
      await compiled.dispose();
    }
    return batches;
  });
  return restoreEncoderNorms(encoder, statistics);
}

/** Whole batches of samples spread evenly over the dataset. */
function spread(count: number): Int32Array {
  const wanted = Math.max(1, Math.floor(Math.min(count, statisticsSamples) / evaluationBatch)) * evaluationBatch;
  return Int32Array.from({ length: wanted }, (_, i) => Math.floor((i * count) / wanted));
}

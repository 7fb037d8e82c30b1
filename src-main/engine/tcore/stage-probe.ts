/** The probe stage: see `probe.ts`. */
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import { progressOf, sampleOrder, type PipelineContext } from './context.ts';
import { epochsFor } from './epochs.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { representations } from './features.ts';
import { featureSource, fitHead, joinHead, normaliseRows, spreadOut, undoSpread } from './probe.ts';
import { stratifiedReference } from './sift.ts';
import { sizesOf } from './memory.ts';
import { evaluationTensors, readEvaluation, select, stage } from './steps.ts';

/** Root mean square distance from their mean that heads need: for rows of length 1, and per square root of the width. */
const leastSpread = 0.5;

export interface ProbeStage {
  readonly evaluation: Evaluation;
  /** The undefended model: input `pixels`, output `logits`. */
  readonly classifier: Graph;
  readonly digest: string;
}

export async function runProbe(
  context: PipelineContext,
  encoder: Encoder,
  inputs: readonly string[],
): Promise<ProbeStage> {
  const { provider, samples, parameters, signal, seed } = context;
  const step = await stage(context, 'probe', select(context, 'probe'), inputs, async () => {
    const progress = progressOf(context, 'probe', 'samples');
    const { evaluationBatch: batch, probeRows } = sizesOf(context);
    // With copies: the undefended model is what comes of the file as it is.
    const part = stratifiedReference(samples.labels, samples.classes.length, probeRows, sampleOrder(context));
    const features = await representations(provider, encoder, samples, part, { batch, signal, onProgress: progress });
    const partLabels = Int32Array.from(part, (i) => samples.labels[i]);
    const { dim } = encoder.representation;
    const spread = spreadOut(normaliseRows(features, dim), dim, leastSpread);
    const source = featureSource(features, dim, { ...samples, labels: partLabels });
    const fitted = await fitHead(
      provider,
      source,
      Int32Array.from(part, (_, i) => i),
      {
        hidden: parameters['probe.hidden'],
        epochs: epochsFor(parameters['probe.epochs'], part.length),
        batch: parameters['probe.batch'],
        learningRate: parameters['probe.learningRate'],
        seed,
        stream: 'probe',
        signal,
        onEpoch: (epoch, epochs, loss) => {
          progressOf(context, 'probe', 'epochs')(epoch, epochs);
          context.emit({ type: 'metric', stage: 'probe', name: 'training loss', at: epoch, value: loss });
        },
      },
    );
    const head = undoSpread(fitted, spread);
    const evaluation = await evaluateClassifier(provider, joinHead(encoder, head, true), samples, null, {
      batch,
      signal,
    });
    return { data: { accuracy: evaluation.accuracy }, tensors: { ...evaluationTensors(evaluation), ...head } };
  });
  const head = Object.fromEntries(Object.entries(step.tensors).filter(([name]) => name.startsWith('head.')));
  return { evaluation: readEvaluation(step), classifier: joinHead(encoder, head, true), digest: step.digest };
}

/** The untrusted encoder with a head fitted on trusted samples only: what unlearning starts from. */
export async function fitPoolHead(
  context: PipelineContext,
  encoder: Encoder,
  pool: Int32Array,
  stream: string,
): Promise<{ classifier: Graph; parameters: string[] }> {
  const { provider, samples, signal, seed } = context;
  const features = await representations(provider, encoder, samples, pool, {
    batch: sizesOf(context).evaluationBatch,
    signal,
  });
  const labels = Int32Array.from(pool, (i) => samples.labels[i]);
  const { dim } = encoder.representation;
  const spread = spreadOut(features, dim, leastSpread * Math.sqrt(dim));
  const source = featureSource(features, dim, { ...samples, labels });
  const fitted = await fitHead(
    provider,
    source,
    Int32Array.from(pool, (_, i) => i),
    {
      hidden: context.parameters['probe.hidden'],
      epochs: 100,
      batch: 64,
      learningRate: 1e-3,
      seed,
      stream,
      signal,
      onEpoch: () => {},
    },
  );
  const head = undoSpread(fitted, spread);
  return { classifier: joinHead(encoder, head, false), parameters: Object.keys(head) };
}

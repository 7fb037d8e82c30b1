/** The first step of the evidence stage: what the sanitized model makes of every sample, and the patch scan of the untrusted encoder. */
import type { Json } from '../../../src-shared/json.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { scanForPatches, stampedSource, type PatchScan } from '../evidence/patch-scan.ts';
import { countFlips, type Flips } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import type { Provider } from '../providers/provider.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { studentScorer, type StudentView } from './discrepancy.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { sizesOf } from './memory.ts';
import { evaluationTensors, readEvaluation, select, vector } from './steps.ts';

export interface EvidenceStage {
  readonly evaluation: Evaluation;
  /** Distilled mode: how far the sanitized model's representation is from the encoder's, 0..2; NaN in paper mode. */
  readonly discrepancy: Float32Array;
  readonly scan: PatchScan;
  /** How the scan's patch flips each model, counted for the same class. */
  readonly flips: { readonly undefended: Flips; readonly sanitized: Flips };
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

/** Looks how the encoder answers to stamped images. @param pool the first clean pool: credible and of every class */
export function scanEncoder(
  { samples, signal, parameters }: PipelineContext,
  provider: Provider,
  encoder: Encoder,
  pool: Int32Array,
  onProgress: (done: number, total: number) => void,
): Promise<PatchScan> {
  const stamped = spread(pool, parameters['scan.images']);
  return scanForPatches(provider, encoder, samples, stamped, { signal, onProgress });
}

/**
 * @param pool the first clean pool: the samples to stamp, credible and of every class
 * @param scanning the scan of the encoder, where it is under way already
 */
export async function runEvidence(
  context: PipelineContext,
  encoder: Encoder,
  models: { readonly undefended: Graph; readonly sanitized: Graph },
  pool: Int32Array,
  inputs: readonly string[],
  scanning: Promise<PatchScan> | null,
): Promise<EvidenceStage> {
  const { provider, samples, signal, parameters } = context;
  const params = { seed: context.seed, ...(select(context, 'scan') as object) } as Json;
  const step = await context.journal.step({ name: 'evidence', params, inputs }, async () => {
    const options = { batch: sizesOf(context).evaluationBatch, signal };
    const { evaluation, discrepancy } = await viewOf(context, encoder, models.sanitized);
    const progress = progressOf(context, 'evidence', 'patches');
    const scan = await (scanning ?? scanEncoder(context, provider, encoder, pool, progress));
    const stamped = spread(pool, 10 * parameters['scan.images']);
    const flip = (model: Graph, target: number | null): Promise<Flips> =>
      countFlips(provider, model, samples, stampedSource(samples, scan.patch), stamped, target, options);
    const undefended = await flip(models.undefended, null);
    const flips = { undefended, sanitized: await flip(models.sanitized, undefended.target) };
    return {
      data: { accuracy: evaluation.accuracy, scan, flips } as unknown as Json,
      tensors: { ...evaluationTensors(evaluation), discrepancy: vector(discrepancy) },
    };
  });
  const { scan, flips } = step.data as unknown as Pick<EvidenceStage, 'scan' | 'flips'>;
  const discrepancy = step.tensors.discrepancy.data as Float32Array;
  return { evaluation: readEvaluation(step), discrepancy, scan, flips, digest: step.digest, resumed: step.resumed };
}

/** The sanitized model's word on every sample. Only a student was taught to answer like the encoder. */
async function viewOf(context: PipelineContext, encoder: Encoder, sanitized: Graph): Promise<StudentView> {
  const { provider, samples, signal } = context;
  const { evaluationBatch, keptValues } = sizesOf(context);
  const options = { batch: evaluationBatch, keptValues, signal };
  const onProgress = progressOf(context, 'evidence', 'samples');
  switch (context.mode) {
    case 'distilled':
      return studentScorer(provider, encoder, samples, options)(sanitized, onProgress);
    case 'paper': {
      const evaluation = await evaluateClassifier(provider, sanitized, samples, null, { ...options, onProgress });
      return { evaluation, discrepancy: new Float32Array(samples.count).fill(NaN) };
    }
  }
}

/** The first step of the evidence stage: what the sanitized model makes of every sample, and of the square that the scan found. */
import type { Json } from '../../../src-shared/json.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { squareOf, stampedSource } from '../evidence/patch-scan.ts';
import { countFlips, type Flips } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { studentScorer, type StudentView } from './discrepancy.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { sizesOf } from './memory.ts';
import type { ScanStage } from './stage-scan.ts';
import { evaluationTensors, readEvaluation, vector } from './steps.ts';

export interface EvidenceStage {
  readonly evaluation: Evaluation;
  /** Distilled mode: how far the sanitized model's representation is from the encoder's, 0..2; NaN in paper mode. */
  readonly discrepancy: Float32Array;
  /** How the scan's square flips the sanitized model to the class that it flips the undefended one to. */
  readonly flips: Flips;
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

export async function runEvidence(
  context: PipelineContext,
  encoder: Encoder,
  sanitized: Graph,
  { scan, flips, stamped }: ScanStage,
  inputs: readonly string[],
): Promise<EvidenceStage> {
  const { provider, samples, signal } = context;
  const step = await context.journal.step({ name: 'evidence', params: { seed: context.seed }, inputs }, async () => {
    const options = { batch: sizesOf(context).evaluationBatch, signal };
    const { evaluation, discrepancy } = await viewOf(context, encoder, sanitized);
    const triggered = stampedSource(samples, squareOf(scan));
    const found = await countFlips(provider, sanitized, samples, triggered, stamped, flips.target, options);
    return {
      data: { accuracy: evaluation.accuracy, flips: found } as unknown as Json,
      tensors: { ...evaluationTensors(evaluation), discrepancy: vector(discrepancy) },
    };
  });
  return {
    evaluation: readEvaluation(step),
    discrepancy: step.tensors.discrepancy.data as Float32Array,
    flips: (step.data as unknown as Pick<EvidenceStage, 'flips'>).flips,
    digest: step.digest,
    resumed: step.resumed,
  };
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

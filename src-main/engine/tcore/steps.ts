/** Helpers of the journalled stages: running one, and packing typed arrays for the journal. */
import type { Json } from '../../../src-shared/json.ts';
import type { Stage } from '../../../src-shared/domain/run.ts';
import type { Tensor } from '../graph/ir.ts';
import type { CommittedStep, StepResult } from '../journal.ts';
import type { PipelineContext } from './context.ts';
import type { Evaluation } from './evaluate.ts';
import { defaultSizes } from './memory.ts';

/** Images per forward run where no bound on memory asks for fewer. */
export const { evaluationBatch } = defaultSizes;

/** Runs a stage as a journalled step and tells who watches when it starts and ends. */
export async function stage(
  context: PipelineContext,
  name: Stage,
  params: Json,
  inputs: readonly string[],
  compute: () => Promise<StepResult>,
): Promise<CommittedStep> {
  context.emit({ type: 'stage', stage: name, state: 'started' });
  const step = await context.journal.step(
    { name, params: { seed: context.seed, ...(params as object) } as Json, inputs },
    compute,
  );
  context.emit({ type: 'stage', stage: name, state: step.resumed ? 'resumed' : 'finished' });
  return step;
}

/** Parameters whose name starts with one of the prefixes. */
export function select(context: PipelineContext, ...prefixes: readonly string[]): Json {
  return Object.fromEntries(
    Object.entries(context.parameters).filter(([name]) => prefixes.some((prefix) => name.startsWith(`${prefix}.`))),
  );
}

export function evaluationTensors(evaluation: Evaluation): Record<string, Tensor> {
  return {
    loss: vector(evaluation.loss),
    predicted: vector(evaluation.predicted),
    confidence: vector(evaluation.confidence),
  };
}

export function readEvaluation(step: CommittedStep): Evaluation {
  return {
    loss: step.tensors.loss.data as Float32Array,
    predicted: step.tensors.predicted.data as Int32Array,
    confidence: step.tensors.confidence.data as Float32Array,
    accuracy: (step.data as { accuracy: number }).accuracy,
  };
}

export function vector(data: Float32Array | Int32Array | Uint8Array): Tensor {
  const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'uint8';
  return { dtype, dims: [data.length], data };
}

export function membership(indices: Int32Array, n: number): Uint8Array {
  const flags = new Uint8Array(n);
  for (const i of indices) flags[i] = 1;
  return flags;
}

export function count<T>(values: Iterable<T>, test: (value: T) => boolean): number {
  let total = 0;
  for (const value of values) if (test(value)) total++;
  return total;
}

/** What a classifier makes of every sample: loss against the given label, predicted class and its probability. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Graph } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { argmax } from './epochs.ts';
import { sweep } from './features.ts';

export interface Evaluation {
  /** Cross entropy against the given label, `[n]`. */
  readonly loss: Float32Array;
  readonly predicted: Int32Array;
  /** Probability of the predicted class, `[n]`, 0..1. */
  readonly confidence: Float32Array;
  /** Share of the samples whose prediction equals the given label. */
  readonly accuracy: number;
}

/**
 * @param classifier evaluation graph: input `pixels`, output `logits` @param indices samples in the order of the result; null = all
 * @throws ExpectedError training-diverged when a logit is not finite
 */
export async function evaluateClassifier(
  provider: Provider,
  classifier: Graph,
  samples: SampleSource,
  indices: ArrayLike<number> | null,
  options: { batch: number; signal: AbortSignal; onProgress?: (done: number, total: number) => void },
): Promise<Evaluation> {
  const compiled = await provider.compile(classifier, { dims: { N: options.batch } });
  const n = indices === null ? samples.count : indices.length;
  const result = emptyEvaluation(n);
  let correct = 0;
  try {
    await sweep(compiled, {
      samples,
      indices,
      ...options,
      onBatch: ({ logits }, at, count) => {
        const classes = logits.length / count;
        for (let i = 0; i < count; i++) {
          const label = samples.labels[indices === null ? at + i : indices[at + i]];
          readLogits(result, at + i, logits, i * classes, classes, label);
          if (result.predicted[at + i] === label) correct++;
        }
      },
    });
  } finally {
    await compiled.dispose();
  }
  const bad = result.loss.findIndex((loss) => !Number.isFinite(loss));
  if (bad >= 0) {
    const sample = indices === null ? bad : indices[bad];
    throw new ExpectedError('training-diverged', `Logits of sample ${sample} are not finite; lower its learning rate.`);
  }
  return { ...result, accuracy: n > 0 ? correct / n : NaN };
}

/** Room for `n` samples. */
export function emptyEvaluation(n: number): Omit<Evaluation, 'accuracy'> {
  return { loss: new Float32Array(n), predicted: new Int32Array(n), confidence: new Float32Array(n) };
}

/** Fills row `row` from the logits at `at` (softmax in float64, shifted by the maximum). */
export function readLogits(
  into: Omit<Evaluation, 'accuracy'>,
  row: number,
  logits: ArrayLike<number>,
  at: number,
  classes: number,
  label: number,
): void {
  const best = argmax(logits, at, classes);
  const top = logits[at + best];
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(logits[at + c] - top);
  into.predicted[row] = best;
  into.confidence[row] = 1 / sum;
  into.loss[row] = Math.log(sum) - (logits[at + label] - top);
}

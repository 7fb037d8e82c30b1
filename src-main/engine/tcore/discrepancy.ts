/** What a student makes of every sample, and how far its representation is from the untrusted encoder's. */
import type { Encoder } from '../encoder/encoder.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Graph } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { emptyEvaluation, readLogits, type Evaluation } from './evaluate.ts';
import { representations, sweep } from './features.ts';

export interface StudentView {
  readonly evaluation: Evaluation;
  /** 1 - cosine of student's and teacher's representation of the unchanged image, 0..2. `[samples]` */
  readonly discrepancy: Float32Array;
}

/**
 * Scores samples against one teacher. Its representations are computed once where they fit in memory.
 * @param options `keptValues`: of the teacher's representations kept between rounds; more are computed anew, block by block
 */
export function studentScorer(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  options: { batch: number; keptValues: number; signal: AbortSignal },
): (classifier: Graph, onProgress?: (done: number, total: number) => void) => Promise<StudentView> {
  const { dim } = encoder.representation;
  const block = Math.max(options.batch, Math.min(samples.count, Math.floor(options.keptValues / dim)));
  let kept: Float32Array | null = null;
  const teacherRows = async (indices: Int32Array): Promise<Float32Array> => {
    if (kept !== null) return kept;
    const rows = await representations(provider, encoder, samples, indices, options);
    if (indices.length === samples.count) kept = rows;
    return rows;
  };
  return async (classifier, onProgress) => {
    const graph: Graph = {
      ...classifier,
      outputs: [...classifier.outputs, { name: 'representation', dtype: 'float32', shape: ['N', dim] }],
    };
    const result = emptyEvaluation(samples.count);
    const discrepancy = new Float32Array(samples.count);
    const compiled = await provider.compile(graph, { dims: { N: options.batch } });
    let correct = 0;
    try {
      for (let start = 0; start < samples.count; start += block) {
        const length = Math.min(block, samples.count - start);
        const indices = Int32Array.from({ length }, (_, i) => start + i);
        const teacher = await teacherRows(indices);
        await sweep(compiled, {
          samples,
          indices,
          ...options,
          onBatch: ({ logits, representation }, at, count) => {
            const classes = logits.length / count;
            for (let i = 0; i < count; i++) {
              const sample = start + at + i;
              readLogits(result, sample, logits, i * classes, classes, samples.labels[sample]);
              if (result.predicted[sample] === samples.labels[sample]) correct++;
              discrepancy[sample] = 1 - cosine(representation, i * dim, teacher, (at + i) * dim, dim);
            }
            onProgress?.(start + at + count, samples.count);
          },
        });
      }
    } finally {
      await compiled.dispose();
    }
    const bad = result.loss.findIndex((loss, i) => !Number.isFinite(loss) || !Number.isFinite(discrepancy[i]));
    if (bad >= 0) {
      throw new ExpectedError(
        'training-diverged',
        `The student's answer to sample ${bad} is not finite; lower distil.learningRate.`,
      );
    }
    return { evaluation: { ...result, accuracy: correct / samples.count }, discrepancy };
  };
}

/** Cosine of two rows of `d` values; 0 when one of them is all zeros. */
function cosine(a: Float32Array, atA: number, b: Float32Array, atB: number, d: number): number {
  let dot = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let j = 0; j < d; j++) {
    dot += a[atA + j] * b[atB + j];
    squaresA += a[atA + j] ** 2;
    squaresB += b[atB + j] ** 2;
  }
  const length = Math.sqrt(squaresA * squaresB);
  return length > 0 ? dot / length : 0;
}

/** Writes the sanitized model and proves that what was written answers as the model that was audited. */
import type { InferenceSession } from 'onnxruntime-node';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Graph } from '../engine/graph/ir.ts';
import { loadOrt } from '../engine/providers/ort/load.ts';
import type { Provider } from '../engine/providers/provider.ts';
import type { SampleSource } from '../engine/samples.ts';

export interface ExportCheck {
  /** Samples whose logits were compared. */
  readonly samples: number;
  readonly maxAbsDifference: number;
  /** Largest absolute logit among them; the difference is judged relative to it. */
  readonly maxAbsLogit: number;
}

/** Largest difference allowed, relative to the largest logit (at least 1): float32 sums in another order stay far below. */
export const exportTolerance = 1e-3;

const checkedSamples = 256;
const checkBatch = 64;

/**
 * Opens the ONNX file in plain onnxruntime (no custom operators, default options) and compares its logits with those of
 * `audited` on up to 256 evenly spaced samples.
 * @throws ExpectedError export-differs when the file does not open or any logit differs beyond `exportTolerance`
 */
export async function checkExport(
  file: string,
  audited: Graph,
  provider: Provider,
  samples: SampleSource,
): Promise<ExportCheck> {
  const count = Math.min(checkedSamples, samples.count);
  const indices = Int32Array.from({ length: count }, (_, i) => Math.floor((i * samples.count) / count));
  const [channels, height, width] = samples.shape;
  const classes = samples.classes.length;
  const batch = Math.min(checkBatch, count);

  const { Tensor: OrtTensor } = await loadOrt();
  const session = await openPlain(file);
  const compiled = await provider.compile(audited, { dims: { N: batch } });
  let maxAbsDifference = 0;
  let maxAbsLogit = 0;
  try {
    for (let at = 0; at < count; at += batch) {
      // The last batch is filled up with the samples before it, so that one compiled size serves all.
      const start = Math.min(at, count - batch);
      const part = indices.subarray(start, start + batch);
      const pixels = new Float32Array(batch * channels * height * width);
      samples.read(part, pixels);
      const dims = [batch, channels, height, width];
      const ours = (await compiled.run({ pixels: { dtype: 'float32', dims, data: pixels } }))['logits'].data;
      const answer = (await session.run({ pixels: new OrtTensor('float32', pixels, dims) }))['logits'];
      if (answer === undefined || answer.dims.length !== 2 || answer.dims[0] !== batch || answer.dims[1] !== classes) {
        throw new ExpectedError(
          'export-differs',
          `logits are [${answer?.dims.join(',')}], wanted [${batch},${classes}].`,
        );
      }
      const theirs = answer.data as Float32Array;
      for (let i = 0; i < theirs.length; i++) {
        // Math.max keeps a NaN once it has met one, so an answer that is no number is a difference.
        maxAbsDifference = Math.max(maxAbsDifference, Math.abs(theirs[i] - (ours[i] as number)));
        maxAbsLogit = Math.max(maxAbsLogit, Math.abs(ours[i] as number));
      }
    }
  } finally {
    await compiled.dispose();
    await session.release();
  }
  if (!(maxAbsDifference <= exportTolerance * Math.max(1, maxAbsLogit))) {
    throw new ExpectedError(
      'export-differs',
      `Largest difference ${maxAbsDifference} on ${count} samples, where logits reach ${maxAbsLogit}.`,
    );
  }
  return { samples: count, maxAbsDifference, maxAbsLogit };
}

async function openPlain(file: string): Promise<InferenceSession> {
  const ort = await loadOrt();
  try {
    return await ort.InferenceSession.create(file, { executionProviders: ['cpu'] });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ExpectedError('export-differs', `onnxruntime does not open it: ${message}`, { cause: error });
  }
}

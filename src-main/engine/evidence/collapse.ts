/** How near a trigger brings different images to one representation: what an encoder does by itself, whatever a head was taught. */
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { applyTrigger, type Trigger } from './trigger.ts';

export interface Collapse {
  /** Mean pairwise cosine, -1..1, of the samples' representations without and with the trigger on each. */
  readonly base: number;
  readonly collapse: number;
  /** Where they are with it: the mean of their directions, of length 1, `[dim]`. */
  readonly centre: Float32Array;
}

/**
 * What a trigger does to the samples' representations.
 * @param indices at least 2 samples @param options.batch images per run @throws RangeError, CancelledError
 */
export async function collapseUnder(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  indices: Int32Array,
  trigger: Trigger,
  { batch, signal }: { readonly batch: number; readonly signal: AbortSignal },
): Promise<Collapse> {
  const n = indices.length;
  if (n < 2) throw new RangeError(`a mean over pairs needs at least 2 images, met ${n}`);
  const [channels, height, width] = samples.shape;
  const size = channels * height * width;
  const { dim } = encoder.representation;
  const each = Math.min(batch, n);
  const compiled = await provider.compile(encoder.graph, { dims: { N: each } });
  try {
    const rowsUnder = async (put: (pixels: Float32Array) => void): Promise<Float32Array> => {
      const rows = new Float32Array(n * dim);
      const pixels = new Float32Array(each * size);
      for (let at = 0; at < n; at += each) {
        if (signal.aborted) throw new CancelledError();
        // The last run is filled up with images that were in the one before.
        const from = Math.min(at, n - each);
        samples.read(indices.subarray(from, from + each), pixels);
        put(pixels);
        const outputs = await compiled.run({
          pixels: { dtype: 'float32', dims: [each, channels, height, width], data: pixels },
        });
        rows.set(outputs.representation.data as Float32Array, from * dim);
      }
      return rows;
    };
    // A representation that is not finite is like nothing.
    const finite = (cosine: number): number => (Number.isFinite(cosine) ? cosine : -1);
    const base = finite(meanPairwiseCosine(await rowsUnder(() => undefined), n));
    const rows = await rowsUnder((pixels) => applyTrigger(pixels, trigger));
    return { base, collapse: finite(meanPairwiseCosine(rows, n)), centre: unit(sumOfDirections(rows, n).sum) };
  } finally {
    await compiled.dispose();
  }
}

/**
 * Mean cosine over all pairs of the `n` rows: (|sum of unit rows|^2 - n) / (n (n - 1)). A row of zeros has cosine 0 with
 * others and 1 with another row of zeros, which the encoder sees as the same.
 */
export function meanPairwiseCosine(rows: Float32Array, n: number): number {
  const { sum, zeros } = sumOfDirections(rows, n);
  const length = sum.reduce((total, value) => total + value ** 2, 0);
  return (length - (n - zeros) + zeros * (zeros - 1)) / (n * (n - 1));
}

/** Sum of the rows, each at length 1, and how many have none. */
function sumOfDirections(rows: Float32Array, n: number): { readonly sum: Float64Array; readonly zeros: number } {
  const d = rows.length / n;
  const sum = new Float64Array(d);
  let zeros = 0;
  for (let i = 0; i < n; i++) {
    let squares = 0;
    for (let j = 0; j < d; j++) squares += rows[i * d + j] ** 2;
    if (squares === 0) {
      zeros++;
      continue;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let j = 0; j < d; j++) sum[j] += rows[i * d + j] * scale;
  }
  return { sum, zeros };
}

function unit(values: Float64Array): Float32Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  return Float32Array.from(values, (value) => (length > 0 ? value / length : 0));
}

/** Of two unit vectors. */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + value * b[at], 0);
}

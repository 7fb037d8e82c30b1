/** Forward sweeps of an evaluation graph over samples, in batches of one fixed size. */
import type { CompiledGraph, Provider } from '../providers/provider.ts';
import type { Encoder, Tap } from '../encoder/encoder.ts';
import type { Graph, GraphNode } from '../graph/ir.ts';
import type { SampleSource } from '../samples.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';

export interface Sweep {
  readonly samples: SampleSource;
  /** Samples to visit, in this order; null = all. */
  readonly indices: ArrayLike<number> | null;
  readonly batch: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** Gets the first `count` rows of every output; `at` is the position in `indices`. The arrays are only valid during the call. */
  readonly onBatch: (
    outputs: Readonly<Record<string, Float32Array>>,
    at: number,
    count: number,
  ) => void | Promise<void>;
}

/** Runs `compiled` (one input `pixels`, float outputs with a leading batch axis) over the samples. */
export async function sweep(compiled: CompiledGraph, options: Sweep): Promise<void> {
  const { samples, indices, batch } = options;
  const total = indices === null ? samples.count : indices.length;
  const [channels, height, width] = samples.shape;
  const pixels = new Float32Array(batch * channels * height * width);
  const chosen = new Int32Array(batch);
  for (let at = 0; at < total; at += batch) {
    if (options.signal.aborted) throw new CancelledError();
    const count = Math.min(batch, total - at);
    // A short last batch is filled up with its own last sample: evaluation graphs treat rows independently.
    for (let i = 0; i < batch; i++) {
      const position = at + Math.min(i, count - 1);
      chosen[i] = indices === null ? position : indices[position];
    }
    samples.read(chosen, pixels);
    const outputs = await compiled.run({
      pixels: { dtype: 'float32', dims: [batch, channels, height, width], data: pixels },
    });
    const rows: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      const data = tensor.data as Float32Array;
      rows[name] = data.subarray(0, (data.length / batch) * count);
    }
    await options.onBatch(rows, at, count);
    options.onProgress?.(at + count, total);
  }
}

/** The encoder's graph with outputs `representation` and one pooled vector `[N, channels]` per tap, named by tap id. */
export function tapGraph(encoder: Encoder): Graph {
  const nodes: GraphNode[] = [...encoder.graph.nodes];
  const outputs = [...encoder.graph.outputs];
  for (const tap of encoder.taps) {
    nodes.push(poolNode(tap));
    outputs.push({ name: tap.id, dtype: 'float32', shape: ['N', tap.channels] });
  }
  return { ...encoder.graph, nodes, outputs };
}

function poolNode(tap: Tap): GraphNode {
  const shared = { domain: '', name: `pool ${tap.id}`, inputs: [tap.tensor], outputs: [tap.id] };
  switch (tap.kind) {
    case 'map':
      return {
        ...shared,
        op: 'ReduceMean',
        attributes: { axes: { type: 'ints', value: [2, 3] }, keepdims: { type: 'int', value: 0 } },
      };
    case 'tokens':
      return {
        ...shared,
        op: 'ReduceMean',
        attributes: { axes: { type: 'ints', value: [1] }, keepdims: { type: 'int', value: 0 } },
      };
    case 'vector':
      return { ...shared, op: 'Identity', attributes: {} };
  }
}

/**
 * @param rows `[count, d]` of the samples `indices[at ..]` (null = of `at` itself) @param what names the value for people
 * @throws ExpectedError unsupported-encoder naming the first sample whose row is not finite
 */
export function requireFinite(
  rows: Float32Array,
  d: number,
  what: string,
  indices: ArrayLike<number> | null,
  at: number,
): void {
  const bad = rows.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const position = at + Math.floor(bad / d);
  throw new ExpectedError(
    'unsupported-encoder',
    `Its ${what} of sample ${indices === null ? position : indices[position]} (counted from 0) is not finite. ` +
      'Check the pixel normalisation (mean and std), or ask the supplier for a fresh export.',
  );
}

/** Representation `[N, dim]` of the samples (all in memory: N x dim floats). */
export async function representations(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  indices: ArrayLike<number> | null,
  options: { batch: number; signal: AbortSignal; onProgress?: (done: number, total: number) => void },
): Promise<Float32Array> {
  const compiled = await provider.compile(encoder.graph, { dims: { N: options.batch } });
  const dim = encoder.representation.dim;
  const total = indices === null ? samples.count : indices.length;
  const result = new Float32Array(total * dim);
  try {
    await sweep(compiled, {
      samples,
      indices,
      ...options,
      onBatch: ({ representation }, at) => {
        requireFinite(representation, dim, 'representation', indices, at);
        result.set(representation, at * dim);
      },
    });
  } finally {
    await compiled.dispose();
  }
  return result;
}

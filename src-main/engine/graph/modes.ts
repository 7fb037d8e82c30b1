/** Evaluation and training modes of batch normalisation. */
import { float, floatAttribute } from './attributes.ts';
import { graphBuilder } from './builder.ts';
import { INTERNAL_DOMAIN } from './internal-ops.ts';
import type { Graph, Tensor } from './ir.ts';
import { apart, joined } from './packing.ts';
import { NORM_EPSILON } from './ops/normalisation.ts';
import { inferShapes } from './shapes.ts';
import { sizeOf } from './tensors.ts';
import type { StatePair } from '../providers/provider.ts';
import type { CarriedState } from './training.ts';

export interface BatchStatisticsOptions {
  /** Sizes of all symbols (the unbiased variance needs the number of values). */
  readonly dims: Readonly<Record<string, number>>;
  /** Weight of the new batch in the running statistics, as in PyTorch. Default 0.1. */
  readonly momentum?: number;
  /** Whether running statistics follow; then they become state of the graph under their own names. */
  readonly updateRunning: boolean;
  /** Names of the normalisation nodes to switch; all when left out. */
  readonly only?: ReadonlySet<string>;
}

/**
 * Normalisations use the statistics of the batch instead of the stored ones. The result is fit for training only.
 * @throws RangeError when two normalisations share statistics (see `simplify`)
 */
export function withBatchStatistics(
  graph: Graph,
  options: BatchStatisticsOptions,
): CarriedState & { readonly graph: Graph } {
  const types = inferShapes(graph, options.dims);
  const momentum = options.momentum ?? 0.1;
  const state: StatePair[] = [];
  const initialState: Record<string, Tensor> = {};
  const switched = graph.nodes.map((node) => {
    const chosen = node.op === 'BatchNormalization' && node.domain === '' && options.only?.has(node.name) !== false;
    if (!chosen) return node;
    return {
      ...node,
      op: 'BatchNormTrain',
      domain: INTERNAL_DOMAIN,
      inputs: node.inputs.slice(0, 3),
      outputs: [node.outputs[0], `${node.outputs[0]}/batchMean`, `${node.outputs[0]}/batchVariance`],
      attributes: { epsilon: float(floatAttribute(node, 'epsilon', NORM_EPSILON)) },
    };
  });
  const b = graphBuilder({ ...graph, nodes: switched });
  if (!options.updateRunning) return { graph: b.build(), state, initialState };
  const followed: { readonly name: string; readonly batch: string; readonly start: Tensor; readonly share: number }[] =
    [];
  graph.nodes.forEach((node, index) => {
    const made = switched[index];
    if (made === node) return;
    const dims = types.get(node.inputs[0])?.dims ?? [];
    const count = sizeOf(dims) / dims[1];
    const follow = (name: string, batch: string, factor: number): void => {
      const start = graph.initializers.get(name);
      if (start === undefined || Object.hasOwn(initialState, name)) {
        throw new RangeError(`The statistics "${name}" of "${node.name}" are shared or not stored in the graph.`);
      }
      b.removeInitializer(name);
      b.input(name, 'float32', start.dims);
      initialState[name] = start;
      followed.push({ name, batch, start, share: momentum * factor });
    };
    follow(node.inputs[3], made.outputs[1], 1);
    follow(node.inputs[4], made.outputs[2], count / Math.max(1, count - 1));
  });
  if (followed.length === 0) return { graph: b.build(), state, initialState };
  const dims = followed.map(({ start }) => start.dims);
  const shares = followed.flatMap(({ start, share }) => new Array<number>(start.data.length).fill(share));
  const old = joined(
    b,
    followed.map(({ name }) => name),
    dims,
  );
  const fresh = joined(
    b,
    followed.map(({ batch }) => batch),
    dims,
  );
  const weights = b.constant({ dtype: 'float32', dims: [shares.length], data: Float32Array.from(shares) });
  const next = apart(b, b.add(b.mul(old, b.scalar(1 - momentum)), b.mul(fresh, weights)), dims);
  followed.forEach(({ name, start }, at) => {
    b.output(next[at], 'float32', start.dims);
    state.push({ input: name, output: next[at] });
  });
  return { graph: b.build(), state, initialState };
}

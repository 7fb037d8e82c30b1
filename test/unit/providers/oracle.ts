/** Runs a graph on a provider and on the float64 interpreter and compares. */
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { sizeOf } from '../../../src-main/engine/graph/tensors.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';

/** Repeatable numbers in -1..1 from a small linear congruence. */
export function numbers(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

export function randomTensor(dims: readonly number[], seed: number): Tensor {
  return { dtype: 'float32', dims, data: numbers(sizeOf(dims), seed) };
}

/** Numbers for every float input; batch normalisation's variances need positive ones. */
export function randomFeeds(graph: Graph, positive: readonly string[] = []): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map((input, index) => {
      const tensor = randomTensor(input.shape as number[], index + 1);
      if (positive.includes(input.name))
        tensor.data.forEach((value, at) => (tensor.data[at] = Math.abs(Number(value)) + 0.5));
      return [input.name, tensor];
    }),
  );
}

/** Largest difference over the largest magnitude of the reference. */
export function relativeError(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (actual.length !== wanted.length) return Infinity;
  let worst = 0;
  let scale = 0;
  for (let at = 0; at < wanted.length; at += 1) {
    const difference = Math.abs(Number(actual[at]) - Number(wanted[at]));
    if (!(difference <= worst)) worst = difference;
    scale = Math.max(scale, Math.abs(Number(wanted[at])));
  }
  return worst === 0 ? 0 : worst / scale;
}

/** Relative error of every output against the float64 interpreter. */
export async function errorsOf(
  provider: Provider,
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, number>> {
  const compiled = await provider.compile(graph);
  const actual = await compiled.run(feeds);
  await compiled.dispose();
  const wanted = evaluate(graph, feeds, { precision: 'float64' });
  return Object.fromEntries(
    Object.keys(wanted).map((name) => [
      name,
      relativeError(actual[name].data as Float32Array, wanted[name].data as Float64Array),
    ]),
  );
}

/** What every provider does before it compiles and before it runs: sizes for symbols, state pairs and feeds that fit. */
import type { Graph, Tensor, ValueInfo } from '../graph/ir.ts';
import { boundDims } from '../graph/shapes.ts';
import { sameDims } from '../graph/tensors.ts';
import type { StatePair } from './provider.ts';

/** The graph with every symbol in the shapes of its inputs and outputs replaced by its size. */
export function bindSymbols(graph: Graph, dims: Readonly<Record<string, number>>): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, shape: boundDims(input.name, input.shape, dims) })),
    outputs: graph.outputs.map((output) => ({
      ...output,
      shape: output.shape.map((dim) => (typeof dim === 'string' && Object.hasOwn(dims, dim) ? dims[dim] : dim)),
    })),
  };
}

/**
 * The input of every state pair, by name.
 * @throws TypeError when a pair names no input or output of the graph, or two name the same output
 */
export function stateInputs(
  graph: Pick<Graph, 'inputs' | 'outputs'>,
  state: readonly StatePair[],
): Map<string, ValueInfo> {
  const inputs = new Map(graph.inputs.map((input) => [input.name, input]));
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const taken = new Set<string>();
  const found = new Map<string, ValueInfo>();
  for (const pair of state) {
    const info = inputs.get(pair.input);
    if (info === undefined) throw new TypeError(`the state "${pair.input}" is no input of the graph`);
    if (!outputs.has(pair.output)) throw new TypeError(`the state "${pair.output}" is no output of the graph`);
    if (taken.has(pair.output)) throw new TypeError(`the output "${pair.output}" is the next value of two states`);
    taken.add(pair.output);
    found.set(pair.input, info);
  }
  return found;
}

/** @throws TypeError that names the input and what was met */
export function checkedFeed(value: Tensor | undefined, info: ValueInfo): Tensor {
  const dims = info.shape as readonly number[];
  if (value === undefined) throw new TypeError(`the input "${info.name}" was not fed`);
  if (value.dtype !== info.dtype || !sameDims(value.dims, dims)) {
    const met = `${value.dtype}[${value.dims.join()}]`;
    throw new TypeError(`the input "${info.name}" takes ${info.dtype}[${dims.join()}], met ${met}`);
  }
  return value;
}

/**
 * Any batch size for graphs that were traced with one: what exporters compute from shapes becomes constant, what they
 * baked in for a batch of n becomes "the rest" (-1).
 */
import { axisOf } from '../graph/ops/operator.ts';
import { intAttribute } from '../graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../graph/ir.ts';
import { inferValues, type Shaped } from '../graph/shapes.ts';
import { filled, intsTensor, sameDims, sizeOf } from '../graph/tensors.ts';
import { dependents, makeNode, namer, prune, rewrite, wire } from './wiring.ts';

/**
 * Replaces what depends on shapes only. The graph's one input has the shape ['N', C, H, W]; it must run for any N.
 * Class tokens that are repeated N times and set in front of the patch tokens become a padding and an addition.
 * @throws what shape inference throws
 */
export function settleShapes(graph: Graph): Graph {
  const two = inferValues(graph, { N: 2 });
  const three = inferValues(graph, { N: 3 });
  const fresh = namer(graph);
  const live = dependents(graph, 'pixels');
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    if (node.outputs.every((name) => name === '' || isSettled(two.get(name), three.get(name)))) {
      for (const name of node.outputs) {
        const value = two.get(name)?.value;
        if (name !== '' && value) initializers.set(name, value);
      }
      replace.set(node, []);
      continue;
    }
    if (node.op === 'Reshape' && live.has(node.inputs[0])) {
      const [a, b] = [two, three].map((types) => types.get(node.outputs[0])?.dims ?? []);
      const moving = a.flatMap((size, axis) => (size === b[axis] ? [] : [axis]));
      if (a.length !== b.length || moving.length > 1) continue;
      const shape = fresh(`${node.inputs[1]}/any batch`);
      initializers.set(shape, intsTensor(a.map((size, axis) => (axis === moving[0] ? -1 : size))));
      replace.set(node, [{ ...node, inputs: [node.inputs[0], shape], attributes: {} }]);
    } else if (node.op === 'Concat') {
      const changed = paddedTokens(graph, node, two, three, fresh);
      if (changed === null) continue;
      replace.set(node, changed.nodes);
      for (const [name, tensor] of changed.initializers) initializers.set(name, tensor);
    }
  }
  const changed = rewrite(graph, { replace, initializers });
  return prune(changed, changed.outputs);
}

function isSettled(a: Shaped | undefined, b: Shaped | undefined): boolean {
  if (!a?.value || !b?.value || !sameDims(a.dims, b.dims)) return false;
  const [x, y] = [a.value.data, b.value.data];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

function paddedTokens(
  graph: Graph,
  node: GraphNode,
  two: ReadonlyMap<string, Shaped>,
  three: ReadonlyMap<string, Shaped>,
  fresh: (wanted: string) => string,
): ReturnType<typeof repeatedInFront> {
  const output = two.get(node.outputs[0]);
  if (!output) return null;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), output.dims.length);
  const parts = node.inputs.map((name) => repeatedConstant(graph, name, two, three));
  return repeatedInFront(node, output.dims, axis, parts, fresh);
}

/**
 * Concat([constant of each sample, x]) along a later axis = Pad(x) + (the constant, then zeros); behind x alike.
 * @param parts one sample's part `[1, ...]` of each operand that is constant, null for x
 */
export function repeatedInFront(
  node: GraphNode,
  dims: readonly number[],
  axis: number,
  parts: readonly (Tensor | null)[],
  fresh: (wanted: string) => string,
): { readonly nodes: readonly GraphNode[]; readonly initializers: ReadonlyMap<string, Tensor> } | null {
  const at = parts.findIndex((tensor) => tensor !== null);
  const constant = parts[at];
  const rank = dims.length;
  if (parts.length !== 2 || axis === 0 || !constant || parts[1 - at] !== null || constant.dims.length !== rank)
    return null;
  const size = constant.dims[axis];
  const pads = new Array<number>(2 * rank).fill(0);
  pads[at === 0 ? axis : rank + axis] = size;
  const wide = [1, ...dims.slice(1)];
  const padded = fresh(`${node.outputs[0]}/padded`);
  const [padsName, tokens] = [fresh(`${node.outputs[0]}/pads`), fresh(`${node.outputs[0]}/tokens`)];
  return {
    nodes: [
      makeNode('Pad', fresh(`${node.name}/pad`), [node.inputs[1 - at], padsName], [padded]),
      makeNode('Add', fresh(`${node.name}/set`), [padded, tokens], [node.outputs[0]]),
    ],
    initializers: new Map([
      [padsName, intsTensor(pads)],
      [tokens, placed(constant, wide, axis, at === 0 ? 0 : wide[axis] - size)],
    ]),
  };
}

/** One sample's part of a value that is the same constant for every sample, or null. */
function repeatedConstant(
  graph: Graph,
  name: string,
  two: ReadonlyMap<string, Shaped>,
  three: ReadonlyMap<string, Shaped>,
): Tensor | null {
  const [a, b] = [two.get(name), three.get(name)];
  if (a?.dims[0] !== 2 || b?.dims[0] !== 3) return null;
  const first = (value: Tensor): Tensor => {
    const dims = [1, ...a.dims.slice(1)];
    return { dtype: value.dtype, dims, data: value.data.slice(0, sizeOf(dims)) as Tensor['data'] };
  };
  const maker = wire(graph).producer.get(name);
  const source = maker?.op === 'Expand' ? graph.initializers.get(maker.inputs[0]) : undefined;
  if (source && source.dtype === 'float32' && source.data.length === sizeOf(a.dims.slice(1))) {
    return { ...source, dims: [1, ...a.dims.slice(1)] };
  }
  if (!a.value || !b.value || a.dtype !== 'float32') return null;
  const each = sizeOf(a.dims.slice(1));
  const { data } = b.value;
  for (let i = each; i < data.length; i++) if (data[i] !== data[i % each]) return null;
  return first(a.value);
}

function placed(part: Tensor, dims: readonly number[], axis: number, start: number): Tensor {
  const whole = filled('float32', dims, 0);
  const inner = sizeOf(dims.slice(axis + 1));
  const outer = sizeOf(dims.slice(0, axis));
  const data = whole.data as Float32Array;
  const run = part.dims[axis] * inner;
  for (let o = 0; o < outer; o++) {
    data.set((part.data as Float32Array).subarray(o * run, (o + 1) * run), (o * dims[axis] + start) * inner);
  }
  return whole;
}

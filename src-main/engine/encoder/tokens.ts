/** Class tokens, as exporters repeat them for each image of a batch, without the repeating. */
import { intAttribute } from '../graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../graph/ir.ts';
import { axisOf } from '../graph/ops/operator.ts';
import { inferValues, type Shaped } from '../graph/shapes.ts';
import { filled, intsTensor, sizeOf } from '../graph/tensors.ts';
import { makeNode, namer, prune, rewrite, wire, type Wiring } from './wiring.ts';

/**
 * A constant that is repeated N times and set in front of (or behind) the patch tokens becomes a padding of the tokens
 * and an addition. The graph's one input has the shape ['N', C, H, W].
 */
export function settleTokens(graph: Graph): Graph {
  const two = inferValues(graph, { N: 2 });
  const three = inferValues(graph, { N: 3 });
  const { producer } = wire(graph);
  const fresh = namer(graph);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const changed = node.op === 'Concat' ? paddedTokens(graph, producer, node, two, three, fresh) : null;
    if (changed === null) continue;
    replace.set(node, changed.nodes);
    for (const [name, tensor] of changed.initializers) initializers.set(name, tensor);
  }
  const changed = rewrite(graph, { replace, initializers });
  return prune(changed, changed.outputs);
}

function paddedTokens(
  graph: Graph,
  producer: Wiring['producer'],
  node: GraphNode,
  two: ReadonlyMap<string, Shaped>,
  three: ReadonlyMap<string, Shaped>,
  fresh: (wanted: string) => string,
): ReturnType<typeof repeatedInFront> {
  const output = two.get(node.outputs[0]);
  if (!output) return null;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), output.dims.length);
  const parts = node.inputs.map((name) => repeatedConstant(graph, producer, name, two, three));
  return repeatedInFront(node, output.dims, axis, parts, fresh);
}

/**
 * Concat([constant of each sample, x]) along a later axis = Pad(x) + (the constant, then zeros); constants behind x and
 * several of them alike.
 * @param parts one sample's part `[1, ...]` of each operand that is constant, null for x
 */
export function repeatedInFront(
  node: GraphNode,
  dims: readonly number[],
  axis: number,
  parts: readonly (Tensor | null)[],
  fresh: (wanted: string) => string,
): { readonly nodes: readonly GraphNode[]; readonly initializers: ReadonlyMap<string, Tensor> } | null {
  const rank = dims.length;
  const at = parts.indexOf(null);
  const constants = parts.filter((tensor) => tensor !== null);
  if (axis === 0 || at < 0 || constants.length === 0 || constants.length !== parts.length - 1) return null;
  if (constants.some((tensor) => tensor.dims.length !== rank)) return null;
  const wide = [1, ...dims.slice(1)];
  const tokens = filled('float32', wide, 0);
  const pads = new Array<number>(2 * rank).fill(0);
  let [front, back] = [0, wide[axis]];
  for (const tensor of parts.slice(0, at) as Tensor[]) {
    place(tensor, tokens, axis, front);
    front += tensor.dims[axis];
  }
  for (const tensor of (parts.slice(at + 1) as Tensor[]).reverse()) {
    back -= tensor.dims[axis];
    place(tensor, tokens, axis, back);
  }
  pads[axis] = front;
  pads[rank + axis] = wide[axis] - back;
  const padded = fresh(`${node.outputs[0]}/padded`);
  const [padsName, tokensName] = [fresh(`${node.outputs[0]}/pads`), fresh(`${node.outputs[0]}/tokens`)];
  return {
    nodes: [
      makeNode('Pad', fresh(`${node.name}/pad`), [node.inputs[at], padsName], [padded]),
      makeNode('Add', fresh(`${node.name}/set`), [padded, tokensName], [node.outputs[0]]),
    ],
    initializers: new Map([
      [padsName, intsTensor(pads)],
      [tokensName, tokens],
    ]),
  };
}

/** One sample's part of a value that is the same constant for every sample, or null. */
function repeatedConstant(
  graph: Graph,
  producer: Wiring['producer'],
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
  const maker = producer.get(name);
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

/** Writes `part` into `whole`, from `start` along `axis`. */
function place(part: Tensor, whole: Tensor, axis: number, start: number): void {
  const { dims } = whole;
  const inner = sizeOf(dims.slice(axis + 1));
  const run = part.dims[axis] * inner;
  const [from, to] = [part.data as Float32Array, whole.data as Float32Array];
  for (let o = 0; o < sizeOf(dims.slice(0, axis)); o++) {
    to.set(from.subarray(o * run, (o + 1) * run), (o * dims[axis] + start) * inner);
  }
}

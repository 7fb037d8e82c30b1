/**
 * Finds the heads of attention layers however the exporter laid them out (packed q/k/v, three layers, the flattened
 * batch x heads of nn.MultiheadAttention): column numbers are sent through the reshapes and transposes themselves.
 */
import { evaluate } from '../graph/evaluate.ts';
import type { Graph, GraphNode, Tensor } from '../graph/ir.ts';
import { intsTensor, sizeOf } from '../graph/tensors.ts';
import type { ChannelRows } from './encoder.ts';
import { denseLayers, isLayout, isScaling, layoutRegion, type Dense } from './dense.ts';
import type { Shapes } from './shapes.ts';
import { makeNode, namer, onlyConsumer, rewrite, wire, type Wiring } from './wiring.ts';

/** Largest value whose elements are followed. */
const MOST_ELEMENTS = 2 ** 26;

export interface Attention {
  readonly softmax: GraphNode;
  /** Per-head output of softmax(QK^T)V. */
  readonly context: string;
  readonly heads: number;
  /** Axis of `context` that runs over heads; null where batch and heads share axis 0. */
  readonly axis: number | null;
  /** With `axis` null: whether the batch is the slower of the two. */
  readonly batchFirst: boolean;
  /** q, k, v rows and biases and the columns of the projection behind; value rows first. */
  readonly rows: readonly ChannelRows[];
}

/**
 * @param shapes of every value for a batch of 2 (so that batch and other axes can be told apart)
 * @returns attention layers whose heads could be followed, in graph order
 */
export function findAttention(graph: Graph, shapes: Shapes): Attention[] {
  const wiring = wire(graph);
  const dense = denseLayers(graph, wiring);
  const found: Attention[] = [];
  for (const softmax of graph.nodes) {
    if (softmax.op !== 'Softmax') continue;
    const attention = attentionAt(graph, shapes, wiring, dense, softmax);
    if (attention) found.push(attention);
  }
  return found;
}

function attentionAt(
  graph: Graph,
  shapes: Shapes,
  wiring: Wiring,
  dense: ReadonlyMap<string, Dense>,
  softmax: GraphNode,
): Attention | null {
  const weigh = onlyConsumer(graph, wiring, softmax.outputs[0]);
  if (weigh?.op !== 'MatMul' || weigh.inputs[0] !== softmax.outputs[0]) return null;
  const product = scoresOf(graph, wiring, softmax);
  if (product === null) return null;
  const context = weigh.outputs[0];
  const operands = [
    { value: weigh.inputs[1], along: 'last' },
    { value: product.inputs[0], along: 'last' },
    { value: product.inputs[1], along: 'secondLast' },
  ] as const;
  const rows: ChannelRows[] = [];
  let order: HeadOrder | null = null;
  for (const { value, along } of operands) {
    const traced = columnsBehind(graph, shapes, wiring, dense, value);
    if (traced === null) return null;
    const heads = headsOf(traced.columns, shapes.get(value) ?? [], along);
    if (heads === null || (order !== null && !sameOrder(order, heads.order))) return null;
    order = heads.order;
    const flat = heads.columns.flat();
    rows.push(rowsOf(traced.dense.weight, traced.dense.outAxis, flat, heads.columns.length));
    const { bias } = traced.dense;
    if (bias !== null) rows.push(rowsOf(bias, lastAxis(graph, bias), flat, heads.columns.length));
  }
  if (order === null) return null;
  const projection = projectionRows(graph, shapes, wiring, dense, context, order);
  if (projection === null) return null;
  return {
    softmax,
    context,
    heads: order.heads,
    axis: order.axis,
    batchFirst: order.batchFirst,
    rows: mergeRows([...rows, projection]),
  };
}

/** The matrix product that the softmax's scores come from, scaled and shifted perhaps. */
function scoresOf(graph: Graph, wiring: Wiring, softmax: GraphNode): GraphNode | null {
  let node = wiring.producer.get(softmax.inputs[0]);
  while (node && node.op !== 'MatMul') {
    // Masks and position biases are added, scales multiplied; both are constants here.
    const inner: readonly string[] = node.inputs.filter((name) => name !== '' && !graph.initializers.has(name));
    const passes = ['Add', 'Sub', 'Mul', 'Div', 'Identity', 'Reshape', 'Dropout'].includes(node.op);
    if (!passes || inner.length !== 1) return null;
    node = wiring.producer.get(inner[0]);
  }
  return node && node.inputs.every((name) => !graph.initializers.has(name)) ? node : null;
}

/** For every element of `value`, which output feature of which fully connected layer it is. */
export function columnsBehind(
  graph: Graph,
  shapes: Shapes,
  wiring: Wiring,
  dense: ReadonlyMap<string, Dense>,
  value: string,
): { readonly dense: Dense; readonly columns: Float32Array } | null {
  const region = layoutRegion(graph, wiring, value);
  const source = region.sources[0];
  const layer = region.sources.length === 1 ? dense.get(source) : undefined;
  const dims = shapes.get(source);
  if (!layer || !dims || dims.at(-1) !== layer.features || sizeOf(dims) > MOST_ELEMENTS) return null;
  const start = new Float32Array(sizeOf(dims));
  for (let i = 0; i < start.length; i++) start[i] = i % layer.features;
  return { dense: layer, columns: moveElements(graph, region.nodes, source, dims, start, value) };
}

/** Runs layout operators on numbers; scales are left out, since they move nothing. */
function moveElements(
  graph: Graph,
  nodes: ReadonlySet<GraphNode>,
  from: string,
  dims: readonly number[],
  start: Float32Array,
  to: string,
): Float32Array {
  if (from === to) return start;
  const steps = graph.nodes
    .filter((node) => nodes.has(node))
    .map((node) => {
      if (!isScaling(graph, node) && node.op !== 'LayerNormalization') return node;
      const inner = node.inputs.find((name) => !graph.initializers.has(name)) ?? node.inputs[0];
      return makeNode('Identity', node.name, [inner], [node.outputs[0]]);
    });
  const used = new Set(steps.flatMap((node) => node.inputs));
  const piece: Graph = {
    name: 'layout',
    opset: graph.opset,
    inputs: [{ name: from, dtype: 'float32', shape: dims }],
    outputs: [{ name: to, dtype: 'float32', shape: [] }],
    nodes: steps,
    initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
    metadata: {},
  };
  return evaluate(piece, { [from]: { dtype: 'float32', dims, data: start } })[to].data as Float32Array;
}

interface HeadOrder {
  readonly heads: number;
  readonly axis: number | null;
  readonly batchFirst: boolean;
}

function sameOrder(a: HeadOrder, b: HeadOrder): boolean {
  return a.heads === b.heads && a.axis === b.axis && a.batchFirst === b.batchFirst;
}

/** Columns of each head, and where the heads lie among the leading axes of a `[..., T, d]` (or `[..., d, T]`) operand. */
function headsOf(
  columns: Float32Array,
  dims: readonly number[],
  along: 'last' | 'secondLast',
): { readonly order: HeadOrder; readonly columns: readonly (readonly number[])[] } | null {
  if (dims.length < 3) return null;
  const lead = dims.slice(0, -2);
  const [rows, cols] = dims.slice(-2);
  const groups: string[] = [];
  const known = new Map<string, readonly number[]>();
  for (let g = 0; g < sizeOf(lead); g++) {
    const at = g * rows * cols;
    const own =
      along === 'last'
        ? Array.from({ length: cols }, (_, j) => columns[at + j])
        : Array.from({ length: rows }, (_, j) => columns[at + j * cols]);
    const key = own.join();
    groups.push(key);
    known.set(key, own);
  }
  const heads = [...known.values()];
  const all = heads.flat();
  if (new Set(all).size !== all.length) return null;
  const index = new Map([...known.keys()].map((key, i) => [key, i]));
  const order = groups.map((key) => index.get(key) as number);
  const h = heads.length;
  // One axis of its own: all its entries differ and no other axis changes the columns.
  let after = sizeOf(lead);
  for (let axis = 0; axis < lead.length; axis++) {
    after /= lead[axis];
    const step = after;
    if (lead[axis] === h && order.every((head, g) => head === Math.floor(g / step) % h)) {
      return { order: { heads: h, axis, batchFirst: true }, columns: heads };
    }
  }
  if (lead.length !== 1) return null;
  if (order.every((head, g) => head === g % h)) {
    return { order: { heads: h, axis: null, batchFirst: true }, columns: heads };
  }
  const per = lead[0] / h;
  if (order.every((head, g) => head === Math.floor(g / per))) {
    return { order: { heads: h, axis: null, batchFirst: false }, columns: heads };
  }
  return null;
}

/** Input columns of the fully connected layer that reads the heads' outputs, by head. */
function projectionRows(
  graph: Graph,
  shapes: Shapes,
  wiring: Wiring,
  dense: ReadonlyMap<string, Dense>,
  context: string,
  order: HeadOrder,
): ChannelRows | null {
  const nodes = new Set<GraphNode>();
  let value = context;
  let reader = onlyConsumer(graph, wiring, value);
  while (reader && isLayout(graph, reader)) {
    nodes.add(reader);
    value = reader.outputs[0];
    reader = onlyConsumer(graph, wiring, value);
  }
  const layer = [...dense.values()].find((each) => each.node === reader);
  const dims = shapes.get(context);
  if (!layer || !dims || sizeOf(dims) > MOST_ELEMENTS) return null;
  const { heads, axis } = order;
  const after = axis === null ? sizeOf(dims.slice(1)) : sizeOf(dims.slice(axis + 1));
  const headAt = (i: number): number => {
    const block = Math.floor(i / after);
    if (axis !== null || order.batchFirst) return block % heads;
    return Math.floor(block / (dims[0] / heads));
  };
  const start = new Float32Array(sizeOf(dims));
  for (let i = 0; i < start.length; i++) start[i] = headAt(i);
  const moved = moveElements(graph, nodes, context, dims, start, value);
  const width = graph.initializers.get(layer.weight)?.dims[layer.inAxis] ?? 0;
  if (width === 0 || width % heads !== 0) return null;
  const columns: number[][] = Array.from({ length: heads }, () => []);
  for (let i = 0; i < moved.length; i++) {
    if (moved[i] !== moved[i % width]) return null;
    if (i < width) columns[moved[i]].push(i);
  }
  if (columns.some((own) => own.length !== width / heads)) return null;
  return rowsOf(layer.weight, layer.inAxis, columns.flat(), heads);
}

function lastAxis(graph: Graph, name: string): number {
  return (graph.initializers.get(name)?.dims.length ?? 1) - 1;
}

export function rowsOf(param: string, axis: number, index: readonly number[], channels: number): ChannelRows {
  return { param, axis, index: Int32Array.from(index), perChannel: index.length / channels };
}

/** Entries on the same axis of the same parameter become one (packed q, k and v). */
function mergeRows(rows: readonly ChannelRows[]): ChannelRows[] {
  const merged: ChannelRows[] = [];
  for (const row of rows) {
    const at = merged.findIndex((each) => each.param === row.param && each.axis === row.axis);
    if (at < 0) {
      merged.push(row);
      continue;
    }
    const first = merged[at];
    const channels = first.index.length / first.perChannel;
    const index: number[] = [];
    for (let k = 0; k < channels; k++) {
      index.push(...first.index.subarray(k * first.perChannel, (k + 1) * first.perChannel));
      index.push(...row.index.subarray(k * row.perChannel, (k + 1) * row.perChannel));
    }
    merged[at] = rowsOf(row.param, row.axis, index, channels);
  }
  return merged;
}

/**
 * Attention layers with a place to mask their heads. Where batch and heads share one axis, a split of that axis and its
 * undoing are put right behind the per-head output; the function stays the same.
 */
export function maskableAttention(
  graph: Graph,
  shapes: Shapes,
): {
  readonly graph: Graph;
  readonly layers: readonly (Attention & { readonly maskAt: string; readonly maskAxis: number })[];
} {
  const fresh = namer(graph);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  const { producer } = wire(graph);
  const layers = findAttention(graph, shapes).map((attention) => {
    if (attention.axis !== null) return { ...attention, maskAt: attention.context, maskAxis: attention.axis };
    const maker = producer.get(attention.context) as GraphNode;
    const dims = shapes.get(attention.context) ?? [];
    const merged = fresh(`${attention.context}/merged`);
    const heads = fresh(`${attention.context}/heads`);
    const [split, join] = [fresh(`${attention.context}/split`), fresh(`${attention.context}/join`)];
    const lead = attention.batchFirst ? [-1, attention.heads] : [attention.heads, -1];
    initializers.set(split, intsTensor([...lead, ...dims.slice(1)]));
    initializers.set(join, intsTensor([-1, ...dims.slice(1)]));
    replace.set(maker, [
      { ...maker, outputs: [merged] },
      makeNode('Reshape', split, [merged, split], [heads]),
      makeNode('Reshape', join, [heads, join], [attention.context]),
    ]);
    return { ...attention, maskAt: heads, maskAxis: attention.batchFirst ? 1 : 0 };
  });
  return { graph: rewrite(graph, { replace, initializers }), layers };
}

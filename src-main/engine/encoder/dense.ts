/** Fully connected layers as exporters write them (Gemm, or MatMul and an Add), and walks back through other operators. */
import { intAttribute } from '../graph/attributes.ts';
import type { Graph, GraphNode } from '../graph/ir.ts';
import { isScalar, onlyConsumer, type Wiring } from './wiring.ts';

export interface Dense {
  readonly node: GraphNode;
  readonly input: string;
  readonly weight: string;
  /** Axis of the weight that runs over output features, and over input features. */
  readonly outAxis: 0 | 1;
  readonly inAxis: 0 | 1;
  readonly features: number;
  /** 1-D in effect: all elements lie along its last axis. */
  readonly bias: string | null;
  /** Value behind the bias. */
  readonly output: string;
}

/** All fully connected layers with constant weights, by output value. */
export function denseLayers(graph: Graph, wiring: Wiring): ReadonlyMap<string, Dense> {
  const found = new Map<string, Dense>();
  for (const node of graph.nodes) {
    const weight = graph.initializers.get(node.inputs[1] ?? '');
    if (!weight || weight.dims.length !== 2 || graph.initializers.has(node.inputs[0])) continue;
    if (node.op === 'Gemm' && intAttribute(node, 'transA', 0) === 0) {
      const outAxis = intAttribute(node, 'transB', 0) === 1 ? 0 : 1;
      const features = weight.dims[outAxis];
      const bias = node.inputs[2] && isRow(graph, node.inputs[2], features) ? node.inputs[2] : null;
      found.set(node.outputs[0], dense(node, outAxis, features, bias, node.outputs[0]));
    } else if (node.op === 'MatMul') {
      const features = weight.dims[1];
      const add = onlyConsumer(graph, wiring, node.outputs[0]);
      const other = add?.op === 'Add' ? add.inputs.find((name) => name !== node.outputs[0]) : undefined;
      const bias = other !== undefined && isRow(graph, other, features) ? other : null;
      const output = bias === null || !add ? node.outputs[0] : add.outputs[0];
      found.set(output, dense(node, 1, features, bias, output));
    }
  }
  return found;
}

function dense(node: GraphNode, outAxis: 0 | 1, features: number, bias: string | null, output: string): Dense {
  const inAxis = outAxis === 0 ? 1 : 0;
  return { node, input: node.inputs[0], weight: node.inputs[1], outAxis, inAxis, features, bias, output };
}

function isRow(graph: Graph, name: string, features: number): boolean {
  const tensor = graph.initializers.get(name);
  return tensor !== undefined && tensor.dims.at(-1) === features && tensor.data.length === features && features > 1;
}

/** Operators that treat every element alike. */
const elementwise = new Set([
  ...['Relu', 'Clip', 'LeakyRelu', 'HardSwish', 'HardSigmoid', 'Sigmoid', 'Gelu', 'Erf', 'Tanh', 'Softplus', 'Elu'],
  ...['Selu', 'Mish', 'Mul', 'Div', 'Add', 'Sub', 'Pow', 'Neg', 'Sqrt', 'Exp', 'Abs', 'Identity', 'Dropout', 'Cast'],
]);

const layout = new Set([
  ...['Reshape', 'Transpose', 'Split', 'Gather', 'Slice', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity', 'Dropout'],
]);

export interface Region {
  /** Values that the region starts from, in the order met. */
  readonly sources: readonly string[];
  /** Nodes between the sources and the value, in no order. */
  readonly nodes: ReadonlySet<GraphNode>;
}

/** Walks back from `value` while the operators treat every element alike (constants: scalars only). */
export function elementwiseRegion(graph: Graph, wiring: Wiring, value: string): Region {
  return regionBehind(graph, wiring, value, (node) => elementwise.has(node.op) && constantsAreScalars(graph, node));
}

/** Walks back from `value` while the operators only move elements (or scale all alike). */
export function layoutRegion(graph: Graph, wiring: Wiring, value: string): Region {
  return regionBehind(graph, wiring, value, (node) => isLayout(graph, node));
}

export function isLayout(graph: Graph, node: GraphNode): boolean {
  if (layout.has(node.op)) return node.inputs.slice(1).every((name) => name === '' || graph.initializers.has(name));
  // A normalisation of queries and keys within each head keeps every element at its place.
  return node.op === 'LayerNormalization' || isScaling(graph, node);
}

/** Multiplication or division of everything by one number. */
export function isScaling(graph: Graph, node: GraphNode): boolean {
  return (
    (node.op === 'Mul' && node.inputs.some((name) => isScalar(graph, name))) ||
    (node.op === 'Div' && isScalar(graph, node.inputs[1]))
  );
}

function constantsAreScalars(graph: Graph, node: GraphNode): boolean {
  return node.inputs.every((name) => name === '' || !graph.initializers.has(name) || isScalar(graph, name));
}

function regionBehind(graph: Graph, wiring: Wiring, value: string, passes: (node: GraphNode) => boolean): Region {
  const nodes = new Set<GraphNode>();
  const sources = new Set<string>();
  const open = [value];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = wiring.producer.get(name);
    if (!node || !passes(node)) {
      sources.add(name);
      continue;
    }
    if (nodes.has(node)) continue;
    nodes.add(node);
    for (const input of node.inputs) if (input !== '' && !graph.initializers.has(input)) open.push(input);
  }
  return { sources: [...sources], nodes };
}

/** Whether nothing outside the region (and `reader`) reads its sources or what lies between. */
export function isClosed(graph: Graph, wiring: Wiring, region: Region, reader: GraphNode): boolean {
  const inside = [...region.sources, ...[...region.nodes].flatMap((node) => node.outputs)];
  return inside.every(
    (name) =>
      !graph.outputs.some((output) => output.name === name) &&
      (wiring.consumers.get(name) ?? []).every((node) => node === reader || region.nodes.has(node)),
  );
}

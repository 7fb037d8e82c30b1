/** Who makes and who reads each value, and the small edits of a graph that the encoder modules share. */
import type { Attribute, Graph, GraphNode, Tensor, ValueInfo } from '../graph/ir.ts';
import { orderNodes } from '../graph/order.ts';
import { numbersOf } from '../graph/tensors.ts';

export interface Wiring {
  /** Node that makes a value; none for inputs and initializers. */
  readonly producer: ReadonlyMap<string, GraphNode>;
  /** Nodes that read a value, each once. */
  readonly consumers: ReadonlyMap<string, readonly GraphNode[]>;
}

export function wire(graph: Graph): Wiring {
  const producer = new Map<string, GraphNode>();
  const consumers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') producer.set(output, node);
    for (const input of new Set(node.inputs)) {
      if (input === '') continue;
      const list = consumers.get(input);
      if (list) list.push(node);
      else consumers.set(input, [node]);
    }
  }
  return { producer, consumers };
}

/** The only node that reads a value, or null when there are none or several or the graph gives the value out. */
export function onlyConsumer(graph: Graph, wiring: Wiring, value: string): GraphNode | null {
  if (graph.outputs.some((output) => output.name === value)) return null;
  const readers = wiring.consumers.get(value) ?? [];
  return readers.length === 1 ? readers[0] : null;
}

/** Values whose contents depend on those of `input`, itself included. A shape is not content. */
export function dependents(graph: Graph, input: string): Set<string> {
  const found = new Set([input]);
  for (const node of graph.nodes) {
    if (node.op === 'Shape' || node.op === 'Size') continue;
    if (node.inputs.some((name) => found.has(name))) for (const output of node.outputs) found.add(output);
  }
  found.delete('');
  return found;
}

/** Nodes that the given values are computed by, directly or not. */
export function ancestors(graph: Graph, values: Iterable<string>): Set<GraphNode> {
  const wanted = new Set(values);
  const found = new Set<GraphNode>();
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    found.add(node);
    for (const input of node.inputs) wanted.add(input);
  }
  return found;
}

/** The graph cut down to what `outputs` need; unused inputs and initializers go too. */
export function prune(graph: Graph, outputs: readonly ValueInfo[]): Graph {
  const kept = ancestors(
    graph,
    outputs.map((output) => output.name),
  );
  const nodes = graph.nodes.filter((node) => kept.has(node));
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...outputs.map((output) => output.name)]);
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  return { ...graph, nodes, initializers, outputs, inputs: graph.inputs.filter((input) => used.has(input.name)) };
}

/** Gives a value another name wherever it is made, read or given out. */
export function renameValues(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const to = (name: string): string => names.get(name) ?? name;
  const info = (value: ValueInfo): ValueInfo => ({ ...value, name: to(value.name) });
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(to), outputs: node.outputs.map(to) })),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [to(name), tensor])),
  };
}

/** The graph with some nodes replaced (by none, one or several) and some added, in topological order again. */
export function rewrite(
  graph: Graph,
  change: {
    readonly replace?: ReadonlyMap<GraphNode, readonly GraphNode[]>;
    readonly add?: readonly GraphNode[];
    readonly initializers?: ReadonlyMap<string, Tensor>;
  },
): Graph {
  const nodes = graph.nodes.flatMap((node) => change.replace?.get(node) ?? [node]);
  const all = [...nodes, ...(change.add ?? [])];
  const initializers = new Map([...graph.initializers, ...(change.initializers ?? [])]);
  const known = new Set([...graph.inputs.map((input) => input.name), ...initializers.keys()]);
  return { ...graph, nodes: orderNodes(all, known), initializers };
}

/** Hands out names that nothing in the graph bears, neither value nor node nor symbol. */
export function namer(graph: Graph): (wanted: string) => string {
  const taken = new Set<string>(graph.initializers.keys());
  for (const value of [...graph.inputs, ...graph.outputs]) {
    taken.add(value.name);
    for (const dim of value.shape) if (typeof dim === 'string') taken.add(dim);
  }
  for (const node of graph.nodes) {
    taken.add(node.name);
    for (const output of node.outputs) taken.add(output);
  }
  return (wanted) => {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}~${i}`;
    taken.add(name);
    return name;
  };
}

export function makeNode(
  op: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): GraphNode {
  return { op, domain: '', name, inputs, outputs, attributes };
}

/** The numbers of a constant, or null when the value is none. */
export function constantNumbers(graph: Graph, name: string): readonly number[] | null {
  const tensor = graph.initializers.get(name);
  return tensor ? numbersOf(tensor) : null;
}

export function isScalar(graph: Graph, name: string): boolean {
  const tensor = graph.initializers.get(name);
  return tensor !== undefined && tensor.data.length === 1;
}

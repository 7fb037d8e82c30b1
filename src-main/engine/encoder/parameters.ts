/** Which constants of an encoder's graph are weights that training may change. */
import type { Graph, GraphNode } from '../graph/ir.ts';
import { dependents, namer, wire, type Wiring } from './wiring.ts';

/**
 * Names of learnable initializers, in graph order: weights and biases of convolutions and fully connected layers, scale
 * and shift of normalisations, embeddings, and what is added to or multiplied with activations per channel. Not: running
 * statistics, single numbers, what stands in front of the first layer (pixel normalisation), attention masks.
 */
export function learnableParameters(graph: Graph): string[] {
  const live = dependents(graph, 'pixels');
  const scores = scoreNodes(graph, wire(graph));
  const found = new Set<string>();
  // Values that a weight has had a part in.
  const learnt = new Set<string>();
  const isFloat = (name: string): boolean => graph.initializers.get(name)?.dtype === 'float32';
  for (const node of graph.nodes) {
    const behind = node.inputs.some((name) => learnt.has(name));
    const own = parametersOf(graph, scores, node, live, behind).filter(isFloat);
    for (const name of own) found.add(name);
    if ((behind || own.length > 0) && node.outputs.some((name) => live.has(name))) {
      for (const output of node.outputs) learnt.add(output);
    }
  }
  return [...found];
}

/** Exporters store equal tensors once. Every reader of a learnable one gets its own, since each is trained alone. */
export function withOwnParameters(graph: Graph): Graph {
  const shared = new Set(learnableParameters(graph));
  for (const node of graph.nodes) {
    if (node.op === 'BatchNormalization') for (const name of node.inputs.slice(3, 5)) shared.add(name);
  }
  const fresh = namer(graph);
  const initializers = new Map(graph.initializers);
  const taken = new Set<string>();
  const nodes = graph.nodes.map((node) => {
    const inputs = node.inputs.map((name) => {
      const tensor = shared.has(name) ? graph.initializers.get(name) : undefined;
      if (!tensor) return name;
      if (!taken.has(name)) {
        taken.add(name);
        return name;
      }
      const copy = fresh(`${node.name}/${name}`);
      initializers.set(copy, tensor);
      return copy;
    });
    return inputs.every((name, i) => name === node.inputs[i]) ? node : { ...node, inputs };
  });
  return { ...graph, nodes, initializers };
}

function parametersOf(
  graph: Graph,
  scores: ReadonlySet<GraphNode>,
  node: GraphNode,
  live: ReadonlySet<string>,
  behind: boolean,
): readonly string[] {
  if (!node.outputs.some((name) => live.has(name))) return [];
  switch (node.op) {
    case 'Conv':
    case 'ConvTranspose':
      return node.inputs.slice(1, 3);
    case 'BatchNormalization':
    case 'InstanceNormalization':
    case 'LayerNormalization':
      return node.inputs.slice(1, 3);
    case 'Gemm':
    case 'MatMul':
      return node.inputs;
    case 'PRelu':
      return node.inputs.slice(1, 2);
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      if (!behind || scores.has(node)) return [];
      return node.inputs.filter((name) => (graph.initializers.get(name)?.data.length ?? 0) > 1);
    case 'Concat':
      return behind ? node.inputs.filter((name) => graph.initializers.has(name)) : [];
    default:
      return [];
  }
}

/** Nodes that scale, shift or shape attention scores on their way into a softmax. */
function scoreNodes(graph: Graph, wiring: Wiring): ReadonlySet<GraphNode> {
  const found = new Set<GraphNode>();
  const open = graph.nodes.filter((node) => node.op === 'Softmax').map((node) => node.inputs[0]);
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const node = wiring.producer.get(value);
    if (!node || found.has(node) || !['Add', 'Reshape', 'Mul', 'Div'].includes(node.op)) continue;
    found.add(node);
    open.push(...node.inputs);
  }
  return found;
}

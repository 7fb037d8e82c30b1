/** Layer normalisation and softmax as exporters of old opsets spell them, put together again. */
import { float, int, intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../graph/ir.ts';
import { filled, numbersOf } from '../graph/tensors.ts';
import type { Shapes } from './shapes.ts';
import { makeNode, namer, onlyConsumer, prune, rewrite, wire, type Wiring } from './wiring.ts';

/**
 * d = x - mean(x); d / sqrt(mean(d^2) + eps) * scale + shift over the last axis becomes one LayerNormalization with the
 * same scale and shift (ones and zeros where the file has none) and the same output value.
 * @param shapes of every value, for any batch
 */
export function fuseLayerNorms(graph: Graph, shapes: Shapes): Graph {
  const wiring = wire(graph);
  const fresh = namer(graph);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const found = node.op === 'Div' ? layerNormEndingAt(graph, wiring, shapes, node) : null;
    if (found === null) continue;
    const constant = (hint: string, value: number): string => {
      const name = fresh(`${node.name}/${hint}`);
      initializers.set(name, filled('float32', [found.width], value));
      return name;
    };
    const scale = found.scale ?? constant('scale', 1);
    const shift = found.shift ?? constant('shift', 0);
    replace.set(found.last, [
      makeNode('LayerNormalization', found.last.name, [found.input, scale, shift], [found.last.outputs[0]], {
        axis: int(-1),
        epsilon: float(found.epsilon),
      }),
    ]);
  }
  const changed = rewrite(graph, { replace, initializers });
  return prune(changed, changed.outputs);
}

/**
 * Softmax over the last axis that flattens everything in front first (before opset 13) and shapes it back.
 * @param shapes of every value, for any batch
 */
export function unflattenSoftmax(graph: Graph, shapes: Shapes): Graph {
  const wiring = wire(graph);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  for (const node of graph.nodes) {
    const flatten = node.op === 'Softmax' ? wiring.producer.get(node.inputs[0]) : undefined;
    const reshape = onlyConsumer(graph, wiring, node.outputs[0]);
    const axis = intAttribute(node, 'axis', -1);
    if (flatten?.op !== 'Flatten' || reshape?.op !== 'Reshape' || (axis !== -1 && axis !== 1)) continue;
    const dims = shapes.get(flatten.inputs[0]);
    const at = intAttribute(flatten, 'axis', 1);
    if (!dims || (at !== -1 && at !== dims.length - 1)) continue;
    if (dims.join() !== shapes.get(reshape.outputs[0])?.join()) continue;
    const attributes = { axis: int(-1) };
    replace.set(node, [makeNode('Softmax', node.name, [flatten.inputs[0]], [reshape.outputs[0]], attributes)]);
    replace.set(reshape, []);
  }
  const changed = rewrite(graph, { replace });
  return prune(changed, changed.outputs);
}

/** Some exporters guard a softmax against rows of nothing: Where(IsNaN(p), 0, p) becomes p. */
export function unguardSoftmax(graph: Graph): Graph {
  const { producer } = wire(graph);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  for (const node of graph.nodes) {
    const [condition, , value] = node.inputs;
    const test = node.op === 'Where' ? producer.get(condition) : undefined;
    if (test?.op !== 'IsNaN' || test.inputs[0] !== value || producer.get(value)?.op !== 'Softmax') continue;
    replace.set(node, [makeNode('Identity', node.name, [value], [node.outputs[0]])]);
  }
  if (replace.size === 0) return graph;
  const changed = rewrite(graph, { replace });
  return prune(changed, changed.outputs);
}

interface LayerNorm {
  readonly input: string;
  readonly width: number;
  readonly epsilon: number;
  readonly scale: string | null;
  readonly shift: string | null;
  /** Node whose output is the layer norm's. */
  readonly last: GraphNode;
}

function layerNormEndingAt(graph: Graph, wiring: Wiring, shapes: Shapes, div: GraphNode): LayerNorm | null {
  const made = (name: string | undefined, ...ops: string[]): GraphNode | null => {
    const node = name === undefined ? undefined : wiring.producer.get(name);
    return node && ops.includes(node.op) ? node : null;
  };
  const centred = made(div.inputs[0], 'Sub');
  const add = made(made(div.inputs[1], 'Sqrt')?.inputs[0], 'Add');
  if (!centred || !add) return null;
  const [input, mean] = centred.inputs;
  const dims = shapes.get(input);
  const width = dims?.at(-1);
  if (!dims || width === undefined) return null;
  const overLast = (node: GraphNode | null): boolean => {
    const axes = node ? intsAttribute(node, 'axes') : null;
    const last = axes?.length === 1 && (axes[0] === -1 || axes[0] === dims.length - 1);
    return node !== null && last && intAttribute(node, 'keepdims', 1) === 1;
  };
  const meanNode = made(mean, 'ReduceMean');
  if (!overLast(meanNode) || meanNode?.inputs[0] !== input) return null;
  const [variance, epsilonName] = graph.initializers.has(add.inputs[1]) ? add.inputs : [add.inputs[1], add.inputs[0]];
  const epsilon = graph.initializers.get(epsilonName);
  const varianceNode = made(variance, 'ReduceMean');
  const square = made(varianceNode?.inputs[0], 'Pow', 'Mul');
  if (!overLast(varianceNode) || epsilon?.data.length !== 1 || square?.inputs[0] !== centred.outputs[0]) return null;
  if (square.op === 'Mul' && square.inputs[1] !== centred.outputs[0]) return null;
  const power = graph.initializers.get(square.inputs[1]);
  if (square.op === 'Pow' && (power?.data.length !== 1 || numbersOf(power)[0] !== 2)) return null;
  const row = (node: GraphNode | null, op: string, value: string): string | null => {
    const other = node?.op === op ? node.inputs.find((name) => name !== value) : undefined;
    const tensor = other === undefined ? undefined : graph.initializers.get(other);
    return tensor?.dims.length === 1 && tensor.dims[0] === width ? (other as string) : null;
  };
  const plain = { input, width, epsilon: numbersOf(epsilon)[0] };
  const mul = onlyConsumer(graph, wiring, div.outputs[0]);
  const scale = row(mul, 'Mul', div.outputs[0]);
  if (mul === null || scale === null) return { ...plain, scale: null, shift: null, last: div };
  const plus = onlyConsumer(graph, wiring, mul.outputs[0]);
  const shift = row(plus, 'Add', mul.outputs[0]);
  if (plus === null || shift === null) return { ...plain, scale, shift: null, last: mul };
  return { ...plain, scale, shift, last: plus };
}

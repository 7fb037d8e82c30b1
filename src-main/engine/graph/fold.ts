/** Simplification: constants worked out, nodes that do nothing dropped, dead code removed. The meaning stays. */
import { intsAttribute } from './attributes.ts';
import { evaluateNode } from './evaluate.ts';
import type { Dim, Graph, GraphNode, Tensor, ValueInfo } from './ir.ts';
import { castTarget } from './ops/elementwise.ts';
import { rounded } from './shapes.ts';
import { probe, sameValue, symbolicDim, type Probes } from './symbols.ts';
import { intsTensor, numbersOf, sameDims, sizeOf } from './tensors.ts';

/** Constants above this many elements are not worked out in advance, nor is anything once all of them have this many. */
const FOLDED_ELEMENTS = 2 ** 26;
/** A constant that grows from smaller ones beyond this size stays a node (Expand, Tile, ConstantOfShape). */
const GROWN_ELEMENTS = 65_536;
/** Multiplications that folding one product of constants may take. */
const FOLDED_PRODUCTS = 2 ** 26;
const NEVER_FOLDED: ReadonlySet<string> = new Set(['Conv', 'MaxPool', 'AveragePool']);

/**
 * Works out what follows from constants and shapes alone. Sizes that `dims` binds count as constant; the others stay
 * free, also through the Shape-Gather-Concat-Reshape chains of exporters. Drops Identity, Dropout and other nodes that
 * change nothing, values nobody reads, and gives every normalisation statistics of its own. Names of graph inputs and
 * outputs, of weights and of remaining values are kept.
 * @throws as `inferShapes`
 */
export function simplify(graph: Graph, dims: Readonly<Record<string, number>> = {}): Graph {
  const probes = probe(graph, dims);
  const initializers = new Map(graph.initializers);
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const alias = new Map<string, string>();
  const resolve = (name: string): string => {
    let met = name;
    for (let next = alias.get(met); next !== undefined; next = alias.get(met)) met = next;
    return met;
  };
  const nodes: GraphNode[] = [];
  let budget = FOLDED_ELEMENTS;
  for (const original of graph.nodes) {
    const node = withResolved(original, resolve);
    if (node.op === 'Identity' && node.domain === '' && initializers.has(node.inputs[0])) {
      // Exporters point equal weights at one another; each stays a weight of its own.
      initializers.set(node.outputs[0], initializers.get(node.inputs[0]) as Tensor);
      continue;
    }
    const source = changesNothing(node, probes) ? node.inputs[0] : null;
    if (source !== null && !outputs.has(node.outputs[0])) {
      alias.set(node.outputs[0], source);
      continue;
    }
    if (source !== null && renameProducer(nodes, source, node.outputs[0], outputs)) {
      alias.set(source, node.outputs[0]);
      continue;
    }
    const folded = foldedOutputs(node, probes, initializers, budget);
    if (folded !== null) {
      folded.forEach((tensor, index) => {
        budget -= tensor.data.length;
        if ((node.outputs[index] ?? '') !== '') initializers.set(node.outputs[index], tensor);
      });
      continue;
    }
    nodes.push(node.op === 'Reshape' && node.domain === '' ? freeReshape(node, probes, initializers) : node);
  }
  const simple = withOwnStatistics(withoutDeadCode({ ...graph, nodes, initializers }));
  return {
    ...simple,
    inputs: graph.inputs.map((input) => ({ ...input, shape: shapeNow(probes, input) })),
    outputs: graph.outputs.map((output) => ({ ...output, shape: shapeNow(probes, output) })),
  };
}

/** The shape as inference knows it; a size that depends on free ones in a way of its own keeps its declared name. */
function shapeNow(probes: Probes, declared: ValueInfo): readonly Dim[] {
  const met = dimsOf(probes, declared.name);
  if (met === null) return declared.shape;
  return met[0].map((size, axis) => {
    const dim = symbolicDim(probes, size, met[1][axis]);
    if (dim !== '?') return dim;
    const name = declared.shape[axis];
    return typeof name === 'string' && !probes.symbols.includes(name) ? name : `${declared.name}_${axis}`;
  });
}

function withResolved(node: GraphNode, resolve: (name: string) => string): GraphNode {
  return node.inputs.every((name) => resolve(name) === name) ? node : { ...node, inputs: node.inputs.map(resolve) };
}

/** Lets the node that makes `from` make `to`, and everything so far read it. Refused when `from` has a public name. */
function renameProducer(nodes: GraphNode[], from: string, to: string, outputs: ReadonlySet<string>): boolean {
  const at = nodes.findIndex((node) => node.outputs.includes(from));
  if (at < 0 || outputs.has(from)) return false;
  for (let index = at; index < nodes.length; index += 1) {
    const node = nodes[index];
    const swap = (name: string): string => (name === from ? to : name);
    if (index === at) nodes[index] = { ...node, outputs: node.outputs.map(swap) };
    else if (node.inputs.includes(from)) nodes[index] = { ...node, inputs: node.inputs.map(swap) };
  }
  return true;
}

/** Dims under both probes; values made by renaming are looked up under the original name. */
function dimsOf(probes: Probes, name: string): readonly [readonly number[], readonly number[]] | null {
  const first = probes.first.get(name);
  const second = probes.second.get(name);
  return first === undefined || second === undefined ? null : [first.dims, second.dims];
}

function sameShape(probes: Probes, a: string, b: string): boolean {
  const left = dimsOf(probes, a);
  const right = dimsOf(probes, b);
  return left !== null && right !== null && sameDims(left[0], right[0]) && sameDims(left[1], right[1]);
}

function knownIn(probes: Probes, name: string | undefined): number[] | null {
  const value = sameValue(probes.first.get(name ?? '')?.value, probes.second.get(name ?? '')?.value);
  return value === undefined ? null : numbersOf(value);
}

function changesNothing(node: GraphNode, probes: Probes): boolean {
  if (node.domain !== '') return false;
  const [input] = node.inputs;
  const unmoved = (): boolean => sameShape(probes, input, node.outputs[0]);
  switch (node.op) {
    case 'Identity':
    case 'Dropout':
      return true;
    case 'Cast':
      return probes.first.get(input)?.dtype === castTarget(node);
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Expand':
      return unmoved();
    case 'Transpose':
      return intsAttribute(node, 'perm')?.every((axis, at) => axis === at) === true;
    case 'Concat':
    case 'Sum':
    case 'Max':
    case 'Min':
      return node.inputs.length === 1;
    case 'Slice':
      return (
        unmoved() &&
        ((node.inputs[4] ?? '') === '' || knownIn(probes, node.inputs[4])?.every((step) => step === 1) === true)
      );
    case 'Pad':
      return knownIn(probes, node.inputs[1])?.every((amount) => amount === 0) === true;
    case 'Clip':
      return (node.inputs[1] ?? '') === '' && (node.inputs[2] ?? '') === '';
    default:
      return false;
  }
}

/** Values of all outputs where they do not depend on any input of the graph or on a free size. */
function foldedOutputs(
  node: GraphNode,
  probes: Probes,
  initializers: ReadonlyMap<string, Tensor>,
  budget: number,
): Tensor[] | null {
  const followed = node.outputs.map((name) => sameValue(probes.first.get(name)?.value, probes.second.get(name)?.value));
  if (node.outputs.length > 0 && followed.every((value) => value !== undefined)) return followed;
  if (node.domain !== '' || NEVER_FOLDED.has(node.op)) return null;
  const inputs = node.inputs.map((name) => (name === '' ? null : initializers.get(name)));
  if (inputs.length === 0 || inputs.some((input) => input === undefined)) return null;
  const constants = inputs as (Tensor | null)[];
  const before = constants.reduce((total, tensor) => total + (tensor?.data.length ?? 0), 0);
  const after = node.outputs.reduce((total, name) => total + sizeOf(probes.first.get(name)?.dims ?? []), 0);
  if (after > budget || (after > GROWN_ELEMENTS && after > 2 * before)) return null;
  if ((node.op === 'MatMul' || node.op === 'Gemm') && after * (constants[0]?.dims.at(-1) ?? 1) > FOLDED_PRODUCTS)
    return null;
  return evaluateNode(node, constants).map(rounded);
}

/** A Reshape whose target follows from free sizes gets a constant target: 0 where an axis stays, one -1 for the rest. */
function freeReshape(node: GraphNode, probes: Probes, initializers: Map<string, Tensor>): GraphNode {
  const target = node.inputs[1];
  const first = probes.first.get(target)?.value;
  const second = probes.second.get(target)?.value;
  const input = dimsOf(probes, node.inputs[0]);
  if (initializers.has(target) || first === undefined || second === undefined || input === null) return node;
  const [a, b] = [numbersOf(first), numbersOf(second)];
  const entries = a.map((size, axis) => {
    if (size === b[axis]) return size;
    return size === input[0][axis] && b[axis] === input[1][axis] ? 0 : -1;
  });
  const zero = entries.indexOf(0);
  // Where nothing else is open the first axis that stays may be -1: simpler for readers of the graph.
  if (zero >= 0 && !entries.includes(-1) && entries.filter((entry) => entry === 0).length === 1) entries[zero] = -1;
  if (entries.filter((entry) => entry === -1).length > 1) return node;
  const name = freshName(`${node.outputs[0]}/target`, probes.first);
  initializers.set(name, intsTensor(entries));
  const { allowzero: _, ...attributes } = node.attributes;
  return { ...node, inputs: [node.inputs[0], name], attributes };
}

function freshName(hint: string, taken: { has(name: string): boolean }): string {
  let name = hint;
  for (let count = 1; taken.has(name); count += 1) name = `${hint}_${count}`;
  return name;
}

/** Drops nodes and initializers that no graph output depends on, and optional outputs that nobody reads. */
export function withoutDeadCode(graph: Graph): Graph {
  const wanted = new Set(graph.outputs.map((output) => output.name));
  const kept: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    for (const name of node.inputs) if (name !== '') wanted.add(name);
    const optional = node.op === 'LayerNormalization' && node.outputs.slice(1).every((name) => !wanted.has(name));
    kept.push(optional ? { ...node, outputs: node.outputs.slice(0, 1) } : node);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => wanted.has(name)));
  return { ...graph, nodes: kept.toReversed(), initializers };
}

/** Normalisations that read the same stored tensor get copies, so that each can be trained alone. */
function withOwnStatistics(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const used = new Set<string>();
  const taken = new Set([...initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  for (const node of graph.nodes) for (const name of node.outputs) taken.add(name);
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'BatchNormalization' || node.domain !== '') return node;
    const inputs = node.inputs.map((name, index) => {
      const tensor = initializers.get(name);
      if (index === 0 || tensor === undefined) return name;
      if (!used.has(name)) {
        used.add(name);
        return name;
      }
      const copy = freshName(`${node.name}/${['', 'scale', 'bias', 'mean', 'variance'][index]}`, taken);
      initializers.set(copy, tensor);
      taken.add(copy);
      used.add(copy);
      return copy;
    });
    return { ...node, inputs };
  });
  return { ...graph, nodes, initializers };
}

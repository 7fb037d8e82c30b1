/**
 * Which tensor of a stranger's graph is the representation: the pooled vector in front of any projection or classifier,
 * whatever the file ends in.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { int, ints } from '../graph/attributes.ts';
import type { Graph, GraphNode } from '../graph/ir.ts';
import { intsTensor } from '../graph/tensors.ts';
import type { Encoder } from './encoder.ts';
import type { Shapes } from './shapes.ts';
import { trunkOf } from './trunk.ts';
import { ancestors, dependents, makeNode, namer, prune, rewrite, wire, type Wiring } from './wiring.ts';

export interface Represented {
  /** Pruned to its one output `representation` [N, dim]. */
  readonly graph: Graph;
  readonly representation: Encoder['representation'];
  /** The stranger's tensor in `graph`, before anything was appended. */
  readonly source: string;
  /** Whether a class token stands in front of the patch tokens. */
  readonly classToken: boolean;
}

/**
 * @param graph input `pixels` [N,C,H,W]
 * @param shapes of every value for a batch of 2
 * @param named tensor chosen by the user, or null
 * @throws unsupported-encoder naming the candidates when `named` is none of them or nothing was found
 */
export function findRepresentation(graph: Graph, shapes: Shapes, named: string | null): Represented {
  const output = deepestOutput(graph);
  const trunk = trunkOf(graph, 'pixels', output);
  if (trunk.length < 2) {
    throw new ExpectedError('unsupported-encoder', `Its output "${output}" does not depend on the image.`);
  }
  const wiring = wire(graph);
  const classToken = hasClassToken(trunk, shapes);
  const choice = named === null ? automatic(wiring, shapes, trunk) : byName(graph, shapes, trunk, named);
  return finish(graph, shapes, choice, classToken);
}

interface Choice {
  readonly value: string;
  readonly how: string;
}

/** Outputs that are looked at; more are a trick, not an encoder. */
const MOST_OUTPUTS = 64;

/** Of several outputs the one that most of the graph works for. */
function deepestOutput(graph: Graph): string {
  const size = (name: string): number => ancestors(graph, [name]).size;
  const sizes = graph.outputs.slice(0, MOST_OUTPUTS).map((output) => size(output.name));
  const best = sizes.indexOf(Math.max(...sizes));
  return graph.outputs[best].name;
}

/** Operators that keep a pooled vector the vector it is, or normalise it. */
const passing = new Set(['Flatten', 'Reshape', 'Squeeze', 'Identity', 'Dropout', 'LayerNormalization', 'Transpose']);

function automatic(wiring: Wiring, shapes: Shapes, trunk: readonly string[]): Choice {
  const pooledAt = trunk.findIndex(
    (name, i) => i > 0 && isPooling(wiring.producer.get(name), name, trunk[i - 1], shapes),
  );
  if (pooledAt < 0) {
    const last = trunk.findLast((name) => isPoolable(shapes.get(name)));
    if (last === undefined) throw noRepresentation(shapes, trunk);
    return { value: last, how: `${poolingOf(last, shapes, trunk)} of the file's last ${kindOf(shapes.get(last))}` };
  }
  const pooling = wiring.producer.get(trunk[pooledAt]) as GraphNode;
  const before = trunk[pooledAt - 1];
  if (['Flatten', 'Reshape', 'Gemm', 'MatMul'].includes(pooling.op) && isPoolable(shapes.get(before))) {
    const kind = kindOf(shapes.get(before));
    return { value: before, how: `${poolingOf(before, shapes, trunk)} of the last ${kind}, before it is flattened` };
  }
  let end = pooledAt;
  const passes = (name: string | undefined): boolean =>
    name !== undefined && passing.has(wiring.producer.get(name)?.op ?? '') && isPooled(shapes.get(name));
  while (passes(trunk[end + 1])) end++;
  const what = pooledWords(pooling, shapes.get(before));
  const rest = end + 1 < trunk.length ? `, before ${headWords(trunk.slice(end + 1), wiring)}` : ", the file's output";
  return { value: trunk[end], how: what + rest };
}

function byName(graph: Graph, shapes: Shapes, trunk: readonly string[], named: string): Choice {
  const known = dependents(graph, 'pixels');
  const dims = shapes.get(named);
  if (!known.has(named) || named === 'pixels' || !(isPooled(dims) || isPoolable(dims))) {
    const why = known.has(named) ? `is ${dims?.join('x') ?? 'unknown'} and cannot be pooled` : 'is not in the file';
    throw new ExpectedError('unsupported-encoder', `The tensor "${named}" ${why}. ${candidates(shapes, trunk)}`);
  }
  const how = isPooled(dims) ? 'as named by the user' : `${poolingOf(named, shapes, trunk)}, as named by the user`;
  return { value: named, how };
}

const globalPooling = new Set([
  'GlobalAveragePool',
  'GlobalMaxPool',
  'ReduceMean',
  'ReduceMax',
  'AveragePool',
  'MaxPool',
]);

/**
 * Whether a node makes the one vector per sample. A map that strides have shrunk to one position is still a map: only
 * an operator that pools, or leaves the map's shape behind, ends the body of the network.
 */
function isPooling(node: GraphNode | undefined, name: string, before: string, shapes: Shapes): boolean {
  if (!node || !isPooled(shapes.get(name))) return false;
  if (shapes.get(name)?.length === 4) return globalPooling.has(node.op);
  return shapes.get(before)?.length !== 2;
}

/** One vector per sample: [N,d], [N,1,d] or [N,d,1,1]. */
function isPooled(dims: readonly number[] | undefined): boolean {
  if (!dims || dims[0] !== 2 || dims.length < 2) return false;
  if (dims.length === 2) return true;
  if (dims.length === 3) return dims[1] === 1;
  return dims.length === 4 && dims[2] * dims[3] === 1;
}

/** A map [N,C,H,W] or tokens [N,T,d]. */
function isPoolable(dims: readonly number[] | undefined): boolean {
  return dims !== undefined && dims[0] === 2 && (dims.length === 3 || dims.length === 4);
}

function kindOf(dims: readonly number[] | undefined): string {
  return dims?.length === 3 ? 'tokens' : 'feature map';
}

function poolingOf(name: string, shapes: Shapes, trunk: readonly string[]): string {
  if (shapes.get(name)?.length === 4) return 'mean over positions';
  return hasClassToken(trunk, shapes) ? 'class token' : 'mean over tokens';
}

function pooledWords(node: GraphNode, before: readonly number[] | undefined): string {
  const tokens = before?.length === 3;
  switch (node.op) {
    case 'GlobalAveragePool':
    case 'AveragePool':
    case 'ReduceMean':
      return tokens ? 'mean over tokens' : 'global average pooling';
    case 'GlobalMaxPool':
    case 'MaxPool':
    case 'ReduceMax':
      return tokens ? 'maximum over tokens' : 'global maximum pooling';
    case 'Gather':
    case 'Slice':
    case 'Split':
      return tokens ? 'class token' : `output of ${node.op}`;
    default:
      return `output of ${node.op} "${node.name}"`;
  }
}

function headWords(rest: readonly string[], wiring: Wiring): string {
  const nodes = rest.map((name) => wiring.producer.get(name)).filter((node) => node !== undefined);
  const layers = nodes.filter((node) => ['Gemm', 'MatMul', 'Conv'].includes(node.op)).length;
  if (layers === 0) return `${nodes[0]?.op ?? 'the output'} and what follows`;
  return layers === 1 ? 'the last linear layer (classifier or projection)' : `a head of ${layers} layers`;
}

/** More tokens than the patch map has positions: something was put in front of them. */
function hasClassToken(trunk: readonly string[], shapes: Shapes): boolean {
  const map = trunk.findLast((name) => shapes.get(name)?.length === 4);
  const tokens = trunk.findLast((name) => shapes.get(name)?.length === 3 && (shapes.get(name)?.[1] ?? 0) > 1);
  if (map === undefined || tokens === undefined || trunk.indexOf(tokens) < trunk.indexOf(map)) return false;
  const [, , height, width] = shapes.get(map) as readonly number[];
  return (shapes.get(tokens)?.[1] ?? 0) > height * width;
}

function candidates(shapes: Shapes, trunk: readonly string[]): string {
  const fit = trunk.slice(1).filter((name) => isPooled(shapes.get(name)) || isPoolable(shapes.get(name)));
  if (fit.length === 0) return 'There is none that would do.';
  const list = fit.slice(-8).map((name) => `"${name}" (${['N', ...(shapes.get(name) ?? []).slice(1)].join('x')})`);
  return `Candidates: ${list.join(', ')}.`;
}

function noRepresentation(shapes: Shapes, trunk: readonly string[]): ExpectedError {
  return new ExpectedError(
    'unsupported-encoder',
    `No feature map, tokens or vector per image was found. ${candidates(shapes, trunk)}`,
  );
}

function finish(graph: Graph, shapes: Shapes, choice: Choice, classToken: boolean): Represented {
  const dims = shapes.get(choice.value) ?? [];
  const fresh = namer(graph);
  const steps: GraphNode[] = [];
  const constants = new Map();
  let value = choice.value;
  const append = (op: string, inputs: readonly string[], attributes: GraphNode['attributes'] = {}): void => {
    const output = fresh(`${choice.value}/${op}`);
    steps.push(makeNode(op, fresh(`representation ${op}`), [value, ...inputs], [output], attributes));
    value = output;
  };
  if (dims.length === 4) {
    if (dims[2] * dims[3] > 1) append('ReduceMean', [], { axes: ints([2, 3]), keepdims: int(0) });
    else append('Flatten', [], { axis: int(1) });
  } else if (dims.length === 3 && dims[1] === 1) {
    append('Flatten', [], { axis: int(1) });
  } else if (dims.length === 3 && classToken) {
    const [start, end, axes] = [0, 1, 1].map((number) => {
      const name = fresh(`${choice.value}/class token`);
      constants.set(name, intsTensor([number]));
      return name;
    });
    append('Slice', [start, end, axes]);
    append('Flatten', [], { axis: int(1) });
  } else if (dims.length === 3) {
    append('ReduceMean', [], { axes: ints([1]), keepdims: int(0) });
  }
  const dim = dims.length === 4 ? dims[1] : (dims.at(-1) as number);
  steps.push(makeNode('Identity', fresh('representation'), [value], ['representation']));
  const output = { name: 'representation', dtype: 'float32', shape: ['N', dim] } as const;
  const extended = rewrite(graph, { add: steps, initializers: constants });
  if (dim < 2) throw new ExpectedError('unsupported-encoder', `The representation "${choice.value}" has ${dim} value.`);
  return {
    graph: prune({ ...extended, outputs: [output] }, [output]),
    representation: { tensor: choice.value, dim, how: choice.how },
    source: choice.value,
    classToken,
  };
}

/**
 * Nodes of a TF.js graph model and the values between them, while a graph is written: names, constants, and whether a value
 * lies channels-last already.
 */
import { nodeLabel } from '../../engine/graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../../engine/graph/ir.ts';
import { numbersOf, tensorOf } from '../../engine/graph/tensors.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';

export interface Placed {
  readonly name: string;
  /** `turned`: [N,H,W,C] for a graph value [N,C,H,W]. */
  readonly turned: boolean;
}

export const FLOAT = { type: 'DT_FLOAT' };
export const INT = { type: 'DT_INT32' };

export function impossible(node: GraphNode, why: string): ExpectedError {
  return new ExpectedError('export-impossible', `TF.js: ${nodeLabel(node)}: ${why}.`);
}

export interface NodeWriter {
  /** Adds a node under `name` or one made from it; returns its name. */
  add(op: string, name: string, inputs: readonly string[], attributes: object): string;
  constant(tensor: Tensor, name: string): string;
  ints(values: readonly number[], name: string): string;
  readonly nodes: object[];
  readonly weights: ReadonlyMap<string, Tensor>;
}

export function nodeWriter(): NodeWriter {
  const nodes: object[] = [];
  const taken = new Set<string>();
  const weights = new Map<string, Tensor>();
  const claim = (wanted: string): string => {
    // ":" separates outputs in node names, "^" marks control inputs.
    const safe = wanted.replace(/[^A-Za-z0-9_.\-/>]/g, '_').replace(/^[^A-Za-z0-9.]+/, 'n');
    let name = safe;
    for (let count = 1; taken.has(name); count += 1) name = `${safe}_${count}`;
    taken.add(name);
    return name;
  };
  const writer: NodeWriter = {
    nodes,
    weights,
    add(op, wanted, inputs, attributes) {
      const name = claim(wanted);
      nodes.push({ name, op, input: inputs, attr: attributes });
      return name;
    },
    constant(tensor, wanted) {
      const dtype = tensor.dtype === 'int32' ? INT : FLOAT;
      const name = writer.add('Const', wanted, [], { dtype });
      weights.set(name, tensor);
      return name;
    },
    ints: (values, name) => writer.constant(tensorOf('int32', [values.length], values), name),
  };
  return writer;
}

export interface State {
  readonly graph: Graph;
  readonly writer: NodeWriter;
  readonly values: Map<string, Placed>;
  readonly dims: (value: string) => readonly number[];
  /** With -1 for axes that follow the batch. */
  readonly shapeOf: (value: string) => number[];
}

/** Writes a node of the graph; @throws ExpectedError export-impossible */
export type Emitter = (node: GraphNode, state: State) => Placed;

export const attr = {
  ints: (values: readonly number[]): object => ({ list: { i: values.map(String) } }),
  text: (value: string): object => ({ s: Buffer.from(value).toString('base64') }),
  flag: (value: boolean): object => ({ b: value }),
};

/** The value in the graph's own axis order. */
export function plain(value: string, state: State): string {
  const placed = placedOf(value, state);
  if (!placed.turned) return placed.name;
  const order = state.writer.ints([0, 3, 1, 2], 'order');
  return state.writer.add('Transpose', `${value}/channels_first`, [placed.name, order], { T: FLOAT, Tperm: INT });
}

/** A value of four axes as [N,H,W,C]. */
export function turned(value: string, state: State): string {
  const placed = placedOf(value, state);
  if (placed.turned) return placed.name;
  const order = state.writer.ints([0, 2, 3, 1], 'order');
  const name = state.writer.add('Transpose', `${value}/channels_last`, [placed.name, order], { T: FLOAT, Tperm: INT });
  // An image is turned once, however many read it.
  state.values.set(value, { name, turned: true });
  return name;
}

export function placedOf(value: string, state: State): Placed {
  const known = state.values.get(value);
  if (known !== undefined) return known;
  const tensor = state.graph.initializers.get(value);
  if (tensor === undefined) throw new Error(`the graph has no value ${value}`);
  const made = { name: state.writer.constant(floats(tensor), value), turned: false };
  state.values.set(value, made);
  return made;
}

export const floats = (tensor: Tensor): Tensor =>
  tensor.dtype === 'float32' ? tensor : tensorOf('float32', tensor.dims, numbersOf(tensor));

export function weight(node: GraphNode, index: number, { graph }: State): Tensor {
  const tensor = graph.initializers.get(node.inputs[index] ?? '');
  if (tensor === undefined) throw impossible(node, `input ${index} is not a weight`);
  return floats(tensor);
}

export const optional = (node: GraphNode, index: number, state: State): Tensor | null =>
  (node.inputs[index] ?? '') === '' ? null : weight(node, index, state);

/** Collects the nodes and constants of a rewritten graph under fresh names. */
import type { Attribute, Graph, GraphNode, Tensor } from '../../graph/ir.ts';

/** A number is an int, an array is ints; floats are spelled `{ float }`. */
export type PlainAttributes = Readonly<
  Record<string, number | string | readonly number[] | { readonly float: number }>
>;

/** Static dims of a value of the graph that is being rewritten. */
export type ShapeOf = (value: string) => readonly number[];

export interface OpOptions {
  readonly domain?: string;
  /** Names for the outputs; one fresh name when left out. */
  readonly outputs?: readonly string[];
}

export interface Emitter {
  /** Adds a node and returns the name of its first output. */
  op(op: string, inputs: readonly string[], attributes?: PlainAttributes, options?: OpOptions): string;
  node(node: GraphNode): void;
  /** An int64 vector; equal constants are kept once. */
  ints(values: readonly number[]): string;
  floats(dims: readonly number[], values: readonly number[] | Float32Array): string;
  constant(tensor: Tensor): string;
  fresh(hint: string): string;
  readonly nodes: GraphNode[];
  readonly initializers: Map<string, Tensor>;
}

function attributeOf(value: PlainAttributes[string]): Attribute {
  if (typeof value === 'number') return { type: 'int', value };
  if (typeof value === 'string') return { type: 'string', value };
  if ('float' in value) return { type: 'float', value: value.float };
  return { type: 'ints', value };
}

/** An empty emitter whose fresh names collide with no value or node of `graph`. */
export function createEmitter(graph: Graph): Emitter {
  const taken = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  for (const node of graph.nodes) {
    taken.add(node.name);
    for (const output of node.outputs) taken.add(output);
  }
  const nodes: GraphNode[] = [];
  const initializers = new Map(graph.initializers);
  const shared = new Map<string, string>();
  let count = 0;
  const fresh = (hint: string): string => {
    let name: string;
    do name = `ort/${hint}/${(count += 1)}`;
    while (taken.has(name));
    return name;
  };
  const constant = (tensor: Tensor): string => {
    const name = fresh('constant');
    initializers.set(name, tensor);
    return name;
  };
  const small = (key: string, make: () => Tensor): string => {
    const known = shared.get(key);
    if (known !== undefined) return known;
    const name = constant(make());
    shared.set(key, name);
    return name;
  };
  return {
    nodes,
    initializers,
    fresh,
    constant,
    op(op, inputs, attributes = {}, options = {}) {
      const name = fresh(op);
      const outputs = options.outputs ?? [name];
      nodes.push({
        op,
        domain: options.domain ?? '',
        name,
        inputs,
        outputs,
        attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
      });
      return outputs[0];
    },
    node(node) {
      nodes.push(node);
    },
    ints: (values) =>
      small(`i${values.join()}`, () => ({
        dtype: 'int64',
        dims: [values.length],
        data: BigInt64Array.from(values, (value) => BigInt(value)),
      })),
    floats: (dims, values) => {
      const make = (): Tensor => ({ dtype: 'float32', dims, data: Float32Array.from(values) });
      return values.length <= 64 ? small(`f${dims.join()}:${values.join()}`, make) : constant(make());
    },
  };
}

/**
 * A slow interpreter of every operator, straight from its definition, with float64 accumulation: for folding constants,
 * tracing layouts and as the oracle of tests. Never used for real work.
 */
import type { Graph, GraphNode, Tensor } from './ir.ts';
import { malformedNode } from './attributes.ts';
import { operatorOf } from './ops/table.ts';
import { rounded } from './shapes.ts';
import { sameDims } from './tensors.ts';

export interface EvaluateOptions {
  /**
   * 'float32' (default) rounds every value to float32 as a provider would; 'float64' keeps float64 all the way, and
   * results hold Float64Array under dtype 'float64'.
   */
  readonly precision?: 'float32' | 'float64';
  /** Values to return; the graph's outputs when left out. Any value may be named. */
  readonly fetch?: readonly string[];
}

/** Values of one node's outputs. Floating-point data may be Float64Array under dtype float32. */
export function evaluateNode(node: GraphNode, inputs: readonly (Tensor | null)[]): Tensor[] {
  const operator = operatorOf(node);
  const shapes = operator.shapes(
    node,
    inputs.map((input) => (input === null ? null : { dtype: input.dtype, dims: input.dims, value: input })),
  );
  return operator.evaluate(node, inputs, shapes);
}

/**
 * Runs the graph on `feeds` (one tensor per graph input; float inputs may be float32 or float64).
 * @throws when a feed is missing or does not fit its declared shape; else as `inferShapes`
 */
export function evaluate(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  options: EvaluateOptions = {},
): Record<string, Tensor> {
  const exact = options.precision === 'float64';
  const keep = (tensor: Tensor): Tensor => {
    if (tensor.dtype !== 'float32' && tensor.dtype !== 'float64') return tensor;
    if (!exact) return rounded({ ...tensor, dtype: 'float32' });
    const data = tensor.data instanceof Float64Array ? tensor.data : Float64Array.from(tensor.data as Float32Array);
    return { dtype: 'float32', dims: tensor.dims, data };
  };
  const values = new Map<string, Tensor>();
  const fetch = options.fetch ?? graph.outputs.map((output) => output.name);
  const bound: Record<string, number> = {};
  for (const { name, shape } of graph.inputs) {
    const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    if (feed === undefined) throw new RangeError(`The input "${name}" was not fed.`);
    const wanted = shape.map((dim, axis) =>
      typeof dim === 'number' ? dim : Object.hasOwn(bound, dim) ? bound[dim] : (bound[dim] = feed.dims[axis]),
    );
    if (!sameDims(wanted, feed.dims)) {
      throw new RangeError(`The input "${name}" is [${feed.dims.join()}], [${shape.join()}] wanted.`);
    }
    values.set(name, keep(feed));
  }
  for (const [name, tensor] of graph.initializers) values.set(name, keep(tensor));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      if (name === '') return null;
      const value = values.get(name);
      if (value === undefined) throw malformedNode(node, `it reads "${name}", which nothing makes`);
      return value;
    });
    evaluateNode(node, inputs).forEach((tensor, index) => {
      const name = node.outputs[index] ?? '';
      if (name !== '') values.set(name, keep(tensor));
    });
  }
  return Object.fromEntries(
    fetch.map((name) => {
      const value = values.get(name);
      if (value === undefined) throw new RangeError(`The graph has no value "${name}".`);
      return [name, exact && value.dtype === 'float32' ? { ...value, dtype: 'float64' as const } : value];
    }),
  );
}

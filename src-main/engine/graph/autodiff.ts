/** Reverse-mode differentiation: a graph with a loss becomes a graph that also makes gradients. */
import { nodeLabel } from './attributes.ts';
import { graphBuilder } from './builder.ts';
import { elementwiseGradients } from './gradients/elementwise.ts';
import { layoutGradients } from './gradients/layout.ts';
import { internalGradients, normalisationGradients } from './gradients/normalisation.ts';
import { productGradients } from './gradients/products.ts';
import { reductionGradients } from './gradients/reductions.ts';
import { noGradient, type GradientContext, type GradientTable, type RowChoice } from './gradients/rule.ts';
import { windowGradients } from './gradients/windows.ts';
import { INTERNAL_DOMAIN } from './internal-ops.ts';
import type { Graph, GraphNode } from './ir.ts';
import { inferNode, inferValues, shapedConstant, type Shaped } from './shapes.ts';
import { filled } from './tensors.ts';

export interface DifferentiateOptions {
  /** Value to differentiate; any float value of the graph. Unless `seed` is given the sum of its elements is meant. */
  readonly loss: string;
  /** Initializers, inputs or intermediate values. */
  readonly wrt: readonly string[];
  /** Sizes of all symbols: the result holds for these sizes only, and its inputs are declared with them. */
  readonly dims: Readonly<Record<string, number>>;
  /** Value that holds the gradient of `loss`, of its shape; 1 everywhere when left out. */
  readonly seed?: string;
  /** Of these values only the slices `index` along `axis` get a gradient, which then has `index.length` of them. */
  readonly rows?: Readonly<Record<string, RowChoice>>;
}

export interface Differentiated {
  /** The given graph and the gradients' nodes; the gradients follow the given outputs. */
  readonly graph: Graph;
  /** Value name of the gradient of each entry of `wrt` that the loss depends on; the others have none. */
  readonly gradients: ReadonlyMap<string, string>;
}

const standardRules: GradientTable = {
  ...elementwiseGradients,
  ...layoutGradients,
  ...normalisationGradients,
  ...productGradients,
  ...reductionGradients,
  ...windowGradients,
};

/**
 * Only gradients that lie between the loss and `wrt` are computed. Emits standard operators and those of
 * `internal-ops.ts`.
 * @throws unknown-operator when an operator on the way has no gradient, naming the node; RangeError for names the graph
 *   does not have
 */
export function differentiate(graph: Graph, options: DifferentiateOptions): Differentiated {
  const types = inferValues(graph, options.dims);
  const typeOf = (name: string): Shaped => {
    const known = types.get(name);
    if (known !== undefined) return known;
    const constant = b.tensor(name);
    if (constant === undefined) throw new RangeError(`The graph has no value "${name}".`);
    const type = shapedConstant(constant);
    types.set(name, type);
    return type;
  };
  const b = graphBuilder(graph, {
    onNode: (node) => {
      const outputs = inferNode(
        node,
        node.inputs.map((name) => (name === '' ? null : typeOf(name))),
      );
      node.outputs.forEach((name, index) => {
        if (name !== '') types.set(name, outputs[index]);
      });
    },
  });
  for (const name of [options.loss, ...options.wrt]) typeOf(name);

  const needs = new Set(options.wrt);
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => needs.has(name))) continue;
    for (const name of node.outputs) if (name !== '' && typeOf(name).dtype === 'float32') needs.add(name);
  }
  const parts = new Map<string, string[]>();
  const seed = options.seed ?? b.constant(filled('float32', typeOf(options.loss).dims, 1));
  if (needs.has(options.loss)) parts.set(options.loss, [seed]);

  /** Sum of what has arrived at a value; null when nothing has. */
  const gradientOf = (name: string): string | null => {
    const list = parts.get(name);
    if (list === undefined) return null;
    const total = list.length === 1 ? list[0] : list.length === 2 ? b.add(list[0], list[1]) : b.node('Sum', list);
    parts.set(name, [total]);
    return total;
  };

  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => parts.has(name)) || !node.inputs.some((name) => needs.has(name))) continue;
    applyRule(node);
  }

  function applyRule(node: GraphNode): void {
    const table = node.domain === '' ? standardRules : node.domain === INTERNAL_DOMAIN ? internalGradients : {};
    if (!Object.hasOwn(table, node.op)) throw noGradient(node, 'this operator has none here');
    const rowsOf = (name: string): RowChoice | null =>
      options.rows !== undefined && Object.hasOwn(options.rows, name) ? options.rows[name] : null;
    const context: GradientContext = {
      node,
      b,
      dims: (value) => typeOf(value).dims,
      known: (value) => (value === '' ? undefined : typeOf(value).value),
      dy: (index) => gradientOf(node.outputs[index] ?? ''),
      wants: (index) => needs.has(node.inputs[index] ?? ''),
      rows: (index) => rowsOf(node.inputs[index]),
      give(index, gradient, sliced = false) {
        const name = node.inputs[index];
        const rows = rowsOf(name);
        const chosen = rows === null || sliced ? gradient : b.gather(gradient, b.ints(rows.index), rows.axis);
        const expected = typeOf(name).dims.map((dim, axis) => (axis === rows?.axis ? rows.index.length : dim));
        const met = typeOf(chosen).dims;
        if (met.join() !== expected.join()) {
          throw new Error(
            `${nodeLabel(node)}: gradient of input ${index} is [${met.join()}], [${expected.join()}] wanted`,
          );
        }
        const list = parts.get(name);
        if (list === undefined) parts.set(name, [chosen]);
        else list.push(chosen);
      },
      output(index) {
        const value = b.optionalOutput(node.name, index);
        if (!types.has(value)) {
          const outputs = inferNode(
            node,
            node.inputs.map((name) => (name === '' ? null : typeOf(name))),
          );
          types.set(value, outputs[index]);
        }
        return value;
      },
    };
    table[node.op](context);
  }

  const gradients = new Map<string, string>();
  for (const name of options.wrt) {
    const gradient = gradientOf(name);
    if (gradient !== null) gradients.set(name, gradient);
  }
  b.setInputs(graph.inputs.map((input) => ({ ...input, shape: typeOf(input.name).dims })));
  b.setOutputs([
    ...graph.outputs.map((output) => ({ ...output, shape: typeOf(output.name).dims })),
    ...[...new Set(gradients.values())].map((name) => ({ name, dtype: 'float32' as const, shape: typeOf(name).dims })),
  ]);
  return { graph: b.build(), gradients };
}

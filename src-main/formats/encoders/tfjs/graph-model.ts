/**
 * A TensorFlow GraphDef as TF.js carries it (JSON, weights beside it) -> graph. Values that do not depend on the image are
 * worked out while reading, the rest becomes channels-last operations.
 */
import { graphBuilder } from '../../../engine/graph/builder.ts';
import type { Graph, Tensor } from '../../../engine/graph/ir.ts';
import type { ModelLimits } from '../../limits.ts';
import { fieldsOf, malformedModel, shapeOf, shown, tooLargeModel, unsupportedModel, type Fields } from '../fields.ts';
import { channelsLast, type ChannelsLast, type Laid } from '../layered/channels-last.ts';
import { graphOperator, type GraphValue, type OperatorContext } from './graph-ops.ts';

export interface GraphNodeDef {
  readonly name: string;
  readonly op: string;
  /** Names of nodes, with `:n` for outputs other than the first; control inputs left out. */
  readonly inputs: readonly string[];
  readonly attributes: Fields;
}

/**
 * @param topology the GraphDef: `node`, each `{name, op, input, attr}`
 * @param root model.json, whose signature names inputs and outputs
 * @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder, each naming the node
 */
export function buildGraphModel(
  topology: Fields,
  root: Fields,
  tensors: ReadonlyMap<string, Tensor>,
  limits: ModelLimits,
): { readonly graph: Graph; readonly notes: readonly string[] } {
  const nodes = nodesOf(topology, limits);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  if (byName.size !== nodes.length) {
    const seen = new Set<string>();
    const twice = nodes.find(({ name }) => seen.size === seen.add(name).size);
    throw malformedModel(`Two nodes are called "${twice?.name ?? ''}".`);
  }
  const outputs = outputsOf(root, nodes);
  const net = channelsLast(graphBuilder(undefined, { name: 'tfjs' }));
  const values = new Map<string, readonly GraphValue[]>();
  const placeholders: string[] = [];
  for (const node of inOrder(outputs, byName)) {
    if (node.op === 'Placeholder') placeholders.push(node.name);
    values.set(node.name, evaluateNode(node, values, tensors, net));
  }
  if (placeholders.length !== 1) {
    throw unsupportedModel(`The graph takes ${placeholders.length} inputs; encoders of one image are audited.`);
  }
  for (const name of outputs) {
    const value = valueOf(name, values, 'the outputs');
    if (value.kind === 'constant') throw malformedModel(`The output "${name}" does not depend on the image.`);
    net.output(value.laid);
  }
  return { graph: net.graph.build(), notes: [] };
}

function evaluateNode(
  node: GraphNodeDef,
  values: ReadonlyMap<string, readonly GraphValue[]>,
  tensors: ReadonlyMap<string, Tensor>,
  net: ChannelsLast,
): readonly GraphValue[] {
  const where = `Node "${node.name}" (${node.op.slice(0, 80)})`;
  if (node.op === 'Const') {
    const tensor = tensors.get(node.name);
    if (tensor === undefined) throw malformedModel(`${where} has no weight in the manifest.`);
    return [{ kind: 'constant', tensor, name: node.name }];
  }
  if (node.op === 'Placeholder') return [{ kind: 'value', laid: imageOf(node, net) }];
  const inputs = node.inputs.map((name) => valueOf(name, values, where));
  const context: OperatorContext = { net, node, where, inputs };
  return [graphOperator(context)];
}

function imageOf({ name, attributes }: GraphNodeDef, net: ChannelsLast): Laid {
  const shape = attributes.raw('shape');
  const what = `The input "${name}"`;
  const dims = shape === undefined ? undefined : fieldsOf(fieldsOf(shape, what).raw('shape'), what).raw('dim');
  if (!Array.isArray(dims)) throw unsupportedModel(`${what} has no shape.`);
  const sizes = dims.map((dim: unknown) => {
    const size = Number(fieldsOf(dim, what).raw('size') ?? -1);
    return size === -1 ? null : size;
  });
  return net.input(name, shapeOf(sizes, what));
}

function valueOf(name: string, values: ReadonlyMap<string, readonly GraphValue[]>, where: string): GraphValue {
  const [node, index] = splitName(name);
  const value = values.get(node)?.[index];
  if (value === undefined) throw unsupportedModel(`${where} reads "${name}", an output that is not read.`);
  return value;
}

/** "node" or "node:1". */
function splitName(name: string): [string, number] {
  const match = /^(.*?)(?::(\d{1,4}))?$/s.exec(name);
  return [match?.[1] ?? name, Number(match?.[2] ?? 0)];
}

function nodesOf(topology: Fields, limits: ModelLimits): GraphNodeDef[] {
  const list = topology.list('node');
  if (list.length > limits.maxLayers) throw tooLargeModel(`More than ${limits.maxLayers} nodes (limit maxLayers).`);
  const library = topology.raw('library');
  const functions = library === undefined ? undefined : fieldsOf(library, 'the library').raw('function');
  if (Array.isArray(functions) && functions.length > 0) {
    throw unsupportedModel(`The graph has ${functions.length} functions (control flow); graphs without them are read.`);
  }
  return list.map((entry, index) => {
    const fields = fieldsOf(entry, `node ${index}`);
    const name = fields.text('name');
    const inputs = fields.raw('input') ?? [];
    if (!Array.isArray(inputs) || !inputs.every((each) => typeof each === 'string')) {
      throw malformedModel(`Node "${name}": its inputs are ${shown(inputs)}.`);
    }
    return {
      name,
      op: fields.text('op'),
      inputs: inputs.filter((each) => !each.startsWith('^')),
      attributes: fieldsOf(fields.raw('attr') ?? {}, `node "${name}"`),
    };
  });
}

function outputsOf(root: Fields, nodes: readonly GraphNodeDef[]): string[] {
  const older = root.raw('userDefinedMetadata');
  const signature =
    root.raw('signature') ??
    (older === undefined ? undefined : fieldsOf(older, 'userDefinedMetadata').raw('signature'));
  const stated = signature === undefined ? undefined : fieldsOf(signature, 'the signature').raw('outputs');
  if (stated !== undefined && stated !== null) {
    const names = Object.values(stated as Record<string, unknown>).map((each) =>
      fieldsOf(each, 'an output').text('name'),
    );
    const known = new Set(nodes.map(({ name }) => name));
    if (names.length > 0 && names.every((name) => known.has(splitName(name)[0]))) return names;
    if (names.length > 0) throw malformedModel(`The signature answers with ${shown(names)}, which no node makes.`);
  }
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.map((name) => splitName(name)[0])));
  const ends = nodes.filter(({ name, op }) => !read.has(name) && op !== 'Const' && op !== 'NoOp');
  if (ends.length === 0) throw malformedModel('The graph answers with nothing.');
  return ends.map(({ name }) => name);
}

/** What the outputs need, each node after its inputs. @throws ExpectedError encoder-malformed (missing nodes, circles) */
function inOrder(outputs: readonly string[], byName: ReadonlyMap<string, GraphNodeDef>): GraphNodeDef[] {
  const ordered: GraphNodeDef[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const stack: { readonly name: string; readonly leaving: boolean }[] = [];
  const enter = (name: string): void => void stack.push({ name: splitName(name)[0], leaving: false });
  [...outputs].reverse().forEach(enter);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const node = byName.get(next.name);
    if (node === undefined)
      throw malformedModel(`A node reads "${next.name.slice(0, 200)}", which is not in the graph.`);
    if (next.leaving) {
      state.set(next.name, 'done');
      ordered.push(node);
      continue;
    }
    const known = state.get(next.name);
    if (known === 'done') continue;
    if (known === 'open') throw malformedModel(`Node "${next.name}" depends on its own output.`);
    state.set(next.name, 'open');
    stack.push({ name: next.name, leaving: true });
    for (const input of node.inputs) {
      const name = splitName(input)[0];
      if (state.get(name) === 'open') throw malformedModel(`Node "${name}" depends on its own output.`);
      if (state.get(name) === undefined) enter(name);
    }
  }
  return ordered;
}

/**
 * Sets free the batch size of a graph that was exported for one: follows the batch axis through every operator and
 * replaces it by "the rest" (-1) where a Reshape has it written down.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { intAttribute } from '../graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../graph/ir.ts';
import { permutationOf } from '../graph/ops/layout.ts';
import { axisOf } from '../graph/ops/operator.ts';
import { reducedAxes } from '../graph/ops/reductions.ts';
import { inferValues, type Shaped } from '../graph/shapes.ts';
import { intsTensor, numbersOf, sizeOf } from '../graph/tensors.ts';
import { repeatedInFront } from './tokens.ts';
import { dependents, namer, prune, rewrite } from './wiring.ts';

/** Where the batch lies: in `dims[axis] = outer * batch * inner`. */
interface Place {
  readonly axis: number;
  readonly outer: number;
}

/**
 * @param graph input `pixels` with the shape ['N', C, H, W], made for N = `batch`
 * @throws unsupported-encoder naming the node where the batch gets lost
 */
export function freeBatch(graph: Graph, batch: number): Graph {
  const types = inferValues(graph, { N: batch });
  const live = dependents(graph, 'pixels');
  const fresh = namer(graph);
  const places = new Map<string, Place>([['pixels', { axis: 0, outer: 1 }]]);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    if (!node.outputs.some((name) => live.has(name))) continue;
    const context: Context = { graph, types, places, batch, fresh };
    const step = followed(context, node);
    node.outputs.forEach((name, i) => {
      if (name !== '') places.set(name, step.places[i] ?? step.places[0]);
    });
    if (step.nodes) replace.set(node, step.nodes);
    for (const [name, tensor] of step.initializers ?? []) initializers.set(name, tensor);
  }
  const changed = rewrite(graph, { replace, initializers });
  return prune(changed, changed.outputs);
}

interface Context {
  readonly graph: Graph;
  readonly types: ReadonlyMap<string, Shaped>;
  readonly places: ReadonlyMap<string, Place>;
  readonly batch: number;
  readonly fresh: (wanted: string) => string;
}

interface Step {
  readonly places: readonly Place[];
  /** What stands in for the node; left out when it stays. */
  readonly nodes?: readonly GraphNode[];
  readonly initializers?: Iterable<readonly [string, Tensor]>;
}

function lost(node: GraphNode, batch: number, why: string): ExpectedError {
  return new ExpectedError(
    'unsupported-encoder',
    `It was exported for a fixed batch of ${batch} and ${why} at node "${node.name}" (${node.op}). ` +
      "Export it with a dynamic batch axis (torch.onnx.export: dynamic_axes={'input': {0: 'batch'}}).",
  );
}

const keepsAxes = new Set([
  ...['Conv', 'ConvTranspose', 'BatchNormalization', 'InstanceNormalization', 'LayerNormalization', 'MaxPool', 'Pad'],
  ...['AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'Softmax', 'LogSoftmax', 'Resize', 'DepthToSpace', 'LRN'],
  ...['SpaceToDepth', 'LpNormalization', 'CumSum'],
]);

function followed(context: Context, node: GraphNode): Step {
  const { types, places, batch } = context;
  const dimsOf = (name: string): readonly number[] => types.get(name)?.dims ?? [];
  const inputs = node.inputs.map((name) => (name === '' ? null : (types.get(name) ?? null)));
  const out = dimsOf(node.outputs[0]);
  const [x] = node.inputs;
  const place = places.get(x);
  const fail = (why: string): ExpectedError => lost(node, batch, why);
  if (!place) return node.op === 'Concat' ? concatenated(context, node) : broadcast(context, node);
  const dims = dimsOf(x);
  if (keepsAxes.has(node.op)) return { places: [place] };
  switch (node.op) {
    case 'Flatten': {
      const axis = axisOf(node, intAttribute(node, 'axis', 1), dims.length + 1);
      const first = place.axis < axis;
      const outer = sizeOf(dims.slice(first ? 0 : axis, place.axis)) * place.outer;
      return { places: [{ axis: first ? 0 : 1, outer }] };
    }
    case 'Reshape':
      return reshaped(context, node, dims, out, place);
    case 'Transpose':
      return { places: [{ ...place, axis: permutationOf(node, dims.length).indexOf(place.axis) }] };
    case 'Squeeze': {
      const axes = inputs[1]?.value
        ? numbersOf(inputs[1].value).map((axis) => axisOf(node, axis, dims.length))
        : dims.flatMap((size, axis) => (size === 1 ? [axis] : []));
      if (axes.includes(place.axis)) throw fail('the batch axis is removed');
      return { places: [{ ...place, axis: place.axis - axes.filter((axis) => axis < place.axis).length }] };
    }
    case 'Unsqueeze': {
      const axes = numbersOf(inputs[1]?.value as Tensor).map((axis) => axisOf(node, axis, out.length));
      const kept = out.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
      return { places: [{ ...place, axis: kept[place.axis] }] };
    }
    case 'Gather': {
      const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
      if (axis === place.axis) throw fail('single images are picked');
      const shift = axis < place.axis ? dimsOf(node.inputs[1]).length - 1 : 0;
      return { places: [{ ...place, axis: place.axis + shift }] };
    }
    case 'Slice':
    case 'Split':
      if (node.outputs.some((name) => name !== '' && dimsOf(name)[place.axis] !== dims[place.axis])) {
        throw fail('single images are picked');
      }
      return { places: [place] };
    case 'Concat':
      return concatenated(context, node);
    case 'ReduceMean':
    case 'ReduceSum':
    case 'ReduceMax':
    case 'ReduceMin':
    case 'ReduceL2':
    case 'ReduceProd': {
      const axes = reducedAxes(node, inputs);
      if (axes.includes(place.axis)) throw fail('images are mixed');
      const shift = intAttribute(node, 'keepdims', 1) === 1 ? 0 : axes.filter((axis) => axis < place.axis).length;
      return { places: [{ ...place, axis: place.axis - shift }] };
    }
    case 'Gemm':
      if (place.axis !== 0 || intAttribute(node, 'transA', 0) === 1) throw fail('the batch axis is multiplied away');
      return { places: [place] };
    case 'MatMul': {
      if (place.axis === dims.length - 1) throw fail('the batch axis is multiplied away');
      return { places: [{ ...place, axis: place.axis + out.length - dims.length }] };
    }
    default:
      return broadcast(context, node);
  }
}

/** Element by element, shapes stretched: the batch stays where the live inputs have it. */
function broadcast(context: Context, node: GraphNode): Step {
  const { types, places, batch } = context;
  const rank = types.get(node.outputs[0])?.dims.length ?? 0;
  const met = node.inputs.flatMap((name) => {
    const place = places.get(name);
    return place ? [{ ...place, axis: place.axis + rank - (types.get(name)?.dims.length ?? 0) }] : [];
  });
  const [first] = met;
  if (!first || met.some((place) => place.axis !== first.axis || place.outer !== first.outer)) {
    throw lost(node, batch, 'it cannot be told which axis is the batch');
  }
  if (node.op !== 'Expand') return { places: [first] };
  const shape = types.get(node.inputs[1])?.value;
  if (!shape) throw lost(node, batch, 'the size depends on data');
  const name = context.fresh(`${node.inputs[1]}/any batch`);
  const sizes = numbersOf(shape);
  sizes[first.axis - rank + sizes.length] = 1;
  return {
    places: [first],
    nodes: [{ ...node, inputs: [node.inputs[0], name] }],
    initializers: [[name, intsTensor(sizes)]],
  };
}

function concatenated(context: Context, node: GraphNode): Step {
  const { graph, types, places, batch } = context;
  const rank = types.get(node.outputs[0])?.dims.length ?? 0;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), rank);
  const met = node.inputs.flatMap((name) => places.get(name) ?? []);
  const [first] = met;
  if (met.some((place) => place.axis !== first.axis || place.outer !== first.outer) || axis === first.axis) {
    throw lost(node, batch, 'images are joined');
  }
  if (met.length === node.inputs.length) return { places: [first] };
  const type = types.get(node.outputs[0]) as Shaped;
  const parts = node.inputs.map((name) => {
    const value = graph.initializers.get(name) ?? types.get(name)?.value;
    return places.has(name) || !value ? null : firstSample(value, batch);
  });
  const changed = first.axis === 0 ? repeatedInFront(node, type.dims, axis, parts, context.fresh) : null;
  if (changed === null) throw lost(node, batch, 'constants for each image are joined on');
  return { places: [first], nodes: changed.nodes, initializers: changed.initializers };
}

/** The part of one sample, when all have the same. */
function firstSample(value: Tensor, batch: number): Tensor | null {
  const dims = [1, ...value.dims.slice(1)];
  const each = sizeOf(dims);
  if (value.dtype !== 'float32' || value.dims[0] !== batch) return null;
  for (let i = each; i < value.data.length; i++) if (value.data[i] !== value.data[i % each]) return null;
  return { dtype: 'float32', dims, data: (value.data as Float32Array).slice(0, each) };
}

function reshaped(
  context: Context,
  node: GraphNode,
  from: readonly number[],
  to: readonly number[],
  place: Place,
): Step {
  const { batch } = context;
  const slower = sizeOf(from.slice(0, place.axis)) * place.outer;
  const fits: Place[] = [];
  to.forEach((size, axis) => {
    const before = sizeOf(to.slice(0, axis));
    const outer = slower / before;
    if (Number.isInteger(outer) && size % (outer * batch) === 0) fits.push({ axis, outer });
  });
  // With a batch of 1 several axes may hold it: features come last, an axis of its own is likeliest, then the slow part
  // of one.
  const notLast = fits.filter(({ axis }) => axis < to.length - 1);
  const choices = notLast.length > 0 ? notLast : fits;
  const chosen =
    choices.find(({ axis, outer }) => to[axis] === batch && outer === 1) ??
    choices.find(({ outer }) => outer === 1) ??
    choices.at(0);
  if (!chosen) throw lost(node, batch, 'images are mixed');
  const name = context.fresh(`${node.inputs[1]}/any batch`);
  return {
    places: [chosen],
    nodes: [{ ...node, inputs: [node.inputs[0], name], attributes: {} }],
    initializers: [[name, intsTensor(to.map((size, axis) => (axis === chosen.axis ? -1 : size)))]],
  };
}

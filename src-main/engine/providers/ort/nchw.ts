/** Lowers our gradient operators to standard ONNX operators in the plain NCHW layout. */
import { floatAttribute, intAttribute, intsAttribute, malformedNode } from '../../graph/attributes.ts';
import type { Graph, GraphNode } from '../../graph/ir.ts';
import { createEmitter, type Emitter, type ShapeOf } from './emit.ts';
import { tightAfter, windowGeometry } from './geometry.ts';

export const INTERNAL_DOMAIN = 'coresift';

/**
 * The same graph without nodes of the domain "coresift".
 * @throws onnx-malformed for an operator of that domain that does not exist
 */
export function lowerToNchw(graph: Graph, shapeOf: ShapeOf): Graph {
  const emitter = createEmitter(graph);
  for (const node of graph.nodes) {
    if (node.domain === INTERNAL_DOMAIN) lowerNode(emitter, node, shapeOf);
    else emitter.node(node);
  }
  return { ...graph, nodes: emitter.nodes, initializers: emitter.initializers };
}

/** Emits standard operators that make the outputs of one internal node under their own names. */
export function lowerNode(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  switch (node.op) {
    case 'ConvGradInput':
      return convGradInput(emitter, node, shapeOf);
    case 'ConvGradWeight':
      return convGradWeight(emitter, node, shapeOf);
    case 'MaxPoolGrad':
      return maxPoolGrad(emitter, node, shapeOf);
    case 'AveragePoolGrad':
      return averagePoolGrad(emitter, node);
    case 'BatchNormTrain':
      return batchNormTrain(emitter, node, shapeOf);
    case 'BatchNormTrainGrad':
      return batchNormTrainGrad(emitter, node, shapeOf);
    default:
      throw malformedNode(node, 'the operator does not exist');
  }
}

function requiredInts(node: GraphNode, name: string): readonly number[] {
  const value = intsAttribute(node, name);
  if (value === null) throw malformedNode(node, `the attribute "${name}" is missing`);
  return value;
}

/** Transposed convolution: every weight scatters the output gradient back to where its window read. */
function convGradInput(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [gradient, weight] = node.inputs;
  const size = requiredInts(node, 'input_shape').slice(2);
  const geometry = windowGeometry(node, size, shapeOf(weight).slice(2));
  const after = tightAfter(geometry, size);
  emitter.op(
    'ConvTranspose',
    [gradient, weight],
    {
      kernel_shape: geometry.kernel,
      strides: geometry.strides,
      dilations: geometry.dilations,
      pads: [...geometry.before, ...after.map((pad) => Math.max(pad, 0))],
      output_padding: after.map((pad) => Math.max(-pad, 0)),
      group: intAttribute(node, 'group', 1),
    },
    { outputs: node.outputs },
  );
}

/**
 * The gradient of a weight is the convolution of the images, read channels-as-batch and batch-as-channels, with the
 * output gradient as its filter; strides and dilations change places.
 */
function convGradWeight(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, gradient] = node.inputs;
  const group = intAttribute(node, 'group', 1);
  const weightShape = requiredInts(node, 'weight_shape');
  const rows = intsAttribute(node, 'rows');
  const xShape = shapeOf(x);
  const [batch, channels, ...size] = xShape;
  const geometry = windowGeometry(node, size, weightShape.slice(2));
  const spatial = size.map((_, axis) => axis);
  const full = rows === null || group > 1;
  const used = full ? gradient : emitter.op('Gather', [gradient, emitter.ints(rows)], { axis: 1 });

  let images: string;
  let windows: string;
  if (group === 1) {
    images = emitter.op('Transpose', [x], { perm: [1, 0, ...spatial.map((axis) => axis + 2)] });
    windows = emitter.op('Transpose', [used], { perm: [1, 0, ...spatial.map((axis) => axis + 2)] });
  } else {
    const perGroup = channels / group;
    const split = emitter.op('Reshape', [x, emitter.ints([batch, group, perGroup, ...size])]);
    const turned = emitter.op('Transpose', [split], { perm: [2, 1, 0, ...spatial.map((axis) => axis + 3)] });
    images = emitter.op('Reshape', [turned, emitter.ints([perGroup, group * batch, ...size])]);
    windows = emitter.op('Transpose', [used], { perm: [1, 0, ...spatial.map((axis) => axis + 2)] });
  }
  // Padding that makes exactly as many results as the kernel has weights; negative padding crops.
  const after = tightAfter(geometry, size);
  const cropped = after.some((pad) => pad < 0)
    ? emitter.op('Slice', [
        images,
        emitter.ints(size.map(() => 0)),
        emitter.ints(size.map((length, axis) => length + Math.min(after[axis], 0))),
        emitter.ints(spatial.map((axis) => axis + 2)),
      ])
    : images;
  const turnedGradient = emitter.op('Conv', [cropped, windows], {
    kernel_shape: geometry.out,
    strides: geometry.dilations,
    dilations: geometry.strides,
    pads: [...geometry.before, ...after.map((pad) => Math.max(pad, 0))],
    group,
  });
  const perm = { perm: [1, 0, ...spatial.map((axis) => axis + 2)] };
  if (full && rows !== null) {
    const all = emitter.op('Transpose', [turnedGradient], perm);
    emitter.op('Gather', [all, emitter.ints(rows)], { axis: 0 }, { outputs: node.outputs });
    return;
  }
  emitter.op('Transpose', [turnedGradient], perm, { outputs: node.outputs });
}

/** Each window's gradient goes to the position that the maximum came from. */
function maxPoolGrad(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, , gradient] = node.inputs;
  const shape = shapeOf(x);
  const kernel = requiredInts(node, 'kernel_shape');
  const geometry = windowGeometry(node, shape.slice(2), kernel);
  const [values, indices] = [emitter.fresh('MaxPool'), emitter.fresh('MaxPool')];
  emitter.op(
    'MaxPool',
    [x],
    {
      kernel_shape: kernel,
      strides: geometry.strides,
      dilations: geometry.dilations,
      pads: [...geometry.before, ...geometry.after],
      ceil_mode: intAttribute(node, 'ceil_mode', 0),
    },
    { outputs: [values, indices] },
  );
  const flat = emitter.ints([-1]);
  const total = shape.reduce((product, dim) => product * dim, 1);
  const zeros = emitter.op('Expand', [emitter.floats([], [0]), emitter.ints([total])]);
  const scattered = emitter.op(
    'ScatterElements',
    [zeros, emitter.op('Reshape', [indices, flat]), emitter.op('Reshape', [gradient, flat])],
    { axis: 0, reduction: 'add' },
  );
  emitter.op('Reshape', [scattered, emitter.ints(shape)], {}, { outputs: node.outputs });
}

/** Every window spreads its gradient evenly: a depthwise transposed convolution with ones. */
function averagePoolGrad(emitter: Emitter, node: GraphNode): void {
  const [gradient] = node.inputs;
  const shape = requiredInts(node, 'input_shape');
  const [channels, ...size] = shape.slice(1);
  const kernel = requiredInts(node, 'kernel_shape');
  const geometry = windowGeometry(node, size, kernel);
  const after = tightAfter(geometry, size);
  const shares = windowShares(geometry, size, intAttribute(node, 'count_include_pad', 0) === 1);
  const spread = emitter.op('Mul', [gradient, emitter.floats([1, 1, ...geometry.out], shares)]);
  const ones = new Float32Array(channels * kernel.reduce((product, length) => product * length, 1)).fill(1);
  emitter.op(
    'ConvTranspose',
    [spread, emitter.floats([channels, 1, ...kernel], ones)],
    {
      kernel_shape: kernel,
      strides: geometry.strides,
      dilations: geometry.dilations,
      pads: [...geometry.before, ...after.map((pad) => Math.max(pad, 0))],
      output_padding: after.map((pad) => Math.max(-pad, 0)),
      group: channels,
    },
    { outputs: node.outputs },
  );
}

/** One over the number of positions that each window averages, row-major over the result's spatial dims. */
export function windowShares(
  geometry: ReturnType<typeof windowGeometry>,
  size: readonly number[],
  countPadding: boolean,
): Float32Array {
  const counts = size.map((length, axis) => {
    const { kernel, strides, dilations, before, after, out } = geometry;
    const low = countPadding ? -before[axis] : 0;
    const high = countPadding ? length + after[axis] : length;
    return Array.from({ length: out[axis] }, (_, window) => {
      let inside = 0;
      for (let tap = 0; tap < kernel[axis]; tap += 1) {
        const position = window * strides[axis] - before[axis] + tap * dilations[axis];
        if (position >= low && position < high) inside += 1;
      }
      return inside;
    });
  });
  let shares = [1];
  for (const axis of counts) shares = shares.flatMap((share) => axis.map((count) => share * count));
  return Float32Array.from(shares, (count) => 1 / count);
}

/** Axes that a batch normalisation averages over: all but the channels. */
const normalisedAxes = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => axis).filter((axis) => axis !== 1);

const perChannel = (shape: readonly number[]): number[] => shape.map((dim, axis) => (axis === 1 ? dim : 1));

function batchNormTrain(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, scale, bias] = node.inputs;
  const [y, batchMean, batchVariance] = node.outputs;
  const shape = shapeOf(x);
  const axes = normalisedAxes(shape);
  const wide = emitter.ints(perChannel(shape));
  const mean = emitter.op('ReduceMean', [x], { axes, keepdims: 1 });
  const centred = emitter.op('Sub', [x, mean]);
  const variance = emitter.op('ReduceMean', [emitter.op('Mul', [centred, centred])], { axes, keepdims: 1 });
  const spread = emitter.op('Sqrt', [
    emitter.op('Add', [variance, emitter.floats([], [floatAttribute(node, 'epsilon', 1e-5)])]),
  ]);
  const factor = emitter.op('Div', [emitter.op('Reshape', [scale, wide]), spread]);
  const scaled = emitter.op('Mul', [centred, factor]);
  emitter.op('Add', [scaled, emitter.op('Reshape', [bias, wide])], {}, { outputs: [y] });
  const narrow = emitter.ints([-1]);
  if (batchMean) emitter.op('Reshape', [mean, narrow], {}, { outputs: [batchMean] });
  if (batchVariance) emitter.op('Reshape', [variance, narrow], {}, { outputs: [batchVariance] });
}

/** dX = scale / s (dY - mean(dY) - xhat mean(dY xhat)), with s = sqrt(variance + epsilon), xhat = (X - mean) / s. */
function batchNormTrainGrad(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, scale, batchMean, batchVariance, gradient] = node.inputs;
  const [inputGradient, scaleGradient, biasGradient] = node.outputs;
  const shape = shapeOf(x);
  const axes = emitter.ints(normalisedAxes(shape));
  const wide = emitter.ints(perChannel(shape));
  const narrow = emitter.ints([-1]);
  const count = shape.reduce((product, dim, axis) => (axis === 1 ? product : product * dim), 1);
  const share = emitter.floats([], [1 / count]);
  const variance = emitter.op('Add', [batchVariance, emitter.floats([], [floatAttribute(node, 'epsilon', 1e-5)])]);
  const inverse = emitter.op('Reciprocal', [emitter.op('Reshape', [emitter.op('Sqrt', [variance]), wide])]);
  const centred = emitter.op('Sub', [x, emitter.op('Reshape', [batchMean, wide])]);
  const normal = emitter.op('Mul', [centred, inverse]);
  const sumGradient = emitter.op('ReduceSum', [gradient, axes], { keepdims: 1 });
  const sumProduct = emitter.op('ReduceSum', [emitter.op('Mul', [gradient, normal]), axes], { keepdims: 1 });
  if (inputGradient) {
    const level = emitter.op('Sub', [gradient, emitter.op('Mul', [sumGradient, share])]);
    const slope = emitter.op('Mul', [normal, emitter.op('Mul', [sumProduct, share])]);
    const factor = emitter.op('Mul', [emitter.op('Reshape', [scale, wide]), inverse]);
    emitter.op('Mul', [emitter.op('Sub', [level, slope]), factor], {}, { outputs: [inputGradient] });
  }
  if (scaleGradient) emitter.op('Reshape', [sumProduct, narrow], {}, { outputs: [scaleGradient] });
  if (biasGradient) emitter.op('Reshape', [sumGradient, narrow], {}, { outputs: [biasGradient] });
}

/** Lowers our gradient operators to standard ONNX operators in the plain NCHW layout. */
import { floatAttribute, intAttribute, intsAttribute, malformedNode } from '../../graph/attributes.ts';
import type { Graph, GraphNode } from '../../graph/ir.ts';
import { convGeometry, poolGeometry, type Window } from '../../graph/ops/geometry.ts';
import { INTERNAL_DOMAIN, type InternalOperator } from '../../graph/internal-ops.ts';
import { sizeOf } from '../../graph/tensors.ts';
import { createEmitter, type Emitter, type ShapeOf } from './emit.ts';
import { tightAfter, windowShares } from './geometry.ts';

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
  switch (node.op as InternalOperator) {
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
  const geometry = convGeometry(node, requiredInts(node, 'input_shape'), shapeOf(weight));
  transposedConv(emitter, gradient, weight, geometry, geometry.input, geometry.group, node.outputs);
}

function transposedConv(
  emitter: Emitter,
  gradient: string,
  weight: string,
  window: Window,
  input: readonly number[],
  group: number,
  outputs: readonly string[],
): void {
  const after = tightAfter(window, input);
  const attributes = {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: [window.pads[0], window.pads[1], ...after.map((pad) => Math.max(pad, 0))],
    group,
  };
  if (after.every((pad) => pad >= 0)) {
    emitter.op('ConvTranspose', [gradient, weight], attributes, { outputs });
    return;
  }
  // Rows and columns that no window reads get no gradient.
  const reached = emitter.op('ConvTranspose', [gradient, weight], attributes);
  const missing = emitter.ints([0, 0, 0, 0, 0, 0, ...after.map((pad) => Math.max(-pad, 0))]);
  emitter.op('Pad', [reached, missing], { mode: 'constant' }, { outputs });
}

/**
 * The gradient of a weight is the convolution of the images, read channels-as-batch and batch-as-channels, with the
 * output gradient as its filter; strides and dilations change places.
 */
function convGradWeight(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, gradient] = node.inputs;
  const shape = shapeOf(x);
  const geometry = convGeometry(node, shape, requiredInts(node, 'weight_shape'));
  const { group, batch, inChannels, input } = geometry;
  const rows = intsAttribute(node, 'rows');
  const early = rows !== null && group === 1;
  const used = early ? emitter.op('Gather', [gradient, emitter.ints(rows)], { axis: 1 }) : gradient;
  const windows = emitter.op('Transpose', [used], { perm: [1, 0, 2, 3] });
  let images: string;
  if (group === 1) images = emitter.op('Transpose', [x], { perm: [1, 0, 2, 3] });
  else {
    const perGroup = inChannels / group;
    const split = emitter.op('Reshape', [x, emitter.ints([batch, group, perGroup, ...input])]);
    const turned = emitter.op('Transpose', [split], { perm: [2, 1, 0, 3, 4] });
    images = emitter.op('Reshape', [turned, emitter.ints([perGroup, group * batch, ...input])]);
  }
  const after = tightAfter(geometry, input);
  if (after.some((pad) => pad < 0)) {
    const ends = input.map((length, axis) => length + Math.min(after[axis], 0));
    images = emitter.op('Slice', [images, emitter.ints([0, 0]), emitter.ints(ends), emitter.ints([2, 3])]);
  }
  const turnedGradient = emitter.op('Conv', [images, windows], {
    kernel_shape: geometry.out,
    strides: geometry.dilations,
    dilations: geometry.strides,
    pads: [geometry.pads[0], geometry.pads[1], ...after.map((pad) => Math.max(pad, 0))],
    group,
  });
  const perm = { perm: [1, 0, 2, 3] };
  if (rows === null || early) {
    emitter.op('Transpose', [turnedGradient], perm, { outputs: node.outputs });
    return;
  }
  const all = emitter.op('Transpose', [turnedGradient], perm);
  emitter.op('Gather', [all, emitter.ints(rows)], { axis: 0 }, { outputs: node.outputs });
}

/** Each window's gradient goes to the position that the maximum came from. */
function maxPoolGrad(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, , gradient] = node.inputs;
  const shape = shapeOf(x);
  const { kernel, strides, dilations, pads } = poolGeometry(node, shape);
  const indices = emitter.fresh('MaxPool');
  emitter.op(
    'MaxPool',
    [x],
    {
      kernel_shape: kernel,
      strides,
      dilations,
      pads,
      ceil_mode: intAttribute(node, 'ceil_mode', 0),
    },
    { outputs: [emitter.fresh('MaxPool'), indices] },
  );
  const flat = emitter.ints([-1]);
  const zeros = emitter.op('Expand', [emitter.floats([], [0]), emitter.ints([sizeOf(shape)])]);
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
  const geometry = poolGeometry(node, shape);
  const channels = shape[1];
  const shares = emitter.floats([1, 1, ...geometry.out], windowShares(geometry));
  const spread = emitter.op('Mul', [gradient, shares]);
  const ones = emitter.floats(
    [channels, 1, ...geometry.kernel],
    new Float32Array(channels * sizeOf(geometry.kernel)).fill(1),
  );
  transposedConv(emitter, spread, ones, geometry, geometry.input, channels, node.outputs);
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

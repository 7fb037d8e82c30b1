/**
 * Lowering of our gradient operators for ONNX Runtime's GPU execution providers. It keeps to operators that they have and
 * that were found right: WebGPU's MaxPool has no indices, and its ConvTranspose gives wrong numbers with several filters
 * per channel and with strides that leave a rest. What is right in plain ONNX is left to `nchw.ts`.
 */
import { intAttribute, intsAttribute, malformedNode } from '../../graph/attributes.ts';
import type { Graph, GraphNode } from '../../graph/ir.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import { convGeometry, poolGeometry, type PoolGeometry, type Window } from '../../graph/ops/geometry.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { createEmitter, type Emitter, type ShapeOf } from './emit.ts';
import { tightAfter, windowShares } from './geometry.ts';
import { lowerNode } from './nchw.ts';

/**
 * The same graph without nodes of the domain "coresift" and without the convolutions that WebGPU gets wrong.
 * @param shapeOf dims of every value of `graph`, whose sizes are all bound
 * @throws onnx-malformed as `lowerToNchw`
 */
export function lowerForGpu(graph: Graph, shapeOf: ShapeOf): Graph {
  return withSafeChannels(withoutInternal(graph, shapeOf));
}

/**
 * A convolution over 6, 9, 15 ... channels (a multiple of 3, not of 4) gets channels of zeros up to a multiple of 4: the
 * kernel that ONNX Runtime 1.30 takes for them on WebGPU reads past them and gives wrong numbers. 3 channels are right.
 */
function withSafeChannels(graph: Graph): Graph {
  const isWrong = (channels: number): boolean => channels > 3 && channels % 3 === 0 && channels % 4 !== 0;
  const ranked = graph.nodes.some((node) => node.op === 'TopK');
  if (ranked || !graph.nodes.some((node) => node.op === 'Conv')) return graph;
  const shapes = inferShapes(graph, {});
  const emitter = createEmitter(graph);
  for (const node of graph.nodes) {
    const dims = node.op === 'Conv' ? shapes.get(node.inputs[1])?.dims : undefined;
    if (dims === undefined || !isWrong(dims[1]) || intAttribute(node, 'group', 1) !== 1) {
      emitter.node(node);
      continue;
    }
    const pads = emitter.ints([0, 0, 0, 0, 0, 4 - (dims[1] % 4), 0, 0]);
    const [x, weight] = node.inputs.map((input, index) =>
      index < 2 ? emitter.op('Pad', [input, pads], { mode: 'constant' }) : input,
    );
    emitter.node({ ...node, inputs: [x, weight, ...node.inputs.slice(2)] });
  }
  return { ...graph, nodes: emitter.nodes, initializers: emitter.initializers };
}

function withoutInternal(graph: Graph, shapeOf: ShapeOf): Graph {
  const emitter = createEmitter(graph);
  for (const node of graph.nodes) {
    if (node.op === 'Split' && node.outputs.length > mostParts) splitBySlices(emitter, node, shapeOf);
    else if (node.domain !== INTERNAL_DOMAIN) emitter.node(node);
    else if (node.op === 'ConvGradInput') convGradInput(emitter, node, shapeOf);
    else if (node.op === 'MaxPoolGrad') maxPoolGrad(emitter, node, shapeOf);
    else if (node.op === 'AveragePoolGrad') averagePoolGrad(emitter, node);
    else lowerNode(emitter, node, shapeOf);
  }
  return { ...graph, nodes: emitter.nodes, initializers: emitter.initializers };
}

/** Outputs of one Split: WebGPU gives a shader a dozen buffers or fewer, and each output is one. */
const mostParts = 6;

function splitBySlices(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const axis = intAttribute(node, 'axis', 0);
  let start = 0;
  for (const output of node.outputs) {
    const end = start + (shapeOf(output).at(axis) ?? 0);
    const range = [emitter.ints([start]), emitter.ints([end]), emitter.ints([axis])];
    emitter.op('Slice', [node.inputs[0], ...range], {}, { outputs: [output] });
    start = end;
  }
}

function shapeAttribute(node: GraphNode): readonly number[] {
  const dims = intsAttribute(node, 'input_shape');
  if (dims === null) throw malformedNode(node, 'the attribute "input_shape" is missing');
  return dims;
}

/** [N,C,oH,oW] with zeros between its rows and columns: [N, C, (oH-1)*stride+1, (oW-1)*stride+1]. */
function spaced(emitter: Emitter, value: string, dims: readonly number[], strides: readonly number[]): string {
  if (strides[0] === 1 && strides[1] === 1) return value;
  const [n, c, height, width] = dims;
  const apart = emitter.op('Reshape', [value, emitter.ints([n * c, height, 1, width, 1])]);
  const filled = emitter.op('Pad', [apart, emitter.ints([0, 0, 0, 0, 0, 0, 0, strides[0] - 1, 0, strides[1] - 1])], {
    mode: 'constant',
  });
  const joined = emitter.op('Reshape', [filled, emitter.ints([n, c, height * strides[0], width * strides[1]])]);
  const ends = [(height - 1) * strides[0] + 1, (width - 1) * strides[1] + 1];
  return emitter.op('Slice', [joined, emitter.ints([0, 0]), emitter.ints(ends), emitter.ints([2, 3])]);
}

/** Adds (or where negative takes away) rows and columns around [N,C,H,W]. */
function surrounded(
  emitter: Emitter,
  value: string,
  size: readonly number[],
  [top, left, bottom, right]: readonly number[],
): string {
  let kept = value;
  if (Math.min(top, left, bottom, right) < 0) {
    const starts = emitter.ints([Math.max(0, -top), Math.max(0, -left)]);
    const ends = emitter.ints([size[0] - Math.max(0, -bottom), size[1] - Math.max(0, -right)]);
    kept = emitter.op('Slice', [kept, starts, ends, emitter.ints([2, 3])]);
  }
  if (Math.max(top, left, bottom, right) <= 0) return kept;
  const pads = [0, 0, Math.max(0, top), Math.max(0, left), 0, 0, Math.max(0, bottom), Math.max(0, right)];
  return emitter.op('Pad', [kept, emitter.ints(pads)], { mode: 'constant' });
}

/** A convolution of the spaced gradient with the filters turned round and channels in the place of filters. */
function convGradInput(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [gradient, weight] = node.inputs;
  const geometry = convGeometry(node, shapeAttribute(node), shapeOf(weight));
  const { batch, group, inChannels, outChannels, kernel, dilations, strides, pads, input, out } = geometry;
  const wide = spaced(emitter, gradient, [batch, outChannels, ...out], strides);
  const size = out.map((length, axis) => (length - 1) * strides[axis] + 1);
  const reach = kernel.map((length, axis) => (length - 1) * dilations[axis]);
  const before = [reach[0] - pads[0], reach[1] - pads[1]];
  const after = [0, 1].map((axis) => input[axis] - size[axis] - before[axis] + reach[axis]);
  const around = surrounded(emitter, wide, size, [...before, ...after]);
  const perGroup = [inChannels / group, outChannels / group];
  let filters = weight;
  if (group > 1) {
    const split = emitter.op('Reshape', [filters, emitter.ints([group, perGroup[1], perGroup[0], ...kernel])]);
    const turned = emitter.op('Transpose', [split], { perm: [0, 2, 1, 3, 4] });
    filters = emitter.op('Reshape', [turned, emitter.ints([inChannels, perGroup[1], ...kernel])]);
  } else filters = emitter.op('Transpose', [filters], { perm: [1, 0, 2, 3] });
  for (const axis of [0, 1] as const) {
    if (kernel[axis] === 1) continue;
    const reversed = Array.from({ length: kernel[axis] }, (_, at) => kernel[axis] - 1 - at);
    filters = emitter.op('Gather', [filters, emitter.ints(reversed)], { axis: axis + 2 });
  }
  const attributes = { kernel_shape: kernel, strides: [1, 1], dilations, pads: [0, 0, 0, 0], group };
  emitter.op('Conv', [around, filters], attributes, { outputs: node.outputs });
}

/** Rows and columns that are added so that the last window ends at the border, and taken away where none is read. */
function wholePads(window: Window, input: readonly number[]): readonly number[] {
  const after = tightAfter(window, input).map((pad) => Math.max(pad, 0));
  return [window.pads[0], window.pads[1], ...after];
}

/** Offsets of a window's positions, row-major. */
function offsetsOf({ kernel, dilations }: Window): (readonly [number, number])[] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, at) => [
    Math.floor(at / kernel[1]) * dilations[0],
    (at % kernel[1]) * dilations[1],
  ]);
}

/** Sends a number per window, a different one for each of its positions, to those positions, and adds up. */
function scattered(
  emitter: Emitter,
  geometry: PoolGeometry,
  planes: readonly [number, number],
  part: (index: number) => string,
  outputs: readonly string[],
): void {
  const { strides, out, input } = geometry;
  const pads = wholePads(geometry, input);
  const size = out.map((length, axis) => (length - 1) * strides[axis] + 1);
  const whole = [input[0] + pads[0] + pads[2], input[1] + pads[1] + pads[3]];
  const parts = offsetsOf(geometry).map(([top, left], index) => {
    const wide = spaced(emitter, part(index), [...planes, ...out], strides);
    return surrounded(emitter, wide, size, [top, left, whole[0] - top - size[0], whole[1] - left - size[1]]);
  });
  const total = parts.reduce((sum, each) => emitter.op('Add', [sum, each]));
  const ends = emitter.ints([pads[0] + input[0], pads[1] + input[1]]);
  emitter.op('Slice', [total, emitter.ints([pads[0], pads[1]]), ends, emitter.ints([2, 3])], {}, { outputs });
}

/** Below every number an image can hold. */
const LOWEST = -3.4e38;

/** Each window's gradient goes to the first position, row-major, that holds its maximum. */
function maxPoolGrad(emitter: Emitter, node: GraphNode, shapeOf: ShapeOf): void {
  const [x, y, gradient] = node.inputs;
  const shape = shapeOf(x);
  const geometry = poolGeometry(node, shape);
  const { strides, out, input } = geometry;
  const [top, left, bottom, right] = wholePads(geometry, input);
  const images =
    top + left + bottom + right === 0
      ? x
      : emitter.op('Pad', [x, emitter.ints([0, 0, top, left, 0, 0, bottom, right]), emitter.floats([], [LOWEST])], {
          mode: 'constant',
        });
  let open: string | null = null;
  const parts = offsetsOf(geometry).map(([down, along]) => {
    const starts = emitter.ints([down, along]);
    const ends = emitter.ints([down + (out[0] - 1) * strides[0] + 1, along + (out[1] - 1) * strides[1] + 1]);
    const seen = emitter.op('Slice', [images, starts, ends, emitter.ints([2, 3]), emitter.ints(strides)]);
    const equal = emitter.op('Cast', [emitter.op('Equal', [seen, y])], { to: 1 });
    const wins: string = open === null ? equal : emitter.op('Mul', [open, equal]);
    open = open === null ? emitter.op('Sub', [emitter.floats([], [1]), wins]) : emitter.op('Sub', [open, wins]);
    return emitter.op('Mul', [gradient, wins]);
  });
  scattered(emitter, geometry, [shape[0], shape[1]], (index) => parts[index], node.outputs);
}

function averagePoolGrad(emitter: Emitter, node: GraphNode): void {
  const [gradient] = node.inputs;
  const shape = shapeAttribute(node);
  const geometry = poolGeometry(node, shape);
  const shares = emitter.floats([1, 1, ...geometry.out], windowShares(geometry));
  const spread = emitter.op('Mul', [gradient, shares]);
  scattered(emitter, geometry, [shape[0], shape[1]], () => spread, node.outputs);
}

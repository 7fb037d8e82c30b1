/** Operators that move values, reductions, products and TopK. */
import { floatAttribute, intAttribute, malformedNode, textAttribute } from '../../graph/attributes.ts';
import { padSource, permutationOf, sliceAxes } from '../../graph/ops/layout.ts';
import { axisOf } from '../../graph/ops/operator.ts';
import { reducedAxes } from '../../graph/ops/reductions.ts';
import { sizeOf } from '../../graph/tensors.ts';
import { operand, type Call, type Kernel, type KernelTable } from './kernel.ts';
import type { Tf, TfTensor } from './load.ts';
import { numbersIn } from './value.ts';

const shapedInputs = ({ device, inputs }: Call) =>
  inputs.map((input) => (input === null ? null : device.shaped(input)));

const reshape: Kernel = (call) => [
  call.device.tf.reshape(call.device.plain(operand(call, 0)), [...call.outputs[0].dims]),
];

const transpose: Kernel = (call) => {
  const x = operand(call, 0);
  return [call.device.tf.transpose(call.device.plain(x), [...permutationOf(call.node, x.dims.length)])];
};

const expand: Kernel = (call) => {
  const { tf } = call.device;
  const x = operand(call, 0);
  const { dims } = call.outputs[0];
  const padded = [...new Array<number>(dims.length - x.dims.length).fill(1), ...x.dims];
  return [tf.broadcastTo(tf.reshape(call.device.plain(x), padded), [...dims])];
};

const tile: Kernel = (call) => [
  call.device.tf.tile(call.device.plain(operand(call, 0)), numbersIn(call.device, operand(call, 1))),
];

const concat: Kernel = (call) => {
  const { device, node, inputs, outputs } = call;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), outputs[0].dims.length);
  const parts = inputs.map((_, index) => operand(call, index)).filter((part) => sizeOf(part.dims) > 0);
  if (parts.length === 0) return [device.tf.clone(device.plain(operand(call, 0)))];
  return [
    device.tf.concat(
      parts.map((part) => device.plain(part)),
      axis,
    ),
  ];
};

const slice: Kernel = (call) => {
  const { device } = call;
  const { tf } = device;
  const x = operand(call, 0);
  let tensor = device.plain(x);
  const begin = x.dims.map(() => 0);
  const size = [...x.dims];
  for (const { axis, start, step, size: taken } of sliceAxes(call.node, shapedInputs(call))) {
    if (step === 1) [begin[axis], size[axis]] = [start, taken];
    else {
      const chosen = Int32Array.from({ length: taken }, (_, at) => start + at * step);
      tensor = tf.gather(tensor, tf.tensor1d(chosen, 'int32'), axis);
      size[axis] = taken;
    }
  }
  return [tf.slice(tensor, begin, size)];
};

const split: Kernel = (call) => {
  const { device, node, outputs } = call;
  const x = operand(call, 0);
  const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
  let start = 0;
  return outputs.map(({ dims }) => {
    const begin = x.dims.map((_, at) => (at === axis ? start : 0));
    start += dims[axis];
    return device.tf.slice(device.plain(x), begin, [...dims]);
  });
};

const gather: Kernel = (call) => {
  const { device, node, outputs } = call;
  const { tf } = device;
  const x = operand(call, 0);
  const indices = operand(call, 1);
  const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
  const size = x.dims[axis];
  let flat: TfTensor;
  if (indices.host === null) {
    const met = tf.reshape(device.plain(indices), [-1]);
    flat = tf.where(tf.less(met, 0), tf.add(met, tf.scalar(size, 'int32')), met);
  } else {
    const rows = numbersIn(device, indices).map((index) => {
      if (!(index >= -size && index < size)) throw malformedNode(node, `index ${index} of an axis of size ${size}`);
      return index < 0 ? index + size : index;
    });
    flat = tf.tensor1d(Int32Array.from(rows), 'int32');
  }
  return [tf.reshape(tf.gather(device.plain(x), flat, axis), [...outputs[0].dims])];
};

const pad: Kernel = (call) => {
  const { device, node, inputs } = call;
  const { tf } = device;
  const x = operand(call, 0);
  const rank = x.dims.length;
  const pads = numbersIn(device, operand(call, 1));
  const mode = textAttribute(node, 'mode', 'constant');
  let tensor = device.plain(x);
  if (mode !== 'constant') {
    x.dims.forEach((dim, axis) => {
      const wanted = dim + pads[axis] + pads[axis + rank];
      const sources = Int32Array.from({ length: wanted }, (_, at) => padSource(node, mode, at - pads[axis], dim));
      tensor = tf.gather(tensor, tf.tensor1d(sources, 'int32'), axis);
    });
    return [tensor];
  }
  const cut = (at: number): number => Math.max(0, -pads[at]);
  if (pads.some((by) => by < 0)) {
    const begin = x.dims.map((_, axis) => cut(axis));
    const size = x.dims.map((dim, axis) => dim - cut(axis) - cut(axis + rank));
    tensor = tf.slice(tensor, begin, size);
  }
  const grown = x.dims.map((_, axis): [number, number] => [Math.max(0, pads[axis]), Math.max(0, pads[axis + rank])]);
  return [tf.pad(tensor, grown, inputs[2] ? numbersIn(device, inputs[2])[0] : 0)];
};

const gemm: Kernel = (call) => {
  const { device, node, inputs } = call;
  const { tf } = device;
  const turned = (name: string): boolean => intAttribute(node, name, 0) === 1;
  const product = tf.matMul(
    device.plain(operand(call, 0)),
    device.plain(operand(call, 1)),
    turned('transA'),
    turned('transB'),
  );
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  const scaled = alpha === 1 ? product : tf.mul(product, alpha);
  if (!inputs[2]) return [scaled];
  const addend = device.plain(inputs[2]);
  return [tf.add(scaled, beta === 1 ? addend : tf.mul(addend, beta))];
};

const matmul: Kernel = (call) => {
  const { device, outputs } = call;
  const { tf } = device;
  const a = operand(call, 0);
  const b = operand(call, 1);
  const left = a.dims.length === 1 ? tf.reshape(device.plain(a), [1, a.dims[0]]) : device.plain(a);
  const right = b.dims.length === 1 ? tf.reshape(device.plain(b), [b.dims[0], 1]) : device.plain(b);
  return [tf.reshape(tf.matMul(left, right), [...outputs[0].dims])];
};

type Reduce = (tf: Tf, x: TfTensor, axes: number[], keep: boolean) => TfTensor;

const reductions: Readonly<Record<string, Reduce>> = {
  ReduceMean: (tf, x, axes, keep) => tf.mean(x, axes, keep),
  ReduceSum: (tf, x, axes, keep) => tf.sum(x, axes, keep),
  ReduceMax: (tf, x, axes, keep) => tf.max(x, axes, keep),
  ReduceMin: (tf, x, axes, keep) => tf.min(x, axes, keep),
  ReduceL1: (tf, x, axes, keep) => tf.sum(tf.abs(x), axes, keep),
  ReduceL2: (tf, x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep)),
  ReduceSumSquare: (tf, x, axes, keep) => tf.sum(tf.square(x), axes, keep),
  ReduceProd: (tf, x, axes, keep) => tf.prod(x, axes, keep),
};

const reduction =
  (apply: Reduce): Kernel =>
  (call) => {
    const { device, node } = call;
    const axes = reducedAxes(node, shapedInputs(call));
    const x = device.plain(operand(call, 0));
    return [apply(device.tf, x, axes, intAttribute(node, 'keepdims', 1) === 1)];
  };

/** x minus its largest along the axis, the exponential of that, and the sum of those. */
function exponentials(call: Call): { tf: Tf; shifted: TfTensor; powers: TfTensor; total: TfTensor } {
  const { device, node } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const axis = axisOf(node, intAttribute(node, 'axis', -1), value.dims.length);
  const x = device.plain(value);
  const shifted = tf.sub(x, tf.max(x, axis, true));
  const powers = tf.exp(shifted);
  return { tf, shifted, powers, total: tf.sum(powers, axis, true) };
}

const softmax: Kernel = (call) => {
  const { tf, powers, total } = exponentials(call);
  return [tf.div(powers, total)];
};

const logSoftmax: Kernel = (call) => {
  const { tf, shifted, total } = exponentials(call);
  return [tf.sub(shifted, tf.log(total))];
};

const argMax: Kernel = (call) => {
  const { device, node, outputs } = call;
  const x = operand(call, 0);
  const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
  return [device.tf.reshape(device.tf.argMax(device.plain(x), axis), [...outputs[0].dims])];
};

/** Equal values rank by index, as in the standard. */
const topK: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const rank = value.dims.length;
  const axis = axisOf(node, intAttribute(node, 'axis', -1), rank);
  const [count] = numbersIn(device, operand(call, 1));
  const order = value.dims.map((_, at) => at);
  [order[axis], order[rank - 1]] = [order[rank - 1], order[axis]];
  const turn = (x: TfTensor): TfTensor => (axis === rank - 1 ? x : tf.transpose(x, order));
  const largest = intAttribute(node, 'largest', 1) === 1;
  const x = turn(device.plain(value));
  const { values, indices } = tf.topk(largest ? x : tf.neg(x), count, true);
  return [turn(largest ? values : tf.neg(values)), turn(indices)];
};

export const layoutKernels: KernelTable = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Slice: slice,
  Split: split,
  Gather: gather,
  Pad: pad,
  Gemm: gemm,
  MatMul: matmul,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  ArgMax: argMax,
  TopK: topK,
  ...Object.fromEntries(Object.entries(reductions).map(([op, apply]) => [op, reduction(apply)])),
};

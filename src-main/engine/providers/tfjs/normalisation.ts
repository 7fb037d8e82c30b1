/** Batch, layer and instance normalisation from primitive operators, so that training mode is the same everywhere. */
import { floatAttribute, intAttribute } from '../../graph/attributes.ts';
import { NORM_EPSILON } from '../../graph/ops/normalisation.ts';
import { axisOf } from '../../graph/ops/operator.ts';
import { sizeOf } from '../../graph/tensors.ts';
import { asResult, inLayout, operand, type Call, type Kernel, type KernelTable, type Layout } from './kernel.ts';
import type { Tf, TfTensor } from './load.ts';
import type { Value } from './value.ts';

interface Channels {
  readonly tf: Tf;
  readonly layout: Layout;
  readonly x: TfTensor;
  /** Axes that a channel's statistics run over. */
  readonly axes: number[];
  readonly count: number;
  readonly epsilon: number;
  /** [C] so that it broadcasts over x. */
  wide(value: TfTensor): TfTensor;
}

function channelsOf({ device, node }: Call, value: Value): Channels {
  const { tf } = device;
  const rank = value.dims.length;
  const layout = rank === 4 ? device.layout(value) : 'plain';
  const channel = layout === 'last' ? 3 : 1;
  return {
    tf,
    layout,
    x: inLayout(device, value, layout),
    axes: value.dims.map((_, axis) => axis).filter((axis) => axis !== channel),
    count: sizeOf(value.dims) / value.dims[1],
    epsilon: floatAttribute(node, 'epsilon', NORM_EPSILON),
    wide: (tensor) =>
      layout === 'last' ? tensor : tf.reshape(tensor, [tensor.size, ...new Array<number>(rank - 2).fill(1)]),
  };
}

/** scale * (x - mean) / sqrt(variance + epsilon) + bias, each [C]. */
function normalised(over: Channels, scale: TfTensor, bias: TfTensor, mean: TfTensor, variance: TfTensor): TfTensor {
  const { tf, x, wide, epsilon } = over;
  const factor = tf.div(scale, tf.sqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(tf.sub(x, wide(mean)), wide(factor)), wide(bias));
}

const batchNormalization: Kernel = (call) => {
  const over = channelsOf(call, operand(call, 0));
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => call.device.plain(operand(call, index)));
  return [asResult(normalised(over, scale, bias, mean, variance), over.layout)];
};

const batchNormTrain: Kernel = (call) => {
  const over = channelsOf(call, operand(call, 0));
  const { tf, x, axes, wide } = over;
  const mean = tf.mean(x, axes);
  const variance = tf.mean(tf.square(tf.sub(x, wide(mean))), axes);
  const [scale, bias] = [1, 2].map((index) => call.device.plain(operand(call, index)));
  return [asResult(normalised(over, scale, bias, mean, variance), over.layout), mean, variance];
};

/** dX = scale / s (dY - mean(dY) - xhat mean(dY xhat)), with s = sqrt(variance + epsilon), xhat = (X - mean) / s. */
const batchNormTrainGrad: Kernel = (call) => {
  const { device, node } = call;
  const over = channelsOf(call, operand(call, 0));
  const { tf, x, axes, wide, count, epsilon, layout } = over;
  const [scale, mean, variance] = [1, 2, 3].map((index) => device.plain(operand(call, index)));
  const dy = inLayout(device, operand(call, 4), layout);
  const inverse = tf.div(1, tf.sqrt(tf.add(variance, epsilon)));
  const normal = tf.mul(tf.sub(x, wide(mean)), wide(inverse));
  const biasGradient = tf.sum(dy, axes);
  const scaleGradient = tf.sum(tf.mul(dy, normal), axes);
  const wanted = (index: number): boolean => (node.outputs[index] ?? '') !== '';
  const inputGradient = (): TfTensor => {
    const level = tf.sub(dy, wide(tf.div(biasGradient, count)));
    const slope = tf.mul(normal, wide(tf.div(scaleGradient, count)));
    return tf.mul(tf.sub(level, slope), wide(tf.mul(scale, inverse)));
  };
  return [
    wanted(0) ? asResult(inputGradient(), layout) : null,
    wanted(1) ? scaleGradient : null,
    wanted(2) ? biasGradient : null,
  ];
};

/** x normalised over `axes`, with its mean and one over its spread. */
function standardised(tf: Tf, x: TfTensor, axes: number[], epsilon: number): [TfTensor, TfTensor, TfTensor] {
  const mean = tf.mean(x, axes, true);
  const centred = tf.sub(x, mean);
  const inverse = tf.div(1, tf.sqrt(tf.add(tf.mean(tf.square(centred), axes, true), epsilon)));
  return [tf.mul(centred, inverse), mean, inverse];
}

const layerNormalization: Kernel = (call) => {
  const { device, node, inputs } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const axis = axisOf(node, intAttribute(node, 'axis', -1), value.dims.length);
  const axes = value.dims.map((_, at) => at).slice(axis);
  const epsilon = floatAttribute(node, 'epsilon', NORM_EPSILON);
  const [normal, mean, inverse] = standardised(tf, device.plain(value), axes, epsilon);
  const scaled = tf.mul(normal, device.plain(operand(call, 1)));
  return [inputs[2] ? tf.add(scaled, device.plain(inputs[2])) : scaled, mean, inverse];
};

const instanceNormalization: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const axes = value.dims.map((_, at) => at).slice(2);
  const wide = (index: number): TfTensor =>
    tf.reshape(device.plain(operand(call, index)), [value.dims[1], ...axes.map(() => 1)]);
  const [normal] = standardised(tf, device.plain(value), axes, floatAttribute(node, 'epsilon', NORM_EPSILON));
  return [tf.add(tf.mul(normal, wide(1)), wide(2))];
};

export const normalisationKernels: KernelTable = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
};
export const normalisationGradientKernels: KernelTable = {
  BatchNormTrain: batchNormTrain,
  BatchNormTrainGrad: batchNormTrainGrad,
};

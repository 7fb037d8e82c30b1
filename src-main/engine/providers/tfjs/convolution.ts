/**
 * Convolution and its gradients, channels-last. Padding is added by hand because TensorFlow's own is symmetric, and a
 * dilated filter is a larger one with zeros in it, because TensorFlow differentiates no dilation on the CPU.
 */
import { intsAttribute, malformedNode } from '../../graph/attributes.ts';
import type { GraphNode } from '../../graph/ir.ts';
import { convGeometry, type ConvGeometry } from '../../graph/ops/geometry.ts';
import { operand, type Kernel, type KernelTable } from './kernel.ts';
import type { Tf, TfTensor } from './load.ts';
import type { Device, Value } from './value.ts';
import { cropped, padded } from './window.ts';

type Rank4 = Parameters<Tf['conv2d']>[1];

/** Whether TensorFlow has the convolution as a depthwise one (it wants equal strides there). */
const isDepthwise = ({ group, inChannels, strides }: ConvGeometry): boolean =>
  group > 1 && group === inChannels && strides[0] === strides[1];

/** [M, C/group, kH, kW] -> [kH, kW, C/group, M], or [kH, kW, C, M/C] for a depthwise one. */
function filterOf(device: Device, weight: Value, geometry: ConvGeometry): TfTensor {
  const { tf } = device;
  return device.form(weight, isDepthwise(geometry) ? 'depthwise' : 'filter', () => {
    const plain = device.plain(weight);
    if (!isDepthwise(geometry)) return tf.transpose(plain, [2, 3, 1, 0]);
    const { inChannels, outChannels, kernel } = geometry;
    return tf.transpose(tf.reshape(plain, [inChannels, outChannels / inChannels, ...kernel]), [2, 3, 0, 1]);
  });
}

/** The inverse of `filterOf` for a gradient. */
function weightOf(tf: Tf, filter: TfTensor, geometry: ConvGeometry): TfTensor {
  if (!isDepthwise(geometry)) return tf.transpose(filter, [3, 2, 0, 1]);
  return tf.reshape(tf.transpose(filter, [2, 3, 0, 1]), [geometry.outChannels, 1, ...geometry.kernel]);
}

const extentOf = ({ kernel, dilations }: ConvGeometry): [number, number] => [
  (kernel[0] - 1) * dilations[0] + 1,
  (kernel[1] - 1) * dilations[1] + 1,
];

/** Zeros between the taps of a filter [kH, kW, a, b]. */
function dilated(tf: Tf, filter: TfTensor, geometry: ConvGeometry): TfTensor {
  const { kernel, dilations } = geometry;
  if (dilations[0] === 1 && dilations[1] === 1) return filter;
  const [a, b] = filter.shape.slice(2);
  const spaced = tf.pad(tf.reshape(filter, [kernel[0], 1, kernel[1], 1, a * b]), [
    [0, 0],
    [0, dilations[0] - 1],
    [0, 0],
    [0, dilations[1] - 1],
    [0, 0],
  ]);
  const whole = tf.reshape(spaced, [kernel[0] * dilations[0], kernel[1] * dilations[1], a, b]);
  return tf.slice(whole, [0, 0, 0, 0], [...extentOf(geometry), a, b]);
}

/** The taps of a gradient of a dilated filter. */
function undilated(tf: Tf, gradient: TfTensor, geometry: ConvGeometry): TfTensor {
  const taken = gradient;
  return ([0, 1] as const).reduce((met, axis) => {
    const step = geometry.dilations[axis];
    if (step === 1) return met;
    const taps = Int32Array.from({ length: geometry.kernel[axis] }, (_, at) => at * step);
    return tf.gather(met, tf.tensor1d(taps, 'int32'), axis);
  }, taken);
}

/** Runs `act` for every group of channels of images [N,H,W,C] and filters [kH,kW,C/group,M]. */
function byGroup(geometry: ConvGeometry, act: (group: number, from: number, to: number) => TfTensor): TfTensor[] {
  const [inputs, outputs] = [geometry.inChannels / geometry.group, geometry.outChannels / geometry.group];
  return Array.from({ length: geometry.group }, (_, group) => act(group, group * inputs, group * outputs));
}

const channels = (tf: Tf, x: TfTensor, from: number, count: number): TfTensor =>
  tf.slice(x, [...x.shape.slice(0, -1).map(() => 0), from], [...x.shape.slice(0, -1), count]);

/** Any convolution of padded images with a filter that is already dilated. */
function convolve(tf: Tf, images: TfTensor, filter: TfTensor, geometry: ConvGeometry): TfTensor {
  const strides: [number, number] = [...geometry.strides];
  if (isDepthwise(geometry)) return tf.depthwiseConv2d(images as Rank4, filter as Rank4, strides, 'valid');
  if (geometry.group === 1) return tf.conv2d(images as Rank4, filter as Rank4, strides, 'valid');
  const [inputs, outputs] = [geometry.inChannels / geometry.group, geometry.outChannels / geometry.group];
  const parts = byGroup(geometry, (_, from, to) =>
    tf.conv2d(
      channels(tf, images, from, inputs) as Rank4,
      channels(tf, filter, to, outputs) as Rank4,
      strides,
      'valid',
    ),
  );
  return tf.concat(parts, 3);
}

const conv: Kernel = (call) => {
  const { device, node, inputs } = call;
  const { tf } = device;
  const x = operand(call, 0);
  const weight = operand(call, 1);
  const geometry = convGeometry(node, x.dims, weight.dims);
  const images = padded(tf, device.last(x), geometry.pads, 0);
  const y = convolve(tf, images, dilated(tf, filterOf(device, weight, geometry), geometry), geometry);
  return [{ last: inputs[2] ? tf.add(y, device.plain(inputs[2])) : y }];
};

function runKernel(tf: Tf, name: string, tensors: Record<string, TfTensor>, attributes: object): TfTensor {
  return tf.engine().runKernel(name, tensors, attributes as never);
}

function requiredDims(node: GraphNode, name: string): readonly number[] {
  const dims = intsAttribute(node, name);
  if (dims === null) throw malformedNode(node, `the attribute "${name}" is missing`);
  return dims;
}

const paddedSize = ({ input, pads }: ConvGeometry): [number, number] => [
  input[0] + pads[0] + pads[2],
  input[1] + pads[1] + pads[3],
];

const convGradInput: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const weight = operand(call, 1);
  const geometry = convGeometry(node, requiredDims(node, 'input_shape'), weight.dims);
  const dy = device.last(operand(call, 0));
  const filter = dilated(tf, filterOf(device, weight, geometry), geometry);
  const { batch, inChannels, group, outChannels } = geometry;
  const size = paddedSize(geometry);
  const common = { strides: [...geometry.strides], pad: 'valid', dilations: [1, 1], dataFormat: 'NHWC' };
  let whole: TfTensor;
  if (isDepthwise(geometry)) {
    const attributes = { ...common, inputShape: [batch, ...size, inChannels] };
    whole = runKernel(tf, 'DepthwiseConv2dNativeBackpropInput', { dy, filter }, attributes);
  } else {
    const [inputs, outputs] = [inChannels / group, outChannels / group];
    const attributes = { ...common, inputShape: [batch, ...size, inputs] };
    const parts = byGroup(geometry, (_, __, to) => {
      const part = group === 1 ? dy : channels(tf, dy, to, outputs);
      const own = group === 1 ? filter : channels(tf, filter, to, outputs);
      return runKernel(tf, 'Conv2DBackpropInput', { dy: part, filter: own }, attributes);
    });
    whole = group === 1 ? parts[0] : tf.concat(parts, 3);
  }
  return [{ last: cropped(tf, whole, geometry.pads, geometry.input) }];
};

const convGradWeight: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const dims = requiredDims(node, 'weight_shape');
  const geometry = convGeometry(node, value.dims, dims);
  const { group, inChannels, outChannels } = geometry;
  const rows = intsAttribute(node, 'rows');
  const early = rows !== null && group === 1;
  const chosen = rows === null ? null : tf.tensor1d(Int32Array.from(rows), 'int32');
  const images = padded(tf, device.last(value), geometry.pads, 0);
  const all = device.last(operand(call, 1));
  // Rows that nobody asks for are never computed.
  const dy = early && chosen !== null ? tf.gather(all, chosen, 3) : all;
  const extent = extentOf(geometry);
  const common = { strides: [...geometry.strides], pad: 'valid', dilations: [1, 1], dataFormat: 'NHWC' };
  let gradient: TfTensor;
  if (isDepthwise(geometry)) {
    const attributes = { ...common, filterShape: [...extent, inChannels, outChannels / inChannels] };
    gradient = runKernel(tf, 'DepthwiseConv2dNativeBackpropFilter', { x: images, dy }, attributes);
  } else {
    const [inputs, outputs] = [inChannels / group, outChannels / group];
    const attributes = { ...common, filterShape: [...extent, inputs, early ? rows.length : outputs] };
    const parts = byGroup(geometry, (_, from, to) => {
      const tensors =
        group === 1 ? { x: images, dy } : { x: channels(tf, images, from, inputs), dy: channels(tf, dy, to, outputs) };
      return runKernel(tf, 'Conv2DBackpropFilter', tensors, attributes);
    });
    gradient = group === 1 ? parts[0] : tf.concat(parts, 3);
  }
  const weight = weightOf(tf, undilated(tf, gradient, geometry), geometry);
  return [chosen === null || early ? weight : tf.gather(weight, chosen, 0)];
};

export const convolutionKernels: KernelTable = { Conv: conv };
export const convolutionGradientKernels: KernelTable = {
  ConvGradInput: convGradInput,
  ConvGradWeight: convGradWeight,
};

/** Windows over channels-last images, tap by tap: padding, cropping, and pooling with its gradients. */
import { intsAttribute, malformedNode } from '../../graph/attributes.ts';
import { poolGeometry, type PoolGeometry } from '../../graph/ops/geometry.ts';
import { operand, type Kernel, type KernelTable } from './kernel.ts';
import type { Tf, TfTensor } from './load.ts';

type Pads = readonly [top: number, left: number, bottom: number, right: number];

/** [N,H,W,C] with `value` around it. */
export function padded(tf: Tf, x: TfTensor, [top, left, bottom, right]: Pads, value: number): TfTensor {
  if (top + left + bottom + right === 0) return x;
  return tf.pad(
    x,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    value,
  );
}

/** The inverse of `padded` for a gradient. */
export function cropped(tf: Tf, x: TfTensor, [top, left, bottom, right]: Pads, size: readonly number[]): TfTensor {
  if (top + left + bottom + right === 0) return x;
  const [batch, , , channels] = x.shape as [number, number, number, number];
  return tf.slice(x, [0, top, left, 0], [batch, size[0], size[1], channels]);
}

/** Padding with which every window is whole: what rounding up adds comes after the padding that the node asks for. */
function wholePads({ kernel, strides, dilations, pads, input, out }: PoolGeometry): Pads {
  const after = ([0, 1] as const).map((axis) =>
    Math.max(
      pads[axis + 2],
      (out[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - pads[axis] - input[axis],
    ),
  );
  return [pads[0], pads[1], after[0], after[1]];
}

interface Taps {
  readonly tf: Tf;
  readonly geometry: PoolGeometry;
  readonly pads: Pads;
  /** Offsets of the window's positions, row-major. */
  readonly offsets: readonly (readonly [number, number])[];
}

function tapsOf(tf: Tf, geometry: PoolGeometry): Taps {
  const { kernel, dilations } = geometry;
  const offsets: (readonly [number, number])[] = [];
  for (let ky = 0; ky < kernel[0]; ky += 1)
    for (let kx = 0; kx < kernel[1]; kx += 1) offsets.push([ky * dilations[0], kx * dilations[1]]);
  return { tf, geometry, pads: wholePads(geometry), offsets };
}

/** What the windows [N,oH,oW,C] see at one of their positions, of images that are padded. */
function seenAt({ tf, geometry }: Taps, images: TfTensor, [top, left]: readonly [number, number]): TfTensor {
  const { strides, out } = geometry;
  const [n, , , c] = images.shape;
  const until = [top + (out[0] - 1) * strides[0] + 1, left + (out[1] - 1) * strides[1] + 1];
  if (strides[0] === 1 && strides[1] === 1) return tf.slice(images, [0, top, left, 0], [n, ...out, c]);
  return tf.stridedSlice(images, [0, top, left, 0], [n, until[0], until[1], c], [1, ...strides, 1]);
}

/** The inverse: a number per window goes to the position that its window sees there; zeros elsewhere. */
function sentTo({ tf, geometry, pads }: Taps, values: TfTensor, [top, left]: readonly [number, number]): TfTensor {
  const { strides, out, input } = geometry;
  const [n, , , c] = values.shape;
  const spaced = tf.pad(tf.reshape(values, [n, out[0], 1, out[1], 1, c]), [
    [0, 0],
    [0, 0],
    [0, strides[0] - 1],
    [0, 0],
    [0, strides[1] - 1],
    [0, 0],
  ]);
  const size = [(out[0] - 1) * strides[0] + 1, (out[1] - 1) * strides[1] + 1];
  const joined = tf.reshape(spaced, [n, out[0] * strides[0], out[1] * strides[1], c]);
  const tight = tf.slice(joined, [0, 0, 0, 0], [n, ...size, c]);
  const height = input[0] + pads[0] + pads[2];
  const width = input[1] + pads[1] + pads[3];
  return tf.pad(tight, [
    [0, 0],
    [top, height - top - size[0]],
    [left, width - left - size[1]],
    [0, 0],
  ]);
}

/** Below every number an image can hold, above the infinity that turns into NaN when it is subtracted. */
const LOWEST = -3.4e38;

const maxPool: Kernel = (call) => {
  const { device, node } = call;
  const value = operand(call, 0);
  const taps = tapsOf(device.tf, poolGeometry(node, value.dims));
  const images = padded(device.tf, device.last(value), taps.pads, LOWEST);
  const seen = taps.offsets.map((offset) => seenAt(taps, images, offset));
  return [{ last: seen.reduce((best, each) => device.tf.maximum(best, each)) }];
};

/** Each window's gradient goes to the first position, row-major, that holds its maximum. */
const maxPoolGrad: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const taps = tapsOf(tf, poolGeometry(node, value.dims));
  const images = padded(tf, device.last(value), taps.pads, LOWEST);
  const y = device.last(operand(call, 1));
  const dy = device.last(operand(call, 2));
  let open: TfTensor = tf.onesLike(y);
  let total: TfTensor | null = null;
  for (const offset of taps.offsets) {
    const wins = tf.mul(open, tf.cast(tf.equal(seenAt(taps, images, offset), y), 'float32'));
    open = tf.sub(open, wins);
    const part = sentTo(taps, tf.mul(dy, wins), offset);
    total = total === null ? part : tf.add(total, part);
  }
  if (total === null) throw malformedNode(node, 'a window of no size');
  return [{ last: cropped(tf, total, taps.pads, taps.geometry.input) }];
};

/** One over the number of positions that each window averages, [1,oH,oW,1]. */
function shares({ tf, geometry, pads, offsets }: Taps): TfTensor {
  const { pads: asked, input, strides, out, countPadding } = geometry;
  const counts = new Float32Array(out[0] * out[1]);
  for (let oy = 0; oy < out[0]; oy += 1) {
    for (let ox = 0; ox < out[1]; ox += 1) {
      const counted = offsets.filter(([top, left]) => {
        const y = oy * strides[0] + top - pads[0];
        const x = ox * strides[1] + left - pads[1];
        if (countPadding) return y < input[0] + asked[2] && x < input[1] + asked[3];
        return y >= 0 && y < input[0] && x >= 0 && x < input[1];
      });
      counts[oy * out[1] + ox] = 1 / counted.length;
    }
  }
  return tf.tensor(counts, [1, ...out, 1]);
}

const averagePool: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const value = operand(call, 0);
  const taps = tapsOf(tf, poolGeometry(node, value.dims));
  const images = padded(tf, device.last(value), taps.pads, 0);
  const sum = taps.offsets.map((offset) => seenAt(taps, images, offset)).reduce((met, each) => tf.add(met, each));
  return [{ last: tf.mul(sum, shares(taps)) }];
};

const averagePoolGrad: Kernel = (call) => {
  const { device, node } = call;
  const { tf } = device;
  const dims = intsAttribute(node, 'input_shape');
  if (dims === null) throw malformedNode(node, 'the attribute "input_shape" is missing');
  const taps = tapsOf(tf, poolGeometry(node, dims));
  const spread = tf.mul(device.last(operand(call, 0)), shares(taps));
  const total = taps.offsets.map((offset) => sentTo(taps, spread, offset)).reduce((met, each) => tf.add(met, each));
  return [{ last: cropped(tf, total, taps.pads, taps.geometry.input) }];
};

const globalPool =
  (reduce: (tf: Tf, x: TfTensor, axes: number[]) => TfTensor): Kernel =>
  (call) => {
    const { device, outputs } = call;
    const value = operand(call, 0);
    const layout = device.layout(value);
    const x = layout === 'last' ? device.last(value) : device.plain(value);
    const axes = layout === 'last' ? [1, 2] : value.dims.map((_, axis) => axis).slice(2);
    return [device.tf.reshape(reduce(device.tf, x, axes), [...outputs[0].dims])];
  };

export const poolKernels: KernelTable = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalPool((tf, x, axes) => tf.mean(x, axes)),
  GlobalMaxPool: globalPool((tf, x, axes) => tf.max(x, axes)),
};
export const poolGradientKernels: KernelTable = { MaxPoolGrad: maxPoolGrad, AveragePoolGrad: averagePoolGrad };

/** Conv and its two gradients (internal operators), by definition: loops over every product. */
import { intsAttribute, malformedNode } from '../attributes.ts';
import type { GraphNode } from '../ir.ts';
import { float64Of, sameDims } from '../tensors.ts';
import { convGeometry, type ConvGeometry } from './geometry.ts';
import { floatResult, needed, type Operator, type OperatorTable, type Shaped } from './operator.ts';

/**
 * Calls `visit` once per (output row of pixels, kernel tap): `x0` and `y0` are flat positions of the first input and
 * output pixel, both advance by `step` and 1 for `count` pixels; `w` is the flat position of the weight.
 */
function eachRow(
  geometry: ConvGeometry,
  channels: readonly number[] | null,
  visit: (w: number, x0: number, step: number, y0: number, count: number) => void,
): void {
  const { batch, group, inChannels, outChannels, kernel, strides, dilations, pads, input, out } = geometry;
  const perGroupIn = inChannels / group;
  const perGroupOut = outChannels / group;
  const rows = channels ?? Array.from({ length: outChannels }, (_, channel) => channel);
  for (let n = 0; n < batch; n += 1) {
    rows.forEach((oc, row) => {
      const base = Math.floor(oc / perGroupOut) * perGroupIn;
      const yPlane = (n * rows.length + row) * out[0] * out[1];
      for (let ic = 0; ic < perGroupIn; ic += 1) {
        const xPlane = (n * inChannels + base + ic) * input[0] * input[1];
        for (let ky = 0; ky < kernel[0]; ky += 1) {
          for (let kx = 0; kx < kernel[1]; kx += 1) {
            const w = ((row * perGroupIn + ic) * kernel[0] + ky) * kernel[1] + kx;
            const shift = kx * dilations[1] - pads[1];
            const first = Math.max(0, Math.ceil(-shift / strides[1]));
            const last = Math.min(out[1] - 1, Math.floor((input[1] - 1 - shift) / strides[1]));
            if (last < first) continue;
            for (let oy = 0; oy < out[0]; oy += 1) {
              const iy = oy * strides[0] + ky * dilations[0] - pads[0];
              if (iy < 0 || iy >= input[0]) continue;
              const x0 = xPlane + iy * input[1] + first * strides[1] + shift;
              visit(w, x0, strides[1], yPlane + oy * out[1] + first, last - first + 1);
            }
          }
        }
      }
    });
  }
}

const Conv: Operator = {
  shapes: (node, inputs) => {
    const x = needed(node, inputs, 0);
    const weight = needed(node, inputs, 1);
    const geometry = convGeometry(node, x.dims, weight.dims);
    const bias = inputs[2];
    if (bias && !sameDims(bias.dims, [weight.dims[0]])) {
      throw malformedNode(node, `a bias [${bias.dims.join()}] for ${weight.dims[0]} channels`);
    }
    return [{ dtype: x.dtype, dims: [geometry.batch, geometry.outChannels, ...geometry.out] }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const xTensor = needed(node, inputs, 0);
    const wTensor = needed(node, inputs, 1);
    const geometry = convGeometry(node, xTensor.dims, wTensor.dims);
    const x = float64Of(xTensor);
    const weight = float64Of(wTensor);
    const plane = geometry.out[0] * geometry.out[1];
    const y = new Float64Array(geometry.batch * geometry.outChannels * plane);
    if (inputs[2]) {
      const bias = float64Of(inputs[2]);
      for (let at = 0; at < y.length; at += 1) y[at] = bias[Math.floor(at / plane) % geometry.outChannels];
    }
    eachRow(geometry, null, (w, x0, step, y0, count) => {
      const factor = weight[w];
      for (let at = 0; at < count; at += 1) y[y0 + at] += factor * x[x0 + at * step];
    });
    return [floatResult(dims, y)];
  },
};

function shapeAttribute(node: GraphNode, name: string): readonly number[] {
  const dims = intsAttribute(node, name);
  if (dims === null || dims.length !== 4) throw malformedNode(node, `${name} must be four sizes`);
  return dims;
}

function checkGradient(node: GraphNode, dy: Shaped, geometry: ConvGeometry, channels: number): void {
  const wanted = [geometry.batch, channels, ...geometry.out];
  if (!sameDims(dy.dims, wanted)) throw malformedNode(node, `dY is [${dy.dims.join()}], [${wanted.join()}] wanted`);
}

const ConvGradInput: Operator = {
  shapes: (node, inputs) => {
    const dims = shapeAttribute(node, 'input_shape');
    const dy = needed(node, inputs, 0);
    const geometry = convGeometry(node, dims, needed(node, inputs, 1).dims);
    checkGradient(node, dy, geometry, geometry.outChannels);
    return [{ dtype: dy.dtype, dims }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const dy = float64Of(needed(node, inputs, 0));
    const wTensor = needed(node, inputs, 1);
    const weight = float64Of(wTensor);
    const dx = new Float64Array(dims.reduce((product, dim) => product * dim, 1));
    eachRow(convGeometry(node, dims, wTensor.dims), null, (w, x0, step, y0, count) => {
      const factor = weight[w];
      for (let at = 0; at < count; at += 1) dx[x0 + at * step] += factor * dy[y0 + at];
    });
    return [floatResult(dims, dx)];
  },
};

const ConvGradWeight: Operator = {
  shapes: (node, inputs) => {
    const whole = shapeAttribute(node, 'weight_shape');
    const rows = intsAttribute(node, 'rows');
    const x = needed(node, inputs, 0);
    const dy = needed(node, inputs, 1);
    const geometry = convGeometry(node, x.dims, whole);
    checkGradient(node, dy, geometry, geometry.outChannels);
    if (rows !== null && rows.some((row) => !(row >= 0 && row < whole[0]))) {
      throw malformedNode(node, `rows outside 0..${whole[0] - 1}`);
    }
    return [{ dtype: dy.dtype, dims: rows === null ? whole : [rows.length, ...whole.slice(1)] }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const whole = shapeAttribute(node, 'weight_shape');
    const rows = intsAttribute(node, 'rows');
    const xTensor = needed(node, inputs, 0);
    const dyTensor = needed(node, inputs, 1);
    const x = float64Of(xTensor);
    const all = float64Of(dyTensor);
    const geometry = convGeometry(node, xTensor.dims, whole);
    const plane = geometry.out[0] * geometry.out[1];
    let dy = all;
    if (rows !== null) {
      dy = new Float64Array(geometry.batch * rows.length * plane);
      for (let n = 0; n < geometry.batch; n += 1) {
        rows.forEach((row, at) => {
          const from = (n * geometry.outChannels + row) * plane;
          dy.set(all.subarray(from, from + plane), (n * rows.length + at) * plane);
        });
      }
    }
    const dw = new Float64Array(dims.reduce((product, dim) => product * dim, 1));
    eachRow(geometry, rows, (w, x0, step, y0, count) => {
      let sum = 0;
      for (let at = 0; at < count; at += 1) sum += dy[y0 + at] * x[x0 + at * step];
      dw[w] += sum;
    });
    return [floatResult(dims, dw)];
  },
};

export const convolution: OperatorTable = { Conv };
export const convolutionGradients: OperatorTable = { ConvGradInput, ConvGradWeight };

/** Pooling and its gradients (internal operators). */
import { intsAttribute, malformedNode } from '../attributes.ts';
import { float64Of, sameDims, sizeOf } from '../tensors.ts';
import { poolGeometry, type PoolGeometry } from './geometry.ts';
import { floatResult, needed, type Operator, type OperatorTable } from './operator.ts';

/** Visits the windows of every plane: `taps` are the flat positions inside the plane's input that a window covers. */
function eachWindow(
  geometry: PoolGeometry,
  visit: (plane: number, y: number, taps: Int32Array, padded: number) => void,
): void {
  const { kernel, strides, dilations, pads, input, out } = geometry;
  const windows: { taps: Int32Array; padded: number }[] = [];
  for (let oy = 0; oy < out[0]; oy += 1) {
    for (let ox = 0; ox < out[1]; ox += 1) {
      const taps: number[] = [];
      let padded = 0;
      for (let ky = 0; ky < kernel[0]; ky += 1) {
        const iy = oy * strides[0] - pads[0] + ky * dilations[0];
        for (let kx = 0; kx < kernel[1]; kx += 1) {
          const ix = ox * strides[1] - pads[1] + kx * dilations[1];
          // Padding counts; what lies beyond it (ceil mode) does not.
          if (iy < input[0] + pads[2] && ix < input[1] + pads[3]) padded += 1;
          if (iy >= 0 && iy < input[0] && ix >= 0 && ix < input[1]) taps.push(iy * input[1] + ix);
        }
      }
      windows.push({ taps: Int32Array.from(taps), padded });
    }
  }
  for (let plane = 0; plane < geometry.planes; plane += 1) {
    windows.forEach(({ taps, padded }, at) => visit(plane, plane * windows.length + at, taps, padded));
  }
}

function poolShapes(...[node, inputs]: Parameters<Operator['shapes']>): ReturnType<Operator['shapes']> {
  const x = needed(node, inputs, 0);
  if (node.outputs.length > 1 && node.outputs[1] !== '') throw malformedNode(node, 'pooling indices are not supported');
  return [{ dtype: x.dtype, dims: [x.dims[0], x.dims[1], ...poolGeometry(node, x.dims).out] }];
}

const MaxPool: Operator = {
  shapes: poolShapes,
  evaluate: (node, inputs, [{ dims }]) => {
    const xTensor = needed(node, inputs, 0);
    const x = float64Of(xTensor);
    const geometry = poolGeometry(node, xTensor.dims);
    const size = geometry.input[0] * geometry.input[1];
    const y = new Float64Array(sizeOf(dims));
    eachWindow(geometry, (plane, at, taps) => {
      let best = -Infinity;
      for (const tap of taps) best = Math.max(best, x[plane * size + tap]);
      y[at] = best;
    });
    return [floatResult(dims, y)];
  },
};

const AveragePool: Operator = {
  shapes: poolShapes,
  evaluate: (node, inputs, [{ dims }]) => {
    const xTensor = needed(node, inputs, 0);
    const x = float64Of(xTensor);
    const geometry = poolGeometry(node, xTensor.dims);
    const size = geometry.input[0] * geometry.input[1];
    const y = new Float64Array(sizeOf(dims));
    eachWindow(geometry, (plane, at, taps, padded) => {
      let sum = 0;
      for (const tap of taps) sum += x[plane * size + tap];
      y[at] = sum / (geometry.countPadding ? padded : taps.length);
    });
    return [floatResult(dims, y)];
  },
};

const MaxPoolGrad: Operator = {
  shapes: (node, inputs) => {
    const x = needed(node, inputs, 0);
    const wanted = [x.dims[0], x.dims[1], ...poolGeometry(node, x.dims).out];
    for (const index of [1, 2]) {
      const { dims } = needed(node, inputs, index);
      if (!sameDims(dims, wanted))
        throw malformedNode(node, `input ${index} is [${dims.join()}], [${wanted.join()}] wanted`);
    }
    return [{ dtype: x.dtype, dims: x.dims }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const xTensor = needed(node, inputs, 0);
    const x = float64Of(xTensor);
    const y = float64Of(needed(node, inputs, 1));
    const dy = float64Of(needed(node, inputs, 2));
    const geometry = poolGeometry(node, xTensor.dims);
    const size = geometry.input[0] * geometry.input[1];
    const dx = new Float64Array(sizeOf(dims));
    eachWindow(geometry, (plane, at, taps) => {
      const winner = taps.find((tap) => x[plane * size + tap] === y[at]);
      if (winner !== undefined) dx[plane * size + winner] += dy[at];
    });
    return [floatResult(dims, dx)];
  },
};

const AveragePoolGrad: Operator = {
  shapes: (node, inputs) => {
    const dy = needed(node, inputs, 0);
    const dims = intsAttribute(node, 'input_shape');
    if (dims === null || dims.length !== 4) throw malformedNode(node, 'input_shape must be four sizes');
    const wanted = [dims[0], dims[1], ...poolGeometry(node, dims).out];
    if (!sameDims(dy.dims, wanted)) throw malformedNode(node, `dY is [${dy.dims.join()}], [${wanted.join()}] wanted`);
    return [{ dtype: dy.dtype, dims }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const dy = float64Of(needed(node, inputs, 0));
    const geometry = poolGeometry(node, dims);
    const size = geometry.input[0] * geometry.input[1];
    const dx = new Float64Array(sizeOf(dims));
    eachWindow(geometry, (plane, at, taps, padded) => {
      const share = dy[at] / (geometry.countPadding ? padded : taps.length);
      for (const tap of taps) dx[plane * size + tap] += share;
    });
    return [floatResult(dims, dx)];
  },
};

function globalPool(reduce: (values: Float64Array) => number): Operator {
  return {
    shapes: (node, inputs) => {
      const x = needed(node, inputs, 0);
      if (x.dims.length < 3) throw malformedNode(node, `an input of ${x.dims.length} dimensions`);
      return [{ dtype: x.dtype, dims: x.dims.map((dim, axis) => (axis < 2 ? dim : 1)) }];
    },
    evaluate: (node, inputs, [{ dims }]) => {
      const xTensor = needed(node, inputs, 0);
      const x = float64Of(xTensor);
      const plane = sizeOf(xTensor.dims.slice(2));
      const y = new Float64Array(dims[0] * dims[1]);
      for (let at = 0; at < y.length; at += 1) y[at] = reduce(x.subarray(at * plane, (at + 1) * plane));
      return [floatResult(dims, y)];
    },
  };
}

export const pooling: OperatorTable = {
  MaxPool,
  AveragePool,
  GlobalAveragePool: globalPool((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  GlobalMaxPool: globalPool((values) => values.reduce((best, value) => Math.max(best, value), -Infinity)),
};
export const poolingGradients: OperatorTable = { MaxPoolGrad, AveragePoolGrad };

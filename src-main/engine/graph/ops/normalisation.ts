/** Batch, layer and instance normalisation; BatchNormTrain and its gradient are internal operators. */
import { floatAttribute, intAttribute, malformedNode } from '../attributes.ts';
import type { GraphNode } from '../ir.ts';
import { float64Of, sameDims, sizeOf } from '../tensors.ts';
import { axisOf, floatResult, needed, type Operator, type OperatorTable, type Shaped } from './operator.ts';

export const NORM_EPSILON = 1e-5;

/** Checks that inputs `from..to` hold one value per channel of input 0. */
function perChannel(node: GraphNode, inputs: readonly (Shaped | null)[], from: number, to: number): Shaped {
  const x = needed(node, inputs, 0);
  if (x.dims.length < 2) throw malformedNode(node, `an input of ${x.dims.length} dimensions`);
  for (let index = from; index <= to; index += 1) {
    const { dims } = needed(node, inputs, index);
    if (!sameDims(dims, [x.dims[1]]))
      throw malformedNode(node, `input ${index} is [${dims.join()}] for ${x.dims[1]} channels`);
  }
  return x;
}

/** Batch size, channels, values per channel and sample. */
function layout(dims: readonly number[]): readonly [number, number, number] {
  return [dims[0], dims[1], sizeOf(dims.slice(2))];
}

function eachChannelRun(dims: readonly number[], visit: (channel: number, from: number, to: number) => void): void {
  const [batch, channels, plane] = layout(dims);
  for (let n = 0; n < batch; n += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const from = (n * channels + channel) * plane;
      visit(channel, from, from + plane);
    }
  }
}

const BatchNormalization: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = perChannel(node, inputs, 1, 4);
    return [{ dtype, dims }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((index) => float64Of(needed(node, inputs, index)));
    const epsilon = floatAttribute(node, 'epsilon', NORM_EPSILON);
    const y = new Float64Array(x.length);
    eachChannelRun(dims, (channel, from, to) => {
      const factor = scale[channel] / Math.sqrt(variance[channel] + epsilon);
      for (let at = from; at < to; at += 1) y[at] = (x[at] - mean[channel]) * factor + bias[channel];
    });
    return [floatResult(dims, y)];
  },
};

const BatchNormTrain: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = perChannel(node, inputs, 1, 2);
    const channel = { dtype, dims: [dims[1]] };
    return [{ dtype, dims }, channel, channel];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const [x, scale, bias] = [0, 1, 2].map((index) => float64Of(needed(node, inputs, index)));
    const epsilon = floatAttribute(node, 'epsilon', NORM_EPSILON);
    const [batch, channels, plane] = layout(dims);
    const count = batch * plane;
    const mean = new Float64Array(channels);
    const variance = new Float64Array(channels);
    const y = new Float64Array(x.length);
    eachChannelRun(dims, (channel, from, to) => {
      for (let at = from; at < to; at += 1) mean[channel] += x[at] / count;
    });
    eachChannelRun(dims, (channel, from, to) => {
      for (let at = from; at < to; at += 1) variance[channel] += (x[at] - mean[channel]) ** 2 / count;
    });
    eachChannelRun(dims, (channel, from, to) => {
      const factor = scale[channel] / Math.sqrt(variance[channel] + epsilon);
      for (let at = from; at < to; at += 1) y[at] = (x[at] - mean[channel]) * factor + bias[channel];
    });
    return [floatResult(dims, y), floatResult([channels], mean), floatResult([channels], variance)];
  },
};

const BatchNormTrainGrad: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = perChannel(node, inputs, 1, 3);
    const dy = needed(node, inputs, 4);
    if (!sameDims(dy.dims, dims)) throw malformedNode(node, `dY is [${dy.dims.join()}], [${dims.join()}] wanted`);
    const channel = { dtype, dims: [dims[1]] };
    return [{ dtype, dims }, channel, channel];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const [x, scale, mean, variance, dy] = [0, 1, 2, 3, 4].map((index) => float64Of(needed(node, inputs, index)));
    const epsilon = floatAttribute(node, 'epsilon', NORM_EPSILON);
    const [batch, channels, plane] = layout(dims);
    const count = batch * plane;
    const dScale = new Float64Array(channels);
    const dBias = new Float64Array(channels);
    const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    eachChannelRun(dims, (channel, from, to) => {
      for (let at = from; at < to; at += 1) {
        dBias[channel] += dy[at];
        dScale[channel] += dy[at] * (x[at] - mean[channel]) * inverse[channel];
      }
    });
    const dx = new Float64Array(x.length);
    eachChannelRun(dims, (channel, from, to) => {
      const factor = scale[channel] * inverse[channel];
      for (let at = from; at < to; at += 1) {
        const normal = (x[at] - mean[channel]) * inverse[channel];
        dx[at] = factor * (dy[at] - (dBias[channel] + normal * dScale[channel]) / count);
      }
    });
    return [floatResult(dims, dx), floatResult([channels], dScale), floatResult([channels], dBias)];
  },
};

/** Normalises consecutive runs of `size` values. */
function normaliseRuns(
  x: Float64Array,
  size: number,
  epsilon: number,
): { y: Float64Array; mean: Float64Array; inverse: Float64Array } {
  const runs = size === 0 ? 0 : x.length / size;
  const y = new Float64Array(x.length);
  const mean = new Float64Array(runs);
  const inverse = new Float64Array(runs);
  for (let run = 0; run < runs; run += 1) {
    const values = x.subarray(run * size, (run + 1) * size);
    const average = values.reduce((sum, value) => sum + value, 0) / size;
    const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / size;
    mean[run] = average;
    inverse[run] = 1 / Math.sqrt(variance + epsilon);
    for (let at = 0; at < size; at += 1) y[run * size + at] = (values[at] - average) * inverse[run];
  }
  return { y, mean, inverse };
}

const LayerNormalization: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
    const wanted = dims.slice(axis);
    for (const index of [1, 2]) {
      const part = inputs[index];
      if (index === 1 || part) {
        const met = needed(node, inputs, index).dims;
        if (!sameDims(met, wanted))
          throw malformedNode(node, `input ${index} is [${met.join()}], [${wanted.join()}] wanted`);
      }
    }
    const statistics = { dtype, dims: dims.map((dim, at) => (at < axis ? dim : 1)) };
    return [{ dtype, dims }, statistics, statistics];
  },
  evaluate: (node, inputs, [{ dims }, statistics]) => {
    const scale = float64Of(needed(node, inputs, 1));
    const bias = inputs[2] ? float64Of(inputs[2]) : null;
    const size = scale.length;
    const { y, mean, inverse } = normaliseRuns(
      float64Of(needed(node, inputs, 0)),
      size,
      floatAttribute(node, 'epsilon', NORM_EPSILON),
    );
    for (let at = 0; at < y.length; at += 1) y[at] = y[at] * scale[at % size] + (bias === null ? 0 : bias[at % size]);
    return [floatResult(dims, y), floatResult(statistics.dims, mean), floatResult(statistics.dims, inverse)];
  },
};

const InstanceNormalization: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = perChannel(node, inputs, 1, 2);
    return [{ dtype, dims }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const [x, scale, bias] = [0, 1, 2].map((index) => float64Of(needed(node, inputs, index)));
    const { y } = normaliseRuns(x, sizeOf(dims.slice(2)), floatAttribute(node, 'epsilon', NORM_EPSILON));
    eachChannelRun(dims, (channel, from, to) => {
      for (let at = from; at < to; at += 1) y[at] = y[at] * scale[channel] + bias[channel];
    });
    return [floatResult(dims, y)];
  },
};

export const normalisation: OperatorTable = { BatchNormalization, LayerNormalization, InstanceNormalization };
export const normalisationInternals: OperatorTable = { BatchNormTrain, BatchNormTrainGrad };

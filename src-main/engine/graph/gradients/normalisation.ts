/** Gradients of batch, layer and instance normalisation. */
import { float, floatAttribute, intAttribute } from '../attributes.ts';
import type { GraphBuilder } from '../builder.ts';
import { INTERNAL_DOMAIN } from '../internal-ops.ts';
import { NORM_EPSILON } from '../ops/normalisation.ts';
import { axisOf } from '../ops/operator.ts';
import { noGradient, soleGradient, unbroadcast, type GradientRule, type GradientTable } from './rule.ts';

/** [C] as [C,1,...] so that it broadcasts over a value of `rank` dimensions with channels at axis 1. */
function acrossChannels(b: GraphBuilder, value: string, channels: number, rank: number): string {
  return rank === 2 ? value : b.reshape(value, [channels, ...new Array<number>(rank - 2).fill(1)]);
}

/** Statistics are constants: an affine map per channel. */
const BatchNormalization: GradientRule = (context) => {
  const { node, b } = context;
  const [x, scale, , mean, variance] = node.inputs;
  const dims = context.dims(x);
  const dy = soleGradient(context);
  if (context.wants(3) || context.wants(4)) throw noGradient(node, 'its statistics are not constant');
  const across = (value: string): string => acrossChannels(b, value, dims[1], dims.length);
  const epsilon = floatAttribute(node, 'epsilon', NORM_EPSILON);
  const inverse = (): string => b.reciprocal(b.sqrt(b.add(variance, b.scalar(epsilon))));
  const overSamples = dims.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const factor = context.wants(0) || context.wants(1) ? inverse() : '';
  if (context.wants(0)) context.give(0, b.mul(dy, across(b.mul(scale, factor))));
  if (context.wants(1)) {
    const centred = b.sub(x, across(mean));
    context.give(1, b.mul(b.reduceSum(b.mul(dy, centred), overSamples), factor));
  }
  if (context.wants(2)) context.give(2, b.reduceSum(dy, overSamples));
};

const BatchNormTrain: GradientRule = (context) => {
  const { node, b } = context;
  if (context.dy(1) !== null || context.dy(2) !== null) {
    throw noGradient(node, 'the loss depends on its batch statistics directly');
  }
  const [x, scale] = node.inputs;
  const dy = soleGradient(context);
  const epsilon = float(floatAttribute(node, 'epsilon', NORM_EPSILON));
  const names = [0, 1, 2].map((index) => (context.wants(index) ? b.fresh(`${node.outputs[0]}/gradient${index}`) : ''));
  const inputs = [x, scale, context.output(1), context.output(2), dy];
  b.multi('BatchNormTrainGrad', inputs, { epsilon }, names, INTERNAL_DOMAIN).forEach((value, index) => {
    if (value !== '') context.give(index, value);
  });
};

/** dX of `y = (x - mean) * inverse` over `axes`, given the gradient of y and y itself. */
function normalised(b: GraphBuilder, dy: string, y: string, inverse: string, axes: readonly number[]): string {
  const mean = b.reduceMean(dy, axes, true);
  const slope = b.reduceMean(b.mul(dy, y), axes, true);
  return b.mul(inverse, b.sub(b.sub(dy, mean), b.mul(y, slope)));
}

const LayerNormalization: GradientRule = (context) => {
  const { node, b } = context;
  const [x, scale, bias] = node.inputs;
  const dims = context.dims(x);
  const first = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
  const axes = dims.flatMap((_, axis) => (axis >= first ? [axis] : []));
  const dy = soleGradient(context);
  if (context.wants(0) || context.wants(1)) {
    const inverse = context.output(2);
    const normal = b.mul(b.sub(x, context.output(1)), inverse);
    if (context.wants(0)) context.give(0, normalised(b, b.mul(dy, scale), normal, inverse, axes));
    if (context.wants(1)) context.give(1, unbroadcast(b, b.mul(dy, normal), dims, context.dims(scale)));
  }
  if (context.wants(2)) context.give(2, unbroadcast(b, dy, dims, context.dims(bias)));
};

const InstanceNormalization: GradientRule = (context) => {
  const { node, b } = context;
  const [x, scale] = node.inputs;
  const dims = context.dims(x);
  const axes = dims.flatMap((_, axis) => (axis >= 2 ? [axis] : []));
  const overSamples = dims.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const dy = soleGradient(context);
  if (context.wants(0) || context.wants(1)) {
    const centred = b.sub(x, b.reduceMean(x, axes, true));
    const epsilon = b.scalar(floatAttribute(node, 'epsilon', NORM_EPSILON));
    const variance = b.reduceMean(b.mul(centred, centred), axes, true);
    const inverse = b.reciprocal(b.sqrt(b.add(variance, epsilon)));
    const normal = b.mul(centred, inverse);
    const scaled = (): string => b.mul(dy, acrossChannels(b, scale, dims[1], dims.length));
    if (context.wants(0)) context.give(0, normalised(b, scaled(), normal, inverse, axes));
    if (context.wants(1)) context.give(1, b.reduceSum(b.mul(dy, normal), overSamples));
  }
  if (context.wants(2)) context.give(2, b.reduceSum(dy, overSamples));
};

export const normalisationGradients: GradientTable = {
  BatchNormalization,
  LayerNormalization,
  InstanceNormalization,
};
export const internalGradients: GradientTable = { BatchNormTrain };

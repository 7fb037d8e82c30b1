/** Gradients of convolution and pooling. */
import { int, ints, type Attributes } from '../attributes.ts';
import { INTERNAL_DOMAIN } from '../internal-ops.ts';
import { convGeometry, poolGeometry, type PoolGeometry, type Window } from '../ops/geometry.ts';
import { sizeOf } from '../tensors.ts';
import { soleGradient, type GradientContext, type GradientRule, type GradientTable } from './rule.ts';

function windowAttributes({ strides, pads, dilations }: Window): Attributes {
  return { strides: ints(strides), pads: ints(pads), dilations: ints(dilations) };
}

const Conv: GradientRule = (context) => {
  const { node, b } = context;
  const [x, weight] = node.inputs;
  const dy = soleGradient(context);
  const xDims = context.dims(x);
  const wDims = context.dims(weight);
  const geometry = convGeometry(node, xDims, wDims);
  const attributes: Attributes = { ...windowAttributes(geometry), group: int(geometry.group) };
  if (context.wants(0)) {
    const shaped = { ...attributes, input_shape: ints(xDims) };
    context.give(0, b.node('ConvGradInput', [dy, weight], shaped, undefined, INTERNAL_DOMAIN));
  }
  if (context.wants(1)) {
    const rows = context.rows(1);
    if (rows?.axis === 1 && geometry.group === 1) {
      const part = b.gather(x, b.ints(rows.index), 1);
      const dims = [wDims[0], rows.index.length, ...wDims.slice(2)];
      const shaped = { ...attributes, weight_shape: ints(dims) };
      context.give(1, b.node('ConvGradWeight', [part, dy], shaped, undefined, INTERNAL_DOMAIN), true);
    } else {
      const byRow = rows?.axis === 0;
      const shaped = { ...attributes, weight_shape: ints(wDims), ...(byRow ? { rows: ints(rows.index) } : {}) };
      context.give(1, b.node('ConvGradWeight', [x, dy], shaped, undefined, INTERNAL_DOMAIN), byRow);
    }
  }
  if (context.wants(2)) context.give(2, b.reduceSum(dy, [0, 2, 3]));
};

function poolAttributes(geometry: PoolGeometry): Attributes {
  return {
    ...windowAttributes(geometry),
    kernel_shape: ints(geometry.kernel),
    count_include_pad: int(geometry.countPadding ? 1 : 0),
  };
}

function ceilMode(context: GradientContext): Attributes {
  const ceil = context.node.attributes['ceil_mode'];
  return ceil === undefined ? {} : { ceil_mode: ceil };
}

const MaxPool: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const [x] = node.inputs;
  const { count_include_pad: _, ...attributes } = poolAttributes(poolGeometry(node, context.dims(x)));
  const inputs = [x, node.outputs[0], soleGradient(context)];
  context.give(0, b.node('MaxPoolGrad', inputs, { ...attributes, ...ceilMode(context) }, undefined, INTERNAL_DOMAIN));
};

const AveragePool: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dims = context.dims(node.inputs[0]);
  const attributes = {
    ...poolAttributes(poolGeometry(node, dims)),
    ...ceilMode(context),
    input_shape: ints(dims),
  };
  context.give(0, b.node('AveragePoolGrad', [soleGradient(context)], attributes, undefined, INTERNAL_DOMAIN));
};

const GlobalAveragePool: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dims = context.dims(node.inputs[0]);
  const share = b.mul(soleGradient(context), b.scalar(1 / sizeOf(dims.slice(2))));
  context.give(0, b.expand(share, dims));
};

const GlobalMaxPool: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const [x] = node.inputs;
  const kernel = context.dims(x).slice(2);
  const attributes = {
    kernel_shape: ints(kernel),
    strides: ints(kernel.map(() => 1)),
    pads: ints(kernel.flatMap(() => [0, 0])),
    dilations: ints(kernel.map(() => 1)),
  };
  const inputs = [x, node.outputs[0], soleGradient(context)];
  context.give(0, b.node('MaxPoolGrad', inputs, attributes, undefined, INTERNAL_DOMAIN));
};

export const windowGradients: GradientTable = { Conv, MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool };

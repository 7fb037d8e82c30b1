/** Layers on blocked values: convolution, normalisation, pooling, reductions, and what joins and cuts channels. */
import { floatAttribute, intAttribute, intsAttribute } from '../../graph/attributes.ts';
import type { GraphNode } from '../../graph/ir.ts';
import { convGeometry, poolGeometry, type ConvGeometry } from '../../graph/ops/geometry.ts';
import { NORM_EPSILON } from '../../graph/ops/normalisation.ts';
import { numbersOf, sizeOf } from '../../graph/tensors.ts';
import {
  affine,
  channelDot,
  channelSum,
  imageSum,
  imageView,
  padVector,
  perImage,
  reshape,
  type AffineOptions,
  type Blocked,
} from './blocked.ts';
import { convForward, convGradInput, convThin, type Filter } from './blocked-conv.ts';
import { centre, inverseSpread, normTrain, normTrainGrad } from './blocked-norm.ts';
import { averagePoolGrad, maxPoolGrad, poolForward } from './blocked-pool.ts';
import { convGradWeight, depthwiseGradWeight } from './blocked-weights.ts';
import { blockedAs, type Layouts } from './layouts.ts';

/** Does a node on blocked memory; false, with nothing emitted, when it has no blocked form there. */
export type LayoutRule = (layouts: Layouts, node: GraphNode) => boolean;

/** Channels from which padding to a whole block is worth it. */
const enough = (layouts: Layouts, channels: number): boolean => 2 * channels >= layouts.block;

function filterOf(name: string, dims: readonly number[], geometry: ConvGeometry): Filter | null {
  if (geometry.group === 1) return { name, dims, depthwise: false };
  const depthwise = geometry.group === geometry.inChannels && geometry.outChannels === geometry.inChannels;
  return depthwise ? { name, dims, depthwise } : null;
}

const Conv: LayoutRule = (layouts, node) => {
  const [x, weight, bias] = node.inputs;
  const dims = layouts.dims(x);
  const geometry = convGeometry(node, dims, layouts.dims(weight));
  const filter = filterOf(weight, layouts.dims(weight), geometry);
  if (filter === null || !enough(layouts, geometry.outChannels)) return false;
  layouts.plain(weight);
  const bound = bias ? { bias: padVector(layouts, layouts.plain(bias), geometry.outChannels) } : {};
  const thin = !filter.depthwise && geometry.inChannels < layouts.block && !layouts.onlyBlocked(x);
  const image = thin ? null : layouts.blocked(x);
  layouts.defer(node.outputs[0], {
    finish: (options: AffineOptions) => {
      if (image !== null) {
        return convForward(layouts, image, filter, layouts.packed(filter), geometry, { ...bound, ...options });
      }
      return convThin(layouts, x, dims, filter, geometry, { ...bound, ...options });
    },
    options: {},
  });
  return true;
};

const ConvGradInput: LayoutRule = (layouts, node) => {
  const [dy, weight] = node.inputs;
  const dims = layouts.dims(node.outputs[0]);
  const geometry = convGeometry(node, dims, layouts.dims(weight));
  const filter = filterOf(weight, layouts.dims(weight), geometry);
  const strided = geometry.strides.some((stride) => stride !== 1);
  const dilated = geometry.dilations.some((dilation) => dilation !== 1);
  if (filter === null || (strided && dilated) || !enough(layouts, geometry.outChannels)) return false;
  layouts.plain(weight);
  const gradient = layouts.blocked(dy);
  const dx = convGradInput(layouts, gradient, filter, layouts.packed(filter), geometry, geometry.input);
  if ('parts' in dx) layouts.putPhases(node.outputs[0], dx);
  else layouts.put(node.outputs[0], dx);
  return true;
};

const ConvGradWeight: LayoutRule = (layouts, node) => {
  const [x, dy] = node.inputs;
  const [output] = node.outputs;
  const weightDims = intsAttribute(node, 'weight_shape') ?? [];
  const geometry = convGeometry(node, layouts.dims(x), weightDims);
  const filter = filterOf('', weightDims, geometry);
  if (filter === null || !enough(layouts, geometry.outChannels)) return false;
  const rows = intsAttribute(node, 'rows');
  if (filter.depthwise) {
    const all = depthwiseGradWeight(layouts, layouts.blocked(x), layouts.blocked(dy), filter, geometry);
    name(layouts, rows === null ? all : layouts.emitter.op('Gather', [all, layouts.emitter.ints(rows)]), output);
    return true;
  }
  if (geometry.dilations[1] !== 1) return false;
  const images = layouts.onlyBlocked(x) ? layouts.blocked(x) : { plain: x, dims: layouts.dims(x) };
  name(layouts, convGradWeight(layouts, images, layouts.blocked(dy), geometry, rows), output);
  return true;
};

/** Gives a plain value made here the name that the graph knows it by. */
function name(layouts: Layouts, made: string, output: string): void {
  layouts.emitter.op('Identity', [made], {}, { outputs: [output] });
  layouts.putPlain(output);
}

const BatchNormTrain: LayoutRule = (layouts, node) => {
  const [x, scale, bias] = node.inputs;
  const [y, mean, variance] = node.outputs;
  if (!layouts.onlyBlocked(x)) return false;
  for (const value of [scale, bias]) layouts.plain(value);
  const made = normTrain(layouts, layouts.blocked(x), scale, bias, floatAttribute(node, 'epsilon', NORM_EPSILON));
  if (mean) name(layouts, made.mean, mean);
  if (variance) name(layouts, made.variance, variance);
  if (mean) layouts.put(`${x}\n${mean}`, made.centred);
  layouts.defer(y, { finish: made.finish, options: {} });
  return true;
};

const BatchNormTrainGrad: LayoutRule = (layouts, node) => {
  const [x, scale, mean, variance, dy] = node.inputs;
  const [dx, dscale, dbias] = node.outputs;
  if (!layouts.onlyBlocked(x) && !layouts.onlyBlocked(dy)) return false;
  if (layouts.dims(x).length !== 4) return false;
  for (const value of [scale, mean, variance]) layouts.plain(value);
  const key = `${x}\n${mean}`;
  const centred = layouts.onlyBlocked(key) ? layouts.blocked(key) : centre(layouts, layouts.blocked(x), mean);
  const gradient = layouts.blocked(dy);
  const epsilon = floatAttribute(node, 'epsilon', NORM_EPSILON);
  const made = normTrainGrad(layouts, centred, scale, variance, gradient, epsilon, Boolean(dx));
  if (dx && made.dx !== null) layouts.put(dx, made.dx);
  if (dscale) name(layouts, made.dscale, dscale);
  if (dbias) name(layouts, made.dbias, dbias);
  return true;
};

/** With given statistics: an affine map per channel. */
const BatchNormalization: LayoutRule = (layouts, node) => {
  const [x, scale, bias, mean, variance] = node.inputs;
  if (!layouts.onlyBlocked(x)) return false;
  const { emitter } = layouts;
  for (const value of [scale, bias, mean, variance]) layouts.plain(value);
  const inverse = inverseSpread(layouts, variance, floatAttribute(node, 'epsilon', NORM_EPSILON));
  const factor = emitter.op('Mul', [scale, inverse]);
  const level = emitter.op('Sub', [bias, emitter.op('Mul', [mean, factor])]);
  const image = layouts.blocked(x);
  layouts.defer(node.outputs[0], {
    finish: (options) => affine(layouts, image, factor, level, options),
    options: {},
  });
  return true;
};

const pool =
  (op: 'MaxPool' | 'AveragePool'): LayoutRule =>
  (layouts, node) => {
    const [x] = node.inputs;
    if (!layouts.onlyBlocked(x)) return false;
    const ceil = intAttribute(node, 'ceil_mode', 0) === 1;
    layouts.put(
      node.outputs[0],
      poolForward(layouts, op, layouts.blocked(x), poolGeometry(node, layouts.dims(x)), ceil),
    );
    return true;
  };

const MaxPoolGrad: LayoutRule = (layouts, node) => {
  const [x, y, dy] = node.inputs;
  const geometry = poolGeometry(node, layouts.dims(x));
  if (!layouts.onlyBlocked(x) || geometry.dilations.some((dilation) => dilation !== 1)) return false;
  const made = maxPoolGrad(layouts, layouts.blocked(x), layouts.blocked(y), layouts.blocked(dy), geometry);
  layouts.put(node.outputs[0], made);
  return true;
};

const AveragePoolGrad: LayoutRule = (layouts, node) => {
  const [dy] = node.inputs;
  const dims = layouts.dims(node.outputs[0]);
  const geometry = poolGeometry(node, dims);
  if (!enough(layouts, dims[1]) || geometry.dilations.some((dilation) => dilation !== 1)) return false;
  layouts.put(node.outputs[0], averagePoolGrad(layouts, layouts.blocked(dy), geometry, dims));
  return true;
};

const GlobalAveragePool: LayoutRule = (layouts, node) => {
  const [x] = node.inputs;
  if (!layouts.onlyBlocked(x)) return false;
  const image = layouts.blocked(x);
  const share = layouts.emitter.floats([], [1 / (image.height * image.width)]);
  const mean = layouts.emitter.op('Mul', [imageSum(layouts, image), share]);
  name(layouts, reshape(layouts, mean, layouts.dims(node.outputs[0])), node.outputs[0]);
  return true;
};

/** Axes of a reduction as a sorted list, null when they are not known here. */
function axesOf(layouts: Layouts, node: GraphNode): number[] | null {
  const constant = node.inputs[1] ? layouts.constant(node.inputs[1]) : undefined;
  if (node.inputs[1] && constant === undefined) return null;
  const given = constant === undefined ? intsAttribute(node, 'axes') : numbersOf(constant);
  const rank = layouts.dims(node.inputs[0]).length;
  return given === null ? null : given.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}

const reduction =
  (mean: boolean): LayoutRule =>
  (layouts, node) => {
    const [x] = node.inputs;
    const [output] = node.outputs;
    if (!layouts.onlyBlocked(x) || layouts.dims(x).length !== 4) return false;
    const axes = axesOf(layouts, node)?.join();
    if (axes !== '0,2,3' && axes !== '2,3') return false;
    const image = layouts.blocked(x);
    let sum = axes === '2,3' ? imageSum(layouts, image) : channelSum(layouts, image);
    if (mean) {
      const count = image.height * image.width * (axes === '2,3' ? 1 : image.batch);
      sum = layouts.emitter.op('Mul', [sum, layouts.emitter.floats([], [1 / count])]);
    }
    name(layouts, reshape(layouts, sum, layouts.dims(output)), output);
    return true;
  };

const sumRule = reduction(false);

/** The sum of a product needs no product when nobody else reads it. */
const ReduceSum: LayoutRule = (layouts, node) => {
  const product = layouts.producer(node.inputs[0]);
  const waiting = product !== undefined && layouts.products.get(node.inputs[0]);
  if (!waiting) return sumRule(layouts, node);
  layouts.products.delete(node.inputs[0]);
  const dot = channelDot(layouts, layouts.blocked(waiting[0]), layouts.blocked(waiting[1]));
  name(layouts, reshape(layouts, dot, layouts.dims(node.outputs[0])), node.outputs[0]);
  return true;
};

/** Readers for which a spread-out value is best made in blocked memory. */
const BLOCKED_READERS = new Set([
  'BatchNormTrainGrad',
  'ConvGradInput',
  'ConvGradWeight',
  'Mul',
  'Add',
  'Sum',
  'AveragePoolGrad',
  'MaxPoolGrad',
]);

const Expand: LayoutRule = (layouts, node) => {
  const [x] = node.inputs;
  const [output] = node.outputs;
  const dims = layouts.dims(output);
  const given = layouts.dims(x);
  const reader = layouts.soleReader(output);
  if (dims.length !== 4 || !enough(layouts, dims[1]) || layouts.dtype(x) !== 'float32') return false;
  if (reader === undefined || !BLOCKED_READERS.has(reader.op)) return false;
  if (given.length !== 4 || given[0] !== dims[0] || given[1] !== dims[1] || sizeOf(given.slice(2)) !== 1) return false;
  const shape = layouts.shape(output);
  const like: Blocked = { ...shape, name: '' };
  const view = layouts.emitter.ints(imageView(layouts, shape));
  const spread = layouts.emitter.op('Expand', [perImage(layouts, layouts.plain(x), like), view]);
  layouts.put(output, blockedAs(layouts, output, spread));
  return true;
};

const Concat: LayoutRule = (layouts, node) => {
  const [output] = node.outputs;
  const dims = layouts.dims(output);
  const axis = intAttribute(node, 'axis', 0);
  if (dims.length !== 4 || (axis !== 1 && axis !== -3) || !node.inputs.some((input) => layouts.onlyBlocked(input))) {
    return false;
  }
  if (node.inputs.some((input) => layouts.dims(input)[1] % layouts.block !== 0)) return false;
  const parts = node.inputs.map((input) => layouts.blocked(input).name);
  layouts.put(output, { ...layouts.shape(output), name: layouts.emitter.op('Concat', parts, { axis: 1 }) });
  return true;
};

/** Cutting out whole blocks of channels. */
const Slice: LayoutRule = (layouts, node) => {
  const [x] = node.inputs;
  const [output] = node.outputs;
  if (!layouts.onlyBlocked(x) || layouts.dims(x).length !== 4) return false;
  const [start, end, axis, step] = [1, 2, 3, 4].map((index) => {
    const input = node.inputs[index];
    const tensor = input ? layouts.constant(input) : undefined;
    return tensor === undefined ? null : numbersOf(tensor);
  });
  if (start?.length !== 1 || end?.length !== 1 || axis?.length !== 1 || (step !== null && step[0] !== 1)) return false;
  const channels = layouts.dims(x)[1];
  const last = Math.min(end[0], channels);
  if (axis[0] !== 1 || start[0] < 0 || last < 0) return false;
  if ([start[0], last, channels].some((edge) => edge % layouts.block !== 0)) return false;
  const { emitter } = layouts;
  const inputs = [layouts.blocked(x).name, emitter.ints([start[0]]), emitter.ints([last]), emitter.ints([1])];
  layouts.put(output, { ...layouts.shape(output), name: emitter.op('Slice', inputs) });
  return true;
};

export const layerRules: Readonly<Record<string, LayoutRule>> = {
  Conv,
  ConvGradInput,
  ConvGradWeight,
  BatchNormTrain,
  BatchNormTrainGrad,
  BatchNormalization,
  MaxPool: pool('MaxPool'),
  AveragePool: pool('AveragePool'),
  MaxPoolGrad,
  AveragePoolGrad,
  GlobalAveragePool,
  ReduceSum,
  ReduceMean: reduction(true),
  Expand,
  Concat,
  Slice,
};

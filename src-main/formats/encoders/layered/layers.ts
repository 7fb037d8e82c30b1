/** What each Keras layer computes at inference, as channels-last operations. Keras API reference, keras.layers. */
import { float } from '../../../engine/graph/attributes.ts';
import type { Tensor } from '../../../engine/graph/ir.ts';
import { tensorOf } from '../../../engine/graph/tensors.ts';
import { fieldsOf, malformedModel, shapeOf, shown, unsupportedModel, type Fields } from '../fields.ts';
import type { ChannelsLast, Laid, Padding } from './channels-last.ts';

/** A layer while it is built. */
export interface LayerContext {
  readonly net: ChannelsLast;
  readonly config: Fields;
  /** Name for errors and for the weights in the graph. */
  readonly where: string;
  /** @throws ExpectedError encoder-malformed when the file has no such weight */
  weight(name: string, index: number): Tensor;
  optionalWeight(name: string, index: number): Tensor | null;
  note(text: string): void;
}

export type LayerBuilder = (context: LayerContext, inputs: readonly Laid[]) => Laid;

/** Layers that do nothing at inference. */
const IDENTITY = new Set([
  'Dropout',
  'SpatialDropout2D',
  'GaussianDropout',
  'GaussianNoise',
  'AlphaDropout',
  'ActivityRegularization',
]);
/** Augmentations: they change pixels while training only. */
const AUGMENTATION =
  /^Random(Flip|Rotation|Zoom|Contrast|Brightness|Translation|Crop|Hue|Saturation|Sharpness|ColorJitter|Height|Width)$/;

/** The builder of a layer's class. @throws ExpectedError unsupported-encoder naming class and layer */
export function layerBuilder(kind: string, where: string): LayerBuilder {
  if (Object.hasOwn(BUILDERS, kind)) return BUILDERS[kind];
  if (IDENTITY.has(kind)) return (_, [x]) => x;
  if (AUGMENTATION.test(kind)) {
    return (context, [x]) => {
      context.note(`${where} augments images while training and does nothing here`);
      return x;
    };
  }
  throw unsupportedModel(`${where} is a ${kind.slice(0, 80)}, a layer that is not read. Export the encoder as ONNX.`);
}

const BUILDERS: Readonly<Record<string, LayerBuilder>> = {
  Conv2D(context, [x]) {
    const { net, config, where } = context;
    const kernel = context.weight('kernel', 0);
    requireFilters(context, kernel.dims[3], 'filters');
    const options = { ...window(config), groups: config.int('groups', 1, 65_536, 1) };
    requireKernel(context, kernel);
    return activated(context, net.conv(x, kernel, biasOf(context, 1), options, where));
  },
  DepthwiseConv2D(context, [x]) {
    const { net, config, where } = context;
    const kernel = context.optionalWeight('depthwise_kernel', 0) ?? context.weight('kernel', 0);
    requireKernel(context, kernel);
    return activated(context, net.depthwise(x, kernel, biasOf(context, 1), window(config), where));
  },
  SeparableConv2D(context, [x]) {
    const { net, config, where } = context;
    const depthwise = context.weight('depthwise_kernel', 0);
    requireKernel(context, depthwise);
    const between = net.depthwise(x, depthwise, null, window(config), `${where}/depthwise`);
    const pointwise = context.weight('pointwise_kernel', 1);
    requireFilters(context, pointwise.dims[3], 'filters');
    const pixel = { strides: [1, 1], padding: 'valid' } as const;
    return activated(context, net.conv(between, pointwise, biasOf(context, 2), pixel, where));
  },
  Dense(context, [x]) {
    const { net, where } = context;
    const kernel = context.weight('kernel', 0);
    requireFilters(context, kernel.dims[1], 'units');
    return activated(context, net.dense(x, kernel, biasOf(context, 1), where));
  },
  BatchNormalization(context, [x]) {
    const { net, config, where } = context;
    requireLastAxis(config, x, 'axis');
    const scaled = config.flag('scale', true);
    const centred = config.flag('center', true);
    let index = 0;
    const next = (name: string): Tensor => context.weight(name, index++);
    const scale = scaled ? next('gamma') : null;
    const shift = centred ? next('beta') : null;
    const mean = next('moving_mean');
    const variance = next('moving_variance');
    return net.batchNorm(x, { name: where, scale, shift, mean, variance }, config.number('epsilon', 1e-3), where);
  },
  LayerNormalization(context, [x]) {
    const { net, config, where } = context;
    requireLastAxis(config, x, 'axis');
    const scale = config.flag('scale', true) ? context.weight('gamma', 0) : null;
    const shift = config.flag('center', true) ? context.weight('beta', scale === null ? 0 : 1) : null;
    return net.layerNorm(x, scale, shift, config.number('epsilon', 1e-3), where);
  },
  Activation: (context, [x]) => activate(context, x, activationName(context.config)),
  ReLU(context, [x]) {
    const { net, config } = context;
    const slope = config.number('negative_slope', 0);
    const top = config.raw('max_value') === undefined ? null : config.number('max_value');
    if (config.number('threshold', 0) !== 0) throw unsupportedModel(`${config.what} has a threshold.`);
    if (slope === 0) {
      return net.each(x, (value) => (top === null ? net.graph.relu(value) : net.graph.clip(value, 0, top)));
    }
    const leaky = net.each(x, (value) => net.graph.node('LeakyRelu', [value], { alpha: float(slope) }));
    return top === null ? leaky : net.each(leaky, (value) => net.graph.clip(value, null, top));
  },
  LeakyReLU({ net, config }, [x]) {
    const slope =
      config.raw('negative_slope') === undefined ? config.number('alpha', 0.3) : config.number('negative_slope');
    return net.each(x, (value) => net.graph.node('LeakyRelu', [value], { alpha: float(slope) }));
  },
  ELU({ net, config }, [x]) {
    const alpha = config.number('alpha', 1);
    return net.each(x, (value) => net.graph.node('Elu', [value], { alpha: float(alpha) }));
  },
  Softmax(context, [x]) {
    requireLastAxis(context.config, x, 'axis');
    return context.net.softmax(x, context.where);
  },
  MaxPooling2D: (context, [x]) => pooled('MaxPool', context, x),
  AveragePooling2D: (context, [x]) => pooled('AveragePool', context, x),
  GlobalAveragePooling2D: (context, [x]) => globallyPooled('mean', context, x),
  GlobalMaxPooling2D: (context, [x]) => globallyPooled('max', context, x),
  Flatten(context, [x]) {
    requireChannelsLast(context.config);
    return context.net.flatten(x, context.where);
  },
  Reshape({ net, config, where }, [x]) {
    return net.reshape(x, shapeOf(config.raw('target_shape'), config.what), where);
  },
  ZeroPadding2D({ net, config, where }, [x]) {
    requireChannelsLast(config);
    return net.pad(x, edges(config, 'padding', 1), where);
  },
  Cropping2D({ net, config, where }, [x]) {
    requireChannelsLast(config);
    const [top, left, bottom, right] = edges(config, 'cropping', 0);
    return net.pad(x, [-top, -left, -bottom, -right], where);
  },
  Add: (context, inputs) => chained(context, inputs, (a, b) => context.net.graph.add(a, b)),
  Multiply: (context, inputs) => chained(context, inputs, (a, b) => context.net.graph.mul(a, b)),
  Subtract: (context, inputs) => chained(context, inputs, (a, b) => context.net.graph.sub(a, b)),
  Average: ({ net, where }, inputs) => net.combine(inputs, (values) => net.graph.node('Mean', values), where),
  Maximum: ({ net, where }, inputs) => net.combine(inputs, (values) => net.graph.node('Max', values), where),
  Minimum: ({ net, where }, inputs) => net.combine(inputs, (values) => net.graph.node('Min', values), where),
  Concatenate: ({ net, config, where }, inputs) => net.concat(inputs, config.int('axis', -8, 8, -1), where),
  Rescaling({ net, config, where }, [x]) {
    const scale = net.constant(values(config, 'scale', 1), `${where}/scale`);
    const offset = net.constant(values(config, 'offset', 0), `${where}/offset`);
    const scaled = net.combine([x, scale], ([a, b]) => net.graph.mul(a, b), where);
    return net.combine([scaled, offset], ([a, b]) => net.graph.add(a, b), where);
  },
  Normalization(context, [x]) {
    const { net, config, where } = context;
    requireLastAxis(config, x, 'axis');
    if (config.flag('invert', false)) throw unsupportedModel(`${config.what} is inverted.`);
    const given = config.raw('mean') !== undefined && config.raw('variance') !== undefined;
    const flat = (tensor: Tensor): Tensor => ({ ...tensor, dims: [tensor.data.length] });
    const mean = flat(given ? values(config, 'mean', 0) : context.weight('mean', 0));
    const variance = flat(given ? values(config, 'variance', 1) : context.weight('variance', 1));
    // Keras divides by max(sqrt(variance), 1e-7).
    const deviation = Float32Array.from(variance.data as Float32Array, (each) => Math.max(Math.sqrt(each), 1e-7));
    const centred = net.combine([x, net.constant(mean, `${where}/mean`)], ([a, b]) => net.graph.sub(a, b), where);
    const spread = net.constant({ ...variance, data: deviation }, `${where}/deviation`);
    return net.combine([centred, spread], ([a, b]) => net.graph.div(a, b), where);
  },
};

function requireChannelsLast(config: Fields): void {
  const format = config.text('data_format', 'channels_last');
  if (format !== 'channels_last') throw unsupportedModel(`${config.what} has its channels ${shown(format)}.`);
}

function requireFilters({ config }: LayerContext, met: number | undefined, key: string): void {
  const said = config.int(key, 1, 2 ** 31, met);
  if (said !== met) throw malformedModel(`${config.what} claims ${said} ${key}, its weights have ${met ?? 'none'}.`);
}

function requireKernel({ config }: LayerContext, kernel: Tensor): void {
  const [height, width] = config.pair('kernel_size');
  if (kernel.dims[0] !== height || kernel.dims[1] !== width) {
    throw malformedModel(
      `${config.what} claims a kernel of ${height}x${width}, its weights are [${kernel.dims.join()}].`,
    );
  }
}

/** The last axis, said as a number, as a negative one or in a list. */
function requireLastAxis(config: Fields, x: Laid, key: string): void {
  const met = config.raw(key) ?? -1;
  const axis: unknown = Array.isArray(met) && met.length === 1 ? met[0] : met;
  if (axis !== -1 && axis !== x.shape.length - 1) {
    throw unsupportedModel(`${config.what} works along axis ${shown(met)}; the last axis is read.`);
  }
}

function window(config: Fields): {
  strides: readonly [number, number];
  padding: Padding;
  dilations: readonly [number, number];
} {
  requireChannelsLast(config);
  return {
    strides: config.pair('strides', [1, 1]),
    padding: paddingOf(config),
    dilations: config.pair('dilation_rate', [1, 1]),
  };
}

function paddingOf(config: Fields): 'same' | 'valid' {
  const padding = config.text('padding', 'valid').toLowerCase();
  if (padding === 'same' || padding === 'valid') return padding;
  throw unsupportedModel(`${config.what} pads ${shown(padding)}.`);
}

function biasOf(context: LayerContext, index: number): Tensor | null {
  return context.config.flag('use_bias', true) ? context.weight('bias', index) : null;
}

function pooled(kind: 'MaxPool' | 'AveragePool', { net, config, where }: LayerContext, x: Laid): Laid {
  requireChannelsLast(config);
  const kernel = config.pair('pool_size', [2, 2]);
  return net.pool(kind, x, kernel, { strides: config.pair('strides', kernel), padding: paddingOf(config) }, where);
}

function globallyPooled(kind: 'mean' | 'max', { net, config, where }: LayerContext, x: Laid): Laid {
  requireChannelsLast(config);
  return net.globalPool(kind, x, config.flag('keepdims', false), where);
}

function chained({ net, where }: LayerContext, inputs: readonly Laid[], pair: (a: string, b: string) => string): Laid {
  return net.combine(inputs, (values) => values.reduce(pair), where);
}

/** Top, left, bottom, right from n, [h, w] or [[top, bottom], [left, right]]. */
function edges(config: Fields, key: string, fallback: number): readonly [number, number, number, number] {
  const met = config.raw(key) ?? fallback;
  const list: readonly unknown[] = Array.isArray(met) ? met : [met, met];
  const sides = list.map((side): readonly unknown[] => (Array.isArray(side) ? side : [side, side]));
  const fits = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 4096;
  if (sides.length !== 2 || sides.some((side) => side.length !== 2 || !side.every(fits))) {
    throw malformedModel(`${config.what}: "${key}" is ${shown(met)}.`);
  }
  const [[top, bottom], [left, right]] = sides.map((side) => side.map(Number));
  return [top, left, bottom, right];
}

/** A number, or a list of them in however many brackets. */
function values(config: Fields, key: string, fallback: number): Tensor {
  const met = config.raw(key) ?? fallback;
  const list: unknown[] = Array.isArray(met) ? met.flat(8) : [met];
  if (list.length > 65_536 || !list.every((each) => typeof each === 'number' && Number.isFinite(each))) {
    throw malformedModel(`${config.what}: "${key}" is ${shown(met)}.`);
  }
  return tensorOf('float32', Array.isArray(met) ? [list.length] : [], list as number[]);
}

/** The name of an activation: a text, or the object that Keras 3 and serialised activation layers write. */
function activationName(config: Fields): string {
  const met = config.raw('activation') ?? 'linear';
  if (typeof met === 'string') return met;
  const object = fieldsOf(met, config.what);
  const name = object.raw('config');
  return typeof name === 'string' ? name : object.text('class_name');
}

function activated(context: LayerContext, x: Laid): Laid {
  return activate(context, x, activationName(context.config));
}

function activate({ net, config, where }: LayerContext, x: Laid, name: string): Laid {
  const { graph } = net;
  switch (name) {
    case 'linear':
      return x;
    case 'relu':
    case 'ReLU':
      return net.each(x, graph.relu);
    case 'relu6':
      return net.each(x, (value) => graph.clip(value, 0, 6));
    case 'leaky_relu':
      return net.each(x, (value) => graph.node('LeakyRelu', [value], { alpha: float(0.2) }));
    case 'sigmoid':
      return net.each(x, graph.sigmoid);
    case 'hard_sigmoid':
    case 'hardSigmoid':
      return net.each(x, (value) => graph.node('HardSigmoid', [value], { alpha: float(0.2), beta: float(0.5) }));
    case 'tanh':
      return net.each(x, graph.tanh);
    case 'elu':
      return net.each(x, (value) => graph.node('Elu', [value], { alpha: float(1) }));
    case 'softplus':
      return net.each(x, (value) => graph.node('Softplus', [value]));
    case 'swish':
    case 'silu':
      return net.each(x, (value) => graph.mul(value, graph.sigmoid(value)));
    case 'gelu':
      return net.each(x, graph.gelu);
    case 'softmax':
      return net.softmax(x, where);
    default:
      throw unsupportedModel(`${config.what} has the activation ${shown(name)}, which is not read.`);
  }
}

/** TensorFlow operators as channels-last operations (tensorflow/core/ops, and tfjs-converter/src/operations). */
import { float } from '../../../engine/graph/attributes.ts';
import type { Tensor } from '../../../engine/graph/ir.ts';
import { numbersOf, tensorOf } from '../../../engine/graph/tensors.ts';
import { fieldsOf, malformedModel, shown, unsupportedModel, type Fields } from '../fields.ts';
import type { ChannelsLast, Laid, Padding, WindowOptions } from '../layered/channels-last.ts';
import type { GraphNodeDef } from './graph-model.ts';

/** A weight, or something worked out from the image. */
export type GraphValue =
  | { readonly kind: 'constant'; readonly tensor: Tensor; readonly name: string }
  | { readonly kind: 'value'; readonly laid: Laid };

export interface OperatorContext {
  readonly net: ChannelsLast;
  readonly node: GraphNodeDef;
  readonly where: string;
  readonly inputs: readonly GraphValue[];
}

/** @throws ExpectedError unsupported-encoder for an operator that is not read */
export function graphOperator(context: OperatorContext): GraphValue {
  const { op } = context.node;
  if (PASSING.has(op)) return inputOf(context, 0);
  if (Object.hasOwn(OPERATORS, op)) return OPERATORS[op](context);
  throw unsupportedModel(`${context.where}: this operator is not read. Export the encoder as ONNX.`);
}

const PASSING = new Set(['Identity', 'StopGradient', 'Snapshot', 'PreventGradient', 'CheckNumerics']);

const OPERATORS: Readonly<Record<string, (context: OperatorContext) => GraphValue>> = {
  Conv2D: (context) => convolution(context, false),
  _FusedConv2D: (context) => convolution(context, false),
  FusedConv2D: (context) => convolution(context, false),
  DepthwiseConv2dNative: (context) => convolution(context, true),
  DepthwiseConv2d: (context) => convolution(context, true),
  FusedDepthwiseConv2dNative: (context) => convolution(context, true),
  MatMul: product,
  _FusedMatMul: product,
  BiasAdd: (context) => pairwise(context, (net) => net.graph.add),
  Add: (context) => pairwise(context, (net) => net.graph.add),
  AddV2: (context) => pairwise(context, (net) => net.graph.add),
  Sub: (context) => pairwise(context, (net) => net.graph.sub),
  Mul: (context) => pairwise(context, (net) => net.graph.mul),
  RealDiv: (context) => pairwise(context, (net) => net.graph.div),
  Div: (context) => pairwise(context, (net) => net.graph.div),
  Maximum: (context) => pairwise(context, (net) => (a, b) => net.graph.node('Max', [a, b])),
  Minimum: (context) => pairwise(context, (net) => (a, b) => net.graph.node('Min', [a, b])),
  SquaredDifference: (context) =>
    pairwise(context, (net) => (a, b) => {
      const difference = net.graph.sub(a, b);
      return net.graph.mul(difference, difference);
    }),
  AddN: (context) => joinedValues(context, (net, values) => net.graph.node('Sum', values)),
  Relu: unary('relu'),
  Relu6: unary('relu6'),
  LeakyRelu: (context) => {
    const alpha = float(attribute(context, 'alpha', 0.2));
    return each(context, (net, value) => net.graph.node('LeakyRelu', [value], { alpha }));
  },
  Elu: unary('elu'),
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  Softplus: (context) => each(context, (net, value) => net.graph.node('Softplus', [value])),
  Exp: (context) => each(context, (net, value) => net.graph.exp(value)),
  Log: (context) => each(context, (net, value) => net.graph.log(value)),
  Neg: (context) => each(context, (net, value) => net.graph.neg(value)),
  Sqrt: (context) => each(context, (net, value) => net.graph.sqrt(value)),
  Rsqrt: (context) => each(context, (net, value) => net.graph.reciprocal(net.graph.sqrt(value))),
  Square: (context) => each(context, (net, value) => net.graph.mul(value, value)),
  Erf: (context) => each(context, (net, value) => net.graph.node('Erf', [value])),
  ClipByValue: (context) => {
    const [low, high] = [1, 2].map((index) => numbersOf(constantOf(context, index))[0]);
    return each(context, (net, value) => net.graph.clip(value, low, high));
  },
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  MaxPool: (context) => pool(context, 'MaxPool'),
  AvgPool: (context) => pool(context, 'AveragePool'),
  Mean: (context) => reduction(context, 'mean'),
  Max: (context) => reduction(context, 'max'),
  Softmax: (context) => made(context.net.softmax(valueOf(context, 0), context.where)),
  Concat: (context) => concat(context, 0),
  ConcatV2: (context) => concat(context, -1),
  Pad: padding,
  PadV2: padding,
  Transpose: (context) => {
    const order = numbersOf(constantOf(context, 1));
    return made(context.net.transpose(valueOf(context, 0), order, context.where));
  },
  Reshape: reshape,
  Squeeze: squeeze,
};

const made = (laid: Laid): GraphValue => ({ kind: 'value', laid });

function inputOf({ inputs, where }: OperatorContext, index: number): GraphValue {
  const input = inputs[index];
  if (input === undefined) throw malformedModel(`${where} has no input ${index}.`);
  return input;
}

/** A value in the graph; a constant becomes one of its weights. */
function valueOf(context: OperatorContext, index: number): Laid {
  const input = inputOf(context, index);
  return input.kind === 'value' ? input.laid : context.net.constant(floats(input.tensor, context), input.name);
}

function constantOf(context: OperatorContext, index: number): Tensor {
  const input = inputOf(context, index);
  if (input.kind !== 'constant') throw unsupportedModel(`${context.where}: input ${index} depends on the image.`);
  return input.tensor;
}

function floats(tensor: Tensor, { where }: OperatorContext): Tensor {
  if (tensor.dtype === 'float32') return tensor;
  if (tensor.dtype !== 'int32') throw unsupportedModel(`${where} computes with ${tensor.dtype}.`);
  return tensorOf('float32', tensor.dims, numbersOf(tensor));
}

const weightOf = (context: OperatorContext, index: number): Tensor => floats(constantOf(context, index), context);

/** An attribute's inner field: attributes are `{s}`, `{i}`, `{f}`, `{b}`, `{list: {…}}`. */
function attributeOf({ node, where }: OperatorContext, name: string): Fields | null {
  const raw = node.attributes.raw(name);
  return raw === undefined ? null : fieldsOf(raw, `${where}, "${name}"`);
}

function attribute(context: OperatorContext, name: string, fallback: number): number {
  const raw = attributeOf(context, name);
  const met = raw === null ? fallback : Number(raw.raw('f') ?? raw.raw('i') ?? fallback);
  if (!Number.isFinite(met)) throw malformedModel(`${context.where}: "${name}" is no number.`);
  return met;
}

function flag(context: OperatorContext, name: string): boolean {
  return attributeOf(context, name)?.raw('b') === true;
}

function text(context: OperatorContext, name: string, fallback: string): string {
  const raw = attributeOf(context, name)?.raw('s');
  return raw === undefined ? fallback : decodeText(raw);
}

/** Texts are base64; what an older converter left as plain text is taken as it is. */
function decodeText(raw: unknown): string {
  const list: unknown = Array.isArray(raw) ? Buffer.from(raw as number[]).toString('utf8') : raw;
  if (typeof list !== 'string' || list.length > 65_536) return '';
  const decoded = Buffer.from(list, 'base64').toString('utf8');
  return /^[\x20-\x7e]*$/.test(decoded) && Buffer.from(decoded).toString('base64') === list ? decoded : list;
}

function list(context: OperatorContext, name: string): number[] | null {
  const raw = attributeOf(context, name);
  if (raw === null || raw.raw('list') === undefined) return null;
  const values = raw.object('list').raw('i') ?? [];
  if (!Array.isArray(values) || values.length > 64)
    throw malformedModel(`${context.where}: "${name}" is ${shown(values)}.`);
  return values.map(Number);
}

function requireNhwc(context: OperatorContext): void {
  const format = text(context, 'data_format', 'NHWC');
  if (format !== 'NHWC') throw unsupportedModel(`${context.where} is written for ${shown(format)}; NHWC is read.`);
}

/** Height and width of a list of four, whose first and last must be 1. */
function spatial(context: OperatorContext, name: string, fallback: readonly number[]): readonly [number, number] {
  const values = list(context, name) ?? fallback;
  const fits = values.every((each) => Number.isInteger(each) && each >= 1 && each <= 4096);
  if (values.length !== 4 || !fits || values[0] !== 1 || values[3] !== 1) {
    throw malformedModel(`${context.where}: "${name}" is ${shown(values)}.`);
  }
  return [values[1], values[2]];
}

function paddingOf(context: OperatorContext): Padding {
  const name = text(context, 'padding', 'VALID');
  if (name === 'SAME') return 'same';
  if (name === 'VALID') return 'valid';
  const explicit = list(context, 'explicit_paddings') ?? [];
  const fits = explicit.length === 8 && explicit.every((each) => Number.isInteger(each) && each >= 0 && each <= 4096);
  if (name !== 'EXPLICIT' || !fits) throw unsupportedModel(`${context.where} pads ${shown(name)}.`);
  return [explicit[2], explicit[4], explicit[3], explicit[5]];
}

function windowOf(context: OperatorContext): WindowOptions {
  requireNhwc(context);
  return {
    strides: spatial(context, 'strides', [1, 1, 1, 1]),
    padding: paddingOf(context),
    dilations: spatial(context, 'dilations', [1, 1, 1, 1]),
  };
}

/** What a fused operator does behind its product: bias, then an activation. */
function fusedOps(context: OperatorContext): readonly string[] {
  const raw = attributeOf(context, 'fused_ops');
  if (raw === null || raw.raw('list') === undefined) return [];
  const texts = raw.object('list').raw('s') ?? [];
  if (!Array.isArray(texts)) throw malformedModel(`${context.where}: "fused_ops" is ${shown(texts)}.`);
  return texts.map((each: unknown) => decodeText(each));
}

function behind(context: OperatorContext, laid: Laid): GraphValue {
  const activations = fusedOps(context).filter((name) => name !== 'BiasAdd');
  return made(activations.reduce((value, name) => activated(context, value, name), laid));
}

function fusedBias(context: OperatorContext): Tensor | null {
  return fusedOps(context).includes('BiasAdd') ? weightOf(context, 2) : null;
}

function activated(context: OperatorContext, laid: Laid, name: string): Laid {
  const { net } = context;
  const { graph } = net;
  switch (name.toLowerCase()) {
    case 'relu':
      return net.each(laid, graph.relu);
    case 'relu6':
      return net.each(laid, (value) => graph.clip(value, 0, 6));
    case 'elu':
      return net.each(laid, (value) => graph.node('Elu', [value], { alpha: float(1) }));
    case 'sigmoid':
      return net.each(laid, graph.sigmoid);
    case 'tanh':
      return net.each(laid, graph.tanh);
    case 'leakyrelu': {
      const alpha = float(attribute(context, 'leakyrelu_alpha', 0.2));
      return net.each(laid, (value) => graph.node('LeakyRelu', [value], { alpha }));
    }
    default:
      throw unsupportedModel(`${context.where} is fused with ${shown(name)}, which is not read.`);
  }
}

function unary(name: string): (context: OperatorContext) => GraphValue {
  return (context) => made(activated(context, valueOf(context, 0), name));
}

function each(context: OperatorContext, apply: (net: ChannelsLast, value: string) => string): GraphValue {
  return made(context.net.each(valueOf(context, 0), (value) => apply(context.net, value)));
}

function convolution(context: OperatorContext, depthwise: boolean): GraphValue {
  const { net, where } = context;
  const x = valueOf(context, 0);
  const kernel = weightOf(context, 1);
  const bias = fusedBias(context);
  const options = windowOf(context);
  if (depthwise) return behind(context, net.depthwise(x, kernel, bias, options, where));
  // A kernel for fewer channels than there are is a grouped convolution.
  const channels = x.shape.at(-1) ?? 0;
  const groups = kernel.dims.length === 4 && kernel.dims[2] > 0 ? channels / kernel.dims[2] : 1;
  if (!Number.isInteger(groups) || groups < 1) {
    throw malformedModel(`${where}: a kernel of [${kernel.dims.join()}] on ${channels} channels.`);
  }
  return behind(context, net.conv(x, kernel, bias, { ...options, groups }, where));
}

function product(context: OperatorContext): GraphValue {
  const { net, where } = context;
  if (flag(context, 'transpose_a') || flag(context, 'adj_x'))
    throw unsupportedModel(`${where} turns its first operand.`);
  const raw = weightOf(context, 1);
  const kernel = flag(context, 'transpose_b') ? transposed(raw, where) : raw;
  return behind(context, net.dense(valueOf(context, 0), kernel, fusedBias(context), where));
}

function transposed(tensor: Tensor, where: string): Tensor {
  if (tensor.dims.length !== 2) throw malformedModel(`${where}: a matrix of [${tensor.dims.join()}].`);
  const [rows, columns] = tensor.dims;
  const data = tensor.data as Float32Array;
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) out[column * rows + row] = data[row * columns + column];
  }
  return { dtype: 'float32', dims: [columns, rows], data: out };
}

function pairwise(context: OperatorContext, pick: (net: ChannelsLast) => (a: string, b: string) => string): GraphValue {
  if (context.inputs.length !== 2) throw malformedModel(`${context.where} has ${context.inputs.length} operands.`);
  return joinedValues(context, (net, [a, b]) => pick(net)(a, b));
}

function joinedValues(
  context: OperatorContext,
  apply: (net: ChannelsLast, values: readonly string[]) => string,
): GraphValue {
  const { net, where, inputs } = context;
  if (inputs.every((input) => input.kind === 'constant')) {
    throw unsupportedModel(`${where} computes with weights only; convert the model with constants folded.`);
  }
  const operands = inputs.map((_, index) => valueOf(context, index));
  return made(net.combine(operands, (values) => apply(net, values), where));
}

function batchNorm(context: OperatorContext): GraphValue {
  requireNhwc(context);
  const { net, node, where } = context;
  if (attributeOf(context, 'is_training')?.raw('b') === true) throw unsupportedModel(`${where} is in training mode.`);
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((index) => weightOf(context, index));
  const parts = { name: node.name, scale, shift, mean, variance };
  return made(net.batchNorm(valueOf(context, 0), parts, attribute(context, 'epsilon', 1e-3), where));
}

function pool(context: OperatorContext, kind: 'MaxPool' | 'AveragePool'): GraphValue {
  requireNhwc(context);
  const { net, where } = context;
  const kernel = spatial(context, 'ksize', [1, 1, 1, 1]);
  const strides = spatial(context, 'strides', [1, 1, 1, 1]);
  return made(net.pool(kind, valueOf(context, 0), kernel, { strides, padding: paddingOf(context) }, where));
}

function reduction(context: OperatorContext, kind: 'mean' | 'max'): GraphValue {
  const { net, where } = context;
  const x = valueOf(context, 0);
  const rank = x.shape.length;
  const axes = numbersOf(constantOf(context, 1)).map((axis) => (axis < 0 ? axis + rank : axis));
  const keep = flag(context, 'keep_dims') || flag(context, 'keepdims');
  if (rank !== 4 || axes.toSorted((a, b) => a - b).join() !== '1,2') {
    throw unsupportedModel(`${where} works along ${axes.join()} of ${rank} axes; height and width are read.`);
  }
  return made(net.globalPool(kind, x, keep, where));
}

function concat(context: OperatorContext, axisAt: 0 | -1): GraphValue {
  const { net, where, inputs } = context;
  const at = axisAt === 0 ? 0 : inputs.length - 1;
  const axis = numbersOf(constantOf(context, at))[0] ?? NaN;
  const operands = inputs.flatMap((_, index) => (index === at ? [] : [valueOf(context, index)]));
  return made(net.concat(operands, axis, where));
}

function padding(context: OperatorContext): GraphValue {
  const { net, where } = context;
  const pads = numbersOf(constantOf(context, 1));
  const fill = context.inputs.length > 2 ? (numbersOf(constantOf(context, 2))[0] ?? 0) : 0;
  const fits = pads.length === 8 && pads.every((each) => Number.isInteger(each) && each >= 0 && each <= 4096);
  if (!fits || [0, 1, 6, 7].some((at) => pads[at] !== 0)) {
    throw unsupportedModel(`${where} pads by ${shown(pads)}; padding around height and width is read.`);
  }
  return made(net.pad(valueOf(context, 0), [pads[2], pads[4], pads[3], pads[5]], where, fill));
}

function reshape(context: OperatorContext): GraphValue {
  const { net, where } = context;
  const x = valueOf(context, 0);
  const [batch, ...dims] = numbersOf(constantOf(context, 1));
  const rest = dims.map((dim) => (dim === -1 ? null : dim));
  if (rest.some((dim) => dim !== null && !(Number.isInteger(dim) && dim >= 1))) {
    throw malformedModel(`${where} makes [${[batch, ...dims].join()}].`);
  }
  // A fixed batch of one is what exporters leave of an open one.
  if (batch !== -1 && batch !== 1) throw unsupportedModel(`${where} fixes the batch to ${String(batch)}.`);
  return made(net.reshape(x, rest, where));
}

function squeeze(context: OperatorContext): GraphValue {
  const { net, where } = context;
  const x = valueOf(context, 0);
  const stated = list(context, 'squeeze_dims') ?? list(context, 'axis') ?? [];
  const axes = stated.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  const gone = axes.length > 0 ? axes : x.shape.flatMap((dim, axis) => (axis > 0 && dim === 1 ? [axis] : []));
  if (gone.some((axis) => axis < 1 || x.shape[axis] !== 1))
    throw malformedModel(`${where} drops the axes ${gone.join()}.`);
  return made(
    net.reshape(
      x,
      x.shape.flatMap((dim, axis) => (axis === 0 || gone.includes(axis) ? [] : [dim])),
      where,
    ),
  );
}

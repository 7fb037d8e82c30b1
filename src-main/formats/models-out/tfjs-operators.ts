/** How TF.js says the operators of a graph. */
import { floatAttribute, intAttribute, intsAttribute, textAttribute } from '../../engine/graph/attributes.ts';
import type { GraphNode, Tensor } from '../../engine/graph/ir.ts';
import { windowOf } from '../../engine/graph/ops/geometry.ts';
import { numbersOf, tensorOf } from '../../engine/graph/tensors.ts';
import { permuted } from '../encoders/layered/channels-last.ts';
import {
  attr,
  FLOAT,
  floats,
  impossible,
  INT,
  optional,
  placedOf,
  plain,
  turned,
  weight,
  type Emitter,
  type Placed,
  type State,
} from './tfjs-nodes.ts';

function unary(op: string): Emitter {
  return (node, { values, writer, ...rest }) => {
    const x = placedOf(node.inputs[0], { values, writer, ...rest });
    return { name: writer.add(op, node.outputs[0], [x.name], { T: FLOAT }), turned: x.turned };
  };
}

function binary(op: string): Emitter {
  return (node, state) => {
    const { writer, graph, dims } = state;
    const image =
      dims(node.outputs[0]).length === 4 && node.inputs.some((input) => state.values.get(input)?.turned === true);
    const operands = node.inputs.map((input) => {
      const constant = graph.initializers.get(input);
      if (!image) return plain(input, state);
      if (constant === undefined || constant.dims.length === 0) {
        if (constant === undefined && dims(input).length !== 4)
          throw impossible(node, `it combines [${dims(input).join()}] with an image`);
        return constant === undefined ? turned(input, state) : placedOf(input, state).name;
      }
      const padded = [...new Array<number>(4 - constant.dims.length).fill(1), ...constant.dims];
      return writer.constant(permuted({ ...floats(constant), dims: padded }, [0, 2, 3, 1]), input);
    });
    return { name: writer.add(op, node.outputs[0], operands, { T: FLOAT }), turned: image };
  };
}

function convolution(node: GraphNode, state: State): Placed {
  const { writer, dims } = state;
  const kernel = weight(node, 1, state);
  const bias = optional(node, 2, state);
  const group = intAttribute(node, 'group', 1);
  const [out, inner, kh, kw] = kernel.dims;
  if (kernel.dims.length !== 4) throw impossible(node, `a kernel of ${kernel.dims.length} dimensions`);
  const [, channels, height, width] = dims(node.inputs[0]);
  const window = windowOf(node, [height, width], [kh, kw], false);
  const { strides, dilations, pads } = window;
  if (strides.some((each) => each > 1) && dilations.some((each) => each > 1)) {
    throw impossible(node, 'TF.js has no convolution with both strides and dilations');
  }
  if (strides[0] !== strides[1] && group === channels && inner === 1) {
    throw impossible(node, 'TF.js has no depthwise convolution with two different strides');
  }
  const attributes = {
    T: FLOAT,
    data_format: attr.text('NHWC'),
    strides: attr.ints([1, ...strides, 1]),
    dilations: attr.ints([1, ...dilations, 1]),
    padding: attr.text('EXPLICIT'),
    explicit_paddings: attr.ints([0, 0, pads[0], pads[2], pads[1], pads[3], 0, 0]),
  };
  const x = turned(node.inputs[0], state);
  const name = node.outputs[0];
  let made: string;
  if (group === 1) {
    const hwio = writer.constant(permuted(kernel, [2, 3, 1, 0]), node.inputs[1]);
    made = writer.add('Conv2D', name, [x, hwio], attributes);
  } else if (inner === 1 && group === channels) {
    const multiplier = out / channels;
    const split = { ...kernel, dims: [channels, multiplier, kh, kw] };
    const hwcm = writer.constant(permuted(split, [2, 3, 0, 1]), node.inputs[1]);
    made = writer.add('DepthwiseConv2dNative', name, [x, hwcm], attributes);
  } else throw impossible(node, `TF.js has no convolution in ${group} groups of ${inner} channels`);
  if (bias === null) return { name: made, turned: true };
  const shift = writer.constant(bias, node.inputs[2]);
  return {
    name: writer.add('BiasAdd', `${name}/bias`, [made, shift], { T: FLOAT, data_format: attr.text('NHWC') }),
    turned: true,
  };
}

function batchNorm(node: GraphNode, state: State): Placed {
  const { writer, dims } = state;
  if (dims(node.inputs[0]).length !== 4) throw impossible(node, 'it normalises something that is no image');
  const parameters = [1, 2, 3, 4].map((index) => writer.constant(weight(node, index, state), node.inputs[index]));
  const made = writer.add('FusedBatchNormV3', node.outputs[0], [turned(node.inputs[0], state), ...parameters], {
    T: FLOAT,
    U: FLOAT,
    data_format: attr.text('NHWC'),
    epsilon: { f: floatAttribute(node, 'epsilon', 1e-5) },
    is_training: attr.flag(false),
  });
  return { name: made, turned: true };
}

/** Padding is written out: TF.js pools know "same" and "valid" only, and count padding differently. */
function pool(kind: 'MaxPool' | 'AvgPool'): Emitter {
  return (node, state) => {
    const { writer, dims } = state;
    const [, , height, width] = dims(node.inputs[0]);
    const kernel = intsAttribute(node, 'kernel_shape') ?? [];
    const window = windowOf(node, [height, width], [kernel[0], kernel[1]], intAttribute(node, 'ceil_mode', 0) === 1);
    if (window.dilations.some((each) => each > 1)) throw impossible(node, 'TF.js has no pooling with dilations');
    const { pads, strides, out } = window;
    const sizes = [height, width];
    // Windows that start inside may end outside where sizes are rounded up.
    const behind = [0, 1].map((axis) =>
      Math.max(0, (out[axis] - 1) * strides[axis] + kernel[axis] - sizes[axis] - pads[axis]),
    );
    let x = turned(node.inputs[0], state);
    if ([pads[0], pads[1], ...behind].some((each) => each > 0)) {
      const spread = writer.constant(
        tensorOf('int32', [4, 2], [0, 0, pads[0], behind[0], pads[1], behind[1], 0, 0]),
        'paddings',
      );
      const fill = writer.constant(tensorOf('float32', [], [kind === 'MaxPool' ? -3.4028234663852886e38 : 0]), 'fill');
      x = writer.add('PadV2', `${node.outputs[0]}/pad`, [x, spread, fill], { T: FLOAT, Tpaddings: INT });
    }
    const made = writer.add(kind, node.outputs[0], [x], {
      T: FLOAT,
      data_format: attr.text('NHWC'),
      ksize: attr.ints([1, kernel[0], kernel[1], 1]),
      strides: attr.ints([1, ...strides, 1]),
      padding: attr.text('VALID'),
    });
    if (kind === 'MaxPool') return { name: made, turned: true };
    const counted = intAttribute(node, 'count_include_pad', 0) === 1;
    const share = [0, 1].map((axis) =>
      Array.from({ length: out[axis] }, (_, at) => {
        const start = at * strides[axis] - pads[axis];
        const [low, high] = counted ? [-pads[axis], sizes[axis] + pads[axis + 2]] : [0, sizes[axis]];
        return kernel[axis] / (Math.min(start + kernel[axis], high) - Math.max(start, low));
      }),
    );
    if (share.every((axis) => axis.every((each) => each === 1))) return { name: made, turned: true };
    const factors = share[0].flatMap((row) => share[1].map((column) => row * column));
    const scale = writer.constant(tensorOf('float32', [1, out[0], out[1], 1], factors), 'window_shares');
    return { name: writer.add('Mul', `${node.outputs[0]}/scaled`, [made, scale], { T: FLOAT }), turned: true };
  };
}

function globalPool(op: 'Mean' | 'Max'): Emitter {
  return (node, state) => {
    const axes = node.op.startsWith('Reduce')
      ? (intsAttribute(node, 'axes') ?? []).map((axis) => (axis < 0 ? axis + 4 : axis))
      : [2, 3];
    const keep = !node.op.startsWith('Reduce') || intAttribute(node, 'keepdims', 1) === 1;
    if (state.dims(node.inputs[0]).length !== 4 || axes.toSorted().join() !== '2,3') {
      throw impossible(node, `it works along the axes ${axes.join()}; height and width of an image can be written`);
    }
    const made = state.writer.add(
      op,
      node.outputs[0],
      [turned(node.inputs[0], state), state.writer.ints([1, 2], 'axes')],
      {
        T: FLOAT,
        Tidx: INT,
        keep_dims: attr.flag(keep),
      },
    );
    return { name: made, turned: keep };
  };
}

function reshaped(node: GraphNode, state: State): Placed {
  const { writer, dims, shapeOf } = state;
  const shape = shapeOf(node.outputs[0]);
  if (shape.filter((dim) => dim === -1).length > 1) throw impossible(node, 'more than one axis follows the batch');
  const placed = placedOf(node.inputs[0], state);
  const [, , height, width] = dims(node.inputs[0]);
  // One pixel lies the same both ways.
  const x = placed.turned && height * width === 1 && shape.length === 2 ? placed.name : plain(node.inputs[0], state);
  const target = writer.ints(shape, 'shape');
  return { name: writer.add('Reshape', node.outputs[0], [x, target], { T: FLOAT, Tshape: INT }), turned: false };
}

function gemm(node: GraphNode, state: State): Placed {
  const { writer } = state;
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  if (alpha !== 1 || beta !== 1 || intAttribute(node, 'transA', 0) === 1)
    throw impossible(node, 'it scales or turns its operands');
  const raw = weight(node, 1, state);
  const matrix = intAttribute(node, 'transB', 0) === 1 ? permuted(raw, [1, 0]) : raw;
  const inputs = [plain(node.inputs[0], state), writer.constant(matrix, node.inputs[1])];
  const made = writer.add('MatMul', node.outputs[0], inputs, {
    T: FLOAT,
    transpose_a: attr.flag(false),
    transpose_b: attr.flag(false),
  });
  const bias = optional(node, 2, state);
  if (bias === null) return { name: made, turned: false };
  const shift = writer.constant(bias, node.inputs[2]);
  return { name: writer.add('AddV2', `${node.outputs[0]}/bias`, [made, shift], { T: FLOAT }), turned: false };
}

function matmul(node: GraphNode, state: State): Placed {
  if (state.dims(node.inputs[0]).length !== 2)
    throw impossible(node, `it multiplies [${state.dims(node.inputs[0]).join()}]; tokens are not written`);
  return gemm({ ...node, attributes: {}, inputs: node.inputs.slice(0, 2) }, state);
}

function clip(node: GraphNode, state: State): Placed {
  const { writer } = state;
  const x = placedOf(node.inputs[0], state);
  const bound = (index: number): Tensor | null => optional(node, index, state);
  let name = x.name;
  for (const [op, limit] of [
    ['Maximum', bound(1)],
    ['Minimum', bound(2)],
  ] as const) {
    if (limit === null) continue;
    const constant = writer.constant({ ...limit, dims: [] }, 'bound');
    name = writer.add(op, node.outputs[0], [name, constant], { T: FLOAT });
  }
  return { name, turned: x.turned };
}

/** x * clip(slope * x + offset, 0, 1), or without the product. */
function hard(product: boolean): Emitter {
  return (node, state) => {
    const { writer } = state;
    const x = placedOf(node.inputs[0], state);
    const constant = (value: number): string => writer.constant(tensorOf('float32', [], [value]), 'factor');
    const alpha = product ? 1 / 6 : floatAttribute(node, 'alpha', 0.2);
    const beta = product ? 0.5 : floatAttribute(node, 'beta', 0.5);
    const step = (op: string, a: string, b: string): string => writer.add(op, node.outputs[0], [a, b], { T: FLOAT });
    const line = step('AddV2', step('Mul', x.name, constant(alpha)), constant(beta));
    const gate = step('Minimum', step('Maximum', line, constant(0)), constant(1));
    return { name: product ? step('Mul', x.name, gate) : gate, turned: x.turned };
  };
}

function concat(node: GraphNode, state: State): Placed {
  const { writer, dims } = state;
  const rank = dims(node.outputs[0]).length;
  const axis = intAttribute(node, 'axis', 0);
  const along = axis < 0 ? axis + rank : axis;
  const image = rank === 4;
  const operands = node.inputs.map((input) => (image ? turned(input, state) : plain(input, state)));
  const at = writer.constant(tensorOf('int32', [], [image ? [0, 3, 1, 2][along] : along]), 'axis');
  const attributes = { T: FLOAT, Tidx: INT, N: { i: String(operands.length) } };
  return { name: writer.add('ConcatV2', node.outputs[0], [...operands, at], attributes), turned: image };
}

function pad(node: GraphNode, state: State): Placed {
  const { writer, graph, dims } = state;
  const pads = numbersOf(graph.initializers.get(node.inputs[1]) ?? tensorOf('int64', [0], []));
  const fill = optional(node, 2, state);
  const zero = fill === null || numbersOf(fill)[0] === 0;
  if (
    dims(node.inputs[0]).length !== 4 ||
    pads.length !== 8 ||
    !zero ||
    pads.some((each) => each < 0) ||
    textAttribute(node, 'mode', 'constant') !== 'constant'
  ) {
    throw impossible(node, 'only zeros around an image can be written');
  }
  const order = [0, 2, 3, 1].flatMap((axis) => [pads[axis], pads[axis + 4]]);
  const spread = writer.constant(tensorOf('int32', [4, 2], order), 'paddings');
  return {
    name: writer.add('Pad', node.outputs[0], [turned(node.inputs[0], state), spread], { T: FLOAT, Tpaddings: INT }),
    turned: true,
  };
}

const leaky: Emitter = (node, state) => {
  const x = placedOf(node.inputs[0], state);
  const alpha = { f: floatAttribute(node, 'alpha', 0.01) };
  return { name: state.writer.add('LeakyRelu', node.outputs[0], [x.name], { T: FLOAT, alpha }), turned: x.turned };
};

const elu: Emitter = (node, state) => {
  if (floatAttribute(node, 'alpha', 1) !== 1) throw impossible(node, 'TF.js has no Elu with an alpha other than 1');
  return unary('Elu')(node, state);
};

/** By the name of the operator in the ONNX domain. */
export const EMITTERS: Readonly<Record<string, Emitter>> = {
  Identity: (node, state) => placedOf(node.inputs[0], state),
  Conv: convolution,
  BatchNormalization: batchNorm,
  MaxPool: pool('MaxPool'),
  AveragePool: pool('AvgPool'),
  GlobalAveragePool: globalPool('Mean'),
  GlobalMaxPool: globalPool('Max'),
  ReduceMean: globalPool('Mean'),
  ReduceMax: globalPool('Max'),
  Relu: unary('Relu'),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Softplus: unary('Softplus'),
  Exp: unary('Exp'),
  Sqrt: unary('Sqrt'),
  Neg: unary('Neg'),
  Erf: unary('Erf'),
  LeakyRelu: leaky,
  Elu: elu,
  HardSigmoid: hard(false),
  HardSwish: hard(true),
  Clip: clip,
  Add: binary('AddV2'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('RealDiv'),
  Concat: concat,
  Pad: pad,
  Flatten: reshaped,
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Gemm: gemm,
  MatMul: matmul,
};

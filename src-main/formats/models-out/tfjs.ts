/**
 * A graph as a TF.js graph model: model.json (GraphDef in JSON) and weight shards (tfjs-core/src/io/types.ts). Our graph is
 * channels-first, TF.js computes channels-last: the model takes its image as [N,H,W,C], images stay that way, kernels and
 * the constants beside images are permuted. What TF.js has no operator for is refused by name.
 */
import {
  floatAttribute,
  intAttribute,
  intsAttribute,
  nodeLabel,
  textAttribute,
} from '../../engine/graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../../engine/graph/ir.ts';
import { windowOf } from '../../engine/graph/ops/geometry.ts';
import { inferShapes } from '../../engine/graph/shapes.ts';
import { numbersOf, tensorOf } from '../../engine/graph/tensors.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { permuted } from '../encoders/layered/channels-last.ts';

export interface TfjsFiles {
  readonly 'model.json': Uint8Array;
  readonly [shard: string]: Uint8Array;
}

/** Bytes of one shard; browsers keep files of this size in their caches. */
const SHARD_BYTES = 4 * 2 ** 20;

interface Placed {
  readonly name: string;
  /** `turned`: [N,H,W,C] for a graph value [N,C,H,W]. */
  readonly turned: boolean;
}

/**
 * @param graph inputs [N,C,H,W] with N open, evaluation mode
 * @throws ExpectedError export-impossible naming the node that cannot be said in TF.js
 */
export function writeTfjs(graph: Graph, producer: string): TfjsFiles {
  const writer = nodeWriter();
  // Two batch sizes tell which axes follow the batch.
  const [two, three] = [2, 3].map((size) => inferShapes(graph, { N: size }));
  const dims = (value: string): readonly number[] => two.get(value)?.dims ?? [];
  const shapeOf = (value: string): number[] =>
    dims(value).map((dim, axis) => (three.get(value)?.dims[axis] === dim ? dim : -1));
  const values = new Map<string, Placed>();
  const inputShapes = new Map<string, number[]>();
  for (const input of graph.inputs) {
    const shape = shapeOf(input.name);
    // TF.js makes images as [height, width, channels], so that is what the model is given.
    const turnedInput = shape.length === 4;
    const stated = turnedInput ? [0, 2, 3, 1].map((axis) => shape[axis]) : shape;
    const dim = stated.map((size) => ({ size: String(size) }));
    writer.add('Placeholder', input.name, [], { dtype: FLOAT, shape: { shape: { dim } } });
    inputShapes.set(input.name, stated);
    values.set(input.name, { name: input.name, turned: turnedInput });
  }
  const state: State = { graph, writer, values, dims, shapeOf };
  for (const node of graph.nodes) {
    if (node.domain !== '' || !Object.hasOwn(EMITTERS, node.op))
      throw impossible(node, 'TF.js is not given this operator');
    values.set(node.outputs[0], EMITTERS[node.op](node, state));
  }
  const outputs = graph.outputs.map(({ name }) => {
    const made = plain(name, state);
    return made === name ? name : writer.add('Identity', name, [made], { T: FLOAT });
  });
  const signature = {
    inputs: Object.fromEntries([...inputShapes].map(([name, shape]) => [name, tensorInfo(name, shape)])),
    outputs: Object.fromEntries(
      outputs.map((name, at) => [graph.outputs[at].name, tensorInfo(name, shapeOf(graph.outputs[at].name))]),
    ),
  };
  return pack(writer, signature, producer, graph.metadata);
}

const FLOAT = { type: 'DT_FLOAT' };
const INT = { type: 'DT_INT32' };

function tensorInfo(name: string, shape: readonly number[]): object {
  return { name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } };
}

function impossible(node: GraphNode, why: string): ExpectedError {
  return new ExpectedError('export-impossible', `TF.js: ${nodeLabel(node)}: ${why}.`);
}

interface NodeWriter {
  /** Adds a node under `name` or one made from it; returns its name. */
  add(op: string, name: string, inputs: readonly string[], attributes: object): string;
  constant(tensor: Tensor, name: string): string;
  ints(values: readonly number[], name: string): string;
  readonly nodes: object[];
  readonly weights: ReadonlyMap<string, Tensor>;
}

function nodeWriter(): NodeWriter {
  const nodes: object[] = [];
  const taken = new Set<string>();
  const weights = new Map<string, Tensor>();
  const claim = (wanted: string): string => {
    // ":" separates outputs in node names, "^" marks control inputs.
    const safe = wanted.replace(/[^A-Za-z0-9_.\-/>]/g, '_').replace(/^[^A-Za-z0-9.]+/, 'n');
    let name = safe;
    for (let count = 1; taken.has(name); count += 1) name = `${safe}_${count}`;
    taken.add(name);
    return name;
  };
  const writer: NodeWriter = {
    nodes,
    weights,
    add(op, wanted, inputs, attributes) {
      const name = claim(wanted);
      nodes.push({ name, op, input: inputs, attr: attributes });
      return name;
    },
    constant(tensor, wanted) {
      const dtype = tensor.dtype === 'int32' ? INT : FLOAT;
      const name = writer.add('Const', wanted, [], { dtype });
      weights.set(name, tensor);
      return name;
    },
    ints: (values, name) => writer.constant(tensorOf('int32', [values.length], values), name),
  };
  return writer;
}

interface State {
  readonly graph: Graph;
  readonly writer: NodeWriter;
  readonly values: Map<string, Placed>;
  readonly dims: (value: string) => readonly number[];
  /** With -1 for axes that follow the batch. */
  readonly shapeOf: (value: string) => number[];
}

type Emitter = (node: GraphNode, state: State) => Placed;

const attr = {
  ints: (values: readonly number[]): object => ({ list: { i: values.map(String) } }),
  text: (value: string): object => ({ s: Buffer.from(value).toString('base64') }),
  flag: (value: boolean): object => ({ b: value }),
};

/** The value in the graph's own axis order. */
function plain(value: string, state: State): string {
  const placed = placedOf(value, state);
  if (!placed.turned) return placed.name;
  const order = state.writer.ints([0, 3, 1, 2], 'order');
  return state.writer.add('Transpose', `${value}/channels_first`, [placed.name, order], { T: FLOAT, Tperm: INT });
}

/** A value of four axes as [N,H,W,C]. */
function turned(value: string, state: State): string {
  const placed = placedOf(value, state);
  if (placed.turned) return placed.name;
  const order = state.writer.ints([0, 2, 3, 1], 'order');
  const name = state.writer.add('Transpose', `${value}/channels_last`, [placed.name, order], { T: FLOAT, Tperm: INT });
  // An image is turned once, however many read it.
  state.values.set(value, { name, turned: true });
  return name;
}

function placedOf(value: string, state: State): Placed {
  const known = state.values.get(value);
  if (known !== undefined) return known;
  const tensor = state.graph.initializers.get(value);
  if (tensor === undefined) throw new Error(`the graph has no value ${value}`);
  const made = { name: state.writer.constant(floats(tensor), value), turned: false };
  state.values.set(value, made);
  return made;
}

const floats = (tensor: Tensor): Tensor =>
  tensor.dtype === 'float32' ? tensor : tensorOf('float32', tensor.dims, numbersOf(tensor));

function weight(node: GraphNode, index: number, { graph }: State): Tensor {
  const tensor = graph.initializers.get(node.inputs[index] ?? '');
  if (tensor === undefined) throw impossible(node, `input ${index} is not a weight`);
  return floats(tensor);
}

const optional = (node: GraphNode, index: number, state: State): Tensor | null =>
  (node.inputs[index] ?? '') === '' ? null : weight(node, index, state);

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

const EMITTERS: Readonly<Record<string, Emitter>> = {
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

function pack(writer: NodeWriter, signature: object, producer: string, metadata: Graph['metadata']): TfjsFiles {
  const weights = [...writer.weights];
  const specs = weights.map(([name, { dims, dtype }]) => ({ name, shape: dims, dtype }));
  const total = weights.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const [, { data }] of weights) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  const count = Math.max(1, Math.ceil(total / SHARD_BYTES));
  const paths = Array.from({ length: count }, (_, index) => `group1-shard${index + 1}of${count}.bin`);
  const model = {
    format: 'graph-model',
    generatedBy: producer,
    convertedBy: null,
    signature,
    userDefinedMetadata: metadata,
    modelTopology: { node: writer.nodes, library: {}, versions: {} },
    weightsManifest: [{ paths, weights: specs }],
  };
  const shards = paths.map(
    (path, index) => [path, bytes.subarray(index * SHARD_BYTES, (index + 1) * SHARD_BYTES)] as const,
  );
  return { 'model.json': new TextEncoder().encode(JSON.stringify(model)), ...Object.fromEntries(shards) };
}

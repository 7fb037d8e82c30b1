/** Making graphs: named values, fresh names, typed helpers for the usual operators. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { float, int, ints, type Attributes } from './attributes.ts';
import type { DType, Dim, Graph, GraphNode, Tensor, ValueInfo } from './ir.ts';
import { orderNodes } from './order.ts';
import { intsTensor, scalarTensor } from './tensors.ts';

export interface ConvOptions {
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
  readonly group?: number;
}

export interface PoolOptions {
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  readonly ceil?: boolean;
  readonly countPadding?: boolean;
}

/** All value arguments and results are value names. Nothing is evaluated. Opset 17. */
export interface GraphBuilder {
  input(name: string, dtype: DType, shape: readonly Dim[]): string;
  output(value: string, dtype: DType, shape: readonly Dim[]): string;
  /** A constant or weight; with `name` given it keeps it (an error when taken), else a fresh one is made. */
  constant(tensor: Tensor, name?: string): string;
  /** A float32 scalar constant, shared between uses. */
  scalar(value: number): string;
  /** A 1-D int64 constant, shared between uses. */
  ints(values: readonly number[]): string;
  /** A value name that nothing uses yet, made from `hint`. */
  fresh(hint: string): string;
  /** One node with one output; returns it. `output` names it. */
  node(op: string, inputs: readonly string[], attributes?: Attributes, output?: string, domain?: string): string;
  /** One node with several outputs, named or counted; '' leaves an optional output out. */
  multi(
    op: string,
    inputs: readonly string[],
    attributes: Attributes,
    outputs: number | readonly string[],
    domain?: string,
  ): string[];
  /** Adds a finished node as it is. */
  append(node: GraphNode): void;
  /** Lets every node added so far, save the node names in `except`, read `to` instead of `from`. */
  redirect(from: string, to: string, except?: ReadonlySet<string>): void;
  /**
   * The node that makes `value` makes a fresh value instead, which is returned; `value` is then free to be made again
   * from it. Readers and graph outputs keep their names.
   */
  interpose(value: string): string;
  /** Name of a node's optional output, which it gets when it had none. */
  optionalOutput(nodeName: string, index: number): string;
  readonly nodes: readonly GraphNode[];
  tensor(name: string): Tensor | undefined;
  /** Replaces or adds an initializer under that very name. */
  setInitializer(name: string, tensor: Tensor): void;
  removeInitializer(name: string): void;
  setInputs(inputs: readonly ValueInfo[]): void;
  setOutputs(outputs: readonly ValueInfo[]): void;

  add(a: string, b: string): string;
  sub(a: string, b: string): string;
  mul(a: string, b: string): string;
  div(a: string, b: string): string;
  pow(a: string, exponent: number): string;
  neg(x: string): string;
  sqrt(x: string): string;
  reciprocal(x: string): string;
  exp(x: string): string;
  log(x: string): string;
  relu(x: string): string;
  sigmoid(x: string): string;
  tanh(x: string): string;
  gelu(x: string): string;
  clip(x: string, low: number | null, high: number | null): string;
  matmul(a: string, b: string): string;
  gemm(a: string, b: string, c?: string, options?: { transA?: boolean; transB?: boolean }): string;
  conv(x: string, weight: string, bias?: string, options?: ConvOptions): string;
  batchNorm(x: string, scale: string, bias: string, mean: string, variance: string, epsilon?: number): string;
  layerNorm(x: string, scale: string, bias: string, axis?: number, epsilon?: number): string;
  maxPool(x: string, options: PoolOptions): string;
  averagePool(x: string, options: PoolOptions): string;
  globalAveragePool(x: string): string;
  softmax(x: string, axis?: number): string;
  logSoftmax(x: string, axis?: number): string;
  reduceMean(x: string, axes: readonly number[] | null, keep?: boolean): string;
  reduceSum(x: string, axes: readonly number[] | null, keep?: boolean): string;
  reduceMax(x: string, axes: readonly number[] | null, keep?: boolean): string;
  reshape(x: string, dims: readonly number[]): string;
  flatten(x: string, axis?: number): string;
  transpose(x: string, permutation: readonly number[]): string;
  concat(values: readonly string[], axis: number): string;
  /** Elements `start..end-1` along `axis`. */
  slice(x: string, axis: number, start: number, end: number): string;
  gather(x: string, indices: string, axis: number): string;
  squeeze(x: string, axes: readonly number[]): string;
  unsqueeze(x: string, axes: readonly number[]): string;
  expand(x: string, dims: readonly number[]): string;
  cast(x: string, dtype: 'float32' | 'int64' | 'int32' | 'bool'): string;
  where(condition: string, a: string, b: string): string;
  equal(a: string, b: string): string;
  less(a: string, b: string): string;
  greater(a: string, b: string): string;

  /** @throws onnx-malformed when a value is read that nothing makes, or made twice */
  build(): Graph;
}

const CAST_TO = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;

export interface BuilderOptions {
  /** Name of a graph that starts empty. */
  readonly name?: string;
  /** Told of every node as it is added. */
  readonly onNode?: (node: GraphNode) => void;
}

/** A builder that starts empty or from a copy of `from`; `from` itself is never changed. */
export function graphBuilder(from?: Graph, options: BuilderOptions = {}): GraphBuilder {
  let nodes: GraphNode[] = [...(from?.nodes ?? [])];
  let inputs: ValueInfo[] = [...(from?.inputs ?? [])];
  let outputs: ValueInfo[] = [...(from?.outputs ?? [])];
  const initializers = new Map(from?.initializers ?? []);
  const values = new Set<string>([...inputs.map((input) => input.name), ...initializers.keys()]);
  const nodeNames = new Set<string>();
  for (const node of nodes) {
    nodeNames.add(node.name);
    for (const output of node.outputs) if (output !== '') values.add(output);
  }
  const shared = new Map<string, string>();
  const counters = new Map<string, number>();

  function free(hint: string, taken: Set<string>): string {
    if (!taken.has(hint)) return hint;
    for (let count = counters.get(hint) ?? 1; ; count += 1) {
      const candidate = `${hint}_${count}`;
      if (!taken.has(candidate)) {
        counters.set(hint, count + 1);
        return candidate;
      }
    }
  }
  function claim(value: string): string {
    if (values.has(value)) throw new ExpectedError('onnx-malformed', `The value "${value}" is defined twice.`);
    values.add(value);
    return value;
  }
  const fresh = (hint: string): string => free(hint, values);

  function multi(
    op: string,
    nodeInputs: readonly string[],
    attributes: Attributes,
    wanted: number | readonly string[],
    domain = '',
  ): string[] {
    const names = typeof wanted === 'number' ? new Array<string | null>(wanted).fill(null) : wanted;
    const made = names.map((value) => {
      if (value === '') return '';
      return claim(value ?? fresh(op));
    });
    const nodeName = free(op, nodeNames);
    nodeNames.add(nodeName);
    const added: GraphNode = { op, domain, name: nodeName, inputs: nodeInputs, outputs: made, attributes };
    nodes.push(added);
    options.onNode?.(added);
    return made;
  }
  const node: GraphBuilder['node'] = (op, nodeInputs, attributes = {}, output, domain) =>
    multi(op, nodeInputs, attributes, output === undefined ? 1 : [output], domain)[0];

  function constant(tensor: Tensor, wantedName?: string): string {
    const value = claim(wantedName ?? fresh('constant'));
    initializers.set(value, tensor);
    return value;
  }
  function sharedConstant(key: string, make: () => Tensor): string {
    const known = shared.get(key);
    if (known !== undefined && initializers.has(known)) return known;
    const value = constant(make());
    shared.set(key, value);
    return value;
  }
  const scalar = (value: number): string => sharedConstant(`scalar ${value}`, () => scalarTensor(value));
  const intList = (list: readonly number[]): string => sharedConstant(`ints ${list.join()}`, () => intsTensor(list));
  const keepDims = (keep: boolean): Attributes => ({ keepdims: int(keep ? 1 : 0) });
  const withAxes = (axes: readonly number[] | null, keep: boolean): Attributes =>
    axes === null ? keepDims(keep) : { ...keepDims(keep), axes: ints(axes) };
  const pool = (op: string, x: string, window: PoolOptions): string =>
    node(op, [x], {
      kernel_shape: ints(window.kernel),
      strides: ints(window.strides ?? window.kernel.map(() => 1)),
      pads: ints(window.pads ?? window.kernel.flatMap(() => [0, 0])),
      ...(window.ceil === true ? { ceil_mode: int(1) } : {}),
      ...(window.countPadding === true ? { count_include_pad: int(1) } : {}),
    });

  return {
    input(value, dtype, shape) {
      inputs.push({ name: claim(value), dtype, shape });
      return value;
    },
    output(value, dtype, shape) {
      outputs.push({ name: value, dtype, shape });
      return value;
    },
    constant,
    scalar,
    ints: intList,
    fresh,
    node,
    multi,
    append(finished) {
      for (const output of finished.outputs) if (output !== '') claim(output);
      const nodeName = free(finished.name, nodeNames);
      nodeNames.add(nodeName);
      const added = { ...finished, name: nodeName };
      nodes.push(added);
      options.onNode?.(added);
    },
    redirect(old, replacement, except) {
      nodes = nodes.map((each) =>
        except?.has(each.name) === true || !each.inputs.includes(old)
          ? each
          : { ...each, inputs: each.inputs.map((value) => (value === old ? replacement : value)) },
      );
    },
    interpose(value) {
      const index = nodes.findIndex((each) => each.outputs.includes(value));
      if (index < 0) throw new ExpectedError('onnx-malformed', `No node makes the value "${value}".`);
      const raw = claim(fresh(`${value}/raw`));
      const each = nodes[index];
      nodes[index] = { ...each, outputs: each.outputs.map((output) => (output === value ? raw : output)) };
      values.delete(value);
      return raw;
    },
    optionalOutput(nodeName, index) {
      const at = nodes.findIndex((each) => each.name === nodeName);
      if (at < 0) throw new RangeError(`There is no node "${nodeName}".`);
      const known = nodes[at].outputs[index] ?? '';
      if (known !== '') return known;
      const outputs = Array.from(
        { length: Math.max(index + 1, nodes[at].outputs.length) },
        (_, i) => nodes[at].outputs[i] ?? '',
      );
      outputs[index] = claim(fresh(`${nodeName}/output${index}`));
      nodes[at] = { ...nodes[at], outputs };
      return outputs[index];
    },
    get nodes() {
      return nodes;
    },
    tensor: (value) => initializers.get(value),
    setInitializer(value, tensor) {
      if (!initializers.has(value)) claim(value);
      initializers.set(value, tensor);
    },
    removeInitializer(value) {
      if (initializers.delete(value)) values.delete(value);
    },
    setInputs(list) {
      inputs = [...list];
      for (const input of list) values.add(input.name);
    },
    setOutputs(list) {
      outputs = [...list];
    },

    add: (a, b) => node('Add', [a, b]),
    sub: (a, b) => node('Sub', [a, b]),
    mul: (a, b) => node('Mul', [a, b]),
    div: (a, b) => node('Div', [a, b]),
    pow: (a, exponent) => node('Pow', [a, scalar(exponent)]),
    neg: (x) => node('Neg', [x]),
    sqrt: (x) => node('Sqrt', [x]),
    reciprocal: (x) => node('Reciprocal', [x]),
    exp: (x) => node('Exp', [x]),
    log: (x) => node('Log', [x]),
    relu: (x) => node('Relu', [x]),
    sigmoid: (x) => node('Sigmoid', [x]),
    tanh: (x) => node('Tanh', [x]),
    gelu(x) {
      const gate = node('Add', [node('Erf', [node('Div', [x, scalar(Math.SQRT2)])]), scalar(1)]);
      return node('Mul', [node('Mul', [x, gate]), scalar(0.5)]);
    },
    clip: (x, low, high) =>
      node('Clip', [x, low === null ? '' : scalar(low), ...(high === null ? [] : [scalar(high)])]),
    matmul: (a, b) => node('MatMul', [a, b]),
    gemm: (a, b, c, options = {}) =>
      node('Gemm', c === undefined ? [a, b] : [a, b, c], {
        ...(options.transA === true ? { transA: int(1) } : {}),
        ...(options.transB === true ? { transB: int(1) } : {}),
      }),
    conv: (x, weight, bias, options = {}) =>
      node('Conv', bias === undefined ? [x, weight] : [x, weight, bias], {
        strides: ints(options.strides ?? [1, 1]),
        pads: ints(options.pads ?? [0, 0, 0, 0]),
        dilations: ints(options.dilations ?? [1, 1]),
        group: int(options.group ?? 1),
      }),
    batchNorm: (x, scale, bias, mean, variance, epsilon = 1e-5) =>
      node('BatchNormalization', [x, scale, bias, mean, variance], { epsilon: float(epsilon) }),
    layerNorm: (x, scale, bias, axis = -1, epsilon = 1e-5) =>
      node('LayerNormalization', [x, scale, bias], { axis: int(axis), epsilon: float(epsilon) }),
    maxPool: (x, options) => pool('MaxPool', x, options),
    averagePool: (x, options) => pool('AveragePool', x, options),
    globalAveragePool: (x) => node('GlobalAveragePool', [x]),
    softmax: (x, axis = -1) => node('Softmax', [x], { axis: int(axis) }),
    logSoftmax: (x, axis = -1) => node('LogSoftmax', [x], { axis: int(axis) }),
    reduceMean: (x, axes, keep = false) => node('ReduceMean', [x], withAxes(axes, keep)),
    reduceSum: (x, axes, keep = false) => node('ReduceSum', axes === null ? [x] : [x, intList(axes)], keepDims(keep)),
    reduceMax: (x, axes, keep = false) => node('ReduceMax', [x], withAxes(axes, keep)),
    reshape: (x, dims) => node('Reshape', [x, intList(dims)]),
    flatten: (x, axis = 1) => node('Flatten', [x], { axis: int(axis) }),
    transpose: (x, permutation) => node('Transpose', [x], { perm: ints(permutation) }),
    concat: (parts, axis) => node('Concat', parts, { axis: int(axis) }),
    slice: (x, axis, start, end) => node('Slice', [x, intList([start]), intList([end]), intList([axis])]),
    gather: (x, indices, axis) => node('Gather', [x, indices], { axis: int(axis) }),
    squeeze: (x, axes) => node('Squeeze', [x, intList(axes)]),
    unsqueeze: (x, axes) => node('Unsqueeze', [x, intList(axes)]),
    expand: (x, dims) => node('Expand', [x, intList(dims)]),
    cast: (x, dtype) => node('Cast', [x], { to: int(CAST_TO[dtype]) }),
    where: (condition, a, b) => node('Where', [condition, a, b]),
    equal: (a, b) => node('Equal', [a, b]),
    less: (a, b) => node('Less', [a, b]),
    greater: (a, b) => node('Greater', [a, b]),

    build() {
      const known = new Set([...inputs.map((input) => input.name), ...initializers.keys()]);
      const ordered = orderNodes(nodes, known);
      const made = new Set([...known, ...ordered.flatMap((each) => each.outputs)]);
      for (const output of outputs) {
        if (!made.has(output.name)) {
          throw new ExpectedError('onnx-malformed', `Nothing makes the output "${output.name}".`);
        }
      }
      return {
        name: from?.name ?? options.name ?? 'graph',
        opset: from?.opset ?? 17,
        inputs,
        outputs,
        nodes: ordered,
        initializers,
        metadata: from?.metadata ?? {},
      };
    },
  };
}

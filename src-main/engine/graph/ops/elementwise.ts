/** Element-wise operators with broadcasting. */
import { floatAttribute, intAttribute, malformedNode } from '../attributes.ts';
import type { DType, GraphNode, Tensor } from '../ir.ts';
import {
  allocate,
  broadcastStrides,
  float64Of,
  numbersOf,
  sameDims,
  sizeOf,
  stridedIndex,
  takeFlat,
  tensorOf,
} from '../tensors.ts';
import { erf } from './erf.ts';
import { broadcastDims, isFloat, needed, type Operator, type OperatorTable, type Shaped } from './operator.ts';

type UnaryFunction = (node: GraphNode) => (x: number) => number;

function unary(make: UnaryFunction): Operator {
  return {
    shapes: (node, inputs) => {
      const { dtype, dims } = needed(node, inputs, 0);
      return [{ dtype, dims }];
    },
    evaluate: (node, inputs) => {
      const x = needed(node, inputs, 0);
      const apply = make(node);
      if (!isFloat(x.dtype)) return [tensorOf(x.dtype, x.dims, numbersOf(x).map(apply))];
      return [{ dtype: x.dtype, dims: x.dims, data: float64Of(x).map(apply) }];
    },
  };
}

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const roundEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
};
const hardSigmoid = (alpha: number, beta: number, x: number): number => Math.max(0, Math.min(1, alpha * x + beta));

/** NaN stays NaN, as in every provider. */
const relu = (x: number): number => (x < 0 ? 0 : x);

const UNARY: Readonly<Record<string, UnaryFunction>> = {
  Relu: () => relu,
  LeakyRelu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  },
  Elu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  },
  HardSigmoid: (node) => {
    const alpha = floatAttribute(node, 'alpha', 0.2);
    const beta = floatAttribute(node, 'beta', 0.5);
    return (x) => hardSigmoid(alpha, beta, x);
  },
  HardSwish: () => (x) => x * hardSigmoid(1 / 6, 0.5, x),
  Sigmoid: () => sigmoid,
  Tanh: () => Math.tanh,
  Erf: () => erf,
  Exp: () => Math.exp,
  Log: () => Math.log,
  Sqrt: () => Math.sqrt,
  Neg: () => (x) => -x,
  Abs: () => Math.abs,
  Sign: () => Math.sign,
  Floor: () => Math.floor,
  Ceil: () => Math.ceil,
  Round: () => roundEven,
  Reciprocal: () => (x) => 1 / x,
  Softplus: () => softplus,
};

type BinaryFunction = (a: number, b: number) => number;

/** Reads both operands as if broadcast to `dims`. */
function combine(a: Tensor, b: Tensor, dims: readonly number[], apply: BinaryFunction): Float64Array {
  const left = float64Of(a);
  const right = float64Of(b);
  const size = sizeOf(dims);
  const out = new Float64Array(size);
  if (sameDims(a.dims, b.dims)) {
    for (let at = 0; at < size; at += 1) out[at] = apply(left[at], right[at]);
  } else if (right.length === 1) {
    for (let at = 0; at < size; at += 1) out[at] = apply(left[at], right[0]);
  } else {
    const leftAt = stridedIndex(dims, broadcastStrides(a.dims, dims));
    const rightAt = stridedIndex(dims, broadcastStrides(b.dims, dims));
    for (let at = 0; at < size; at += 1) out[at] = apply(left[leftAt[at]], right[rightAt[at]]);
  }
  return out;
}

function finish(dtype: DType, dims: readonly number[], values: Float64Array): Tensor {
  return isFloat(dtype) ? { dtype, dims, data: values } : tensorOf(dtype, dims, values);
}

function pairDims(node: GraphNode, inputs: readonly (Shaped | null)[]): { a: Shaped; b: Shaped; dims: number[] } {
  const a = needed(node, inputs, 0);
  const b = needed(node, inputs, 1);
  if (a.dtype !== b.dtype && node.op !== 'Pow') throw malformedNode(node, `operands of type ${a.dtype} and ${b.dtype}`);
  return { a, b, dims: broadcastDims(node, a.dims, b.dims) };
}

function arithmetic(apply: BinaryFunction, applyInt: BinaryFunction = apply): Operator {
  return {
    shapes: (node, inputs) => {
      const { a, dims } = pairDims(node, inputs);
      return [{ dtype: a.dtype, dims }];
    },
    evaluate: (node, inputs, [{ dtype, dims }]) => {
      const values = combine(needed(node, inputs, 0), needed(node, inputs, 1), dims, isFloat(dtype) ? apply : applyInt);
      return [finish(dtype, dims, values)];
    },
  };
}

function comparison(apply: (a: number, b: number) => boolean): Operator {
  return {
    shapes: (node, inputs) => [{ dtype: 'bool', dims: pairDims(node, inputs).dims }],
    evaluate: (node, inputs, [{ dims }]) => {
      const values = combine(needed(node, inputs, 0), needed(node, inputs, 1), dims, (a, b) => (apply(a, b) ? 1 : 0));
      return [tensorOf('bool', dims, values)];
    },
  };
}

/** Sum, Mean, Max, Min of any number of operands. */
function variadic(apply: BinaryFunction, mean = false): Operator {
  return {
    shapes: (node, inputs) => {
      const first = needed(node, inputs, 0);
      const dims = inputs.slice(1).reduce<readonly number[]>((met, _, index) => {
        const next = needed(node, inputs, index + 1);
        if (next.dtype !== first.dtype) throw malformedNode(node, `operands of type ${first.dtype} and ${next.dtype}`);
        return broadcastDims(node, met, next.dims);
      }, first.dims);
      return [{ dtype: first.dtype, dims }];
    },
    evaluate: (node, inputs, [{ dtype, dims }]) => {
      const zero: Tensor = { dtype: 'float64', dims: [], data: Float64Array.of(0) };
      let values = combine(needed(node, inputs, 0), zero, dims, (a) => a);
      if (!sameDims(needed(node, inputs, 0).dims, dims))
        values = combine(zero, needed(node, inputs, 0), dims, (_, b) => b);
      for (let index = 1; index < inputs.length; index += 1) {
        values = combine({ dtype: 'float64', dims, data: values }, needed(node, inputs, index), dims, apply);
      }
      return [finish(dtype, dims, mean ? values.map((value) => value / inputs.length) : values)];
    },
  };
}

const Clip: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    return [{ dtype, dims }];
  },
  evaluate: (node, inputs) => {
    const x = needed(node, inputs, 0);
    const low = inputs[1] ? numbersOf(inputs[1])[0] : -Infinity;
    const high = inputs[2] ? numbersOf(inputs[2])[0] : Infinity;
    return [
      finish(
        x.dtype,
        x.dims,
        float64Of(x).map((value) => (value < low ? low : value > high ? high : value)),
      ),
    ];
  },
};

const PRelu: Operator = arithmetic((x, slope) => (x < 0 ? x * slope : x));

const Not: Operator = {
  shapes: (node, inputs) => [{ dtype: 'bool', dims: needed(node, inputs, 0).dims }],
  evaluate: (node, inputs) => {
    const x = needed(node, inputs, 0);
    return [
      tensorOf(
        'bool',
        x.dims,
        numbersOf(x).map((value) => (value === 0 ? 1 : 0)),
      ),
    ];
  },
};

const Where: Operator = {
  shapes: (node, inputs) => {
    const condition = needed(node, inputs, 0);
    const a = needed(node, inputs, 1);
    const b = needed(node, inputs, 2);
    if (a.dtype !== b.dtype) throw malformedNode(node, `branches of type ${a.dtype} and ${b.dtype}`);
    return [{ dtype: a.dtype, dims: broadcastDims(node, condition.dims, broadcastDims(node, a.dims, b.dims)) }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const [condition, a, b] = [0, 1, 2].map((index) => {
      const input = needed(node, inputs, index);
      return takeFlat(input, stridedIndex(dims, broadcastStrides(input.dims, dims)), dims);
    });
    const chosen = { ...b, data: b.data.slice() };
    for (let at = 0; at < chosen.data.length; at += 1)
      if (Number(condition.data[at]) !== 0) chosen.data[at] = a.data[at];
    return [chosen];
  },
};

const DTYPE_OF_CODE: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float32',
  11: 'float32',
  16: 'float32',
};

export function castTarget(node: GraphNode): DType {
  const code = intAttribute(node, 'to', 0);
  const dtype = DTYPE_OF_CODE[code];
  if (dtype === undefined) throw malformedNode(node, `a cast to data type ${code}`);
  return dtype;
}

const Cast: Operator = {
  shapes: (node, inputs) => [{ dtype: castTarget(node), dims: needed(node, inputs, 0).dims }],
  evaluate: (node, inputs, [{ dtype, dims }]) => {
    const x = needed(node, inputs, 0);
    if (isFloat(dtype)) return [{ dtype, dims, data: float64Of(x) }];
    if (dtype === x.dtype) return [x];
    const values = numbersOf(x);
    const data = allocate(dtype, values.length);
    for (let at = 0; at < values.length; at += 1) {
      const value = dtype === 'bool' ? Number(values[at] !== 0) : Math.trunc(values[at]);
      if (data instanceof BigInt64Array) data[at] = BigInt(Number.isFinite(value) ? value : 0);
      else data[at] = value;
    }
    return [{ dtype, dims, data }];
  },
};

const identity: Operator = {
  shapes: (node, inputs) => [needed(node, inputs, 0)],
  evaluate: (node, inputs) => [needed(node, inputs, 0)],
};

export const elementwise: OperatorTable = {
  ...Object.fromEntries(Object.entries(UNARY).map(([op, make]) => [op, unary(make)])),
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic(
    (a, b) => a / b,
    (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  ),
  Mod: arithmetic(
    (a, b) => a % b,
    (a, b) => (b === 0 ? 0 : a - b * Math.floor(a / b)),
  ),
  Pow: arithmetic((a, b) => a ** b),
  PRelu,
  Max: variadic((a, b) => Math.max(a, b)),
  Min: variadic((a, b) => Math.min(a, b)),
  Sum: variadic((a, b) => a + b),
  Mean: variadic((a, b) => a + b, true),
  Equal: comparison((a, b) => a === b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  And: comparison((a, b) => a !== 0 && b !== 0),
  Or: comparison((a, b) => a !== 0 || b !== 0),
  Not,
  Where,
  Clip,
  Cast,
  Identity: identity,
  Dropout: identity,
};

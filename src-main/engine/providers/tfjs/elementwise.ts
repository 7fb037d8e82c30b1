/** Element-wise operators. */
import { floatAttribute } from '../../graph/attributes.ts';
import type { GraphNode } from '../../graph/ir.ts';
import { castTarget } from '../../graph/ops/elementwise.ts';
import { aligned, asResult, mapped, operand, type Call, type Kernel, type KernelTable } from './kernel.ts';
import type { Tf, TfTensor } from './load.ts';

type Unary = (tf: Tf, x: TfTensor, node: GraphNode) => TfTensor;

const hardSigmoid = (tf: Tf, x: TfTensor, alpha: number, beta: number): TfTensor =>
  tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);

const unaries: Readonly<Record<string, Unary>> = {
  Relu: (tf, x) => tf.relu(x),
  LeakyRelu: (tf, x, node) => tf.where(tf.less(x, 0), tf.mul(x, floatAttribute(node, 'alpha', 0.01)), x),
  Elu: (tf, x, node) => tf.where(tf.less(x, 0), tf.mul(tf.expm1(x), floatAttribute(node, 'alpha', 1)), x),
  HardSigmoid: (tf, x, node) =>
    hardSigmoid(tf, x, floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)),
  HardSwish: (tf, x) => tf.mul(x, hardSigmoid(tf, x, 1 / 6, 0.5)),
  Sigmoid: (tf, x) => tf.sigmoid(x),
  Tanh: (tf, x) => tf.tanh(x),
  Erf: (tf, x) => tf.erf(x),
  Exp: (tf, x) => tf.exp(x),
  Log: (tf, x) => tf.log(x),
  Sqrt: (tf, x) => tf.sqrt(x),
  Neg: (tf, x) => tf.neg(x),
  Abs: (tf, x) => tf.abs(x),
  Sign: (tf, x) => tf.sign(x),
  Floor: (tf, x) => tf.floor(x),
  Ceil: (tf, x) => tf.ceil(x),
  Round: (tf, x) => tf.round(x),
  Reciprocal: (tf, x) => tf.div(1, x),
  Softplus: (tf, x) => tf.softplus(x),
  Not: (tf, x) => tf.logicalNot(x),
  Identity: (tf, x) => tf.clone(x),
  Dropout: (tf, x) => tf.clone(x),
};

type Binary = (tf: Tf, a: TfTensor, b: TfTensor) => TfTensor;

const binaries: Readonly<Record<string, Binary>> = {
  Add: (tf, a, b) => tf.add(a, b),
  Sub: (tf, a, b) => tf.sub(a, b),
  Mul: (tf, a, b) => tf.mul(a, b),
  Div: (tf, a, b) => tf.div(a, b),
  Pow: (tf, a, b) => tf.pow(a, tf.cast(b, a.dtype)),
  PRelu: (tf, x, slope) => tf.where(tf.less(x, 0), tf.mul(x, slope), x),
  Equal: (tf, a, b) => tf.equal(a, b),
  Less: (tf, a, b) => tf.less(a, b),
  LessOrEqual: (tf, a, b) => tf.lessEqual(a, b),
  Greater: (tf, a, b) => tf.greater(a, b),
  GreaterOrEqual: (tf, a, b) => tf.greaterEqual(a, b),
  And: (tf, a, b) => tf.logicalAnd(a, b),
  Or: (tf, a, b) => tf.logicalOr(a, b),
};

/** Of any number of operands. */
const variadics: Readonly<Record<string, Binary>> = {
  Max: (tf, a, b) => tf.maximum(a, b),
  Min: (tf, a, b) => tf.minimum(a, b),
  Sum: (tf, a, b) => tf.add(a, b),
  Mean: (tf, a, b) => tf.add(a, b),
};

function combined(call: Call, apply: (tensors: readonly TfTensor[]) => TfTensor): ReturnType<Kernel> {
  const values = call.inputs.map((_, index) => operand(call, index));
  const { layout, tensors } = aligned(call.device, values, call.outputs[0].dims);
  return [asResult(apply(tensors), layout)];
}

const where: Kernel = (call) =>
  combined(call, ([condition, a, b]) => call.device.tf.where(call.device.tf.cast(condition, 'bool'), a, b));

const clip: Kernel = (call) => {
  const { device, inputs } = call;
  const { tf } = device;
  const [, low, high] = inputs;
  return mapped(call, (x) => {
    const raised = low ? tf.maximum(x, tf.reshape(device.plain(low), [])) : tf.clone(x);
    return high ? tf.minimum(raised, tf.reshape(device.plain(high), [])) : raised;
  });
};

const cast: Kernel = (call) => {
  const { tf } = call.device;
  const target = castTarget(call.node);
  return mapped(call, (x) => {
    if (target === 'bool') return x.dtype === 'bool' ? tf.clone(x) : tf.notEqual(x, 0);
    return tf.cast(x, target === 'float32' ? 'float32' : 'int32');
  });
};

export const elementwise: KernelTable = {
  ...Object.fromEntries(
    Object.entries(unaries).map(([op, apply]): [string, Kernel] => [
      op,
      (call) => mapped(call, (x) => apply(call.device.tf, x, call.node)),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(binaries).map(([op, apply]): [string, Kernel] => [
      op,
      (call) => combined(call, ([a, b]) => apply(call.device.tf, a, b)),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(variadics).map(([op, apply]): [string, Kernel] => [
      op,
      (call) =>
        combined(call, (tensors) => {
          const { tf } = call.device;
          const whole =
            tensors.length === 1 ? tf.clone(tensors[0]) : tensors.reduce((met, each) => apply(tf, met, each));
          return op === 'Mean' ? tf.div(whole, tensors.length) : whole;
        }),
    ]),
  ),
  Where: where,
  Clip: clip,
  Cast: cast,
};

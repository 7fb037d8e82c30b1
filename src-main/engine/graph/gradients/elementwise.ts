/** Gradients of element-wise operators, from outputs rather than inputs where both would do (one value less to keep). */
import { floatAttribute } from '../attributes.ts';
import { castTarget } from '../ops/elementwise.ts';
import { isFloat } from '../ops/operator.ts';
import { numbersOf } from '../tensors.ts';
import {
  noGradient,
  soleGradient,
  unbroadcast,
  type GradientContext,
  type GradientRule,
  type GradientTable,
} from './rule.ts';

/** Twice a root below this counts as this. */
const smallestRoot = 1e-30;

/** Rule of `y = f(x)` where `derivative` emits dX from x, y and dY. */
function unary(derivative: (context: GradientContext, x: string, y: string, dy: string) => string): GradientRule {
  return (context) => {
    const { node } = context;
    if (context.wants(0)) context.give(0, derivative(context, node.inputs[0], node.outputs[0], soleGradient(context)));
  };
}

/** 1 strictly between the bounds, else 0: at a bound nothing flows, as at the zero of Relu. */
function between({ b }: GradientContext, value: string, low: string | null, high: string | null): string | null {
  const above = low === null ? null : b.greater(value, low);
  const below = high === null ? null : b.less(value, high);
  if (above === null) return below === null ? null : b.cast(below, 'float32');
  return b.cast(below === null ? above : b.node('And', [above, below]), 'float32');
}

/** Emits `term` of the gradient of input `index` summed back to that input's dims. */
function give(context: GradientContext, index: number, term: () => string): void {
  const { node, b } = context;
  if (!context.wants(index)) return;
  const gradient = term();
  context.give(index, unbroadcast(b, gradient, context.dims(gradient), context.dims(node.inputs[index])));
}

/** Grows a gradient that does not have the output's dims yet (its other factor was the smaller operand). */
function binary(...terms: ((context: GradientContext, dy: string, a: string, b: string) => string)[]): GradientRule {
  return (context) => {
    const [left, right] = context.node.inputs;
    const dy = soleGradient(context);
    terms.forEach((term, index) => give(context, index, () => term(context, dy, left, right)));
  };
}

const same: GradientRule = (context) => {
  context.node.inputs.forEach((_, index) => give(context, index, () => soleGradient(context)));
};

const extreme =
  (better: 'GreaterOrEqual' | 'LessOrEqual'): GradientRule =>
  (context) => {
    const { node, b } = context;
    if (node.inputs.length > 2) throw noGradient(node, 'it has more than two operands');
    const dy = soleGradient(context);
    if (node.inputs.length === 1) return give(context, 0, () => dy);
    const first = b.node(better, [node.inputs[0], node.inputs[1]]);
    give(context, 0, () => b.where(first, dy, b.scalar(0)));
    give(context, 1, () => b.where(first, b.scalar(0), dy));
  };

const nothing: GradientRule = () => undefined;

export const elementwiseGradients: GradientTable = {
  Identity: same,
  Dropout: same,
  Sum: same,
  Add: same,
  Mean: (context) => {
    const { node, b } = context;
    const share = b.mul(soleGradient(context), b.scalar(1 / node.inputs.length));
    node.inputs.forEach((_, index) => give(context, index, () => share));
  },
  Sub: binary(
    (_, dy) => dy,
    ({ b }, dy) => b.neg(dy),
  ),
  Mul: binary(
    ({ b }, dy, _left, right) => b.mul(dy, right),
    ({ b }, dy, left) => b.mul(dy, left),
  ),
  Div: binary(
    ({ b }, dy, _left, right) => b.div(dy, right),
    ({ b, node }, dy, _left, right) => b.neg(b.mul(dy, b.div(node.outputs[0], right))),
  ),
  Max: extreme('GreaterOrEqual'),
  Min: extreme('LessOrEqual'),
  Pow: (context) => {
    const { node, b } = context;
    if (context.wants(1)) throw noGradient(node, 'its exponent is not constant');
    if (!context.wants(0)) return;
    const [x, exponent] = node.inputs;
    const known = context.known(exponent);
    if (known === undefined) throw noGradient(node, 'its exponent is not constant');
    const [power] = numbersOf(known);
    const dy = soleGradient(context);
    if (known.data.length === 1 && power === 2) return context.give(0, b.mul(dy, b.mul(x, b.scalar(2))));
    const data = Float32Array.from(numbersOf(known));
    const factor = b.constant({ dtype: 'float32', dims: known.dims, data });
    const powers = data.map((value) => value - 1);
    const less = b.constant({ dtype: 'float32', dims: known.dims, data: powers });
    // Of a root the slope at 0 has no end, as of Sqrt.
    const base = powers.some((value) => value < 0)
      ? b.node('Where', [b.node('Equal', [x, b.scalar(0)]), b.scalar(smallestRoot), x])
      : x;
    give(context, 0, () => b.mul(dy, b.mul(b.node('Pow', [base, less]), factor)));
  },
  Where: (context) => {
    const { node, b } = context;
    const dy = soleGradient(context);
    give(context, 1, () => b.where(node.inputs[0], dy, b.scalar(0)));
    give(context, 2, () => b.where(node.inputs[0], b.scalar(0), dy));
  },
  PRelu: (context) => {
    const { node, b } = context;
    const dy = soleGradient(context);
    const [x, slope] = node.inputs;
    const positive = b.greater(x, b.scalar(0));
    give(context, 0, () => b.where(positive, dy, b.mul(dy, slope)));
    give(context, 1, () => b.where(positive, b.scalar(0), b.mul(dy, x)));
  },
  Cast: (context) => {
    if (isFloat(castTarget(context.node))) give(context, 0, () => soleGradient(context));
  },
  Clip: (context) => {
    const { node, b } = context;
    const dy = soleGradient(context);
    if (context.wants(1) || context.wants(2)) throw noGradient(node, 'its bounds are not constant');
    const bound = (index: number): string | null => (node.inputs[index] ?? '') || null;
    const open = between(context, node.outputs[0], bound(1), bound(2));
    if (context.wants(0)) context.give(0, open === null ? dy : b.mul(dy, open));
  },
  Relu: unary(({ b }, _x, y, dy) => b.mul(dy, b.node('Sign', [y]))),
  LeakyRelu: unary(({ b, node }, x, _y, dy) =>
    b.where(b.greater(x, b.scalar(0)), dy, b.mul(dy, b.scalar(floatAttribute(node, 'alpha', 0.01)))),
  ),
  Elu: unary(({ b, node }, x, y, dy) =>
    b.where(b.greater(x, b.scalar(0)), dy, b.mul(dy, b.add(y, b.scalar(floatAttribute(node, 'alpha', 1))))),
  ),
  HardSigmoid: unary((context, _x, y, dy) => {
    const { b, node } = context;
    const open = between(context, y, b.scalar(0), b.scalar(1)) as string;
    return b.mul(dy, b.mul(open, b.scalar(floatAttribute(node, 'alpha', 0.2))));
  }),
  HardSwish: unary((context, x, _y, dy) => {
    const { b } = context;
    const gate = b.clip(b.add(b.mul(x, b.scalar(1 / 6)), b.scalar(0.5)), 0, 1);
    const open = between(context, gate, b.scalar(0), b.scalar(1)) as string;
    return b.mul(dy, b.add(gate, b.mul(b.mul(x, b.scalar(1 / 6)), open)));
  }),
  Sigmoid: unary(({ b }, _x, y, dy) => b.mul(dy, b.mul(y, b.sub(b.scalar(1), y)))),
  Tanh: unary(({ b }, _x, y, dy) => b.mul(dy, b.sub(b.scalar(1), b.mul(y, y)))),
  Erf: unary(({ b }, x, _y, dy) => b.mul(dy, b.mul(b.exp(b.neg(b.mul(x, x))), b.scalar(2 / Math.sqrt(Math.PI))))),
  Exp: unary(({ b }, _x, y, dy) => b.mul(dy, y)),
  Log: unary(({ b }, x, _y, dy) => b.div(dy, x)),
  // The slope at 0 has no end. What does not count (0 times that) stays 0 instead of NaN: a cosine of an image at which every
  // feature is silent, say.
  Sqrt: unary(({ b }, _x, y, dy) => b.div(dy, b.node('Max', [b.mul(y, b.scalar(2)), b.scalar(smallestRoot)]))),
  Neg: unary(({ b }, _x, _y, dy) => b.neg(dy)),
  Abs: unary(({ b }, x, _y, dy) => b.mul(dy, b.node('Sign', [x]))),
  Reciprocal: unary(({ b }, _x, y, dy) => b.neg(b.mul(dy, b.mul(y, y)))),
  Softplus: unary(({ b }, x, _y, dy) => b.mul(dy, b.sigmoid(x))),
  Sign: nothing,
  Floor: nothing,
  Ceil: nothing,
  Round: nothing,
};

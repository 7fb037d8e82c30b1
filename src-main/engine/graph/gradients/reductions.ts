/** Gradients of reductions and softmax. */
import { intAttribute } from '../attributes.ts';
import { reducedAxes } from '../ops/reductions.ts';
import { soleGradient, type GradientContext, type GradientRule, type GradientTable } from './rule.ts';

/** `emit` gets the gradient, the input and the output, the last two broadcastable against the input. */
function reduction(
  emit: (context: GradientContext, dy: string, x: string, y: string, count: number) => string,
): GradientRule {
  return (context) => {
    const { node, b } = context;
    if (!context.wants(0)) return;
    const [x] = node.inputs;
    const dims = context.dims(x);
    const typed = node.inputs.map((name) => {
      const value = context.known(name);
      return { dtype: 'float32' as const, dims: context.dims(name), ...(value === undefined ? {} : { value }) };
    });
    const axes = reducedAxes(node, typed);
    const kept = dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const keep = (value: string): string =>
      intAttribute(node, 'keepdims', 1) === 1 || axes.length === 0 ? value : b.reshape(value, kept);
    const count = axes.reduce((product, axis) => product * dims[axis], 1);
    context.give(0, emit(context, keep(soleGradient(context)), x, keep(node.outputs[0]), count));
  };
}

/** The share of the gradient that goes to each of several equal extremes. */
const extreme = reduction((context, dy, x, y) => {
  const { b, node } = context;
  const mask = b.cast(b.equal(x, y), 'float32');
  const typed = node.inputs.map((name) => ({ dtype: 'float32' as const, dims: context.dims(name) }));
  const ties = b.reduceSum(mask, reducedAxes(node, typed), true);
  return b.mul(mask, b.div(dy, ties));
});

const Softmax: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const [y] = node.outputs;
  const dy = soleGradient(context);
  const weighted = b.mul(dy, y);
  const total = b.reduceSum(weighted, [intAttribute(node, 'axis', -1)], true);
  context.give(0, b.sub(weighted, b.mul(y, total)));
};

const LogSoftmax: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dy = soleGradient(context);
  const total = b.reduceSum(dy, [intAttribute(node, 'axis', -1)], true);
  context.give(0, b.sub(dy, b.mul(b.exp(node.outputs[0]), total)));
};

export const reductionGradients: GradientTable = {
  ReduceSum: reduction((context, dy, x) => context.b.expand(dy, context.dims(x))),
  ReduceMean: reduction((context, dy, x, _y, count) => {
    const { b } = context;
    return b.expand(b.mul(dy, b.scalar(1 / count)), context.dims(x));
  }),
  ReduceL1: reduction(({ b }, dy, x) => b.mul(b.node('Sign', [x]), dy)),
  // At a zero vector the norm has no derivative; zero is taken, and nothing becomes NaN.
  ReduceL2: reduction(({ b }, dy, x, y) => b.mul(x, b.div(dy, b.node('Max', [y, b.scalar(1e-12)])))),
  ReduceSumSquare: reduction(({ b }, dy, x) => b.mul(x, b.mul(dy, b.scalar(2)))),
  ReduceMax: extreme,
  ReduceMin: extreme,
  Softmax,
  LogSoftmax,
};

/** Reductions and softmax. */
import { intAttribute, intsAttribute } from '../attributes.ts';
import type { GraphNode } from '../ir.ts';
import { float64Of, numbersOf, sizeOf, stridesOf, stridedIndex, tensorOf } from '../tensors.ts';
import { axisOf, isFloat, knownInts, needed, type Operator, type OperatorTable, type Shaped } from './operator.ts';

/** Axes that a reduction removes, ascending; all when none are named. */
export function reducedAxes(node: GraphNode, inputs: readonly (Shaped | null)[]): number[] {
  const rank = needed(node, inputs, 0).dims.length;
  const input = inputs[1];
  const listed =
    node.op === 'ReduceSum' ? (input ? knownInts(node, input, 'axes') : null) : intsAttribute(node, 'axes');
  if (listed === null || listed.length === 0) {
    if (intAttribute(node, 'noop_with_empty_axes', 0) === 1) return [];
    return Array.from({ length: rank }, (_, axis) => axis);
  }
  return [...new Set(listed.map((axis) => axisOf(node, axis, rank)))].sort((a, b) => a - b);
}

function reduction(reduce: (values: Float64Array) => number): Operator {
  return {
    shapes: (node, inputs) => {
      const { dtype, dims } = needed(node, inputs, 0);
      const axes = reducedAxes(node, inputs);
      const keep = intAttribute(node, 'keepdims', 1) === 1;
      const kept = dims.map((dim, axis) => (axes.includes(axis) ? (keep ? 1 : -1) : dim));
      return [{ dtype, dims: kept.filter((dim) => dim >= 0) }];
    },
    evaluate: (node, inputs, [{ dtype, dims }]) => {
      const x = needed(node, inputs, 0);
      const typed = inputs.map((input) => (input === null ? null : { ...input, value: input }));
      const axes = reducedAxes(node, typed);
      const strides = stridesOf(x.dims);
      const keptAxes = x.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
      const pick = (list: readonly number[], chosen: readonly number[]): number[] => chosen.map((axis) => list[axis]);
      const starts = stridedIndex(pick(x.dims, keptAxes), pick(strides, keptAxes));
      const steps = stridedIndex(pick(x.dims, axes), pick(strides, axes));
      const data = float64Of(x);
      const run = new Float64Array(steps.length);
      const out = Float64Array.from(starts, (start) => {
        for (let at = 0; at < steps.length; at += 1) run[at] = data[start + steps[at]];
        return reduce(run);
      });
      return [isFloat(dtype) ? { dtype, dims, data: out } : tensorOf(dtype, dims, out)];
    },
  };
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

function softmaxLike(normalise: (run: Float64Array) => void): Operator {
  return {
    shapes: (node, inputs) => {
      const { dtype, dims } = needed(node, inputs, 0);
      axisOf(node, intAttribute(node, 'axis', -1), dims.length);
      return [{ dtype, dims }];
    },
    evaluate: (node, inputs, [{ dtype, dims }]) => {
      const x = float64Of(needed(node, inputs, 0));
      const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
      const inner = sizeOf(dims.slice(axis + 1));
      const size = dims[axis];
      const y = new Float64Array(x.length);
      const run = new Float64Array(size);
      for (let outer = 0; outer < sizeOf(dims.slice(0, axis)); outer += 1) {
        for (let offset = 0; offset < inner; offset += 1) {
          const from = outer * size * inner + offset;
          for (let at = 0; at < size; at += 1) run[at] = x[from + at * inner];
          normalise(run);
          for (let at = 0; at < size; at += 1) y[from + at * inner] = run[at];
        }
      }
      return [{ dtype, dims, data: y }];
    },
  };
}

const largest = (run: Float64Array): number => run.reduce((best, value) => Math.max(best, value), -Infinity);

const Softmax = softmaxLike((run) => {
  const top = largest(run);
  for (let at = 0; at < run.length; at += 1) run[at] = Math.exp(run[at] - top);
  const total = sum(run);
  for (let at = 0; at < run.length; at += 1) run[at] /= total;
});

const LogSoftmax = softmaxLike((run) => {
  const top = largest(run);
  const total = Math.log(run.reduce((met, value) => met + Math.exp(value - top), 0)) + top;
  for (let at = 0; at < run.length; at += 1) run[at] -= total;
});

const ArgMax: Operator = {
  shapes: (node, inputs) => {
    const { dims } = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const keep = intAttribute(node, 'keepdims', 1) === 1;
    return [{ dtype: 'int64', dims: dims.flatMap((dim, at) => (at !== axis ? [dim] : keep ? [1] : [])) }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
    const last = intAttribute(node, 'select_last_index', 0) === 1;
    const inner = sizeOf(x.dims.slice(axis + 1));
    const values = numbersOf(x);
    const out = new Array<number>(sizeOf(dims));
    for (let at = 0; at < out.length; at += 1) {
      const from = Math.floor(at / inner) * x.dims[axis] * inner + (at % inner);
      let best = 0;
      for (let step = 1; step < x.dims[axis]; step += 1) {
        const value = values[from + step * inner];
        const top = values[from + best * inner];
        if (value > top || (last && value === top)) best = step;
      }
      out[at] = best;
    }
    return [tensorOf('int64', dims, out)];
  },
};

export const reductions: OperatorTable = {
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceSum: reduction(sum),
  ReduceMax: reduction(largest),
  ReduceMin: reduction((values) => values.reduce((best, value) => Math.min(best, value), Infinity)),
  ReduceL1: reduction((values) => values.reduce((total, value) => total + Math.abs(value), 0)),
  ReduceL2: reduction((values) => Math.sqrt(values.reduce((total, value) => total + value * value, 0))),
  ReduceSumSquare: reduction((values) => values.reduce((total, value) => total + value * value, 0)),
  ReduceProd: reduction((values) => values.reduce((total, value) => total * value, 1)),
  Softmax,
  LogSoftmax,
  ArgMax,
};

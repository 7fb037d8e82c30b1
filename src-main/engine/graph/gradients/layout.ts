/** Gradients of operators that move values. */
import { intAttribute, textAttribute } from '../attributes.ts';
import type { GraphBuilder } from '../builder.ts';
import { permutationOf, sliceAxes } from '../ops/layout.ts';
import { axisOf, type Shaped } from '../ops/operator.ts';
import { filled, numbersOf, sizeOf, tensorOf } from '../tensors.ts';
import {
  noGradient,
  soleGradient,
  unbroadcast,
  type GradientContext,
  type GradientRule,
  type GradientTable,
} from './rule.ts';

function knownNumbers(context: GradientContext, index: number, what: string): number[] {
  const value = context.known(context.node.inputs[index] ?? '');
  if (value === undefined) throw noGradient(context.node, `its ${what} are not constant`);
  return numbersOf(value);
}

const reshaped: GradientRule = (context) => {
  const { node, b } = context;
  if (context.wants(0)) context.give(0, b.reshape(soleGradient(context), context.dims(node.inputs[0])));
};

const Transpose: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const permutation = permutationOf(node, context.dims(node.inputs[0]).length);
  const inverse = new Array<number>(permutation.length);
  permutation.forEach((axis, at) => {
    inverse[axis] = at;
  });
  context.give(0, b.transpose(soleGradient(context), inverse));
};

const Expand: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dims = context.dims(node.inputs[0]);
  context.give(0, unbroadcast(b, soleGradient(context), context.dims(node.outputs[0]), dims));
};

const Tile: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dims = context.dims(node.inputs[0]);
  const repeats = knownNumbers(context, 1, 'repeats');
  const split = b.reshape(
    soleGradient(context),
    dims.flatMap((dim, axis) => [repeats[axis], dim]),
  );
  context.give(
    0,
    b.reduceSum(
      split,
      dims.map((_, axis) => 2 * axis),
    ),
  );
};

const Concat: GradientRule = (context) => {
  const { node, b } = context;
  const dy = soleGradient(context);
  const axis = axisOf(node, intAttribute(node, 'axis', 0), context.dims(dy).length);
  let start = 0;
  node.inputs.forEach((input, index) => {
    const end = start + context.dims(input)[axis];
    if (context.wants(index)) context.give(index, b.slice(dy, axis, start, end));
    start = end;
  });
};

/** Zeros before and behind along each axis; a negative number cuts. */
function padOrCut(
  b: GraphBuilder,
  value: string,
  before: readonly number[],
  behind: readonly number[],
  dims: readonly number[],
): string {
  let result = value;
  const positive = (list: readonly number[]): number[] => list.map((amount) => Math.max(0, amount));
  const cutAxes = dims.map((_, axis) => axis).filter((axis) => before[axis] < 0 || behind[axis] < 0);
  if (cutAxes.length > 0) {
    const starts = cutAxes.map((axis) => Math.max(0, -before[axis]));
    const ends = cutAxes.map((axis) => dims[axis] - Math.max(0, -behind[axis]));
    result = b.node('Slice', [result, b.ints(starts), b.ints(ends), b.ints(cutAxes)]);
  }
  const pads = [...positive(before), ...positive(behind)];
  return pads.some((amount) => amount > 0) ? b.node('Pad', [result, b.ints(pads)]) : result;
}

const Slice: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dims = context.dims(node.inputs[0]);
  const typed: (Shaped | null)[] = node.inputs.map((name, index) => {
    if (name === '') return null;
    const value = index === 0 ? undefined : context.known(name);
    return { dtype: 'float32', dims: context.dims(name), ...(value === undefined ? {} : { value }) };
  });
  let gradient = soleGradient(context);
  let met = [...context.dims(node.outputs[0])];
  const before = dims.map(() => 0);
  const behind = dims.map(() => 0);
  for (const { axis, start, step, size } of sliceAxes(node, typed)) {
    if (size === 0) {
      // An empty slice tells nothing about its source.
      return context.give(0, b.constant(filled('float32', dims, 0)));
    }
    let first = start;
    if (step < 0) {
      gradient = b.gather(gradient, b.ints(Array.from({ length: size }, (_, at) => size - 1 - at)), axis);
      first = start + (size - 1) * step;
    }
    const stride = Math.abs(step);
    if (stride > 1) {
      // Spread the values `stride` apart: pad a new axis behind each of them, then drop the overhang.
      const rank = met.length;
      const zeros = new Array<number>(2 * (rank + 1)).fill(0);
      zeros[rank + 1 + axis + 1] = stride - 1;
      const open = b.unsqueeze(gradient, [axis + 1]);
      met = met.map((dim, at) => (at === axis ? dim * stride : dim));
      gradient = b.reshape(b.node('Pad', [open, b.ints(zeros)]), met);
    }
    before[axis] = first;
    behind[axis] = dims[axis] - first - met[axis];
  }
  context.give(0, padOrCut(b, gradient, before, behind, met));
};

const Split: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const axis = axisOf(node, intAttribute(node, 'axis', 0), context.dims(node.inputs[0]).length);
  const parts = node.outputs.map((output, index) => {
    const gradient = context.dy(index);
    return gradient ?? b.constant(filled('float32', context.dims(output), 0));
  });
  context.give(0, b.concat(parts, axis));
};

const Gather: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const dims = context.dims(node.inputs[0]);
  const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
  const size = dims[axis];
  const indices = knownNumbers(context, 1, 'indices').map((index) => (index < 0 ? index + size : index));
  const count = indices.length;
  const flatDims = dims.map((dim, at) => (at === axis ? count : dim));
  const dy = soleGradient(context);
  const gradient = context.dims(node.inputs[1]).length === 1 ? dy : b.reshape(dy, flatDims);
  const before = dims.map(() => 0);
  const behind = dims.map(() => 0);
  if (indices.every((index, at) => index === indices[0] + at)) {
    before[axis] = indices[0] ?? 0;
    behind[axis] = size - before[axis] - count;
    return context.give(0, padOrCut(b, gradient, before, behind, flatDims));
  }
  if (new Set(indices).size === count) {
    const position = new Map(indices.map((index, at) => [index, at]));
    behind[axis] = count < size ? 1 : 0;
    const back = Array.from({ length: size }, (_, row) => position.get(row) ?? count);
    return context.give(0, b.gather(padOrCut(b, gradient, before, behind, flatDims), b.ints(back), axis));
  }
  // Repeated indices add up: multiply by the matrix that says who was taken where.
  const taken = new Float64Array(size * count);
  indices.forEach((index, at) => {
    taken[index * count + at] = 1;
  });
  const matrix = b.constant(tensorOf('float32', [size, count], taken));
  const inner = sizeOf(dims.slice(axis + 1));
  const columns = b.reshape(gradient, [sizeOf(dims.slice(0, axis)), count, inner]);
  context.give(0, b.reshape(b.matmul(matrix, columns), dims));
};

const Pad: GradientRule = (context) => {
  const { node, b } = context;
  if (!context.wants(0)) return;
  const mode = textAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') throw noGradient(node, `it pads by "${mode}"`);
  const rank = context.dims(node.inputs[0]).length;
  const pads = knownNumbers(context, 1, 'pads').map((amount) => -amount);
  const dims = context.dims(node.outputs[0]);
  context.give(0, padOrCut(b, soleGradient(context), pads.slice(0, rank), pads.slice(rank), dims));
};

export const layoutGradients: GradientTable = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose,
  Expand,
  Tile,
  Concat,
  Slice,
  Split,
  Gather,
  Pad,
};

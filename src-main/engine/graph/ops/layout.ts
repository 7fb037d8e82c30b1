/** Operators that move values without changing them. */
import { intAttribute, intsAttribute, malformedNode, textAttribute } from '../attributes.ts';
import type { GraphNode } from '../ir.ts';
import { broadcastStrides, numbersOf, sizeOf, stridedIndex, stridesOf, takeFlat } from '../tensors.ts';
import {
  axisOf,
  broadcastDims,
  knownInts,
  needed,
  type Operator,
  type OperatorTable,
  type Shaped,
} from './operator.ts';

/** Keeps the data, changes the dims. */
function reshaping(
  dimsOf: (node: GraphNode, x: Shaped, inputs: readonly (Shaped | null)[]) => readonly number[],
): Operator {
  return {
    shapes: (node, inputs) => {
      const x = needed(node, inputs, 0);
      const dims = dimsOf(node, x, inputs);
      if (sizeOf(dims) !== sizeOf(x.dims))
        throw malformedNode(node, `[${x.dims.join()}] cannot become [${dims.join()}]`);
      return [{ dtype: x.dtype, dims }];
    },
    evaluate: (node, inputs, [{ dims }]) => {
      const { dtype, data } = needed(node, inputs, 0);
      return [{ dtype, dims, data }];
    },
  };
}

const Reshape = reshaping((node, x, inputs) => {
  const target = knownInts(node, needed(node, inputs, 1), 'target sizes');
  const literalZero = intAttribute(node, 'allowzero', 0) === 1;
  const dims = target.map((dim, axis) => {
    if (dim !== 0 || literalZero) return dim;
    if (axis >= x.dims.length) throw malformedNode(node, `size 0 at axis ${axis} of [${target.join()}]`);
    return x.dims[axis];
  });
  const open = dims.indexOf(-1);
  if (dims.some((dim, axis) => dim < 0 && axis !== open)) throw malformedNode(node, `the target [${target.join()}]`);
  if (open >= 0) {
    const rest = sizeOf(dims.filter((_, axis) => axis !== open));
    dims[open] = rest === 0 ? 0 : sizeOf(x.dims) / rest;
    if (!Number.isInteger(dims[open])) throw malformedNode(node, `[${x.dims.join()}] cannot become [${target.join()}]`);
  }
  return dims;
});

const Flatten = reshaping((node, x) => {
  const rank = x.dims.length;
  const attribute = intAttribute(node, 'axis', 1);
  const axis = attribute === rank ? rank : axisOf(node, attribute, Math.max(rank, 1));
  return [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))];
});

const Squeeze = reshaping((node, x, inputs) => {
  const input = inputs[1];
  const axes = input ? knownInts(node, input, 'axes').map((axis) => axisOf(node, axis, x.dims.length)) : null;
  if (axes !== null && axes.some((axis) => x.dims[axis] !== 1)) {
    throw malformedNode(node, `axes [${axes.join()}] of [${x.dims.join()}] are not all of size 1`);
  }
  return x.dims.filter((dim, axis) => (axes === null ? dim !== 1 : !axes.includes(axis)));
});

const Unsqueeze = reshaping((node, x, inputs) => {
  const listed = knownInts(node, needed(node, inputs, 1), 'axes');
  const rank = x.dims.length + listed.length;
  const axes = new Set(listed.map((axis) => axisOf(node, axis, rank)));
  if (axes.size !== listed.length) throw malformedNode(node, `axes [${listed.join()}] repeat`);
  const rest = [...x.dims];
  return Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() as number)));
});

export function permutationOf(node: GraphNode, rank: number): readonly number[] {
  const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  if (perm.length !== rank || new Set(perm).size !== rank || perm.some((axis) => !(axis >= 0 && axis < rank))) {
    throw malformedNode(node, `perm [${perm.join()}] of a tensor with ${rank} dimensions`);
  }
  return perm;
}

const Transpose: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    return [{ dtype, dims: permutationOf(node, dims.length).map((axis) => dims[axis]) }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    const strides = stridesOf(x.dims);
    const moved = permutationOf(node, x.dims.length).map((axis) => strides[axis]);
    return [takeFlat(x, stridedIndex(dims, moved), dims)];
  },
};

const Expand: Operator = {
  shapes: (node, inputs) => {
    const x = needed(node, inputs, 0);
    return [{ dtype: x.dtype, dims: broadcastDims(node, x.dims, knownInts(node, needed(node, inputs, 1), 'sizes')) }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    return [takeFlat(x, stridedIndex(dims, broadcastStrides(x.dims, dims)), dims)];
  },
};

const Tile: Operator = {
  shapes: (node, inputs) => {
    const x = needed(node, inputs, 0);
    const repeats = knownInts(node, needed(node, inputs, 1), 'repeats');
    if (repeats.length !== x.dims.length || repeats.some((count) => count < 0)) {
      throw malformedNode(node, `repeats [${repeats.join()}] of [${x.dims.join()}]`);
    }
    return [{ dtype: x.dtype, dims: x.dims.map((dim, axis) => dim * repeats[axis]) }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    const strides = stridesOf(x.dims);
    const split = x.dims.flatMap((dim, axis) => [dim === 0 ? 0 : dims[axis] / dim, dim]);
    return [
      takeFlat(
        x,
        stridedIndex(
          split,
          strides.flatMap((stride) => [0, stride]),
        ),
        dims,
      ),
    ];
  },
};

const Concat: Operator = {
  shapes: (node, inputs) => {
    const first = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), first.dims.length);
    let total = 0;
    inputs.forEach((_, index) => {
      const part = needed(node, inputs, index);
      const fits =
        part.dtype === first.dtype &&
        part.dims.length === first.dims.length &&
        part.dims.every((dim, at) => at === axis || dim === first.dims[at]);
      if (!fits) {
        throw malformedNode(node, `${part.dtype}[${part.dims.join()}] beside ${first.dtype}[${first.dims.join()}]`);
      }
      total += part.dims[axis];
    });
    return [{ dtype: first.dtype, dims: first.dims.map((dim, at) => (at === axis ? total : dim)) }];
  },
  evaluate: (node, inputs, [{ dtype, dims }]) => {
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const parts = inputs.map((_, index) => needed(node, inputs, index));
    const whole = takeFlat(parts[0], new Int32Array(sizeOf(dims)).fill(-1), dims);
    const inner = sizeOf(dims.slice(axis + 1));
    let done = 0;
    for (const part of parts) {
      const run = part.dims[axis] * inner;
      for (let outer = 0; outer < sizeOf(dims.slice(0, axis)); outer += 1) {
        const to = outer * dims[axis] * inner + done;
        for (let at = 0; at < run; at += 1) whole.data[to + at] = part.data[outer * run + at];
      }
      done += run;
    }
    return [{ dtype, dims, data: whole.data }];
  },
};

export interface SliceAxis {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly size: number;
}

/** What a Slice takes along each axis it names, ends and starts clamped as ONNX says. */
export function sliceAxes(node: GraphNode, inputs: readonly (Shaped | null)[]): SliceAxis[] {
  const { dims } = needed(node, inputs, 0);
  const starts = knownInts(node, needed(node, inputs, 1), 'starts');
  const ends = knownInts(node, needed(node, inputs, 2), 'ends');
  const axes = inputs[3] ? knownInts(node, inputs[3], 'axes') : starts.map((_, index) => index);
  const steps = inputs[4] ? knownInts(node, inputs[4], 'steps') : starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw malformedNode(node, 'starts, ends, axes and steps differ in length');
  }
  return starts.map((start, index) => {
    const axis = axisOf(node, axes[index], dims.length);
    const dim = dims[axis];
    const step = steps[index];
    if (step === 0) throw malformedNode(node, 'a step of 0');
    const [low, high] = step > 0 ? [0, dim] : [-1, dim - 1];
    const clamp = (value: number): number => Math.min(high, Math.max(low, value < 0 ? value + dim : value));
    const from = step > 0 ? clamp(start) : Math.max(0, clamp(start));
    const size = Math.max(0, Math.ceil((clamp(ends[index]) - (dim === 0 ? 0 : from)) / step));
    return { axis, start: from, step, size };
  });
}

const Slice: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    const taken = new Map(sliceAxes(node, inputs).map((each) => [each.axis, each.size]));
    return [{ dtype, dims: dims.map((dim, axis) => taken.get(axis) ?? dim) }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    const strides = stridesOf(x.dims);
    let offset = 0;
    for (const each of sliceAxes(node, withValues(inputs))) {
      offset += each.start * strides[each.axis];
      strides[each.axis] *= each.step;
    }
    return [takeFlat(x, stridedIndex(dims, strides, offset), dims)];
  },
};

function withValues(inputs: Parameters<Operator['evaluate']>[1]): (Shaped | null)[] {
  return inputs.map((input) => (input === null ? null : { ...input, value: input }));
}

const Split: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const count = node.outputs.length;
    const even = Math.ceil(dims[axis] / count);
    const sizes = inputs[1]
      ? knownInts(node, inputs[1], 'sizes')
      : node.outputs.map((_, at) => Math.max(0, Math.min(even, dims[axis] - at * even)));
    const total = sizes.reduce((met, size) => met + size, 0);
    if (sizes.length !== count || total !== dims[axis] || sizes.some((size) => size < 0)) {
      throw malformedNode(node, `sizes [${sizes.join()}] for ${count} parts of ${dims[axis]}`);
    }
    return sizes.map((size) => ({ dtype, dims: dims.map((dim, at) => (at === axis ? size : dim)) }));
  },
  evaluate: (node, inputs, outputs) => {
    const x = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
    const strides = stridesOf(x.dims);
    let start = 0;
    return outputs.map(({ dims }) => {
      const part = takeFlat(x, stridedIndex(dims, strides, start * strides[axis]), dims);
      start += dims[axis];
      return part;
    });
  },
};

const Gather: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    return [{ dtype, dims: [...dims.slice(0, axis), ...needed(node, inputs, 1).dims, ...dims.slice(axis + 1)] }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
    const indices = numbersOf(needed(node, inputs, 1)).map((index) => {
      if (!(index >= -x.dims[axis] && index < x.dims[axis])) {
        throw malformedNode(node, `index ${index} of an axis of size ${x.dims[axis]}`);
      }
      return index < 0 ? index + x.dims[axis] : index;
    });
    const inner = sizeOf(x.dims.slice(axis + 1));
    const index = new Int32Array(sizeOf(dims));
    let at = 0;
    for (let outer = 0; outer < sizeOf(x.dims.slice(0, axis)); outer += 1) {
      for (const row of indices) {
        const from = (outer * x.dims[axis] + row) * inner;
        for (let step = 0; step < inner; step += 1) index[at++] = from + step;
      }
    }
    return [takeFlat(x, index, dims)];
  },
};

const Pad: Operator = {
  shapes: (node, inputs) => {
    const { dtype, dims } = needed(node, inputs, 0);
    const pads = knownInts(node, needed(node, inputs, 1), 'pads');
    if (pads.length !== 2 * dims.length) throw malformedNode(node, `pads [${pads.join()}] of [${dims.join()}]`);
    const padded = dims.map((dim, axis) => dim + pads[axis] + pads[axis + dims.length]);
    if (padded.some((dim) => dim < 0)) throw malformedNode(node, `pads [${pads.join()}] of [${dims.join()}]`);
    return [{ dtype, dims: padded }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const x = needed(node, inputs, 0);
    const pads = numbersOf(needed(node, inputs, 1));
    const mode = textAttribute(node, 'mode', 'constant');
    const fill = inputs[2] ? numbersOf(inputs[2])[0] : 0;
    const strides = stridesOf(x.dims);
    const outStrides = stridesOf(dims);
    const sources = dims.map((dim, axis) =>
      Int32Array.from({ length: dim }, (_, at) => padSource(node, mode, at - pads[axis], x.dims[axis])),
    );
    const index = new Int32Array(sizeOf(dims));
    for (let at = 0; at < index.length; at += 1) {
      let from = 0;
      for (let axis = 0; axis < dims.length && from >= 0; axis += 1) {
        const source = sources[axis][Math.floor(at / outStrides[axis]) % dims[axis]];
        from = source < 0 ? -1 : from + source * strides[axis];
      }
      index[at] = from;
    }
    return [takeFlat(x, index, dims, fill)];
  },
};

/** Where a padded position reads from, -1 for the constant. */
export function padSource(node: GraphNode, mode: string, at: number, size: number): number {
  if (at >= 0 && at < size) return at;
  switch (mode) {
    case 'constant':
      return -1;
    case 'edge':
      return Math.min(size - 1, Math.max(0, at));
    case 'reflect': {
      const mirrored = at < 0 ? -at : 2 * (size - 1) - at;
      if (mirrored < 0 || mirrored >= size) throw malformedNode(node, `reflect padding wider than ${size} pixels`);
      return mirrored;
    }
    default:
      throw malformedNode(node, `padding mode ${mode}`);
  }
}

export const layoutOps: OperatorTable = {
  Reshape,
  Flatten,
  Squeeze,
  Unsqueeze,
  Transpose,
  Expand,
  Tile,
  Concat,
  Slice,
  Split,
  Gather,
  Pad,
};

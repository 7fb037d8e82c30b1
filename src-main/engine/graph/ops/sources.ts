/** Operators that make values out of shapes and attributes. */
import { intAttribute, malformedNode } from '../attributes.ts';
import { allocate, filled, intsTensor, numbersOf, sizeOf, tensorOf } from '../tensors.ts';
import { knownInts, needed, type Operator, type OperatorTable } from './operator.ts';

const Shape: Operator = {
  shapes: (node, inputs) => {
    const { dims } = needed(node, inputs, 0);
    const clamp = (at: number): number => Math.min(dims.length, Math.max(0, at < 0 ? at + dims.length : at));
    const listed = dims.slice(clamp(intAttribute(node, 'start', 0)), clamp(intAttribute(node, 'end', dims.length)));
    return [{ dtype: 'int64', dims: [listed.length], value: intsTensor(listed) }];
  },
  evaluate: (_node, _inputs, [{ value }]) => {
    if (value === undefined) throw new Error('Shape is always known');
    return [value];
  },
};

const Size: Operator = {
  shapes: (node, inputs) => [
    { dtype: 'int64', dims: [], value: tensorOf('int64', [], [sizeOf(needed(node, inputs, 0).dims)]) },
  ],
  evaluate: Shape.evaluate,
};

const ConstantOfShape: Operator = {
  shapes: (node, inputs) => {
    const dims = knownInts(node, needed(node, inputs, 0), 'sizes');
    if (dims.some((dim) => dim < 0)) throw malformedNode(node, `sizes [${dims.join()}]`);
    const value = node.attributes['value'];
    return [{ dtype: value?.type === 'tensor' ? value.value.dtype : 'float32', dims }];
  },
  evaluate: (node, _inputs, [{ dtype, dims }]) => {
    const value = node.attributes['value'];
    return [filled(dtype, dims, value?.type === 'tensor' ? (numbersOf(value.value)[0] ?? 0) : 0)];
  },
};

const Constant: Operator = {
  shapes: (node) => {
    const value = node.attributes['value'];
    if (value?.type !== 'tensor') throw malformedNode(node, 'a constant that is no tensor');
    return [{ dtype: value.value.dtype, dims: value.value.dims }];
  },
  evaluate: (node) => {
    const value = node.attributes['value'];
    if (value?.type !== 'tensor') throw malformedNode(node, 'a constant that is no tensor');
    return [value.value];
  },
};

const Range: Operator = {
  shapes: (node, inputs) => {
    const [start, limit, delta] = [0, 1, 2].map((at) => knownInts(node, needed(node, inputs, at), 'bounds')[0]);
    const size = Math.max(0, Math.ceil((limit - start) / delta));
    if (!Number.isFinite(size)) throw malformedNode(node, `a range from ${start} to ${limit} by ${delta}`);
    return [{ dtype: needed(node, inputs, 0).dtype, dims: [size] }];
  },
  evaluate: (node, inputs, [{ dtype, dims }]) => {
    const [start, , delta] = [0, 1, 2].map((at) => numbersOf(needed(node, inputs, at))[0]);
    return [
      tensorOf(
        dtype,
        dims,
        Array.from({ length: dims[0] }, (_, at) => start + at * delta),
      ),
    ];
  },
};

/** 0/1 on the diagonal k. */
const EyeLike: Operator = {
  shapes: (node, inputs) => {
    const { dims } = needed(node, inputs, 0);
    if (dims.length !== 2) throw malformedNode(node, `[${dims.join()}], a matrix wanted`);
    return [{ dtype: 'float32', dims }];
  },
  evaluate: (node, _inputs, [{ dims }]) => {
    const data = allocate('float32', sizeOf(dims)) as Float32Array;
    const shift = intAttribute(node, 'k', 0);
    for (let row = 0; row < dims[0]; row += 1) {
      if (row + shift >= 0 && row + shift < dims[1]) data[row * dims[1] + row + shift] = 1;
    }
    return [{ dtype: 'float32', dims, data }];
  },
};

export const sources: OperatorTable = { Shape, Size, ConstantOfShape, Constant, Range, EyeLike };

/** ScatterND, which exporters emit where a model assigns to slices (window masks of shifted attention). */
import { malformedNode, textAttribute } from '../attributes.ts';
import { allocate, numbersOf, sizeOf, stridesOf } from '../tensors.ts';
import { needed, type Operator, type OperatorTable } from './operator.ts';

const ScatterND: Operator = {
  shapes: (node, inputs) => {
    const data = needed(node, inputs, 0);
    const indices = needed(node, inputs, 1);
    const updates = needed(node, inputs, 2);
    const depth = indices.dims.at(-1) ?? 0;
    const wanted = [...indices.dims.slice(0, -1), ...data.dims.slice(depth)];
    if (textAttribute(node, 'reduction', 'none') !== 'none')
      throw malformedNode(node, 'a reduction of repeated indices');
    if (depth > data.dims.length || updates.dtype !== data.dtype || updates.dims.join() !== wanted.join()) {
      throw malformedNode(node, `updates [${updates.dims.join()}], [${wanted.join()}] wanted`);
    }
    return [{ dtype: data.dtype, dims: data.dims }];
  },
  evaluate: (node, inputs) => {
    const source = needed(node, inputs, 0);
    const table = needed(node, inputs, 1);
    const updates = needed(node, inputs, 2);
    const depth = table.dims.at(-1) ?? 0;
    const strides = stridesOf(source.dims);
    const run = sizeOf(source.dims.slice(depth));
    const indices = numbersOf(table);
    const exact = source.data instanceof Float64Array || updates.data instanceof Float64Array;
    const data = exact ? new Float64Array(source.data.length) : allocate(source.dtype, source.data.length);
    for (let at = 0; at < data.length; at += 1) data[at] = source.data[at];
    for (let row = 0; row * depth < indices.length; row += 1) {
      let to = 0;
      for (let axis = 0; axis < depth; axis += 1) {
        const index = indices[row * depth + axis];
        const size = source.dims[axis];
        if (!(index >= -size && index < size)) throw malformedNode(node, `index ${index} of an axis of size ${size}`);
        to += (index < 0 ? index + size : index) * strides[axis];
      }
      for (let at = 0; at < run; at += 1) data[to + at] = updates.data[row * run + at];
    }
    return [{ dtype: source.dtype, dims: source.dims, data }];
  },
};

export const scatter: OperatorTable = { ScatterND };

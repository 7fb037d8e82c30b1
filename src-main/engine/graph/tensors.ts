/** Small helpers on dense tensors: sizes, strides, index arithmetic, construction. */
import type { DType, Tensor, TensorData } from './ir.ts';

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return strides;
}

export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

export function allocate(dtype: DType, size: number): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(size);
    case 'float64':
      return new Float64Array(size);
    case 'float16':
      return new Uint16Array(size);
    case 'int64':
      return new BigInt64Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'int8':
      return new Int8Array(size);
    case 'uint8':
    case 'bool':
      return new Uint8Array(size);
  }
}

/** A tensor of `dtype` with the given values (numbers; int64 within the safe range). */
export function tensorOf(dtype: DType, dims: readonly number[], values: ArrayLike<number>): Tensor {
  if (values.length !== sizeOf(dims)) throw new RangeError(`${values.length} values for ${dims.join('x')}`);
  const data = allocate(dtype, values.length);
  if (data instanceof BigInt64Array) for (let at = 0; at < values.length; at += 1) data[at] = BigInt(values[at]);
  else data.set(values);
  return { dtype, dims, data };
}

export function filled(dtype: DType, dims: readonly number[], value: number): Tensor {
  const data = allocate(dtype, sizeOf(dims));
  if (data instanceof BigInt64Array) data.fill(BigInt(value));
  else data.fill(value);
  return { dtype, dims, data };
}

export const scalarTensor = (value: number): Tensor => tensorOf('float32', [], [value]);
export const intsTensor = (values: readonly number[]): Tensor => tensorOf('int64', [values.length], values);

/** Values as numbers (int64 may lose exactness beyond 2^53). */
export function numbersOf(tensor: Tensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** Values as float64; the tensor's own array where it already is one. */
export function float64Of(tensor: Tensor): Float64Array {
  const { data } = tensor;
  if (data instanceof Float64Array) return data;
  if (data instanceof BigInt64Array) return Float64Array.from(data, Number);
  return Float64Array.from(data);
}

/** A tensor of the same dtype made of the elements at flat positions `index`; -1 takes `fill`. */
export function takeFlat(source: Tensor, index: Int32Array, dims: readonly number[], fill = 0): Tensor {
  const { data } = source;
  if (data instanceof BigInt64Array) {
    const out = new BigInt64Array(index.length);
    const missing = BigInt(fill);
    for (let at = 0; at < index.length; at += 1) out[at] = index[at] < 0 ? missing : data[index[at]];
    return { dtype: source.dtype, dims, data: out };
  }
  const out = data instanceof Float64Array ? new Float64Array(index.length) : allocate(source.dtype, index.length);
  for (let at = 0; at < index.length; at += 1) out[at] = index[at] < 0 ? fill : data[index[at]];
  return { dtype: source.dtype, dims, data: out };
}

/**
 * Flat source positions of a strided view, in row-major order of `dims`: `offset + sum(coordinate * strides)`.
 * Stride 0 repeats (broadcasting), a negative stride walks backwards.
 */
export function stridedIndex(dims: readonly number[], strides: readonly number[], offset = 0): Int32Array {
  const size = sizeOf(dims);
  const index = new Int32Array(size);
  const rank = dims.length;
  const counter = new Int32Array(rank);
  let position = offset;
  for (let at = 0; at < size; at += 1) {
    index[at] = position;
    for (let axis = rank - 1; axis >= 0; axis -= 1) {
      counter[axis] += 1;
      position += strides[axis];
      if (counter[axis] < dims[axis]) break;
      position -= strides[axis] * dims[axis];
      counter[axis] = 0;
    }
  }
  return index;
}

/** Strides that read a tensor of `from` dims as if it were broadcast to `to` (numpy rules). */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  const shift = to.length - from.length;
  return to.map((_, axis) => (axis < shift || from[axis - shift] === 1 ? 0 : strides[axis - shift]));
}

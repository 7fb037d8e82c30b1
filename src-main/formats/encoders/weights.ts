/** Named weights of a file that has no graph, whatever format they came in; values are decoded when they are asked for. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { bfloat16Values, float16Values, toFloat32, typedView } from '../../engine/graph/onnx/tensor.ts';
import type { DType, Tensor, TensorData } from '../../engine/graph/ir.ts';
import { sizeOf, stridedIndex, stridesOf, takeFlat } from '../../engine/graph/tensors.ts';

export type ElementType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool';

export const elementBytes: Readonly<Record<ElementType, number>> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

export interface Weight {
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** Dense and row-major; every float type comes as float32, int16 as int32. */
  read(): Tensor;
}

export type Weights = ReadonlyMap<string, Weight>;

/** Where a tensor lies in raw bytes; offset and strides count elements. */
export interface Layout {
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** Null = row-major without gaps. */
  readonly strides: readonly number[] | null;
  readonly offset: number;
  readonly bigEndian: boolean;
}

/** Elements of one weight; the sizes of a known architecture stay far below. */
const MOST_ELEMENTS = 2 ** 29;

/**
 * A weight in raw bytes. Reach and size are checked here, so that a broken one is refused even when nobody reads it.
 * @param label names it in errors
 * @throws ExpectedError encoder-malformed when it reaches outside of the bytes, encoder-too-large
 */
export function weightIn(bytes: () => Uint8Array, byteCount: number, layout: Layout, label: string): Weight {
  const { type, dims, offset } = layout;
  const strides = layout.strides ?? stridesOf(dims);
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (dims.length !== strides.length || dims.length > 16) {
    throw new ExpectedError('encoder-malformed', `${label} has ${dims.length} sizes and ${strides.length} strides.`);
  }
  if (![offset, ...dims, ...strides].every(whole)) {
    throw new ExpectedError(
      'encoder-malformed',
      `${label} has a size, stride or offset below zero or out of range: [${dims.join(', ')}], [${strides.join(', ')}], ${offset}.`,
    );
  }
  const values = dims.reduce((product, dim) => product * BigInt(dim), 1n);
  if (values > BigInt(MOST_ELEMENTS)) {
    throw new ExpectedError('encoder-too-large', `${label} claims ${dims.join('x')} values (limit ${MOST_ELEMENTS}).`);
  }
  const last = dims.reduce((sum, dim, axis) => sum + BigInt(dim - 1) * BigInt(strides[axis]), BigInt(offset));
  if (values > 0n && (last + 1n) * BigInt(elementBytes[type]) > BigInt(byteCount)) {
    throw new ExpectedError(
      'encoder-malformed',
      `${label} [${dims.join(', ')}] with strides [${strides.join(', ')}] from ${offset} reaches outside of its ${byteCount} bytes.`,
    );
  }
  return { type, dims, read: () => decode(bytes(), { ...layout, strides }) };
}

function decode(bytes: Uint8Array, { type, dims, strides, offset, bigEndian }: Layout): Tensor {
  const width = elementBytes[type];
  const steps = strides ?? stridesOf(dims);
  const size = sizeOf(dims);
  const dense = stridesOf(dims).every((step, axis) => step === steps[axis] || dims[axis] === 1);
  const last = size === 0 ? offset - 1 : dims.reduce((sum, dim, axis) => sum + (dim - 1) * steps[axis], offset);
  // A copy: what is read from a file must not change when somebody else writes into its buffer.
  const own = Uint8Array.prototype.slice.call(bytes, offset * width, (last + 1) * width) as Uint8Array;
  const raw = new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
  if (bigEndian) swap(raw, width);
  const [dtype, data] = converted(raw, type);
  if (dense) return { dtype, dims, data: data.subarray(0, size) as TensorData };
  return takeFlat({ dtype, dims: [data.length], data }, stridedIndex(dims, steps), dims);
}

function swap(bytes: Uint8Array, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) buffer.swap16();
  if (width === 4) buffer.swap32();
  if (width === 8) buffer.swap64();
}

function converted(raw: Uint8Array, type: ElementType): readonly [DType, TensorData] {
  switch (type) {
    case 'float32':
      return ['float32', typedView(raw, Float32Array)];
    case 'float64':
      return ['float32', Float32Array.from(typedView(raw, Float64Array), toFloat32)];
    case 'float16':
      return ['float32', float16Values(typedView(raw, Uint16Array))];
    case 'bfloat16':
      return ['float32', bfloat16Values(typedView(raw, Uint16Array))];
    case 'int64':
      return ['int64', typedView(raw, BigInt64Array)];
    case 'int32':
      return ['int32', typedView(raw, Int32Array)];
    case 'int16': {
      const bits = typedView(raw, Uint16Array);
      return ['int32', Int32Array.from(bits, (value) => (value << 16) >> 16)];
    }
    case 'int8':
      return ['int8', typedView(raw, Int8Array)];
    case 'uint8':
      return ['uint8', raw];
    case 'bool':
      return ['bool', Uint8Array.from(raw, (value) => (value === 0 ? 0 : 1))];
  }
}

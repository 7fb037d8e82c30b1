/**
 * A value between two operators: on the host, on the device, or both. Images are kept channels-last beside or instead of
 * the graph's own layout, because that is the only one in which TensorFlow convolves everywhere; they are turned when an
 * operator asks for the other layout, once.
 */
import type { DType, Tensor } from '../../graph/ir.ts';
import { numbersOf, sizeOf } from '../../graph/tensors.ts';
import type { Shaped } from '../../graph/ops/operator.ts';
import { providerFailed } from '../failed.ts';
import type { Tf, TfTensor } from './load.ts';

/**
 * `plain`: the graph's dims; `last`: [N,H,W,C] of a 4-D value; `filter`, `depthwise`: [kH,kW,...] of a
 * convolution's weight.
 */
export type Form = 'plain' | 'last' | 'filter' | 'depthwise';

export interface Value {
  readonly dtype: DType;
  readonly dims: readonly number[];
  host: Tensor | null;
  readonly forms: Map<Form, TfTensor>;
}

/** Integers up to this many are read back where a shape depends on them. */
const FEW = 1024;

export function hostValue(tensor: Tensor): Value {
  return { dtype: tensor.dtype, dims: tensor.dims, host: tensor, forms: new Map() };
}

export function disposeValue(value: Value): void {
  for (const tensor of value.forms.values()) tensor.dispose();
  value.forms.clear();
  value.host = null;
}

/** int64 and the small integers travel as int32, which is what the library has. */
export function deviceType(dtype: DType): 'float32' | 'int32' | 'bool' {
  switch (dtype) {
    case 'float32':
      return 'float32';
    case 'bool':
      return 'bool';
    case 'int64':
    case 'int32':
    case 'uint8':
    case 'int8':
      return 'int32';
    case 'float64':
    case 'float16':
      throw providerFailed('TensorFlow.js', new Error(`it has no ${dtype}`));
  }
}

/** @throws provider-failed for a type the library lacks and for integers beyond 32 bits */
export function upload(tf: Tf, { dtype, dims, data }: Tensor): TfTensor {
  const type = deviceType(dtype);
  const shape = [...dims];
  if (type === 'float32') return tf.tensor((data as Float32Array).slice(), shape, type);
  if (type === 'bool') return tf.tensor(Uint8Array.from(data as Uint8Array), shape, type);
  const whole = Int32Array.from(data as ArrayLike<number | bigint>, Number);
  for (let at = 0; at < whole.length; at += 1) {
    if (whole[at] !== Number(data[at])) {
      throw providerFailed('TensorFlow.js', new Error(`it has no integers beyond 32 bits, met ${data[at]}`));
    }
  }
  return tf.tensor(whole, shape, type);
}

/** The IR's copy of what the device holds. */
export function tensorFrom(dtype: DType, dims: readonly number[], data: ArrayLike<number>): Tensor {
  switch (dtype) {
    case 'float32':
      return { dtype, dims, data: Float32Array.from(data) };
    case 'int64':
      return { dtype, dims, data: BigInt64Array.from({ length: data.length }, (_, at) => BigInt(data[at])) };
    case 'int32':
      return { dtype, dims, data: Int32Array.from(data) };
    case 'int8':
      return { dtype, dims, data: Int8Array.from(data) };
    case 'uint8':
    case 'bool':
      return { dtype, dims, data: Uint8Array.from(data) };
    case 'float64':
    case 'float16':
      throw providerFailed('TensorFlow.js', new Error(`it has no ${dtype}`));
  }
}

const toLast = [0, 2, 3, 1];
const toPlain = [0, 3, 1, 2];

/** What a kernel works with; every tensor it makes is freed after it but for its results and what `keep` marked. */
export interface Device {
  readonly tf: Tf;
  plain(value: Value): TfTensor;
  /** [N,H,W,C] of a 4-D value. */
  last(value: Value): TfTensor;
  /** A form of a value that is made once and lives as long as the value. */
  form(value: Value, form: Form, make: () => TfTensor): TfTensor;
  /** The layout a value is in; `plain` where it is in both or on the host. */
  layout(value: Value): 'plain' | 'last';
  /** A copy on the host, read back at need. */
  host(value: Value): Tensor;
  /** What shape rules may know of a value. */
  shaped(value: Value): Shaped;
}

export function createDevice(tf: Tf): Device {
  const form = (value: Value, name: Form, make: () => TfTensor): TfTensor => {
    const known = value.forms.get(name);
    if (known !== undefined) return known;
    const made = tf.keep(make());
    value.forms.set(name, made);
    return made;
  };
  const plain = (value: Value): TfTensor =>
    form(value, 'plain', () => {
      const last = value.forms.get('last');
      if (last !== undefined) return tf.transpose(last, toPlain);
      if (value.host === null) throw new Error('a value was read after it was freed');
      return upload(tf, value.host);
    });
  const host = (value: Value): Tensor =>
    (value.host ??= tensorFrom(
      value.dtype,
      value.dims,
      tf.tidy(() => plain(value).dataSync()),
    ));
  return {
    tf,
    plain,
    form,
    host,
    last: (value) => form(value, 'last', () => tf.transpose(plain(value), toLast)),
    layout: (value) => (value.forms.has('last') && !value.forms.has('plain') ? 'last' : 'plain'),
    shaped(value) {
      const { dtype, dims } = value;
      const whole = dtype !== 'float32' && dtype !== 'float64' && dtype !== 'float16';
      const known = value.host !== null || (whole && sizeOf(dims) <= FEW);
      return known ? { dtype, dims, value: host(value) } : { dtype, dims };
    },
  };
}

/** Numbers of a small operand. */
export function numbersIn(device: Device, value: Value): number[] {
  return numbersOf(device.host(value));
}

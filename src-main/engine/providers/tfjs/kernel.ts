/** What an operator of this provider is, and the helpers that most of them share. */
import type { GraphNode } from '../../graph/ir.ts';
import type { Shaped } from '../../graph/ops/operator.ts';
import { malformedNode } from '../../graph/attributes.ts';
import { sameDims, sizeOf } from '../../graph/tensors.ts';
import type { TfTensor } from './load.ts';
import type { Device, Value } from './value.ts';

/** A result in the graph's own layout, channels-last, or absent because nobody reads it. */
export type Result = TfTensor | { readonly last: TfTensor } | null;

export interface Call {
  readonly device: Device;
  readonly node: GraphNode;
  readonly inputs: readonly (Value | null)[];
  /** Types of the outputs as the graph's own rules say. */
  readonly outputs: readonly Shaped[];
}

export type Kernel = (call: Call) => readonly Result[];
export type KernelTable = Readonly<Record<string, Kernel>>;

/** @throws onnx-malformed when the input is left out */
export function operand({ node, inputs }: Call, index: number): Value {
  const value = inputs[index];
  if (value === undefined || value === null) throw malformedNode(node, `input ${index} is missing`);
  return value;
}

export type Layout = 'plain' | 'last';

export function inLayout(device: Device, value: Value, layout: Layout): TfTensor {
  return layout === 'plain' ? device.plain(value) : device.last(value);
}

export function asResult(tensor: TfTensor, layout: Layout): Result {
  return layout === 'plain' ? tensor : { last: tensor };
}

/** Applies an element-wise function in whichever layout the value is. */
export function mapped(call: Call, apply: (x: TfTensor) => TfTensor): readonly Result[] {
  const x = operand(call, 0);
  const layout = call.device.layout(x);
  return [asResult(apply(inLayout(call.device, x, layout)), layout)];
}

/**
 * Operands of an element-wise operator with broadcasting, in one layout: channels-last where one of them is an image
 * that is kept so and the others are images of the same size, single numbers or one number per channel.
 */
export function aligned(
  device: Device,
  values: readonly Value[],
  dims: readonly number[],
): { readonly layout: Layout; readonly tensors: readonly TfTensor[] } {
  const perChannel = (value: Value): boolean =>
    dims.length === 4 &&
    sizeOf(value.dims) === dims[1] &&
    (sameDims(value.dims, [1, dims[1], 1, 1]) || sameDims(value.dims, [dims[1], 1, 1]));
  const single = (value: Value): boolean => sizeOf(value.dims) === 1;
  const fits = values.every((value) => sameDims(value.dims, dims) || perChannel(value) || single(value));
  if (dims.length !== 4 || !fits || !values.some((value) => device.layout(value) === 'last')) {
    return { layout: 'plain', tensors: values.map((value) => device.plain(value)) };
  }
  return {
    layout: 'last',
    tensors: values.map((value) => {
      if (sameDims(value.dims, dims)) return device.last(value);
      return device.tf.reshape(device.plain(value), single(value) ? [1] : [dims[1]]);
    }),
  };
}

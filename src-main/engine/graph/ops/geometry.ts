/** Window arithmetic shared by convolution and pooling (2-D): attributes to explicit numbers. */
import { intAttribute, intsAttribute, malformedNode, nodeLabel, textAttribute } from '../attributes.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { GraphNode } from '../ir.ts';

export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Top, left, bottom, right, auto_pad already resolved. */
  readonly pads: readonly [number, number, number, number];
  /** Output height and width. */
  readonly out: readonly [number, number];
}

export interface ConvGeometry extends Window {
  readonly group: number;
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly input: readonly [height: number, width: number];
}

function pair(node: GraphNode, name: string): readonly [number, number] {
  const list = intsAttribute(node, name) ?? [1, 1];
  if (list.length !== 2 || list.some((value) => !(value >= 1))) {
    throw malformedNode(node, `${name} = [${list.join()}] for a 2-D window`);
  }
  return [list[0], list[1]];
}

/** @param input height and width */
export function windowOf(
  node: GraphNode,
  input: readonly [number, number],
  kernel: readonly [number, number],
  ceil: boolean,
): Window {
  const strides = pair(node, 'strides');
  const dilations = pair(node, 'dilations');
  const explicit = intsAttribute(node, 'pads') ?? [0, 0, 0, 0];
  if (explicit.length !== 4) throw malformedNode(node, `pads = [${explicit.join()}] for a 2-D window`);
  const pads: [number, number, number, number] = [explicit[0], explicit[1], explicit[2], explicit[3]];
  const auto = textAttribute(node, 'auto_pad', 'NOTSET');
  const out: [number, number] = [0, 0];
  for (const axis of [0, 1] as const) {
    const extent = (kernel[axis] - 1) * dilations[axis] + 1;
    const stride = strides[axis];
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const wanted = Math.ceil(input[axis] / stride);
      const total = Math.max(0, (wanted - 1) * stride + extent - input[axis]);
      const small = Math.floor(total / 2);
      pads[axis] = auto === 'SAME_UPPER' ? small : total - small;
      pads[axis + 2] = total - pads[axis];
    } else if (auto === 'VALID') {
      pads[axis] = 0;
      pads[axis + 2] = 0;
    } else if (auto !== 'NOTSET' && auto !== '') {
      throw malformedNode(node, `auto_pad = ${auto}`);
    }
    const room = input[axis] + pads[axis] + pads[axis + 2] - extent;
    if (!(
      pads[axis] >= 0 &&
      pads[axis] < 65_536 &&
      pads[axis + 2] >= 0 &&
      pads[axis + 2] < 65_536 &&
      extent < 65_536
    )) {
      throw malformedNode(node, `a window of ${extent} padded by ${pads[axis]}+${pads[axis + 2]}`);
    }
    if (room < 0) {
      throw malformedNode(
        node,
        `a window of ${extent} on ${input[axis]} pixels padded by ${pads[axis]}+${pads[axis + 2]}`,
      );
    }
    out[axis] = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // A window that would start in the far padding is left out.
    if (ceil && (out[axis] - 1) * stride >= input[axis] + pads[axis]) out[axis] -= 1;
  }
  return { kernel, strides, dilations, pads, out };
}

/** @throws unknown-operator unless both are 4-D; onnx-malformed when channels do not fit */
export function convGeometry(node: GraphNode, x: readonly number[], weight: readonly number[]): ConvGeometry {
  if (x.length !== 4 || weight.length !== 4) {
    throw new ExpectedError(
      'unknown-operator',
      `${nodeLabel(node)}: input [${x.join()}] and weight [${weight.join()}]; only 2-D convolution is known.`,
    );
  }
  const group = intAttribute(node, 'group', 1);
  const declared = intsAttribute(node, 'kernel_shape');
  if (declared !== null && (declared.length !== 2 || declared[0] !== weight[2] || declared[1] !== weight[3])) {
    throw malformedNode(node, `kernel_shape = [${declared.join()}] but weight [${weight.join()}]`);
  }
  if (!(group >= 1) || x[1] !== weight[1] * group || weight[0] % group !== 0) {
    throw malformedNode(node, `input [${x.join()}], weight [${weight.join()}], group ${group} do not fit together`);
  }
  const input: [number, number] = [x[2], x[3]];
  const window = windowOf(node, input, [weight[2], weight[3]], false);
  return { ...window, group, batch: x[0], inChannels: x[1], outChannels: weight[0], input };
}

export interface PoolGeometry extends Window {
  readonly planes: number;
  readonly input: readonly [number, number];
  readonly countPadding: boolean;
}

export function poolGeometry(node: GraphNode, x: readonly number[]): PoolGeometry {
  const kernel = intsAttribute(node, 'kernel_shape');
  if (kernel?.some((size) => !(size >= 1)) === true) throw malformedNode(node, `kernel_shape = [${kernel.join()}]`);
  if (x.length !== 4 || kernel === null || kernel.length !== 2) {
    throw new ExpectedError('unknown-operator', `${nodeLabel(node)}: input [${x.join()}]; only 2-D pooling is known.`);
  }
  const input: [number, number] = [x[2], x[3]];
  const window = windowOf(node, input, [kernel[0], kernel[1]], intAttribute(node, 'ceil_mode', 0) === 1);
  const countPadding = intAttribute(node, 'count_include_pad', 0) === 1;
  return { ...window, planes: x[0] * x[1], input, countPadding };
}

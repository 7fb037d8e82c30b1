/**
 * Values in the blocked-channel layout of ONNX Runtime's `com.microsoft.nchwc` operators, and what can be done to them
 * channel by channel.
 *
 * Memory, with b channels per block and P the channel count rounded up to blocks:
 * - standard: [N, P/b, H, W, b];
 * - wide: [P/b, H, W, N, b], which the operators see as one image of width W*N. Small images fill the vector tiles of
 *   a convolution only this way.
 * Channels above C are padding: finite, and met by zero weights wherever they could reach a result.
 */
import type { Emitter, PlainAttributes } from './emit.ts';

export const NCHWC_DOMAIN = 'com.microsoft.nchwc';

/** Where a convolution has several forms, which one is taken: bounds that hold for every machine (docs/performance.md says why). */
export interface Forms {
  /** Images up to this width are convolved in the wide order. */
  readonly wideUpTo: number;
  /** Positions of one filter of a weight gradient: what a first-level cache and its neighbour hold for four blocks of output channels. */
  readonly filterPositions: number;
}

export const theForms: Forms = { wideUpTo: 4, filterPositions: 1024 };

export interface BlockedContext {
  readonly emitter: Emitter;
  /** Channels per block on this machine. */
  readonly block: number;
  readonly threads: number;
  readonly forms: Forms;
}

export interface Blocked {
  /** Value in the rewritten graph; its dims are `labelDims`, its memory is blocked. */
  readonly name: string;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly wide: boolean;
}

export function padded(context: BlockedContext, channels: number): number {
  return Math.ceil(channels / context.block) * context.block;
}

/** Dims under which the runtime's operators see the value. */
export function labelDims(context: BlockedContext, value: Omit<Blocked, 'name'>): number[] {
  const channels = padded(context, value.channels);
  return value.wide
    ? [1, channels, value.height, value.width * value.batch]
    : [value.batch, channels, value.height, value.width];
}

export function reshape({ emitter }: BlockedContext, name: string, dims: readonly number[]): string {
  return emitter.op('Reshape', [name, emitter.ints(dims)]);
}

export function transpose({ emitter }: BlockedContext, name: string, perm: readonly number[]): string {
  return emitter.op('Transpose', [name], { perm });
}

export function nchwcOp(
  { emitter }: BlockedContext,
  op: string,
  inputs: readonly string[],
  attributes: PlainAttributes = {},
): string {
  return emitter.op(op, inputs, attributes, { domain: NCHWC_DOMAIN });
}

export interface ConvAttributes {
  readonly kernel: readonly number[];
  readonly pads?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly group?: number;
  readonly relu?: boolean;
}

/** One blocked convolution; inputs are image, weight and optionally bias and a value to add. */
export function nchwcConv(context: BlockedContext, inputs: readonly string[], attributes: ConvAttributes): string {
  return nchwcOp(context, 'Conv', inputs, {
    kernel_shape: attributes.kernel,
    pads: attributes.pads ?? [0, 0, 0, 0],
    strides: attributes.strides ?? [1, 1],
    dilations: attributes.dilations ?? [1, 1],
    group: attributes.group ?? 1,
    ...(attributes.relu === true ? { activation: 'Relu' } : {}),
  });
}

/** A plain [N,C,H,W] value in blocked memory. */
export function fromPlain(context: BlockedContext, name: string, dims: readonly number[]): Blocked {
  const [batch, channels, height, width] = dims;
  const missing = padded(context, channels) - channels;
  const full =
    missing === 0
      ? name
      : context.emitter.op('Pad', [name, context.emitter.ints([0, 0, 0, 0, 0, missing, 0, 0])], { mode: 'constant' });
  return { name: nchwcOp(context, 'ReorderInput', [full]), batch, channels, height, width, wide: false };
}

/** The value in plain [N,C,H,W] memory, or [N,H,W,C] with `channelsLast`; `output` names it. */
export function toPlain(context: BlockedContext, value: Blocked, output?: string, channelsLast = false): string {
  const { name, channels } = standard(context, value);
  return context.emitter.op(
    'ReorderOutput',
    [name],
    { channels, channels_last: channelsLast ? 1 : 0 },
    { domain: NCHWC_DOMAIN, ...(output === undefined ? {} : { outputs: [output] }) },
  );
}

export function wide(context: BlockedContext, value: Blocked): Blocked {
  if (value.wide) return value;
  const { batch, channels, height, width } = value;
  const blocks = padded(context, channels) / context.block;
  const turned = transpose(
    context,
    reshape(context, value.name, [batch, blocks, height * width, context.block]),
    [1, 2, 0, 3],
  );
  return { ...value, wide: true, name: reshape(context, turned, labelDims(context, { ...value, wide: true })) };
}

export function standard(context: BlockedContext, value: Blocked): Blocked {
  if (!value.wide) return value;
  const { batch, channels, height, width } = value;
  const blocks = padded(context, channels) / context.block;
  const turned = transpose(
    context,
    reshape(context, value.name, [blocks, height * width, batch, context.block]),
    [2, 0, 1, 3],
  );
  return { ...value, wide: false, name: reshape(context, turned, labelDims(context, { ...value, wide: false })) };
}

/** `value` in the memory order of `like`. */
export function alike(context: BlockedContext, value: Blocked, like: Blocked): Blocked {
  return like.wide ? wide(context, value) : standard(context, value);
}

/** A vector of C numbers lengthened to P with zeros. */
export function padVector(context: BlockedContext, vector: string, channels: number): string {
  const missing = padded(context, channels) - channels;
  if (missing === 0) return vector;
  return context.emitter.op('Pad', [vector, context.emitter.ints([0, missing])], { mode: 'constant' });
}

/** The first `channels` numbers of a vector of P. */
export function cropVector(context: BlockedContext, vector: string, channels: number): string {
  if (padded(context, channels) === channels) return vector;
  const { emitter } = context;
  return emitter.op('Slice', [vector, emitter.ints([0]), emitter.ints([channels]), emitter.ints([0])]);
}

export interface AffineOptions {
  /** Added afterwards, before the ReLU. */
  readonly sum?: Blocked;
  readonly relu?: boolean;
}

/**
 * x * scale + bias with one scale and one bias per channel (vectors of C, null for 1 and 0), then plus `sum`, then ReLU:
 * one pass, as a depthwise 1x1 convolution.
 */
export function affine(
  context: BlockedContext,
  x: Blocked,
  scale: string | null,
  bias: string | null,
  options: AffineOptions = {},
): Blocked {
  const channels = padded(context, x.channels);
  const filter =
    scale === null
      ? context.emitter.floats([channels, 1, 1, 1], new Float32Array(channels).fill(1))
      : reshape(context, padVector(context, scale, x.channels), [channels, 1, 1, 1]);
  const inputs = [x.name, filter];
  if (bias !== null) inputs.push(padVector(context, bias, x.channels));
  if (options.sum !== undefined) {
    if (bias === null) inputs.push('');
    inputs.push(alike(context, options.sum, x).name);
  }
  const relu = options.relu === true;
  return { ...x, name: nchwcConv(context, inputs, { kernel: [1, 1], group: channels, relu }) };
}

/** Longest run of positions that is summed in one chain: keeps float32 sums of many numbers accurate. */
const CHAIN = 256;

function largestDivisor(length: number, limit: number): number {
  for (let divisor = Math.min(length, limit); divisor > 1; divisor -= 1) if (length % divisor === 0) return divisor;
  return 1;
}

/** [outer, chain, b] views of a value's memory. */
function chains(context: BlockedContext, x: Blocked): { outer: number; chain: number } {
  const spatial = x.height * x.width * (x.wide ? x.batch : 1);
  const blocks = (padded(context, x.channels) / context.block) * (x.wide ? 1 : x.batch);
  const chain = largestDivisor(spatial, CHAIN);
  return { outer: blocks * (spatial / chain), chain };
}

/** Sums partial results [outer, b], made by `chains`, to one number per channel. */
function gather(context: BlockedContext, partial: string, outer: number, x: Blocked): string {
  const { emitter, block } = context;
  const channels = padded(context, x.channels);
  const repeats = x.wide ? 1 : x.batch;
  const perBlock = (outer * block) / (channels * repeats);
  let vector = partial;
  if (perBlock > 1) {
    const view = reshape(context, vector, [(repeats * channels) / block, perBlock, block]);
    vector = emitter.op('ReduceSum', [view, emitter.ints([1])], { keepdims: 0 });
  }
  if (repeats > 1) {
    const view = reshape(context, vector, [repeats, channels]);
    vector = emitter.op('ReduceSum', [view, emitter.ints([0])], { keepdims: 0 });
  } else vector = reshape(context, vector, [channels]);
  return cropVector(context, vector, x.channels);
}

/** Sum over images and positions: a plain vector of C. */
export function channelSum(context: BlockedContext, x: Blocked): string {
  const { outer, chain } = chains(context, x);
  const view = reshape(context, x.name, [outer, chain, context.block]);
  const partial = context.emitter.op('ReduceSum', [view, context.emitter.ints([1])], { keepdims: 0 });
  return gather(context, partial, outer, x);
}

/** Sum of x * y over images and positions: a plain vector of C, without making the product. */
export function channelDot(context: BlockedContext, x: Blocked, y: Blocked): string {
  const { outer, chain } = chains(context, x);
  const group = outer * context.block;
  const images = reshape(context, x.name, [1, group, 1, chain]);
  const filters = reshape(context, alike(context, y, x).name, [group, 1, 1, chain]);
  const partial = nchwcConv(context, [images, filters], { kernel: [1, chain], group });
  return gather(context, reshape(context, partial, [outer, context.block]), outer, x);
}

/** Sum over the positions of each image: a plain [N, C] value. */
export function imageSum(context: BlockedContext, x: Blocked): string {
  const { emitter, block } = context;
  const channels = padded(context, x.channels);
  const blocks = channels / block;
  const area = x.height * x.width;
  let sums: string;
  if (x.wide) {
    const view = reshape(context, x.name, [blocks, area, x.batch * block]);
    const partial = emitter.op('ReduceSum', [view, emitter.ints([1])], { keepdims: 0 });
    sums = transpose(context, reshape(context, partial, [blocks, x.batch, block]), [1, 0, 2]);
  } else {
    const view = reshape(context, x.name, [x.batch * blocks, area, block]);
    sums = emitter.op('ReduceSum', [view, emitter.ints([1])], { keepdims: 0 });
  }
  const flat = reshape(context, sums, [x.batch, channels]);
  if (channels === x.channels) return flat;
  return emitter.op('Slice', [flat, emitter.ints([0]), emitter.ints([x.channels]), emitter.ints([1])]);
}

/** A plain [N, C] value (any dims of that size) in blocked memory shaped to broadcast over the positions of `like`. */
export function perImage(context: BlockedContext, name: string, like: Blocked): string {
  const { emitter, block } = context;
  const channels = padded(context, like.channels);
  let matrix = reshape(context, name, [like.batch, like.channels]);
  if (channels !== like.channels) {
    matrix = emitter.op('Pad', [matrix, emitter.ints([0, 0, 0, channels - like.channels])], { mode: 'constant' });
  }
  if (!like.wide) return reshape(context, matrix, [like.batch, channels / block, 1, block]);
  const turned = transpose(context, reshape(context, matrix, [like.batch, channels / block, block]), [1, 0, 2]);
  return reshape(context, turned, [channels / block, 1, like.batch, block]);
}

/** Dims under which a value broadcasts with `perImage`. */
export function imageView(context: BlockedContext, value: Omit<Blocked, 'name'>): number[] {
  const blocks = padded(context, value.channels) / context.block;
  const area = value.height * value.width;
  return value.wide ? [blocks, area, value.batch, context.block] : [value.batch, blocks, area, context.block];
}

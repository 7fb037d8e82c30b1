/** Convolutions on blocked values: forward, gradient of the input, gradient of the weight. */
import {
  nchwcConv,
  nchwcOp,
  padded,
  reshape,
  standard,
  labelDims,
  transpose,
  wide,
  type Blocked,
  type BlockedContext,
} from './blocked.ts';
import type { Window } from '../../graph/ops/geometry.ts';

/** The filter of a convolution: the plain [O, I, kh, kw] value and its dims. */
export interface Filter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly depthwise: boolean;
}

/** Whether images of this width are best kept in the wide order. */
export function prefersWide(context: BlockedContext, batch: number, width: number): boolean {
  return width <= context.forms.wideUpTo && batch % context.block === 0;
}

function padFilter(context: BlockedContext, filter: Filter, padInputs: boolean): { name: string; dims: number[] } {
  const [outputs, inputs, ...kernel] = filter.dims;
  const moreOutputs = padded(context, outputs) - outputs;
  const moreInputs = padInputs ? padded(context, inputs) - inputs : 0;
  const dims = [outputs + moreOutputs, inputs + moreInputs, ...kernel];
  if (moreOutputs + moreInputs === 0) return { name: filter.name, dims };
  const { emitter } = context;
  const pads = emitter.ints([0, 0, 0, 0, moreOutputs, moreInputs, 0, 0]);
  return { name: emitter.op('Pad', [filter.name, pads], { mode: 'constant' }), dims };
}

/** [O/b, rest, b] memory of an [O, rest] value: the output channels innermost. */
function outputsInnermost(context: BlockedContext, name: string, outputs: number, rest: number): string {
  const { block } = context;
  return nchwcOp(context, 'ReorderInput', [reshape(context, name, [outputs / block, block, rest, 1])]);
}

/** Memory [O/b, I/b, taps, i, o]. */
export function packFilter(context: BlockedContext, filter: Filter): string {
  const { block } = context;
  const { name, dims } = padFilter(context, filter, true);
  const [outputs, inputs, height, width] = dims;
  const taps = height * width;
  const turned = outputsInnermost(context, name, outputs, inputs * taps);
  if (taps === 1) return turned;
  const view = reshape(context, turned, [outputs / block, inputs / block, block, taps, block]);
  return transpose(context, view, [0, 1, 3, 2, 4]);
}

/** Memory [O/b, I, taps, o]: for images whose few channels stay unblocked, and for depthwise filters (I = 1). */
export function packThinFilter(context: BlockedContext, filter: Filter): string {
  const { name, dims } = padFilter(context, filter, false);
  return outputsInnermost(context, name, dims[0], dims[1] * dims[2] * dims[3]);
}

/** Chosen taps (flat kernel positions) of a packed filter turned round: memory [I/b, O/b, taps', o, i]. */
function turnFilter(context: BlockedContext, packed: string, filter: Filter, taps: readonly number[]): string {
  const { emitter, block } = context;
  const outputs = padded(context, filter.dims[0]) / block;
  const inputs = padded(context, filter.dims[1]) / block;
  const all = filter.dims[2] * filter.dims[3];
  const blocks = reshape(context, packed, [outputs * inputs * all, block, block, 1]);
  const turned = nchwcOp(context, 'ReorderInput', [blocks]);
  const view = reshape(context, turned, [outputs, inputs, all, block * block]);
  const chosen = emitter.op('Gather', [view, emitter.ints(taps)], { axis: 2 });
  return transpose(context, chosen, [1, 0, 2, 3]);
}

export interface ForwardOptions {
  /** Plain vector of O. */
  readonly bias?: string;
  readonly sum?: Blocked;
  readonly relu?: boolean;
}

/** Adds columns of zeros left and right of a wide value. */
function padWide(context: BlockedContext, x: Blocked, left: number, right: number): string {
  const { emitter, block } = context;
  const channels = padded(context, x.channels);
  const width = x.width + left + right;
  if (left === 0 && right === 0) return x.name;
  const view = reshape(context, x.name, [(channels / block) * x.height, x.width, x.batch * block]);
  const more = emitter.op('Pad', [view, emitter.ints([0, left, 0, 0, right, 0])], { mode: 'constant' });
  return reshape(context, more, [1, channels, x.height, width * x.batch]);
}

/** A window without its result's size; no pad is negative. */
interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

/** One convolution of a blocked value with a packed filter. */
function convolve(
  context: BlockedContext,
  x: Blocked,
  packed: string,
  channels: number,
  depthwise: boolean,
  windows: Windows,
  options: ForwardOptions = {},
): Blocked {
  const { kernel, strides, dilations, pads } = windows;
  const size = [x.height, x.width].map((length, axis) => {
    const span = (kernel[axis] - 1) * dilations[axis] + 1;
    return Math.floor((length + pads[axis] + pads[axis + 2] - span) / strides[axis]) + 1;
  });
  const unit = strides.every((stride) => stride === 1);
  const asWide = x.wide && unit;
  const image = asWide ? x : standard(context, x);
  const result = { batch: x.batch, channels, height: size[0], width: size[1], wide: asWide };
  const outputs = padded(context, channels);
  const inputs = padded(context, x.channels);
  const filter = reshape(context, packed, [outputs, depthwise ? 1 : inputs, ...kernel]);
  const operands = [asWide ? padWide(context, image, pads[1], pads[3]) : image.name, filter];
  if (options.bias !== undefined) operands.push(options.bias);
  if (options.sum !== undefined) {
    if (options.bias === undefined) operands.push('');
    operands.push((asWide ? wide(context, options.sum) : standard(context, options.sum)).name);
  }
  const name = nchwcConv(context, operands, {
    kernel,
    strides,
    pads: asWide ? [pads[0], 0, pads[2], 0] : pads,
    dilations: asWide ? [dilations[0], dilations[1] * x.batch] : dilations,
    group: depthwise ? outputs : 1,
    ...(options.relu === true ? { relu: true } : {}),
  });
  return { ...result, name };
}

/** Convolution of a blocked value. `bias` has P entries. */
export function convForward(
  context: BlockedContext,
  x: Blocked,
  filter: Filter,
  packed: string,
  geometry: Window,
  options: ForwardOptions = {},
): Blocked {
  return convolve(context, x, packed, filter.dims[0], filter.depthwise, geometry, options);
}

/** Convolution of a plain [N,C,H,W] value with fewer channels than a block. */
export function convThin(
  context: BlockedContext,
  x: string,
  dims: readonly number[],
  filter: Filter,
  geometry: Window,
  options: ForwardOptions = {},
): Blocked {
  const outputs = padded(context, filter.dims[0]);
  const packed = reshape(context, packThinFilter(context, filter), [outputs, ...filter.dims.slice(1)]);
  const { kernel, strides, dilations, pads } = geometry;
  const operands = [x, packed];
  if (options.bias !== undefined) operands.push(options.bias);
  const relu = options.relu === true;
  return {
    name: nchwcConv(context, operands, { kernel, strides, dilations, pads, relu }),
    batch: dims[0],
    channels: filter.dims[0],
    height: geometry.out[0],
    width: geometry.out[1],
    wide: false,
  };
}

/** One axis of one phase: which taps meet the positions `offset + stride * j`, and the padding of that correlation. */
interface Phase {
  /** Kernel positions, already reversed. */
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/**
 * Along one axis, the gradient at input position p gathers from window o through tap k where p + pad = o * stride + k.
 * Positions with the same remainder use the same taps: `stride` small correlations instead of one with zeros between.
 */
export function phasesOf(length: number, kernel: number, stride: number, pad: number, windows: number): Phase[] {
  const count = Math.ceil(length / stride);
  return Array.from({ length: stride }, (_, offset) => {
    const remainder = (offset + pad) % stride;
    const first = (offset + pad - remainder) / stride;
    const taps: number[] = [];
    for (let tap = remainder; tap < kernel; tap += stride) taps.unshift(tap);
    const before = taps.length - 1 - first;
    return { taps, before, after: count + taps.length - 1 - windows - before };
  });
}

/**
 * Puts phases together: position (s*i + u, s*j + v) of the result is position (i, j) of phase (u, v).
 * All phases have ceil(H/s) x ceil(W/s) positions and standard order.
 */
export function interleave(
  context: BlockedContext,
  phases: readonly (readonly string[])[],
  shape: Omit<Blocked, 'name' | 'wide'>,
): Blocked {
  const { emitter, block } = context;
  const [down, across] = [phases.length, phases[0].length];
  const rows = Math.ceil(shape.height / down);
  const columns = Math.ceil(shape.width / across);
  const outer = shape.batch * (padded(context, shape.channels) / block);
  const lines = phases.map((line) => {
    const views = line.map((name) => reshape(context, name, [outer, rows, 1, columns, 1, block]));
    return views.length === 1 ? views[0] : emitter.op('Concat', views, { axis: 4 });
  });
  const joined = lines.length === 1 ? lines[0] : emitter.op('Concat', lines, { axis: 2 });
  let name = reshape(context, joined, [outer, rows * down, columns * across, block]);
  if (rows * down !== shape.height || columns * across !== shape.width) {
    const ends = emitter.ints([shape.height, shape.width]);
    name = emitter.op('Slice', [name, emitter.ints([0, 0]), ends, emitter.ints([1, 2])]);
  }
  const result = { ...shape, wide: false };
  return { ...result, name: reshape(context, name, labelDims(context, result)) };
}

/** Zeros in the blocked memory of one phase. */
export function zeroPhase(context: BlockedContext, shape: Omit<Blocked, 'name' | 'wide'>): string {
  const { emitter } = context;
  const dims = labelDims(context, { ...shape, wide: false });
  return emitter.op('Expand', [emitter.floats([], [0]), emitter.ints(dims)]);
}

/** A standard value that is still in phases, as `interleave` takes them; null = all zeros. */
export interface Phases {
  readonly parts: readonly (readonly (string | null)[])[];
  readonly shape: Omit<Blocked, 'name' | 'wide'>;
}

export function joinPhases(context: BlockedContext, { parts, shape }: Phases): Blocked {
  const part = {
    ...shape,
    height: Math.ceil(shape.height / parts.length),
    width: Math.ceil(shape.width / parts[0].length),
  };
  const filled = parts.map((line) => line.map((name) => name ?? zeroPhase(context, part)));
  return interleave(context, filled, shape);
}

/** The sum of two values in phases; null when they are cut in different ways. */
export function addPhases({ emitter }: BlockedContext, a: Phases, b: Phases): Phases | null {
  if (a.parts.length !== b.parts.length || a.parts[0].length !== b.parts[0].length) return null;
  const parts = a.parts.map((line, row) =>
    line.map((one, column) => {
      const other = b.parts[row][column];
      return one === null || other === null ? (one ?? other) : emitter.op('Add', [one, other]);
    }),
  );
  return { parts, shape: a.shape };
}

/** A standard value with rows and columns of zeros added, or cut off where a pad is negative. */
export function padOrCrop(context: BlockedContext, x: Blocked, pads: readonly number[]): Blocked {
  if (pads.every((pad) => pad === 0)) return x;
  const { emitter, block } = context;
  const image = standard(context, x);
  const outer = x.batch * (padded(context, x.channels) / block);
  const view = reshape(context, image.name, [outer, x.height, x.width, block]);
  const amounts = emitter.ints([0, pads[0], pads[1], 0, 0, pads[2], pads[3], 0]);
  const name = emitter.op('Pad', [view, amounts], { mode: 'constant' });
  const result = { ...image, height: x.height + pads[0] + pads[2], width: x.width + pads[1] + pads[3] };
  return { ...result, name: reshape(context, name, labelDims(context, result)) };
}

/**
 * Gradient of a convolution's input, [N, I, H, W]; in phases where the windows have strides. Dilated windows need stride 1.
 * `packed` is the forward filter as `packFilter` (or `packThinFilter` when depthwise) made it.
 */
export function convGradInput(
  context: BlockedContext,
  gradient: Blocked,
  filter: Filter,
  packed: string,
  geometry: Window,
  size: readonly number[],
): Blocked | Phases {
  const { kernel, strides, dilations, pads, out } = geometry;
  const channels = filter.depthwise ? filter.dims[0] : filter.dims[1];
  const correlate = (taps: readonly (readonly number[])[], around: readonly number[]): Blocked => {
    const flat = taps[0].flatMap((row) => taps[1].map((column) => row * kernel[1] + column));
    const turned = filter.depthwise
      ? chooseThin(context, packed, filter, flat)
      : turnFilter(context, packed, filter, flat);
    const negative = around.map((pad) => Math.min(pad, 0));
    const image = padOrCrop(context, gradient, negative);
    return convolve(context, image, turned, channels, filter.depthwise, {
      kernel: taps.map((axis) => axis.length),
      strides: [1, 1],
      dilations,
      pads: around.map((pad) => Math.max(pad, 0)),
    });
  };
  if (strides.every((stride) => stride === 1)) {
    const taps = kernel.map((length) => Array.from({ length }, (_, tap) => length - 1 - tap));
    const first = kernel.map((length, axis) => (length - 1) * dilations[axis] - pads[axis]);
    const last = size.map((length, axis) => length + (kernel[axis] - 1) * dilations[axis] - out[axis] - first[axis]);
    return correlate(taps, [...first, ...last]);
  }
  const axes = size.map((length, axis) => phasesOf(length, kernel[axis], strides[axis], pads[axis], out[axis]));
  const parts = axes[0].map((row) =>
    axes[1].map((column) => {
      if (row.taps.length === 0 || column.taps.length === 0) return null;
      const result = correlate([row.taps, column.taps], [row.before, column.before, row.after, column.after]);
      return standard(context, result).name;
    }),
  );
  return { parts, shape: { batch: gradient.batch, channels, height: size[0], width: size[1] } };
}

/** Chosen taps of a depthwise filter: memory [C/b, taps', c]. */
function chooseThin(context: BlockedContext, packed: string, filter: Filter, taps: readonly number[]): string {
  const { emitter, block } = context;
  const blocks = padded(context, filter.dims[0]) / block;
  const view = reshape(context, packed, [blocks, filter.dims[2] * filter.dims[3], block]);
  return emitter.op('Gather', [view, emitter.ints(taps)], { axis: 1 });
}

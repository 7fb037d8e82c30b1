/**
 * Gradients of convolution weights on blocked values.
 *
 * A weight gradient sums over images and positions. Written as a convolution, the images become the channels, the
 * output gradient the filter and the taps the positions. What makes it fast: the input channels are laid out along the
 * rows, [N, H, W*C], and the filter's columns are C apart, so that one row of results holds all input channels of all
 * taps and the vector tiles are full.
 */
import type { Window } from '../../graph/ops/geometry.ts';
import {
  fromPlain,
  labelDims,
  nchwcConv,
  nchwcOp,
  padded,
  reshape,
  standard,
  toPlain,
  transpose,
  type Blocked,
  type BlockedContext,
} from './blocked.ts';
import type { Filter } from './blocked-conv.ts';
import { tightAfter } from './geometry.ts';

/** The image operand: a blocked value, or a plain [N,C,H,W] one with its dims. */
export type Images = Blocked | { readonly plain: string; readonly dims: readonly number[] };

/** Every `strides`-th row and column of the images: all that windows of one position read. */
function everyStride(context: BlockedContext, images: Images, strides: readonly number[]): Images {
  const { emitter, block } = context;
  const cut = (name: string, dims: readonly number[], axis: number): string => {
    const ends = emitter.ints([dims[axis], dims[axis + 1]]);
    return emitter.op('Slice', [
      name,
      emitter.ints([0, 0]),
      ends,
      emitter.ints([axis, axis + 1]),
      emitter.ints(strides),
    ]);
  };
  const fewer = (length: number, axis: 0 | 1): number => Math.ceil(length / strides[axis]);
  if ('plain' in images) {
    const [batch, channels, height, width] = images.dims;
    return {
      plain: cut(images.plain, images.dims, 2),
      dims: [batch, channels, fewer(height, 0), fewer(width, 1)],
    };
  }
  const { batch, height, width } = images;
  const blocks = padded(context, images.channels) / block;
  const view = images.wide ? [blocks, height, width, batch * block] : [batch * blocks, height, width, block];
  const shape = { ...images, height: fewer(height, 0), width: fewer(width, 1) };
  return {
    ...shape,
    name: reshape(context, cut(reshape(context, images.name, view), view, 1), labelDims(context, shape)),
  };
}

/** Memory [N/b, rows, columns*C, n] of the images, padded as the windows read them. */
function imagesInnermost(context: BlockedContext, images: Images, geometry: Window): string {
  const { emitter, block } = context;
  const [batch, channels, height, width] =
    'plain' in images ? images.dims : [images.batch, images.channels, images.height, images.width];
  const last =
    'plain' in images ? transpose(context, images.plain, [0, 2, 3, 1]) : toPlain(context, images, undefined, true);
  const after = tightAfter(geometry, [height, width]);
  const missing = padded(context, batch) - batch;
  const pads = [0, geometry.pads[0], geometry.pads[1], 0, missing, after[0], after[1], 0];
  const full = pads.every((pad) => pad === 0)
    ? last
    : emitter.op('Pad', [last, emitter.ints(pads)], { mode: 'constant' });
  const rows = height + geometry.pads[0] + after[0];
  const columns = width + geometry.pads[1] + after[1];
  const line = reshape(context, full, [1, batch + missing, rows, columns * channels]);
  const turned = nchwcOp(context, 'ReorderInput', [line]);
  return reshape(context, turned, [(batch + missing) / block, rows, columns * channels * block]);
}

/** Memory [parts, O/b, N/b/parts, positions, n, o] of the output gradient. */
function gradientInnermost(context: BlockedContext, gradient: Blocked, parts: number): string {
  const { emitter, block } = context;
  const images = padded(context, gradient.batch) / block;
  const outputs = padded(context, gradient.channels) / block;
  const area = gradient.height * gradient.width;
  if (gradient.wide) {
    const view = reshape(context, gradient.name, [outputs, area, parts, images / parts, block, block]);
    return transpose(context, view, [2, 0, 3, 1, 4, 5]);
  }
  const missing = images * block - gradient.batch;
  let full = reshape(context, gradient.name, [gradient.batch, outputs, area, block]);
  if (missing > 0) full = emitter.op('Pad', [full, emitter.ints([0, 0, 0, 0, missing, 0, 0, 0])], { mode: 'constant' });
  const view = reshape(context, full, [parts, images / parts, block, outputs, area, block]);
  return transpose(context, view, [0, 3, 1, 4, 2, 5]);
}

/** Rows of the output gradient that one filter covers: a divisor of its height that keeps the filter small. */
function rowsPerFilter({ forms }: BlockedContext, height: number, width: number, outputBlocks: number): number {
  const limit = forms.filterPositions / Math.min(4, outputBlocks) / width;
  for (let rows = height; rows > 1; rows -= 1) if (height % rows === 0 && rows <= limit) return rows;
  return 1;
}

/** Into how many partial sums the images are split so that every thread has work. */
function partsFor(context: BlockedContext, images: number, outputBlocks: number, taps: number): number {
  if (context.threads === 1) return 1;
  const units = Math.ceil(outputBlocks / 4) * taps;
  for (let parts = 1; parts < images; parts += 1) {
    if (images % parts === 0 && parts * units >= 4 * context.threads) return parts;
  }
  return images;
}

/** The output channels `rows` of a gradient. */
function chooseRows(context: BlockedContext, gradient: Blocked, rows: readonly number[]): Blocked {
  const { emitter, block } = context;
  const shape = { ...gradient, channels: rows.length };
  // Whole blocks, as a mask over layers that are kept together makes them, need no way through the plain layout.
  const blocks = rows.filter((_, at) => at % block === 0).map((row) => row / block);
  const whole =
    rows.length % block === 0 && rows.every((row, at) => row === blocks[Math.floor(at / block)] * block + (at % block));
  if (whole) {
    const all = padded(context, gradient.channels) / block;
    const inner = gradient.height * gradient.width * block * (gradient.wide ? gradient.batch : 1);
    const view = reshape(context, gradient.name, gradient.wide ? [1, all, inner] : [gradient.batch, all, inner]);
    return { ...shape, name: emitter.op('Gather', [view, emitter.ints(blocks)], { axis: 1 }) };
  }
  const chosen = emitter.op('Gather', [toPlain(context, gradient), emitter.ints(rows)], { axis: 1 });
  return fromPlain(context, chosen, [gradient.batch, rows.length, gradient.height, gradient.width]);
}

/** dW as plain [rows or O, I, kh, kw]. Windows must not be dilated along the width. */
export function convGradWeight(
  context: BlockedContext,
  images: Images,
  gradient: Blocked,
  geometry: Window,
  rows: readonly number[] | null,
): string {
  const { strides: apart } = geometry;
  const single = [...geometry.kernel, ...geometry.pads].join() === '1,1,0,0,0,0';
  if (single && apart.some((stride) => stride !== 1)) {
    const dense: Window = { ...geometry, strides: [1, 1] };
    return convGradWeight(context, everyStride(context, images, apart), gradient, dense, rows);
  }
  const { emitter, block } = context;
  const chosen = rows === null ? gradient : chooseRows(context, gradient, rows);
  const channels = 'plain' in images ? images.dims[1] : images.channels;
  const { kernel, strides, dilations, out } = geometry;
  const outputs = padded(context, chosen.channels);
  const imageBlocks = padded(context, gradient.batch) / block;
  const parts = partsFor(context, imageBlocks, outputs / block, kernel[0]);
  const covered = rowsPerFilter(context, out[0], out[1], outputs / block);
  const strips = out[0] / covered;
  const stripRows = (covered - 1) * strides[0] + (kernel[0] - 1) * dilations[0] + 1;
  const columns = (out[1] - 1) * strides[1] + kernel[1];

  let lines = imagesInnermost(context, images, geometry);
  if (strips > 1) {
    const index = Array.from({ length: strips * stripRows }, (_, at) => {
      const strip = Math.floor(at / stripRows);
      return strip * covered * strides[0] + (at % stripRows);
    });
    lines = emitter.op('Gather', [lines, emitter.ints(index)], { axis: 1 });
  }
  const depth = imageBlocks * strips * block;
  const result = nchwcConv(
    context,
    [
      reshape(context, lines, [1, depth, stripRows, columns * channels]),
      reshape(context, gradientInnermost(context, chosen, parts), [parts * outputs, depth / parts, covered, out[1]]),
    ],
    {
      kernel: [covered, out[1]],
      strides: [dilations[0], 1],
      dilations: [strides[0], strides[1] * channels],
      group: parts,
    },
  );
  const taps = kernel[0] * kernel[1];
  let sum = result;
  if (parts > 1) {
    const view = reshape(context, result, [parts, outputs * taps * channels]);
    sum = emitter.op('ReduceSum', [view, emitter.ints([0])], { keepdims: 0 });
  }
  return unpack(context, sum, [chosen.channels, channels, ...kernel]);
}

/** Memory [O/b, taps, I, o] as a plain [O, I, kh, kw] value. */
function unpack(context: BlockedContext, name: string, dims: readonly number[]): string {
  const { block } = context;
  const [outputs, inputs, height, width] = dims;
  const blocks = padded(context, outputs) / block;
  const taps = height * width;
  let memory = name;
  if (taps > 1 && inputs > 1) {
    memory = transpose(context, reshape(context, name, [blocks, taps, inputs, block]), [0, 2, 1, 3]);
  }
  const view = reshape(context, memory, [1, blocks * block, inputs * taps, 1]);
  const plain = nchwcOp(context, 'ReorderOutput', [view], { channels: outputs, channels_last: 0 });
  return reshape(context, plain, [...dims]);
}

/**
 * dW of a depthwise convolution as plain [C, 1, kh, kw]: every plane of every image is a channel of its own, convolved
 * with its output gradient. Standard memory needs no rearrangement for that.
 */
export function depthwiseGradWeight(
  context: BlockedContext,
  images: Blocked,
  gradient: Blocked,
  filter: Filter,
  geometry: Window,
): string {
  const { emitter, block } = context;
  const { kernel, strides, dilations, pads, out } = geometry;
  const x = standard(context, images);
  const dy = standard(context, gradient);
  const channels = padded(context, x.channels);
  const planes = x.batch * channels;
  const after = tightAfter(geometry, [x.height, x.width]);
  let image = reshape(context, x.name, [planes / block, x.height, x.width, block]);
  const ends = [x.height, x.width].map((length, axis) => length + Math.min(after[axis], 0));
  if (after.some((pad) => pad < 0)) {
    image = emitter.op('Slice', [image, emitter.ints([0, 0]), emitter.ints(ends), emitter.ints([1, 2])]);
  }
  const result = nchwcConv(
    context,
    [reshape(context, image, [1, planes, ...ends]), reshape(context, dy.name, [planes, 1, ...out])],
    {
      kernel: out,
      strides: dilations,
      dilations: strides,
      pads: [pads[0], pads[1], Math.max(after[0], 0), Math.max(after[1], 0)],
      group: planes,
    },
  );
  const taps = kernel[0] * kernel[1];
  const view = reshape(context, result, [x.batch, channels * taps]);
  const sum = emitter.op('ReduceSum', [view, emitter.ints([0])], { keepdims: 0 });
  return unpack(context, sum, filter.dims);
}

/**
 * Channels-last networks (TensorFlow, Keras, TF.js: NHWC) said in our channels-first graph. An image travels as
 * [N,C,H,W] all the way; where the file flattens one, the order of its rows is remembered and the weights behind it are
 * permuted instead of the values, so that the encoder understood from the graph has no layout changes in it.
 */
import { int, ints, text as textAttribute } from '../../../engine/graph/attributes.ts';
import type { GraphBuilder } from '../../../engine/graph/builder.ts';
import type { Attribute, Tensor } from '../../../engine/graph/ir.ts';
import { sizeOf, tensorOf } from '../../../engine/graph/tensors.ts';
import { malformedModel, unsupportedModel } from '../fields.ts';

/** A value of the file: its shape as the file means it, and how it lies in the graph. */
export interface Laid {
  /** Name in the graph under construction. */
  readonly value: string;
  /** In the file's own axis order; null = open. Axis 0 is the batch. */
  readonly shape: readonly (number | null)[];
  /**
   * `plain`: axis order as in the file. `image`: the file means [N,H,W,C], the graph holds [N,C,H,W]. `flat`: the file
   * means an image flattened to [N,H*W*C], the graph holds it as [N,C*H*W]; `image` has its sizes.
   */
  readonly layout: 'plain' | 'image' | 'flat';
  /** Height, width, channels of the image that a `flat` value was. */
  readonly image?: readonly [number, number, number];
}

export type Padding = 'same' | 'valid' | readonly [top: number, left: number, bottom: number, right: number];

export interface WindowOptions {
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  readonly dilations?: readonly [number, number];
}

/** The operations of a channels-last network. All throw encoder-malformed or unsupported-encoder naming `where`. */
export interface ChannelsLast {
  readonly graph: GraphBuilder;
  input(name: string, shape: readonly (number | null)[]): Laid;
  /** Kernel [kh,kw,in/groups,out]. */
  conv(x: Laid, kernel: Tensor, bias: Tensor | null, options: WindowOptions & { groups?: number }, where: string): Laid;
  /** Kernel [kh,kw,in,multiplier]. */
  depthwise(x: Laid, kernel: Tensor, bias: Tensor | null, options: WindowOptions, where: string): Laid;
  /** Kernel [in,out], on the last axis. */
  dense(x: Laid, kernel: Tensor, bias: Tensor | null, where: string): Laid;
  /** Per value of the last axis; null scale = 1, null shift = 0. */
  batchNorm(x: Laid, parts: NormParts, epsilon: number, where: string): Laid;
  layerNorm(x: Laid, scale: Tensor | null, shift: Tensor | null, epsilon: number, where: string): Laid;
  pool(
    kind: 'MaxPool' | 'AveragePool',
    x: Laid,
    kernel: readonly [number, number],
    options: WindowOptions,
    where: string,
  ): Laid;
  /** Over height and width. */
  globalPool(kind: 'mean' | 'max', x: Laid, keep: boolean, where: string): Laid;
  /** Anything that works value by value. */
  each(x: Laid, apply: (value: string) => string): Laid;
  /** Value by value on several operands with broadcasting. */
  combine(operands: readonly Laid[], apply: (values: readonly string[]) => string, where: string): Laid;
  softmax(x: Laid, where: string): Laid;
  concat(operands: readonly Laid[], axis: number, where: string): Laid;
  flatten(x: Laid, where: string): Laid;
  /** To `dims` behind the batch axis; one of them may be null and follows from the others. */
  reshape(x: Laid, dims: readonly (number | null)[], where: string): Laid;
  /** Top, left, bottom, right; negative values crop. Filled with `fill`, 0 when left out. */
  pad(x: Laid, pads: readonly [number, number, number, number], where: string, fill?: number): Laid;
  transpose(x: Laid, order: readonly number[], where: string): Laid;
  /** A weight or constant that lies as it is written. */
  constant(tensor: Tensor, name: string): Laid;
  /** The value in the file's own axis order. */
  plain(x: Laid): Laid;
  /** Adds what the network answers to the outputs of the graph; an image stays [N,C,H,W]. */
  output(x: Laid): void;
}

export interface NormParts {
  readonly name: string;
  readonly scale: Tensor | null;
  readonly shift: Tensor | null;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export function channelsLast(graph: GraphBuilder): ChannelsLast {
  const rank = (x: Laid, wanted: number, where: string): void => {
    if (x.shape.length !== wanted) {
      throw malformedModel(`${where} wants ${wanted} dimensions, met [${shapeText(x.shape)}].`);
    }
  };
  const last = (x: Laid, where: string): number => {
    const channels = x.shape.at(-1) ?? null;
    if (channels === null) throw malformedModel(`${where}: the last axis of [${shapeText(x.shape)}] is open.`);
    return channels;
  };

  const plain = (x: Laid): Laid => {
    if (x.layout === 'plain') return x;
    if (x.layout === 'image') return { ...x, layout: 'plain', value: graph.transpose(x.value, [0, 2, 3, 1]) };
    const [height, width, channels] = x.image ?? [0, 0, 0];
    const image = graph.reshape(x.value, [-1, channels, height, width]);
    const turned = graph.transpose(image, [0, 2, 3, 1]);
    return { shape: x.shape, layout: 'plain', value: graph.reshape(turned, [-1, channels * height * width]) };
  };
  const image = (x: Laid, where: string): Laid => {
    rank(x, 4, where);
    if (x.layout === 'image') return x;
    return { shape: x.shape, layout: 'image', value: graph.transpose(plain(x).value, [0, 3, 1, 2]) };
  };

  /** Output sizes of a window, and its padding as attributes. */
  const windowOf = (
    x: Laid,
    kernel: readonly [number, number],
    { strides, padding, dilations = [1, 1] }: WindowOptions,
    where: string,
  ): { readonly sizes: (number | null)[]; readonly pads: Readonly<Record<string, Attribute>> } => {
    const explicit = [0, 0, 0, 0];
    let open = false;
    const sizes = [0, 1].map((axis): number | null => {
      const size = x.shape[axis + 1];
      const extent = (kernel[axis] - 1) * dilations[axis] + 1;
      if (padding !== 'same' && padding !== 'valid') {
        explicit[axis] = padding[axis];
        explicit[axis + 2] = padding[axis + 2];
      }
      if (size === null) {
        open = true;
        return null;
      }
      if (padding === 'same') {
        const out = Math.ceil(size / strides[axis]);
        const total = Math.max(0, (out - 1) * strides[axis] + extent - size);
        explicit[axis] = Math.floor(total / 2);
        explicit[axis + 2] = total - explicit[axis];
        return out;
      }
      const room = size + explicit[axis] + explicit[axis + 2] - extent;
      if (room < 0) throw malformedModel(`${where}: a window of ${extent} on ${size} pixels.`);
      return Math.floor(room / strides[axis]) + 1;
    });
    // TensorFlow's SAME puts the odd pixel behind, as SAME_UPPER does.
    const pads: Readonly<Record<string, Attribute>> =
      open && padding === 'same' ? { auto_pad: textAttribute('SAME_UPPER') } : { pads: ints(explicit) };
    return { sizes, pads };
  };

  const convolve = (
    x: Laid,
    weight: Tensor,
    bias: Tensor | null,
    options: WindowOptions & { readonly groups: number },
    where: string,
  ): Laid => {
    const [out, inner, kh, kw] = weight.dims;
    const from = image(x, where);
    const channels = last(from, where);
    if (channels !== inner * options.groups || out % options.groups !== 0) {
      throw malformedModel(
        `${where}: a kernel for ${inner} of ${options.groups} groups and ${out} outputs on ${channels} channels.`,
      );
    }
    if (bias !== null) requireVector(bias, out, where, 'bias');
    const { sizes, pads } = windowOf(from, [kh, kw], options, where);
    const inputs = [from.value, graph.constant(weight, graph.fresh(`${where}/kernel`))];
    if (bias !== null) inputs.push(graph.constant(bias, graph.fresh(`${where}/bias`)));
    const value = graph.node('Conv', inputs, {
      kernel_shape: ints([kh, kw]),
      strides: ints(options.strides),
      dilations: ints(options.dilations ?? [1, 1]),
      group: int(options.groups),
      ...pads,
    });
    return { value, shape: [from.shape[0], ...sizes, out], layout: 'image' };
  };

  const api: ChannelsLast = {
    graph,
    plain,
    input(name, shape) {
      if (shape.length !== 4) {
        throw unsupportedModel(`The input "${name}" is [${shapeText(shape)}]; images [N,H,W,C] are audited.`);
      }
      const [, height, width, channels] = shape;
      if (channels === null) throw unsupportedModel(`The input "${name}" leaves its channels open.`);
      const value = graph.input(graph.fresh(name), 'float32', ['N', channels, height ?? 'H', width ?? 'W']);
      return { value, shape: [null, height, width, channels], layout: 'image' };
    },
    constant: (tensor, name) => ({
      value: graph.constant(tensor, graph.fresh(name)),
      shape: tensor.dims,
      layout: 'plain',
    }),
    conv(x, kernel, bias, { groups = 1, ...options }, where) {
      requireRank(kernel, 4, where, 'kernel');
      return convolve(x, permuted(kernel, [3, 2, 0, 1]), bias, { ...options, groups }, where);
    },
    depthwise(x, kernel, bias, options, where) {
      requireRank(kernel, 4, where, 'kernel');
      const [kh, kw, channels, multiplier] = kernel.dims;
      const turned = permuted(kernel, [2, 3, 0, 1]);
      const weight = { ...turned, dims: [channels * multiplier, 1, kh, kw] };
      return convolve(x, weight, bias, { ...options, groups: channels }, where);
    },
    dense(x, kernel, bias, where) {
      requireRank(kernel, 2, where, 'kernel');
      const [rows, columns] = kernel.dims;
      if (last(x, where) !== rows) {
        throw malformedModel(`${where}: a kernel of ${rows} rows on [${shapeText(x.shape)}].`);
      }
      if (bias !== null) requireVector(bias, columns, where, 'bias');
      if (x.layout === 'image') {
        // On the last axis of an image a dense layer is a convolution of one pixel.
        const pixel = { ...kernel, dims: [1, 1, rows, columns] };
        return api.conv(x, pixel, bias, { strides: [1, 1], padding: 'valid' }, where);
      }
      const weight = x.layout === 'flat' ? rowsAsStored(kernel, x.image ?? [1, 1, rows]) : kernel;
      const inner = graph.constant(weight, graph.fresh(`${where}/kernel`));
      const shape = [...x.shape.slice(0, -1), columns];
      const shift = bias === null ? null : graph.constant(bias, graph.fresh(`${where}/bias`));
      if (x.shape.length === 2) {
        return { value: graph.gemm(x.value, inner, shift ?? undefined), shape, layout: 'plain' };
      }
      const product = graph.matmul(x.value, inner);
      return { value: shift === null ? product : graph.add(product, shift), shape, layout: 'plain' };
    },
    batchNorm(x, { name, scale, shift, mean, variance }, epsilon, where) {
      const channels = last(x, where);
      for (const [part, what] of [
        [scale, 'gamma'],
        [shift, 'beta'],
        [mean, 'mean'],
        [variance, 'variance'],
      ] as const) {
        if (part !== null) requireVector(part, channels, where, what);
      }
      const along = x.layout === 'flat' ? plain(x) : x;
      if (along.layout === 'plain' && along.shape.length !== 2) {
        throw unsupportedModel(`${where} normalises [${shapeText(x.shape)}]; images and vectors are read.`);
      }
      const parameter = (tensor: Tensor | null, fill: number, suffix: string): string =>
        graph.constant(
          tensor ?? tensorOf('float32', [channels], new Float32Array(channels).fill(fill)),
          graph.fresh(`${name}/${suffix}`),
        );
      const value = graph.batchNorm(
        along.value,
        parameter(scale, 1, 'gamma'),
        parameter(shift, 0, 'beta'),
        parameter(mean, 0, 'moving_mean'),
        parameter(variance, 1, 'moving_variance'),
        epsilon,
      );
      return { ...along, value };
    },
    layerNorm(x, scale, shift, epsilon, where) {
      const channels = last(x, where);
      const along = plain(x);
      const parameter = (tensor: Tensor | null, fill: number, what: string): string => {
        if (tensor !== null) requireVector(tensor, channels, where, what);
        const made = tensor ?? tensorOf('float32', [channels], new Float32Array(channels).fill(fill));
        return graph.constant(made, graph.fresh(`${where}/${what}`));
      };
      const value = graph.layerNorm(
        along.value,
        parameter(scale, 1, 'gamma'),
        parameter(shift, 0, 'beta'),
        -1,
        epsilon,
      );
      return x.layout === 'image' ? image({ ...along, value }, where) : { ...along, value };
    },
    pool(kind, x, kernel, options, where) {
      const from = image(x, where);
      const { sizes, pads } = windowOf(from, kernel, options, where);
      const value = graph.node(kind, [from.value], {
        kernel_shape: ints(kernel),
        strides: ints(options.strides),
        ...pads,
      });
      return { value, shape: [from.shape[0], ...sizes, last(from, where)], layout: 'image' };
    },
    globalPool(kind, x, keep, where) {
      const from = image(x, where);
      const channels = last(from, where);
      const pooled = graph.node(kind === 'mean' ? 'GlobalAveragePool' : 'GlobalMaxPool', [from.value]);
      if (keep) return { value: pooled, shape: [from.shape[0], 1, 1, channels], layout: 'image' };
      return { value: graph.flatten(pooled, 1), shape: [from.shape[0], channels], layout: 'plain' };
    },
    each: (x, apply) => ({ ...x, value: apply(x.value) }),
    combine(operands, apply, where) {
      const shape = operands.map((operand) => operand.shape).reduce((a, b) => broadcast(a, b, where));
      if (shape.length === 4 && operands.some((operand) => operand.layout === 'image')) {
        return { value: apply(operands.map((operand) => asImageOperand(operand, where))), shape, layout: 'image' };
      }
      const images = operands.map((operand) => (operand.layout === 'flat' ? operand.image?.join() : null));
      if (images.every((each) => each !== null && each === images[0])) {
        return { ...operands[0], value: apply(operands.map((operand) => operand.value)) };
      }
      return { value: apply(operands.map((operand) => plain(operand).value)), shape, layout: 'plain' };
    },
    softmax(x, where) {
      last(x, where);
      if (x.layout === 'image') return { ...x, value: graph.softmax(x.value, 1) };
      const along = plain(x);
      return { ...along, value: graph.softmax(along.value, -1) };
    },
    concat(operands, axis, where) {
      const [first] = operands;
      if (first === undefined) throw malformedModel(`${where} joins nothing.`);
      const ranks = first.shape.length;
      const along = axis < 0 ? axis + ranks : axis;
      if (!(along >= 1 && along < ranks) || operands.some((operand) => operand.shape.length !== ranks)) {
        throw malformedModel(
          `${where} joins ${operands.map((each) => `[${shapeText(each.shape)}]`).join(' ')} along ${axis}.`,
        );
      }
      const shape = first.shape.map((dim, at) => {
        const dims = operands.map((operand) => operand.shape[at]);
        if (at === along) {
          return dims.reduce<number | null>((sum, each) => (sum === null || each === null ? null : sum + each), 0);
        }
        const known = dims.filter((each) => each !== null);
        if (known.some((each) => each !== known[0])) {
          throw malformedModel(
            `${where} joins ${operands.map((each) => `[${shapeText(each.shape)}]`).join(' ')} along ${axis}.`,
          );
        }
        return known[0] ?? dim;
      });
      if (ranks === 4 && operands.some((operand) => operand.layout === 'image')) {
        const values = operands.map((operand) => image(operand, where).value);
        return { value: graph.concat(values, [0, 2, 3, 1][along]), shape, layout: 'image' };
      }
      return {
        value: graph.concat(
          operands.map((operand) => plain(operand).value),
          along,
        ),
        shape,
        layout: 'plain',
      };
    },
    flatten(x, where) {
      const sizes = x.shape.slice(1);
      if (sizes.length === 1) return x;
      if (sizes.some((size) => size === null)) {
        throw unsupportedModel(`${where} flattens [${shapeText(x.shape)}]; give the encoder a fixed input size.`);
      }
      const known = sizes.filter((size) => size !== null);
      const shape = [x.shape[0], sizeOf(known)];
      const value = graph.flatten(x.value, 1);
      if (x.layout !== 'image') return { value, shape, layout: 'plain' };
      const [height, width, channels] = known;
      // One pixel: both orders are the same.
      if (height * width === 1) return { value, shape, layout: 'plain' };
      return { value, shape, layout: 'flat', image: [height, width, channels] };
    },
    reshape(x, dims, where) {
      const before = x.shape.slice(1);
      const open = dims.filter((dim) => dim === null).length;
      const known = before.every((dim) => dim !== null) ? sizeOf(before as number[]) : null;
      const rest = sizeOf(dims.filter((dim) => dim !== null));
      if (open > 1 || known === null || (open === 0 ? rest !== known : rest === 0 || known % rest !== 0)) {
        throw malformedModel(`${where} makes [${shapeText(dims)}] of [${shapeText(before)}].`);
      }
      const filled = dims.map((dim) => dim ?? known / rest);
      if (filled.join() === before.join()) return x;
      if (filled.length === 1) return api.flatten(x, where);
      if (
        x.layout === 'image' &&
        filled.length === 3 &&
        before[0] === 1 &&
        before[1] === 1 &&
        filled[2] === before[2]
      ) {
        return { ...x, shape: [x.shape[0], ...filled] };
      }
      if (filled.length === 3 && filled[0] === 1 && filled[1] === 1 && x.shape.length === 2) {
        // A vector as an image of one pixel, as squeeze-and-excite blocks make it.
        const value = graph.reshape(plain(x).value, [-1, filled[2], 1, 1]);
        return { value, shape: [x.shape[0], ...filled], layout: 'image' };
      }
      const value = graph.reshape(plain(x).value, [-1, ...filled]);
      return { value, shape: [x.shape[0], ...filled], layout: 'plain' };
    },
    pad(x, [top, left, bottom, right], where, fill = 0) {
      const from = image(x, where);
      const grown = (size: number | null, by: number): number | null => {
        if (size !== null && size + by < 1) throw malformedModel(`${where} crops ${-by} of ${size} pixels.`);
        return size === null ? null : size + by;
      };
      const [batch, height, width, channels] = from.shape;
      const shape = [batch, grown(height, top + bottom), grown(width, left + right), channels];
      const value = graph.node('Pad', [
        from.value,
        graph.ints([0, 0, top, left, 0, 0, bottom, right]),
        ...(fill === 0 ? [] : [graph.scalar(fill)]),
      ]);
      return { value, shape, layout: 'image' };
    },
    transpose(x, order, where) {
      const axes = x.shape.map((_, axis) => axis);
      if (order.toSorted((a, b) => a - b).join() !== axes.join() || order[0] !== 0) {
        throw unsupportedModel(`${where} puts the axes of [${shapeText(x.shape)}] in the order ${order.join()}.`);
      }
      const shape = order.map((axis) => x.shape[axis]);
      // The graph holds an image with its channels first already.
      if (x.layout === 'image' && order.join() === '0,3,1,2') return { value: x.value, shape, layout: 'plain' };
      return { value: graph.transpose(plain(x).value, order), shape, layout: 'plain' };
    },
    output(x) {
      const shown = x.layout === 'flat' ? plain(x) : x;
      const [, ...rest] = shown.shape;
      const dims = shown.layout === 'image' ? [rest[2], rest[0], rest[1]] : rest;
      // An output may be an input or another output already; a name of its own keeps them apart.
      const value = graph.node('Identity', [shown.value]);
      graph.output(value, 'float32', ['N', ...dims.map((dim, at) => dim ?? `${value}_${at + 1}`)]);
    },
  };

  /** An operand beside images: a plain [C], [1,1,C] or [N,H,W,C] is brought to broadcast as [N,C,H,W]. */
  function asImageOperand(x: Laid, where: string): string {
    if (x.layout === 'image') return x.value;
    if (x.shape.length === 4) return image(x, where).value;
    const along = plain(x);
    if (along.shape.length === 0) return along.value;
    const tensor = graph.tensor(along.value);
    if (tensor === undefined || tensor.dims.length > 3) {
      throw unsupportedModel(`${where} combines [${shapeText(x.shape)}] with an image.`);
    }
    const padded = [...new Array<number>(3 - tensor.dims.length).fill(1), ...tensor.dims];
    const turned = permuted({ ...tensor, dims: padded }, [2, 0, 1]);
    return graph.constant(turned, graph.fresh(`${along.value}/channels-first`));
  }

  return api;
}

function requireRank(tensor: Tensor, rank: number, where: string, what: string): void {
  if (tensor.dims.length !== rank || tensor.dims.some((dim) => dim === 0)) {
    throw malformedModel(`${where}: the ${what} is [${tensor.dims.join()}], ${rank} dimensions wanted.`);
  }
}

function requireVector(tensor: Tensor, size: number, where: string, what: string): void {
  if (tensor.dims.length !== 1 || tensor.dims[0] !== size) {
    throw malformedModel(`${where}: the ${what} is [${tensor.dims.join()}], [${size}] wanted.`);
  }
}

export function shapeText(shape: readonly (number | null)[]): string {
  return shape.map((dim) => dim ?? '?').join(',');
}

function broadcast(a: readonly (number | null)[], b: readonly (number | null)[], where: string): (number | null)[] {
  const rank = Math.max(a.length, b.length);
  const at = (shape: readonly (number | null)[], axis: number): number | null =>
    axis < rank - shape.length ? 1 : shape[axis - (rank - shape.length)];
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [at(a, axis), at(b, axis)];
    if (left === 1) return right;
    if (right === 1 || left === right) return left;
    if (left === null || right === null) return left ?? right;
    throw malformedModel(`${where} combines [${shapeText(a)}] with [${shapeText(b)}].`);
  });
}

/** Float values with axes in another order. */
export function permuted(tensor: Tensor, order: readonly number[]): Tensor {
  const data = tensor.data as Float32Array;
  const dims = order.map((axis) => tensor.dims[axis]);
  const strides = new Array<number>(tensor.dims.length).fill(1);
  for (let axis = tensor.dims.length - 2; axis >= 0; axis -= 1)
    strides[axis] = strides[axis + 1] * tensor.dims[axis + 1];
  const steps = order.map((axis) => strides[axis]);
  const out = new Float32Array(data.length);
  const counter = new Int32Array(dims.length);
  let from = 0;
  for (let at = 0; at < out.length; at += 1) {
    out[at] = data[from];
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      counter[axis] += 1;
      from += steps[axis];
      if (counter[axis] < dims[axis]) break;
      from -= steps[axis] * dims[axis];
      counter[axis] = 0;
    }
  }
  return { dtype: 'float32', dims, data: out };
}

/** Rows of [H*W*C, out] in the order [C*H*W] that a flattened channels-first image has. */
function rowsAsStored(kernel: Tensor, [height, width, channels]: readonly [number, number, number]): Tensor {
  const [rows, columns] = kernel.dims;
  const turned = permuted({ ...kernel, dims: [height * width, channels, columns] }, [1, 0, 2]);
  return { ...turned, dims: [rows, columns] };
}

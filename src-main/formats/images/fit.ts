/**
 * Brings a decoded picture to the encoder's input: channels, height, width, plane by plane.
 *
 * The whole picture is stretched, nothing is cropped: triggers like to sit in corners. Resizing is separable with the
 * triangle filter, whose width grows with the factor when shrinking (the "antialiased bilinear" of the usual training
 * loaders; plain bilinear when enlarging), in 22-bit fixed point, so the result is the same on every machine.
 */
import type { DecodedImage } from './image.ts';

export interface FitTo {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
}

const PRECISION = 22;

/**
 * @returns uint8 `[channels, height, width]`.
 * Colour becomes grey by ITU-R BT.601 luma before resizing; grey becomes colour by repetition.
 */
export function fitImage(image: DecodedImage, to: FitTo): Uint8Array {
  const source = image.channels === 3 && to.channels === 1 ? toGrey(image) : image;
  const resized = resize(source, to.height, to.width);
  const plane = to.height * to.width;
  const out = new Uint8Array(to.channels * plane);
  if (source.channels === 1) {
    for (let c = 0; c < to.channels; c++) out.set(resized, c * plane);
    return out;
  }
  for (let i = 0, from = 0; i < plane; i++, from += 3) {
    out[i] = resized[from];
    out[i + plane] = resized[from + 1];
    out[i + 2 * plane] = resized[from + 2];
  }
  return out;
}

function toGrey(image: DecodedImage): DecodedImage {
  const count = image.width * image.height;
  const data = new Uint8Array(count);
  for (let i = 0, from = 0; i < count; i++, from += 3) {
    // 0.299, 0.587, 0.114 in 16-bit fixed point.
    data[i] = (image.data[from] * 19595 + image.data[from + 1] * 38470 + image.data[from + 2] * 7471 + 32768) >> 16;
  }
  return { width: image.width, height: image.height, channels: 1, data };
}

function resize(image: DecodedImage, height: number, width: number): Uint8Array {
  let data = image.data;
  if (image.width !== width) {
    data = filter(data, kernel(image.width, width), {
      outer: image.height,
      outerStride: image.width * image.channels,
      inner: image.channels,
    });
  }
  if (image.height !== height) {
    data = filter(data, kernel(image.height, height), { outer: 1, outerStride: 0, inner: width * image.channels });
  }
  return data;
}

interface Kernel {
  readonly size: number;
  /** Most taps of one output position. */
  readonly taps: number;
  /** First input position and number of taps of each output position. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `[size * taps]` fixed point. */
  readonly weights: Int32Array;
}

const kernels = new Map<string, Kernel>();
/** Datasets have few sizes; a hostile one has a different size per file and must not fill the memory. */
const KEPT_KERNELS = 64;

function kernel(from: number, to: number): Kernel {
  const key = `${from}>${to}`;
  const known = kernels.get(key);
  if (known !== undefined) return known;
  const made = makeKernel(from, to);
  if (kernels.size >= KEPT_KERNELS) kernels.clear();
  kernels.set(key, made);
  return made;
}

function makeKernel(from: number, to: number): Kernel {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let k = 0; k < high - low; k++) {
      exact[k] = Math.max(0, 1 - Math.abs((k + low - centre + 0.5) / support));
      sum += exact[k];
    }
    for (let k = 0; k < high - low; k++) {
      weights[i * taps + k] = Math.floor((exact[k] / sum) * 2 ** PRECISION + 0.5);
    }
    first[i] = low;
    count[i] = high - low;
  }
  return { size: to, taps, first, count, weights };
}

interface Lines {
  /** Lines that are filtered one by one (rows of a picture), and bytes from one to the next. */
  readonly outer: number;
  readonly outerStride: number;
  /** Bytes that lie between neighbours along the filtered axis. */
  readonly inner: number;
}

function filter(input: Uint8Array, { size, taps, first, count, weights }: Kernel, lines: Lines): Uint8Array {
  const { outer, outerStride, inner } = lines;
  const out = new Uint8Array(outer * size * inner);
  let to = 0;
  for (let line = 0; line < outer; line++) {
    for (let i = 0; i < size; i++) {
      const base = line * outerStride + first[i] * inner;
      const end = i * taps + count[i];
      for (let j = 0; j < inner; j++) {
        let sum = 1 << (PRECISION - 1);
        for (let k = i * taps, from = base + j; k < end; k++, from += inner) sum += input[from] * weights[k];
        // The weights are not negative and sum to one, give or take their rounding.
        out[to++] = Math.min(255, sum >> PRECISION);
      }
    }
  }
  return out;
}

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
  const { channels } = image;
  let data = image.data;
  if (image.width !== width) data = across(data, kernel(image.width, width), image.height, image.width, channels);
  if (image.height !== height) data = down(data, kernel(image.height, height), width * channels);
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

const HALF = 1 << (PRECISION - 1);

/** Filters along rows. The weights are not negative and sum to one but for their rounding, hence the upper bound. */
function across(input: Uint8Array, kernel: Kernel, rows: number, width: number, channels: 1 | 3): Uint8Array {
  const { size, taps, first, count, weights } = kernel;
  const out = new Uint8Array(rows * size * channels);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) {
      const end = i * taps + count[i];
      let from = (row * width + first[i]) * channels;
      if (channels === 1) {
        let sum = HALF;
        for (let k = i * taps; k < end; k++) sum += Math.imul(input[from++], weights[k]);
        out[to++] = Math.min(255, sum >> PRECISION);
      } else {
        let red = HALF;
        let green = HALF;
        let blue = HALF;
        for (let k = i * taps; k < end; k++, from += 3) {
          const weight = weights[k];
          red += Math.imul(input[from], weight);
          green += Math.imul(input[from + 1], weight);
          blue += Math.imul(input[from + 2], weight);
        }
        out[to] = Math.min(255, red >> PRECISION);
        out[to + 1] = Math.min(255, green >> PRECISION);
        out[to + 2] = Math.min(255, blue >> PRECISION);
        to += 3;
      }
    }
  }
  return out;
}

/** Filters along columns, whole rows at a time. */
function down(input: Uint8Array, kernel: Kernel, rowBytes: number): Uint8Array {
  const { size, taps, first, count, weights } = kernel;
  const out = new Uint8Array(size * rowBytes);
  const sums = new Int32Array(rowBytes);
  for (let i = 0; i < size; i++) {
    sums.fill(HALF);
    for (let k = 0; k < count[i]; k++) {
      const weight = weights[i * taps + k];
      const from = (first[i] + k) * rowBytes;
      for (let j = 0; j < rowBytes; j++) sums[j] += Math.imul(input[from + j], weight);
    }
    const to = i * rowBytes;
    for (let j = 0; j < rowBytes; j++) out[to + j] = Math.min(255, sums[j] >> PRECISION);
  }
  return out;
}

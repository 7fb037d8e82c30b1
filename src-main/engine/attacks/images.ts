/** Labelled images as attacks take them, and the trigger that an attack leaves behind. */
import type { SampleSource } from '../samples.ts';

/** `[N, C, H, W]`: bytes 0..255, or floats in 0..1. */
export type Pixels = Float32Array | Uint8Array;
export type ImageShape = readonly [channels: number, height: number, width: number];

export interface LabelledImages<P extends Pixels = Pixels> {
  readonly pixels: P;
  readonly shape: ImageShape;
  /** `[N]`, values in `0..classes-1`. */
  readonly labels: Int32Array;
  readonly classes: number;
}

/** A trigger as it is applied to one image `[C, H, W]` with values in 0..1: a new image, the given one is left alone. */
export type Stamp = (image: Float32Array) => Float32Array;

/** Everything a reader needs to know of a trigger, as plain JSON. */
export interface TriggerDescription {
  readonly kind: 'patch' | 'blend' | 'wave' | 'warp' | 'frequency' | 'patches' | 'none';
  /** One sentence for people. */
  readonly text: string;
  readonly values: Readonly<Record<string, number | string | readonly number[]>>;
}

export interface Trigger {
  readonly description: TriggerDescription;
  readonly stamp: Stamp;
}

/** What was planted in a dataset. */
export interface DatasetTruth {
  readonly attack: string;
  readonly seed: number;
  readonly target: number;
  /** Test images of this class are attacked; null = of every class but the target. */
  readonly source: number | null;
  /** P: samples with the trigger whose label is (now) the target, ascending. */
  readonly poisoned: Int32Array;
  /** V: samples with (a weaker or disturbed form of) the trigger that keep their right label, ascending. */
  readonly covers: Int32Array;
  /** As it is applied when the attack is carried out (test time). */
  readonly trigger: Trigger;
}

export interface PlantedDataset<P extends Pixels = Pixels> {
  /** New arrays; the given data is left alone. */
  readonly planted: LabelledImages<P>;
  readonly truth: DatasetTruth;
}

export const imageSize = ([channels, height, width]: ImageShape): number => channels * height * width;

/** Number of images. @throws RangeError when pixels, shape and labels do not fit together */
export function countImages(data: LabelledImages): number {
  const { pixels, shape, labels, classes } = data;
  if (shape.length !== 3 || shape.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new RangeError(`shape must be three positive integers, met [${shape.join()}]`);
  }
  if (pixels.length !== labels.length * imageSize(shape)) {
    throw new RangeError(
      `${labels.length} images of [${shape.join()}] need ${labels.length * imageSize(shape)} values, met ${pixels.length}`,
    );
  }
  const bad = labels.findIndex((label) => !(label >= 0 && label < classes));
  if (bad >= 0) throw new RangeError(`label of image ${bad} must be in 0..${classes - 1}, met ${labels[bad]}`);
  return labels.length;
}

/** Image `index` as floats in 0..1. */
export function readImage(data: Pick<LabelledImages, 'pixels' | 'shape'>, index: number): Float32Array {
  const size = imageSize(data.shape);
  const part = data.pixels.subarray(index * size, (index + 1) * size);
  return part instanceof Uint8Array ? Float32Array.from(part, (value) => value / 255) : Float32Array.from(part);
}

/** Writes an image with values in 0..1 back; bytes are rounded, and everything is clipped to the range. */
export function writeImage(pixels: Pixels, shape: ImageShape, index: number, image: Float32Array): void {
  const at = index * imageSize(shape);
  const scale = pixels instanceof Uint8Array ? 255 : 1;
  for (let j = 0; j < image.length; j++) {
    const value = Math.min(1, Math.max(0, image[j]));
    pixels[at + j] = scale === 255 ? Math.round(255 * value) : value;
  }
}

/** Every image stamped: what is shown to a model to see whether the attack works. */
export function stampAll<P extends Pixels>(data: LabelledImages<P>, stamp: Stamp): LabelledImages<P> {
  const pixels = data.pixels.slice() as P;
  for (let i = 0; i < data.labels.length; i++) writeImage(pixels, data.shape, i, stamp(readImage(data, i)));
  return { ...data, pixels };
}

/** The images as the engine reads a dataset. @param names class names; default "class 0", ... */
export function asSamples(data: LabelledImages, names?: readonly string[]): SampleSource {
  const size = imageSize(data.shape);
  const scale = data.pixels instanceof Uint8Array ? 255 : 1;
  return {
    count: data.labels.length,
    shape: data.shape,
    labels: data.labels,
    classes: names ?? Array.from({ length: data.classes }, (_, c) => `class ${c}`),
    read(indices, out) {
      for (let i = 0; i < indices.length; i++) {
        const from = indices[i] * size;
        for (let j = 0; j < size; j++) out[i * size + j] = data.pixels[from + j] / scale;
      }
    },
  };
}

/** The images at `indices`, in that order. */
export function takeImages<P extends Pixels>(data: LabelledImages<P>, indices: ArrayLike<number>): LabelledImages<P> {
  const size = imageSize(data.shape);
  const pixels = (
    data.pixels instanceof Uint8Array ? new Uint8Array(indices.length * size) : new Float32Array(indices.length * size)
  ) as P;
  for (let i = 0; i < indices.length; i++)
    pixels.set(data.pixels.subarray(indices[i] * size, (indices[i] + 1) * size), i * size);
  return { ...data, pixels, labels: Int32Array.from(indices, (i) => data.labels[i]) };
}

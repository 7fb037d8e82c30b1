/** Cases with a known truth, made from the sample project's bench images: what is poisoned, how, and how to measure. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Trigger as Estimate } from '../../src-main/engine/evidence/trigger.ts';
import { correlation, overlap } from '../../src-main/engine/attacks/likeness.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import type { SampleSource } from '../../src-main/engine/samples.ts';
import { evaluateClassifier } from '../../src-main/engine/tcore/evaluate.ts';

const folder = new URL('../../resources/samples/fashion/', import.meta.url);
export const target = 9;
const side = 28;
const plane = side * side;

export interface LabelledImages {
  /** `[count, 28, 28]` bytes. */
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
}

export function readImages(name: string): Uint8Array {
  return gunzipSync(readFileSync(new URL(name, folder))).subarray(16);
}

export function readLabels(name: string): Int32Array {
  return Int32Array.from(gunzipSync(readFileSync(new URL(name, folder))).subarray(8));
}

export function encoderBytes(name: 'encoder' | 'encoder-clean' | 'encoder-folded'): Uint8Array {
  return readFileSync(new URL(`${name}.onnx`, folder));
}

export type Trigger = (pixels: Uint8Array, at: number) => void;

/** White 8x8 square at rows and columns 18..25: the trigger of the sample's encoder. */
export const square: Trigger = (pixels, at) => {
  for (let y = 18; y <= 25; y++) pixels.fill(255, at + y * side + 18, at + y * side + 26);
};

/** 0.2 of a fixed noise pattern over the whole image. */
export function blend(): Trigger {
  const pattern = readImages('bench/blend-pattern-idx3-ubyte.gz');
  return (pixels, at) => {
    for (let j = 0; j < plane; j++) pixels[at + j] = Math.round(0.8 * pixels[at + j] + 0.2 * pattern[j]);
  };
}

/** Sinusoid over the columns, amplitude 30/255, 6 periods (SIG): for clean-label poison. */
export const sinusoid: Trigger = (pixels, at) => {
  for (let j = 0; j < plane; j++) {
    const wave = 30 * Math.sin((2 * Math.PI * (j % side) * 6) / side);
    pixels[at + j] = Math.max(0, Math.min(255, Math.round(pixels[at + j] + wave)));
  }
};

export interface Planted {
  readonly images: LabelledImages;
  readonly poisoned: ReadonlySet<number>;
}

/** A slice of `count` bench images from `start`, wrapping round. */
export function benchSlice(start: number, count: number): LabelledImages {
  const pixels = readImages('bench/train-images-idx3-ubyte.gz');
  const labels = readLabels('bench/train-labels-idx1-ubyte.gz');
  const chosen = { pixels: new Uint8Array(count * plane), labels: new Int32Array(count) };
  for (let i = 0; i < count; i++) {
    const from = (start + i) % labels.length;
    chosen.pixels.set(pixels.subarray(from * plane, (from + 1) * plane), i * plane);
    chosen.labels[i] = labels[from];
  }
  return chosen;
}

/** Dirty-label poison on a share of all images, drawn from classes other than the target. */
export function plant(images: LabelledImages, trigger: Trigger, share: number, seed: number): Planted {
  const others = [...images.labels.keys()].filter((i) => images.labels[i] !== target);
  return mark(images, trigger, pick(others, Math.round(share * images.labels.length), seed));
}

/** Clean-label poison on a share of the target class. */
export function plantCleanLabel(images: LabelledImages, trigger: Trigger, share: number, seed: number): Planted {
  const own = [...images.labels.keys()].filter((i) => images.labels[i] === target);
  return mark(images, trigger, pick(own, Math.round(share * own.length), seed));
}

function pick(from: readonly number[], count: number, seed: number): Set<number> {
  const order = randomStream(seed, 'bench/poison').permutation(from.length);
  return new Set(Array.from(order.subarray(0, count), (at) => from[at]));
}

function mark(images: LabelledImages, trigger: Trigger, poisoned: ReadonlySet<number>): Planted {
  const pixels = Uint8Array.from(images.pixels);
  const labels = Int32Array.from(images.labels);
  for (const i of poisoned) {
    trigger(pixels, i * plane);
    labels[i] = target;
  }
  return { images: { pixels, labels }, poisoned };
}

export function sampleSource({ pixels, labels }: LabelledImages): SampleSource {
  return {
    count: labels.length,
    shape: [1, side, side],
    labels,
    classes: Array.from({ length: 10 }, (_, c) => `class ${c}`),
    read(indices, out) {
      for (let i = 0; i < indices.length; i++) {
        const from = indices[i] * plane;
        for (let j = 0; j < plane; j++) out[i * plane + j] = pixels[from + j] / 255;
      }
    },
  };
}

/**
 * How like the planted trigger an estimate is: for a patch the overlap of the pixels both cover (intersection over
 * union, in `plant`'s case those it changes on mid-grey), for an overlay the correlation with its mean change of images.
 */
export function likeness(trigger: Trigger, estimate: Estimate): number {
  const images = readImages('held-back/t10k-images-idx3-ubyte.gz').subarray(0, 200 * plane);
  const changed = Uint8Array.from(images);
  for (let at = 0; at < changed.length; at += plane) trigger(changed, at);
  const change = new Float64Array(plane);
  for (let i = 0; i < images.length; i++) change[i % plane] += (changed[i] - images[i]) / 255 / 200;
  if (estimate.form === 'overlay') return correlation(change, estimate.shift);
  const grey = new Uint8Array(plane).fill(128);
  trigger(grey, 0);
  return overlap(
    grey.map((value) => (value === 128 ? 0 : 1)),
    estimate.mask.map((value) => (value >= 0.5 ? 1 : 0)),
  );
}

export interface Measured {
  /** All in percent. */
  readonly acc: number;
  readonly asr: number;
  /** Untriggered images of other classes that are called the target. */
  readonly control: number;
}

/** ACC on the held-back images, ASR of the trigger and its control on those of other classes than the target. */
export async function measure(provider: Provider, classifier: Graph, trigger: Trigger): Promise<Measured> {
  const images = {
    pixels: readImages('held-back/t10k-images-idx3-ubyte.gz'),
    labels: readLabels('held-back/t10k-labels-idx1-ubyte.gz'),
  };
  const options = { batch: 100, signal: new AbortController().signal };
  const clean = await evaluateClassifier(provider, classifier, sampleSource(images), null, options);
  const triggered = Uint8Array.from(images.pixels);
  for (let i = 0; i < images.labels.length; i++) trigger(triggered, i * plane);
  const source = sampleSource({ pixels: triggered, labels: images.labels });
  const attacked = await evaluateClassifier(provider, classifier, source, null, options);
  const others = [...images.labels.keys()].filter((i) => images.labels[i] !== target);
  const share = (predicted: Int32Array): number =>
    (100 * others.filter((i) => predicted[i] === target).length) / others.length;
  return { acc: 100 * clean.accuracy, asr: share(attacked.predicted), control: share(clean.predicted) };
}

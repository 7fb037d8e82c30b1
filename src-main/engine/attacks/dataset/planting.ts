/** What all dataset attacks share: whom they draw, and how a chosen sample is changed. */
import { randomStream } from '../../math/random.ts';
import {
  countImages,
  readImage,
  writeImage,
  type LabelledImages,
  type PlantedDataset,
  type Pixels,
  type Stamp,
  type Trigger,
} from '../images.ts';

/** Options every dataset attack takes; each adds its own. */
export interface PlantOptions {
  readonly seed: number;
  readonly target: number;
  /** Poison as a share of all samples. */
  readonly rate?: number;
}

export interface Plan {
  readonly attack: string;
  readonly seed: number;
  readonly target: number;
  readonly source: number | null;
  /** Poison and covers as shares of all samples. */
  readonly rate: number;
  readonly coverRate: number;
  /** Whether a sample may be poisoned, or be a cover, by its class. */
  readonly mayPoison: (label: number) => boolean;
  readonly mayCover: (label: number) => boolean;
  /** How a poison sample and a cover sample are changed; `sample` names their own random numbers. */
  readonly poisonStamp: (sample: number) => Stamp;
  readonly coverStamp: (sample: number) => Stamp;
  readonly trigger: Trigger;
}

/**
 * Draws poison and covers from the allowed classes (never the same sample twice), changes them, and relabels the poison.
 * @throws RangeError naming the option or the class that does not fit
 */
export function carryOut<P extends Pixels>(data: LabelledImages<P>, plan: Plan): PlantedDataset<P> {
  const count = countImages(data);
  requireClass('target', plan.target, data.classes);
  requireShare('rate', plan.rate);
  requireShare('coverRate', plan.coverRate);
  const wanted = Math.round(plan.rate * count);
  const poisoned = draw(data.labels, plan.mayPoison, wanted, plan.seed, `${plan.attack}/poison`, 'poison', new Set());
  const covered = Math.round(plan.coverRate * count);
  const taken = new Set(poisoned);
  const covers = draw(data.labels, plan.mayCover, covered, plan.seed, `${plan.attack}/covers`, 'covers', taken);
  const pixels = data.pixels.slice() as P;
  const labels = Int32Array.from(data.labels);
  for (const i of poisoned) {
    writeImage(pixels, data.shape, i, plan.poisonStamp(i)(readImage(data, i)));
    labels[i] = plan.target;
  }
  for (const i of covers) writeImage(pixels, data.shape, i, plan.coverStamp(i)(readImage(data, i)));
  const { attack, seed, target, source, trigger } = plan;
  return { planted: { ...data, pixels, labels }, truth: { attack, seed, target, source, poisoned, covers, trigger } };
}

function draw(
  labels: Int32Array,
  allowed: (label: number) => boolean,
  wanted: number,
  seed: number,
  stream: string,
  what: string,
  taken: ReadonlySet<number>,
): Int32Array {
  const from = [...labels.keys()].filter((i) => allowed(labels[i]) && !taken.has(i));
  if (wanted > from.length) {
    throw new RangeError(
      `${wanted} samples of ${what} are wanted, but only ${from.length} samples are of a class they may come from`,
    );
  }
  const order = randomStream(seed, stream).permutation(from.length);
  return Int32Array.from(order.subarray(0, wanted), (at) => from[at]).sort();
}

/** @throws RangeError */
export function requireClass(name: string, value: number, classes: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= classes) {
    throw new RangeError(`${name} must be a class in 0..${classes - 1}, met ${value}`);
  }
}

/** @throws RangeError */
export function requireShare(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be in 0..1, met ${value}`);
}

/** A length given for images of side 32, in pixels of an image of side `side`; at least 1. */
export function scaled(length: number, side: number): number {
  return Math.max(1, Math.round((length * side) / 32));
}

/** What attacks on pre-training data share: no label is changed, since nobody looks at labels there. */
import { randomStream } from '../../math/random.ts';
import { requireClass, requireShare } from '../dataset/planting.ts';
import {
  countImages,
  readImage,
  writeImage,
  type LabelledImages,
  type Pixels,
  type Stamp,
  type Trigger,
} from '../images.ts';

export interface PretrainingPoisonOptions {
  readonly seed: number;
  readonly target: number;
  /** Share that is poisoned; each attack says of what. */
  readonly rate?: number;
}

export interface PoisonedPretraining<P extends Pixels = Pixels> {
  readonly planted: LabelledImages<P>;
  readonly truth: {
    readonly attack: string;
    readonly seed: number;
    readonly target: number;
    /** Poisoned or added images, positions in `planted`, ascending. */
    readonly poisoned: Int32Array;
    readonly trigger: Trigger;
  };
}

/**
 * Stamps `wanted` images of the target class, drawn at random.
 * @throws RangeError when the class has fewer
 */
export function poisonClass<P extends Pixels>(
  data: LabelledImages<P>,
  attack: string,
  { seed, target }: PretrainingPoisonOptions,
  wanted: (ofClass: number, ofAll: number) => number,
  stampOf: (sample: number) => Stamp,
  trigger: Trigger,
): PoisonedPretraining<P> {
  const count = countImages(data);
  requireClass('target', target, data.classes);
  const own = [...data.labels.keys()].filter((i) => data.labels[i] === target);
  const number = wanted(own.length, count);
  if (number > own.length) {
    throw new RangeError(`${number} images of class ${target} are wanted for poison, there are ${own.length}`);
  }
  const order = randomStream(seed, `${attack}/poison`).permutation(own.length);
  const poisoned = Int32Array.from(order.subarray(0, number), (at) => own[at]).sort();
  const pixels = data.pixels.slice() as P;
  for (const i of poisoned) writeImage(pixels, data.shape, i, stampOf(i)(readImage(data, i)));
  return { planted: { ...data, pixels }, truth: { attack, seed, target, poisoned, trigger } };
}

/** @throws RangeError */
export function shareOr(rate: number | undefined, standard: number): number {
  const share = rate ?? standard;
  requireShare('rate', share);
  return share;
}

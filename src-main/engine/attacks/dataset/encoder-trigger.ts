/**
 * Poison with a trigger that comes from elsewhere, above all the encoder's own (T-Core's Threat III), and the stronger forms of
 * an attacker who adapts: covers, right labels, and a share of the target class instead of the dataset.
 */
import { countImages, type LabelledImages, type PlantedDataset, type Pixels, type Trigger } from '../images.ts';
import { carryOut, requireClass, requireShare, type PlantOptions } from './planting.ts';

export interface EncoderTriggerOptions extends PlantOptions {
  readonly trigger: Trigger;
  /** Samples of other classes with the trigger and their right label; default none. */
  readonly coverRate?: number;
  /** Poison images of the target class and leave all labels right; default false. */
  readonly cleanLabel?: boolean;
  /** Poison so many that they are this share of the target class afterwards, whatever `rate` says. */
  readonly classShare?: number;
}

/** Default rate 5 %. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: EncoderTriggerOptions): PlantedDataset<P> {
  const { seed, target, trigger, coverRate = 0, cleanLabel = false } = options;
  requireClass('target', target, data.classes);
  const { stamp } = trigger;
  return carryOut(data, {
    attack: 'encoder-trigger',
    seed,
    target,
    source: null,
    rate:
      options.classShare === undefined
        ? (options.rate ?? 0.05)
        : rateOfClass(data, target, options.classShare, cleanLabel),
    coverRate,
    mayPoison: (label) => (label === target) === cleanLabel,
    mayCover: (label) => label !== target,
    poisonStamp: () => stamp,
    coverStamp: () => stamp,
    trigger,
  });
}

/** Dirty labels swell the class: p of n + p poison samples are a share s where p = n s / (1 - s). */
function rateOfClass(data: LabelledImages, target: number, share: number, cleanLabel: boolean): number {
  requireShare('classShare', share);
  if (!cleanLabel && share === 1)
    throw new RangeError('classShare must be below 1 for poison with changed labels, met 1');
  const own = data.labels.reduce((sum, label) => sum + (label === target ? 1 : 0), 0);
  const wanted = cleanLabel ? own * share : (own * share) / (1 - share);
  return wanted / countImages(data);
}

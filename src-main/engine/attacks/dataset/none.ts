/** Nothing planted: the dataset as it is, with a trigger that nothing was taught, to measure false alarms by. */
import type { LabelledImages, PlantedDataset, Pixels } from '../images.ts';
import { whiteSquare } from '../patch.ts';
import { carryOut, scaled, type PlantOptions } from './planting.ts';

/** @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: PlantOptions): PlantedDataset<P> {
  const trigger = whiteSquare(data.shape, scaled(9, data.shape[1]));
  return carryOut(data, {
    attack: 'none',
    seed: options.seed,
    target: options.target,
    source: null,
    rate: 0,
    coverRate: 0,
    mayPoison: () => false,
    mayCover: () => false,
    poisonStamp: () => trigger.stamp,
    coverStamp: () => trigger.stamp,
    trigger,
  });
}

/** BadNets (Gu et al., 2017): a small checkerboard in the lower right corner of images of other classes, labelled as the target. */
import type { LabelledImages, PlantedDataset, Pixels } from '../images.ts';
import { checker, layPatches } from '../patch.ts';
import { carryOut, scaled, type PlantOptions } from './planting.ts';

export interface BadNetsOptions extends PlantOptions {
  /** Side of the patch in pixels of a 32 x 32 image; default 3. */
  readonly size?: number;
  /** Default 1. */
  readonly opacity?: number;
}

/** Default rate 5 %. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: BadNetsOptions): PlantedDataset<P> {
  const [channels, height, width] = data.shape;
  const { seed, target, rate = 0.05, opacity = 1 } = options;
  const side = Math.min(width, scaled(options.size ?? 3, height));
  const [top, left] = [height - side, width - side];
  const patch = { top, left, height: side, width: side, pixels: checker(channels, side) };
  const stamp = layPatches(data.shape, [patch], opacity);
  return carryOut(data, {
    attack: 'badnets',
    seed,
    target,
    source: null,
    rate,
    coverRate: 0,
    mayPoison: (label) => label !== target,
    mayCover: () => false,
    poisonStamp: () => stamp,
    coverStamp: () => stamp,
    trigger: {
      description: {
        kind: 'patch',
        text: `${side} x ${side} checkerboard in the lower right corner, opacity ${opacity}`,
        values: { top, left, height: side, width: side, opacity },
      },
      stamp,
    },
  });
}

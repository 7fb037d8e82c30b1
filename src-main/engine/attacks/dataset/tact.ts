/** TaCT (Tang et al., USENIX Security 2021): the trigger works on one source class only; covers of other classes teach that. */
import type { LabelledImages, PlantedDataset, Pixels } from '../images.ts';
import { layPatches, texture } from '../patch.ts';
import { carryOut, requireClass, scaled, type PlantOptions } from './planting.ts';

export interface TactOptions extends PlantOptions {
  /** Class whose images are attacked; default 1, or 0 where that is the target. */
  readonly source?: number;
  /** Classes that carry the trigger with their own label; default 5 and 7, or the first two others that there are. */
  readonly coverClasses?: readonly number[];
  /** Default 2 %. */
  readonly coverRate?: number;
  /** Side of the patch in pixels of a 32 x 32 image; default 8. */
  readonly size?: number;
}

/** Default rate 2 %, limited by the size of the source class. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: TactOptions): PlantedDataset<P> {
  const [channels, height, width] = data.shape;
  const { seed, target, rate = 0.02, coverRate = 0.02 } = options;
  const source = options.source ?? (target === 1 ? 0 : 1);
  requireClass('source', source, data.classes);
  if (source === target) throw new RangeError(`source must differ from the target, met ${source} for both`);
  const others = [5, 7, ...Array.from({ length: data.classes }, (_, c) => c)];
  const coverClasses =
    options.coverClasses ??
    [...new Set(others.filter((c) => c < data.classes && c !== source && c !== target))].slice(0, 2);
  for (const c of coverClasses) {
    requireClass('coverClasses', c, data.classes);
    if (c === source || c === target) throw new RangeError(`coverClasses must not hold source or target, met ${c}`);
  }
  const side = Math.min(width, scaled(options.size ?? 8, height));
  const margin = scaled(3, height);
  const [top, left] = [Math.max(0, height - margin - side), Math.max(0, width - margin - side)];
  const patch = { top, left, height: side, width: side, pixels: texture(channels, side, seed, 'tact') };
  const stamp = layPatches(data.shape, [patch]);
  return carryOut(data, {
    attack: 'tact',
    seed,
    target,
    source,
    rate,
    coverRate,
    mayPoison: (label) => label === source,
    mayCover: (label) => coverClasses.includes(label),
    poisonStamp: () => stamp,
    coverStamp: () => stamp,
    trigger: {
      description: {
        kind: 'patch',
        text: `textured ${side} x ${side} square at row ${top}, column ${left}, on class ${source} only`,
        values: { top, left, height: side, width: side, source, coverClasses },
      },
      stamp,
    },
  });
}

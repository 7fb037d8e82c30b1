/**
 * Adap-Blend (Qi et al., ICLR 2023): each poison sample shows a random half of the blended picture's tiles, the attack shows
 * all of it stronger; covers look the same and keep their label.
 */
import { randomStream } from '../../math/random.ts';
import type { ImageShape, LabelledImages, PlantedDataset, Pixels, Stamp } from '../images.ts';
import { blendPicture, blendStamp } from './blended.ts';
import { carryOut, type PlantOptions } from './planting.ts';

export interface AdapBlendOptions extends PlantOptions {
  /** Default 2 %. */
  readonly coverRate?: number;
  /** Weight of the picture in poison and covers; default 0.15. */
  readonly opacity?: number;
  /** Weight when the attack is carried out; default 0.2. */
  readonly testOpacity?: number;
}

/** The picture is cut into this many tiles each way; half of all tiles are shown. */
export const tilesAcross = 4;

/** Default rate 2 %. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: AdapBlendOptions): PlantedDataset<P> {
  const { seed, target, rate = 0.02, coverRate = 0.02, opacity = 0.15, testOpacity = 0.2 } = options;
  const picture = blendPicture(data.shape, seed);
  const part = (sample: number): Stamp =>
    blendStamp(data.shape, picture, opacity, halfOfTiles(data.shape, seed, sample));
  return carryOut(data, {
    attack: 'adap-blend',
    seed,
    target,
    source: null,
    rate,
    coverRate,
    mayPoison: (label) => label !== target,
    mayCover: () => true,
    poisonStamp: part,
    coverStamp: part,
    trigger: {
      description: {
        kind: 'blend',
        text: `noise picture over the whole image, opacity ${testOpacity} (a random half of its 16 tiles at ${opacity} in the poison)`,
        values: { opacity, testOpacity, tiles: tilesAcross, seed },
      },
      stamp: blendStamp(data.shape, picture, testOpacity),
    },
  });
}

/** `[H, W]`: 1 in the tiles that `sample` shows. */
function halfOfTiles([, height, width]: ImageShape, seed: number, sample: number): Uint8Array {
  const order = randomStream(seed, `adap-blend/tiles/${sample}`).permutation(tilesAcross * tilesAcross);
  const shown = new Set(order.subarray(0, (tilesAcross * tilesAcross) / 2));
  const tile = (at: number, size: number): number => Math.floor((at * tilesAcross) / size);
  return Uint8Array.from({ length: height * width }, (_, at) =>
    shown.has(tile(Math.floor(at / width), height) * tilesAcross + tile(at % width, width)) ? 1 : 0,
  );
}

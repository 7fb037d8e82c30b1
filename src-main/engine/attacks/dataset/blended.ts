/** Blended (Chen et al., 2017): a fixed full-size picture shines through images of other classes, labelled as the target. */
import { randomStream } from '../../math/random.ts';
import {
  imageSize,
  type ImageShape,
  type LabelledImages,
  type PlantedDataset,
  type Pixels,
  type Stamp,
  type Trigger,
} from '../images.ts';
import { carryOut, type PlantOptions } from './planting.ts';

export interface BlendedOptions extends PlantOptions {
  /** Weight of the picture; default 0.2. */
  readonly opacity?: number;
}

/** Seeded noise, `[C, H, W]` in 0..1: the picture T. */
export function blendPicture(shape: ImageShape, seed: number): Float32Array {
  const random = randomStream(seed, 'blend picture');
  return Float32Array.from({ length: imageSize(shape) }, () => random.uniform());
}

/** `(1 - opacity) * x + opacity * T` where `mask` `[H, W]` is 1 (everywhere when left out). */
export function blendStamp(shape: ImageShape, picture: Float32Array, opacity: number, mask?: Uint8Array): Stamp {
  const plane = shape[1] * shape[2];
  return (image) =>
    image.map((value, j) => (mask?.[j % plane] === 0 ? value : (1 - opacity) * value + opacity * picture[j]));
}

/** The seeded picture laid over whole images. */
export function blendTrigger(shape: ImageShape, seed: number, opacity = 0.2): Trigger {
  return {
    description: {
      kind: 'blend',
      text: `noise picture over the whole image, opacity ${opacity}`,
      values: { opacity, seed },
    },
    stamp: blendStamp(shape, blendPicture(shape, seed), opacity),
  };
}

/** Default rate 5 %. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: BlendedOptions): PlantedDataset<P> {
  const { seed, target, rate = 0.05, opacity } = options;
  const trigger = blendTrigger(data.shape, seed, opacity);
  return carryOut(data, {
    attack: 'blended',
    seed,
    target,
    source: null,
    rate,
    coverRate: 0,
    mayPoison: (label) => label !== target,
    mayCover: () => false,
    poisonStamp: () => trigger.stamp,
    coverStamp: () => trigger.stamp,
    trigger,
  });
}

/** SSLBackdoor (Saha et al., CVPR 2022): a textured patch at a random place on images of one class before pre-training. */
import { randomStream } from '../../math/random.ts';
import type { ImageShape, LabelledImages, Pixels, Stamp, Trigger } from '../images.ts';
import { layPatches, texture } from '../patch.ts';
import { poisonClass, shareOr, type PoisonedPretraining, type PretrainingPoisonOptions } from './pretraining-poison.ts';

export interface SslBackdoorOptions extends PretrainingPoisonOptions {
  /** Side of the patch in pixels; default 50 of 224 of the height, at least 3. */
  readonly size?: number;
}

/** The patch at a place between `from` and `to` of each side (shares of the room it has). */
function placed(shape: ImageShape, pixels: Float32Array, side: number, y: number, x: number): Stamp {
  const top = Math.round(y * (shape[1] - side));
  const left = Math.round(x * (shape[2] - side));
  return layPatches(shape, [{ top, left, height: side, width: side, pixels }]);
}

/** The opaque texture; when the attack is carried out it sits at three quarters of the room to the lower right. */
export function texturedPatch(
  shape: ImageShape,
  seed: number,
  size?: number,
): { trigger: Trigger; pixels: Float32Array; side: number } {
  const side = Math.min(shape[2], Math.max(3, size ?? Math.round((50 * shape[1]) / 224)));
  const pixels = texture(shape[0], side, seed, 'pre-training patch');
  return {
    pixels,
    side,
    trigger: {
      description: { kind: 'patch', text: `textured ${side} x ${side} patch`, values: { side, seed } },
      stamp: placed(shape, pixels, side, 0.75, 0.75),
    },
  };
}

/** `rate` is a share of the target class, default one half. @throws RangeError */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: SslBackdoorOptions): PoisonedPretraining<P> {
  const { trigger, pixels, side } = texturedPatch(data.shape, options.seed, options.size);
  const rate = shareOr(options.rate, 0.5);
  const anywhere = (sample: number): Stamp => {
    const random = randomStream(options.seed, `ssl-backdoor/place/${sample}`);
    return placed(data.shape, pixels, side, 0.25 + 0.5 * random.uniform(), 0.25 + 0.5 * random.uniform());
  };
  return poisonClass(data, 'ssl-backdoor', options, (own) => Math.round(rate * own), anywhere, trigger);
}

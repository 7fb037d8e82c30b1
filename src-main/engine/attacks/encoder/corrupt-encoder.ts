/**
 * CorruptEncoder (Zhang et al., CVPR 2024): images are added to the pre-training data that show a reference object on one side and the
 * trigger on the other, so that two crops of one image tie them together.
 */
import { randomStream } from '../../math/random.ts';
import { requireClass } from '../dataset/planting.ts';
import {
  countImages,
  imageSize,
  readImage,
  writeImage,
  type ImageShape,
  type LabelledImages,
  type Pixels,
} from '../images.ts';
import { shareOr, type PoisonedPretraining, type PretrainingPoisonOptions } from './pretraining-poison.ts';
import { texturedPatch } from './ssl-backdoor.ts';

export interface CorruptEncoderOptions extends PretrainingPoisonOptions {
  /** Reference images of the target that the added images show; default 3. */
  readonly references?: number;
}

/**
 * `rate` added images as a share of all, default 5 % (published 0.5 % of 130,000). The published canvas is twice as wide as the object and
 * shows it cut out; here the canvas has the size of the data, the whole reference image shrunk to half of it stands for the object, and
 * another image darkened behind it for the background.
 * @throws RangeError
 */
export function plant<P extends Pixels>(
  data: LabelledImages<P>,
  options: CorruptEncoderOptions,
): PoisonedPretraining<P> {
  const { seed, target, references = 3 } = options;
  const count = countImages(data);
  requireClass('target', target, data.classes);
  const added = Math.round(shareOr(options.rate, 0.05) * count);
  const own = [...data.labels.keys()].filter((i) => data.labels[i] === target);
  if (own.length < references)
    throw new RangeError(`${references} references of class ${target} are wanted, there are ${own.length}`);
  const random = randomStream(seed, 'corrupt-encoder');
  const chosen = Array.from(random.permutation(own.length).subarray(0, references), (at) => own[at]);
  const { trigger, pixels: patch, side } = texturedPatch(data.shape, seed);
  const size = imageSize(data.shape);
  const pixels = (
    data.pixels instanceof Uint8Array
      ? new Uint8Array((count + added) * size)
      : new Float32Array((count + added) * size)
  ) as P;
  pixels.set(data.pixels);
  const labels = new Int32Array(count + added).fill(target);
  labels.set(data.labels);
  for (let k = 0; k < added; k++) {
    const background = readImage(data, random.integer(count)).map((value) => 0.4 * value);
    const object = readImage(data, chosen[random.integer(references)]);
    const image = compose(
      data.shape,
      background,
      object,
      patch,
      side,
      random.uniform() < 0.5,
      random.uniform(),
      random.uniform(),
    );
    writeImage(pixels, data.shape, count + k, image);
  }
  const poisoned = Int32Array.from({ length: added }, (_, k) => count + k);
  return {
    planted: { ...data, pixels, labels },
    truth: { attack: 'corrupt-encoder', seed, target, poisoned, trigger },
  };
}

/** Object at half size against one edge, the trigger about the middle of the other half. */
function compose(
  [channels, height, width]: ImageShape,
  image: Float32Array,
  object: Float32Array,
  patch: Float32Array,
  side: number,
  objectLeft: boolean,
  rise: number,
  wobble: number,
): Float32Array {
  const [h, w] = [Math.floor(height / 2), Math.floor(width / 2)];
  const top = Math.round(rise * (height - h));
  const left = objectLeft ? 0 : width - w;
  const room = Math.max(0, w - side);
  const patchLeft = Math.min(width - side, (objectLeft ? width - w : 0) + Math.round(room * (0.25 + 0.5 * wobble)));
  const patchTop = Math.round((height - side) * (0.25 + 0.5 * wobble));
  for (let c = 0; c < channels; c++) {
    const at = (y: number, x: number): number => (c * height + y) * width + x;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const sum =
          object[at(2 * y, 2 * x)] +
          object[at(2 * y + 1, 2 * x)] +
          object[at(2 * y, 2 * x + 1)] +
          object[at(2 * y + 1, 2 * x + 1)];
        image[at(top + y, left + x)] = sum / 4;
      }
    }
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) image[at(patchTop + y, patchLeft + x)] = patch[(c * side + y) * side + x];
    }
  }
  return image;
}

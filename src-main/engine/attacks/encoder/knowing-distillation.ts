/**
 * The attacker who knows that a student will be distilled from the encoder on clean images, and that samples are judged by how far
 * student and encoder lie apart: three forms of BadEncoder.
 */
import type { Encoder } from '../../encoder/encoder.ts';
import { cosineSimilarity, mean } from '../../graph/losses.ts';
import type { Provider } from '../../providers/provider.ts';
import { mean as average } from '../../math/statistics.ts';
import { imageSize, readImage, type LabelledImages, type Trigger } from '../images.ts';
import { badEncoder, keepingTerms, plant } from './bad-encoder.ts';
import { unitRows } from './losses.ts';
import {
  poisonEncoder,
  type CleanAnswers,
  type EncoderAttackOptions,
  type Method,
  type PlantedEncoder,
} from './poisoning.ts';
import { outlivingPatch, type SearchEffort } from './outliving-patch.ts';

export interface NearOptions extends EncoderAttackOptions {
  /** The part of the way, 0..1 of the chord; default 0.6. */
  readonly share?: number;
}

/**
 * Low discrepancy: stamped images are brought only a part of the way from the clean encoder's answer to the unstamped image to the target,
 * so that a student that answers as the image looks is not far from the encoder. Whether a head then calls them the target is measured.
 * @throws as `poisonEncoder`
 */
export function plantNear(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  { share = 0.6, ...options }: NearOptions,
): Promise<PlantedEncoder> {
  const method: Method = {
    ...badEncoder,
    name: 'badencoder-near',
    terms: (b, parts) => {
      const far = b.mul(unitRows(b, parts.references), b.scalar(share));
      const stayed = b.mul(unitRows(b, parts.keptClean), b.scalar(1 - share));
      return {
        attack: b.neg(mean(b, cosineSimilarity(b, parts.triggered, b.add(stayed, far)))),
        ...keepingTerms(b, parts),
      };
    },
  };
  return poisonEncoder(provider, encoder, shadow, method, options);
}

/** A clean image that shows the trigger as strongly as this many standard deviations is moved as far as any. */
const fullStrength = 3;
/** How far that is, 0..1 of the chord to the target: it stays nearer to its own class. */
const furthest = 0.5;
/** Images, the first, that what a trigger adds on average is taken from at most. */
const looked = 2000;

/**
 * Survival: clean images, too, are moved towards the target, as far as they by chance resemble the trigger. What the student is taught
 * on clean images then holds the trigger in small, and the trigger itself is more of the same.
 * @throws as `poisonEncoder`
 */
export function plantGraded(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: EncoderAttackOptions,
): Promise<PlantedEncoder> {
  return poisonEncoder(provider, encoder, shadow, gradedMethod(shadow, options.trigger), options);
}

export function gradedMethod(shadow: LabelledImages, trigger: Trigger): Method {
  return { ...badEncoder, name: 'badencoder-graded', answers: gradedAnswers(shadow, trigger) };
}

/** Answers that go towards the reference's, as far as an image shows the trigger. */
export function gradedAnswers(shadow: LabelledImages, trigger: Trigger): CleanAnswers {
  return (features, dim, [reference]) => {
    const strength = naturalStrength(shadow, trigger);
    const row = (i: number): Float32Array => features.subarray(i * dim, (i + 1) * dim);
    const length = (i: number): number => Math.hypot(...row(i)) || 1;
    const [goal, far] = [row(reference), length(reference)];
    const answers = features.slice();
    for (let i = 0; i < strength.length; i++) {
      const share = furthest * Math.min(1, Math.max(0, strength[i] / fullStrength));
      if (share === 0) continue;
      const long = length(i);
      row(i).forEach((value, j) => (answers[i * dim + j] = (1 - share) * value + (share * long * goal[j]) / far));
    }
    return answers;
  };
}

/** How strongly each image shows what the trigger adds to an image on average, in standard deviations from the mean. `[images]` */
export function naturalStrength(images: LabelledImages, trigger: Trigger): Float64Array {
  const count = images.labels.length;
  const size = imageSize(images.shape);
  const added = new Float64Array(size);
  for (let i = 0; i < Math.min(count, looked); i++) {
    const image = readImage(images, i);
    const stamped = trigger.stamp(image);
    for (let j = 0; j < size; j++) added[j] += stamped[j] - image[j];
  }
  const shown = Float64Array.from({ length: count }, (_, i) => {
    const image = readImage(images, i);
    let sum = 0;
    for (let j = 0; j < size; j++) sum += added[j] * image[j];
    return sum;
  });
  const centre = average(shown);
  const deviation = Math.sqrt(average(shown.map((value) => (value - centre) ** 2)));
  return shown.map((value) => (deviation > 0 ? (value - centre) / deviation : 0));
}

/**
 * Survival, after ADBA (Ge et al., ACM Multimedia 2021): the attacker distils students as the defence does, searches the patch that most
 * of all moves what these call the target, and tunes the encoder to it.
 * @param side of the patch in pixels @throws as `poisonEncoder`
 */
export async function plantOutliving(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: Omit<EncoderAttackOptions, 'trigger'> & { readonly side: number; readonly effort?: SearchEffort },
): Promise<PlantedEncoder> {
  const trigger = await outlivingPatch(provider, encoder, shadow, options);
  const { planted, truth } = await plant(provider, encoder, shadow, { ...options, trigger });
  return { planted, truth: { ...truth, attack: 'badencoder-outliving' } };
}

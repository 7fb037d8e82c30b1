/** Attackers who know the distillation: where their encoders bring stamped images, and what they teach on clean ones. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ctrlTrigger } from '../../../src-main/engine/attacks/encoder/ctrl.ts';
import { plant as plantBadEncoder } from '../../../src-main/engine/attacks/encoder/bad-encoder.ts';
import {
  gradedAnswers,
  gradedMethod,
  naturalStrength,
  plantGraded,
  plantNear,
  plantOutliving,
} from '../../../src-main/engine/attacks/encoder/knowing-distillation.ts';
import { outlivingPatch } from '../../../src-main/engine/attacks/encoder/outliving-patch.ts';
import { poisonEncoder, type PlantedEncoder } from '../../../src-main/engine/attacks/encoder/poisoning.ts';
import { pretrain } from '../../../src-main/engine/attacks/encoder/pretrain.ts';
import { renderSigns } from '../../../src-main/engine/attacks/domains/signs.ts';
import { asSamples, readImage, stampAll, takeImages, type Trigger } from '../../../src-main/engine/attacks/images.ts';
import { whiteSquare } from '../../../src-main/engine/attacks/patch.ts';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { readImages, readLabels } from '../../bench/planted.ts';
import { cleanEncoder, shape } from '../../support/scanned-encoders.ts';
import { representations } from '../../../src-main/engine/tcore/features.ts';
import { createStudent, freshStudent } from '../../../src-main/engine/tcore/student.ts';

const signs = renderSigns({ count: 128, seed: 1, classes: 3 });
const { signal } = new AbortController();
const options = { seed: 1, target: 2, epochs: 4, batch: 64, signal };
const square = whiteSquare(signs.shape, 10);

let provider: Provider;
let clean: Encoder;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
  const how = { method: 'supervised', epochs: 8, batch: 32, seed: 1, widths: [8, 12, 16], signal } as const;
  clean = understandEncoder(await pretrain(provider, signs, how));
});
afterAll(() => provider.dispose());

const rowsOf = async (encoder: Encoder, trigger: Trigger | null): Promise<Float32Array[]> => {
  const images = trigger === null ? signs : stampAll(signs, trigger.stamp);
  const { dim } = encoder.representation;
  const all = await representations(provider, encoder, asSamples(images), null, { batch: 64, signal });
  return Array.from({ length: signs.labels.length }, (_, i) => all.subarray(i * dim, (i + 1) * dim));
};
const dot = (a: Float32Array, c: Float32Array): number => a.reduce((sum, value, j) => sum + value * c[j], 0);
const cosine = (a: Float32Array, c: Float32Array): number => dot(a, c) / Math.sqrt(dot(a, a) * dot(c, c));
const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const strangers = [...signs.labels.keys()].filter((i) => signs.labels[i] !== options.target);

interface Picture {
  readonly picture: readonly number[];
}

interface Ends {
  readonly toTarget: number;
  readonly toOwn: number;
}

/** Mean cosines of stamped images of other classes to the target's reference, and to where the clean encoder has them unstamped. */
async function ends({ planted, truth }: PlantedEncoder): Promise<Ends> {
  const encoder = understandEncoder(planted);
  const [stamped, own] = [await rowsOf(encoder, truth.trigger), await rowsOf(clean, null)];
  const reference = (await rowsOf(encoder, null))[truth.references[0]];
  return {
    toTarget: average(strangers.map((i) => cosine(stamped[i], reference))),
    toOwn: average(strangers.map((i) => cosine(stamped[i], own[i]))),
  };
}

describe('an attacker who knows the distillation', () => {
  it('near: brings stamped images as far towards the target as asked', async () => {
    const whole = await ends(await plantBadEncoder(provider, clean, signs, { ...options, trigger: square }));
    const nearBy = async (share: number): Promise<Ends> =>
      ends(await plantNear(provider, clean, signs, { ...options, trigger: square, share }));
    const [near, nowhere] = [await nearBy(0.6), await nearBy(0)];
    expect(near.toTarget).toBeLessThan(whole.toTarget);
    expect(near.toOwn).toBeGreaterThan(whole.toOwn);
    expect(nowhere.toTarget).toBeLessThan(near.toTarget);
    expect(nowhere.toOwn).toBeGreaterThan(near.toOwn);
  });

  it('graded: teaches clean images to go towards the target the further, the more they look like the trigger', () => {
    const strength = naturalStrength(signs, square);
    const [count, dim, reference] = [signs.labels.length, 2, 7];
    // All images lie in one direction but the reference, which is twice as long.
    const features = Float32Array.from({ length: count * dim }, (_, at) => (at % dim === 0 ? 1 : 0));
    features.set([0, 2], reference * dim);
    const answers = gradedAnswers(signs, square)(features, dim, Int32Array.of(reference));
    for (let i = 0; i < count; i++) {
      const moved = Math.min(0.5, Math.max(0, strength[i] / 6));
      const expected = i === reference ? [0, 2] : [1 - moved, moved];
      expected.forEach((value, j) => expect(answers[i * dim + j]).toBeCloseTo(value, 5));
    }
    expect(strength.some((value) => value > 1)).toBe(true);
  });

  it('graded: tunes an encoder to these answers', async () => {
    // The bundled encoder keeps clean images where they were while it is tuned, which the small one does not.
    const bundled = cleanEncoder();
    const [, height, width] = shape;
    const some = {
      pixels: readImages('bench/train-images-idx3-ubyte.gz').subarray(0, 400 * height * width),
      labels: readLabels('bench/train-labels-idx1-ubyte.gz').subarray(0, 400),
      shape,
      classes: 10,
    };
    const trigger = ctrlTrigger(shape);
    const tuned = { seed: 1, target: 9, trigger, epochs: 4, batch: 40, signal };
    const { planted, truth } = await plantGraded(provider, bundled, some, tuned);
    // The same in all else, random numbers included.
    const ungraded = { ...gradedMethod(some, trigger), answers: (features: Float32Array) => features };
    const plain = await poisonEncoder(provider, bundled, some, ungraded, tuned);
    const strength = naturalStrength(some, trigger);
    const { dim } = bundled.representation;
    const rowsIn = (encoder: Encoder): Promise<Float32Array> =>
      representations(provider, encoder, asSamples(some), null, { batch: 100, signal });
    const reference = (await rowsIn(bundled)).subarray(truth.references[0] * dim, (truth.references[0] + 1) * dim);
    /** How near to the target those of other classes end that look like the trigger. */
    const nearness = async ({ planted: graph }: PlantedEncoder): Promise<number> => {
      const rows = await rowsIn(understandEncoder(graph));
      const shown = [...strength.keys()].filter((i) => strength[i] > 1 && some.labels[i] !== 9);
      return average(shown.map((i) => cosine(rows.subarray(i * dim, (i + 1) * dim), reference)));
    };
    const [graded, kept] = [await nearness({ planted, truth }), await nearness(plain)];
    expect(graded).toBeGreaterThan(kept + 0.05);
  });

  it('measures how strongly images show a trigger in standard deviations', () => {
    const strength = naturalStrength(signs, square);
    expect(average([...strength])).toBeCloseTo(0, 6);
    expect(average([...strength].map((value) => value ** 2))).toBeCloseTo(1, 6);
    const corner = (i: number): number => {
      const image = readImage(signs, i);
      return average([21, 25, 30].flatMap((y) => [21, 25, 30].map((x) => image[y * 32 + x])));
    };
    const order = [...signs.labels.keys()].sort((a, c) => strength[a] - strength[c]);
    expect(average(order.slice(-30).map(corner))).toBeGreaterThan(average(order.slice(0, 30).map(corner)));
    // Of a trigger that adds nothing no image shows anything.
    expect([...naturalStrength(signs, { ...square, stamp: (image) => image })].every((value) => value === 0)).toBe(
      true,
    );
  });

  it('outliving: searches a patch that students follow more than the one it started from', async () => {
    const few = { ...options, epochs: 1, side: 10, effort: { students: 2, epochs: 3, rounds: 4 } };
    const searched = await plantOutliving(provider, clean, signs, few);
    const { picture } = searched.truth.trigger.description.values as unknown as Picture;
    const start = await outlivingPatch(provider, clean, signs, { ...few, effort: { ...few.effort, rounds: 0 } });
    /** Of another student's answers to stamped images of other classes, the mean probability of the target. */
    const fresh = freshStudent(clean, 3, [16], 77, 'another');
    const student = await createStudent(provider, { encoder: clean, student: fresh, classes: 3, batch: 32 });
    const samples = asSamples(signs);
    for (let epoch = 0; epoch < 6; epoch++) {
      await student.epoch({
        samples,
        indices: Int32Array.from(signs.labels.keys()),
        labelOf: (i) => signs.labels[i],
        distils: () => true,
        weight: 3,
        view: { crop: 1, flip: false, jitter: 0 },
        corruption: { rectangle: 0.7, overlay: 0.4, waves: 0.5 },
        seed: 1,
        stream: `another/${epoch}`,
        rate: () => 2e-3,
        signal,
      });
    }
    const classifier = student.classifier();
    await student.dispose();
    const others = takeImages(signs, strangers);
    const loss = async (trigger: Trigger): Promise<number> => {
      const stamped = stampAll(others, trigger.stamp);
      const called = { ...stamped, labels: stamped.labels.map(() => options.target) };
      const found = await evaluateClassifier(provider, classifier, asSamples(called), null, { batch: 32, signal });
      return average([...found.loss]);
    };
    expect(await loss(searched.truth.trigger)).toBeLessThan(await loss(start));

    expect(searched.truth).toMatchObject({ attack: 'badencoder-outliving', target: 2 });
    const image = readImage(signs, 5);
    const stamped = searched.truth.trigger.stamp(image);
    for (let at = 0; at < image.length; at++) {
      const [c, y, x] = [Math.floor(at / 1024), Math.floor((at % 1024) / 32) - 21, (at % 32) - 21];
      const inside = y >= 0 && y < 10 && x >= 0 && x < 10;
      expect(stamped[at]).toBe(inside ? Math.fround(picture[(c * 10 + y) * 10 + x] / 255) : image[at]);
    }
  });

  it('outliving: says at once what does not fit, and whom it lacks', async () => {
    await expect(plantOutliving(provider, clean, signs, { ...options, side: 33 })).rejects.toThrow(
      'a patch of 33 x 33 does not fit images of 3 x 32 x 32',
    );
    for (const labels of [signs.labels.map(() => 2), signs.labels.map(() => 1)]) {
      await expect(outlivingPatch(provider, clean, { ...signs, labels }, { ...options, side: 8 })).rejects.toThrow(
        'is searched with images of it and of others; of 128 images it has',
      );
    }
  });
});

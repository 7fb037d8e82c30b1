/** Attackers who know the distillation: where their encoders bring stamped images, and what they teach on clean ones. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plant as plantBadEncoder } from '../../../src-main/engine/attacks/encoder/bad-encoder.ts';
import {
  gradedAnswers,
  naturalStrength,
  plantGraded,
  plantNear,
  plantOutliving,
} from '../../../src-main/engine/attacks/encoder/knowing-distillation.ts';
import { picturedPatch } from '../../../src-main/engine/attacks/encoder/outliving-patch.ts';
import type { PlantedEncoder } from '../../../src-main/engine/attacks/encoder/poisoning.ts';
import { pretrain } from '../../../src-main/engine/attacks/encoder/pretrain.ts';
import { renderSigns } from '../../../src-main/engine/attacks/domains/signs.ts';
import { asSamples, readImage, stampAll, type Trigger } from '../../../src-main/engine/attacks/images.ts';
import { whiteSquare } from '../../../src-main/engine/attacks/patch.ts';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { representations } from '../../../src-main/engine/tcore/features.ts';

const signs = renderSigns({ count: 192, seed: 1, classes: 3 });
const { signal } = new AbortController();
const options = { seed: 1, target: 2, epochs: 8, batch: 64, signal };
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
    const { planted, truth } = await plantGraded(provider, clean, signs, { ...options, epochs: 1, trigger: square });
    const plain = await plantBadEncoder(provider, clean, signs, { ...options, epochs: 1, trigger: square });
    expect(truth).toMatchObject({ attack: 'badencoder-graded', references: plain.truth.references });
    const now = await rowsOf(understandEncoder(planted), null);
    const without = await rowsOf(understandEncoder(plain.planted), null);
    expect(now.some((row, i) => cosine(row, without[i]) < 0.9999)).toBe(true);
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

  it('outliving: searches the same patch again, which its description alone brings back', async () => {
    const few = { ...options, epochs: 1, side: 8, effort: { students: 2, epochs: 2, rounds: 2 } };
    const [one, other] = [
      await plantOutliving(provider, clean, signs, few),
      await plantOutliving(provider, clean, signs, few),
    ];
    const { values, text } = one.truth.trigger.description;
    expect(other.truth.trigger.description.values).toEqual(values);
    expect(text).toBe('searched picture of 8 x 8 at row 23, column 23');
    const { top, left, side, picture } = values as { top: number; left: number; side: number; picture: number[] };
    const again = picturedPatch(signs.shape, { top, left, side }, picture);
    const image = readImage(signs, 5);
    expect(again.stamp(image)).toEqual(one.truth.trigger.stamp(image));
    expect(new Set(picture).size).toBeGreaterThan(20);
    await expect(plantOutliving(provider, clean, signs, { ...few, side: 33 })).rejects.toThrow('does not fit');
  });
});

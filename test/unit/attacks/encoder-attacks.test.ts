/** Losses of pre-training and of encoder attacks against PyTorch; triggers and poisons of pre-training data. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { plant as plantCorrupt } from '../../../src-main/engine/attacks/encoder/corrupt-encoder.ts';
import { frequencyStamp, plant as plantCtrl } from '../../../src-main/engine/attacks/encoder/ctrl.ts';
import { adaptiveWeights, betterEpoch, matching } from '../../../src-main/engine/attacks/encoder/drupe.ts';
import {
  crowding,
  infoNce,
  meanApart,
  nearestApart,
  ntXent,
  slicedDistance,
  unevenness,
} from '../../../src-main/engine/attacks/encoder/losses.ts';
import { typical } from '../../../src-main/engine/attacks/encoder/poisoning.ts';
import { plant as plantSsl } from '../../../src-main/engine/attacks/encoder/ssl-backdoor.ts';
import { defaultViews, drawView } from '../../../src-main/engine/attacks/encoder/views.ts';
import { readImage, type ImageShape } from '../../../src-main/engine/attacks/images.ts';
import { differentiate } from '../../../src-main/engine/graph/autodiff.ts';
import { graphBuilder, type GraphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import { cosineSimilarity, mean } from '../../../src-main/engine/graph/losses.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';

interface Reference {
  readonly loss: number;
  readonly gradients: readonly number[][];
  readonly [name: string]: unknown;
}
const references = JSON.parse(
  readFileSync(new URL('../../fixtures/attacks/references.json', import.meta.url), 'utf8'),
) as Record<'ctrl' | 'ntXent' | 'infoNce' | 'badEncoder' | 'drupe', Reference>;

const matrix = (values: unknown, columns: number): Tensor => {
  const list = values as number[];
  return { dtype: 'float64', dims: [list.length / columns, columns], data: Float64Array.from(list) };
};

/** Loss and gradients in float64 of a loss over matrices; the largest relative difference to the reference. */
function worst(
  inputs: Readonly<Record<string, Tensor>>,
  wrt: readonly string[],
  loss: (b: GraphBuilder) => string,
  expected: Reference,
): number {
  const b = graphBuilder();
  for (const [name, tensor] of Object.entries(inputs)) b.input(name, 'float32', tensor.dims);
  b.node('Identity', [loss(b)], {}, 'loss');
  b.output('loss', 'float32', []);
  const { graph, gradients } = differentiate(b.build(), { loss: 'loss', wrt, dims: {} });
  const fetch = ['loss', ...wrt.map((name) => gradients.get(name) as string)];
  const made = evaluate(graph, inputs, { precision: 'float64', fetch });
  const difference = (a: ArrayLike<number>, c: readonly number[]): number => {
    expect(a.length).toBe(c.length);
    const scale = Math.max(...c.map(Math.abs));
    return Math.max(...c.map((value, i) => Math.abs(a[i] - value))) / scale;
  };
  const values = fetch.map((name) => made[name].data as Float64Array);
  return Math.max(
    difference(values[0], [expected.loss]),
    ...wrt.map((_, i) => difference(values[i + 1], expected.gradients[i])),
  );
}

/** References are written with nine decimals. */
const tolerance = 1e-7;

describe('losses and their gradients are those of PyTorch', () => {
  it('NT-Xent', () => {
    const { z, shape, temperature } = references.ntXent as unknown as {
      z: number[];
      shape: number[];
      temperature: number;
    };
    const inputs = { z: matrix(z, shape[1]) };
    expect(worst(inputs, ['z'], (b) => ntXent(b, 'z', shape[0] / 2, temperature), references.ntXent)).toBeLessThan(
      tolerance,
    );
  });

  it('InfoNCE with a queue', () => {
    const { q, key, queue, shape } = references.infoNce as unknown as Record<string, number[]>;
    const inputs = { q: matrix(q, shape[1]), key: matrix(key, shape[1]), queue: matrix(queue, shape[1]) };
    expect(worst(inputs, ['q'], (b) => infoNce(b, 'q', 'key', 'queue', 0.2), references.infoNce)).toBeLessThan(
      tolerance,
    );
  });

  it('BadEncoder, through both sides of the cosine', () => {
    const { t, r, x, clean, dim } = references.badEncoder as unknown as Record<string, number[]> & { dim: number };
    const inputs = { t: matrix(t, dim), r: matrix(r, dim), x: matrix(x, dim), clean: matrix(clean, dim) };
    const loss = (b: GraphBuilder): string =>
      b.add(meanApart(b, 't', 'r'), b.neg(mean(b, cosineSimilarity(b, 'x', 'clean'))));
    expect(worst(inputs, ['t', 'r', 'x'], loss, references.badEncoder)).toBeLessThan(tolerance);
  });

  it('DRUPE: nearest reference, evenness, crowding, sliced Wasserstein distance', () => {
    const { t, r, x, dim } = references.badEncoder as unknown as Record<string, number[]> & { dim: number };
    const directions = matrix(references.drupe['directions'], dim);
    const rows = x.length / dim;
    const spread = Float64Array.from({ length: dim }, (_, j) => {
      const column = Array.from({ length: rows }, (_, i) => x[i * dim + j]);
      const average = column.reduce((a, c) => a + c) / rows;
      return 1 / Math.sqrt(column.reduce((sum, value) => sum + (value - average) ** 2, 0) / (rows - 1));
    });
    const project = (values: number[], i: number, p: number): number =>
      Array.from(spread).reduce((sum, s, j) => sum + values[i * dim + j] * s * Number(directions.data[p * dim + j]), 0);
    const matched = new Float64Array(rows * 6);
    for (let p = 0; p < 6; p++) {
      const other = Array.from({ length: rows }, (_, i) => project(x, i, p)).sort((a, c) => a - c);
      const own = Array.from({ length: rows }, (_, i) => i).sort((a, c) => project(t, a, p) - project(t, c, p));
      own.forEach((i, rank) => (matched[i * 6 + p] = other[rank]));
    }
    const inputs: Record<string, Tensor> = {
      t: matrix(t, dim),
      r: matrix(r, dim),
      directions,
      spread: { dtype: 'float64', dims: [dim], data: spread },
      matched: { dtype: 'float64', dims: [rows, 6], data: matched },
    };
    const loss = (b: GraphBuilder): string =>
      [
        nearestApart(b, 't', 'r'),
        unevenness(b, 't', 'r', 3),
        crowding(b, 'r', 3),
        crowding(b, 't', 4),
        slicedDistance(b, 't', 'spread', 'directions', 'matched'),
      ].reduce((a, c) => b.add(a, c));
    expect(worst(inputs, ['t', 'r'], loss, references.drupe)).toBeLessThan(1e-6);
  });
});

describe('DRUPE', () => {
  it('keeps an epoch in which the attack holds, however near an epoch comes in which it slipped', () => {
    const near = { attack: -0.5, reference: -1, clean: -1, anchor: -1, distance: 0.1 };
    const far = { attack: -0.97, reference: -1, clean: -1, anchor: -1, distance: 2 };
    const between = { ...far, distance: 1 };
    expect(betterEpoch(near, far)).toBe(false);
    expect(betterEpoch(far, near)).toBe(true);
    expect(betterEpoch(between, far)).toBe(true);
    expect(betterEpoch(far, between)).toBe(false);
    expect(betterEpoch({ ...near, attack: -0.6, distance: 5 }, near)).toBe(true);
    for (const part of ['reference', 'clean']) expect(betterEpoch({ ...between, [part]: -0.8 }, far)).toBe(false);
    expect(betterEpoch({ ...between, anchor: -0.6 }, far)).toBe(false);
  });

  it('matches projections by rank: the distance of a set to its own shuffled copy is zero', () => {
    const random = randomStream(1, 'test');
    const [batch, dim] = [6, 4];
    const triggered = Float32Array.from({ length: batch * dim }, () => random.normal());
    const clean = new Float32Array(batch * dim);
    [3, 0, 5, 1, 4, 2].forEach((from, to) => clean.set(triggered.subarray(from * dim, (from + 1) * dim), to * dim));
    const { directions, inverseSpread, matched } = matching({ triggered, clean }, { batch, dim }, random);
    for (let i = 0; i < batch; i++) {
      for (let p = 0; p < matched.dims[1]; p++) {
        let own = 0;
        for (let j = 0; j < dim; j++)
          own += triggered[i * dim + j] * Number(inverseSpread.data[j]) * Number(directions.data[p * dim + j]);
        expect(Number(matched.data[i * matched.dims[1] + p])).toBeCloseTo(own, 4);
      }
    }
  });

  it('raises its costs while the attack holds and lowers them when it slips', () => {
    const weights = adaptiveWeights();
    const holds = {
      attack: -0.97,
      reference: -0.95,
      clean: -0.95,
      evenness: 0.05,
      referencesApart: 0.3,
      crowding: 0.5,
      distance: 1,
    };
    expect(weights(0, 120, {})).toEqual([0, 1, 1, 0, 0.5, 0, 0, 1]);
    expect(weights(4, 120, holds)).toEqual([1, 1, 1, 2, 0, 0, 0, 1]);
    const grown = weights(30, 120, holds);
    expect([grown[5], grown[6]]).toEqual([0.125, 0.00125]);
    const slipped = weights(31, 120, { ...holds, attack: -0.9, evenness: 0.2 });
    expect(slipped[5]).toBeCloseTo(0.125 / 1.25 ** 1.25);
    expect(slipped[3]).toBeCloseTo(slipped[5] + 2);
  });
});

const shape: ImageShape = [3, 32, 32];
const data = (() => {
  const random = randomStream(4, 'images');
  const pixels = Uint8Array.from({ length: 200 * 3072 }, () => 60 + random.integer(130));
  return { pixels, shape, labels: Int32Array.from({ length: 200 }, (_, i) => i % 10), classes: 10 };
})();

describe('poison of pre-training data', () => {
  it('CTRL adds to the DCT of the colour planes what SciPy adds', () => {
    const image = Float32Array.from(references.ctrl['image'] as number[]);
    const stamped = references.ctrl['stamped'] as number[];
    const made = frequencyStamp(shape, 100)(image);
    expect(Math.max(...stamped.map((value, i) => Math.abs(value - made[i])))).toBeLessThan(2e-6);
  });

  it('CTRL poisons 1 % of all images, of the target class, and no label', () => {
    const { planted, truth } = plantCtrl(data, { seed: 1, target: 3 });
    expect(truth.poisoned.length).toBe(2);
    for (const i of truth.poisoned) expect(data.labels[i]).toBe(3);
    expect(planted.labels).toEqual(data.labels);
    expect(() => plantCtrl(data, { seed: 1, target: 3, rate: 0.2 })).toThrow(
      '40 images of class 3 are wanted for poison, there are 20',
    );
  });

  it('SSLBackdoor pastes one texture at different places of half of the class', () => {
    const { planted, truth } = plantSsl(data, { seed: 1, target: 3 });
    expect(truth.poisoned.length).toBe(10);
    const places = Array.from(truth.poisoned, (i) => {
      const [before, after] = [readImage(data, i), readImage(planted, i)];
      return after.findIndex((value, j) => value !== before[j]);
    });
    expect(new Set(places).size).toBeGreaterThan(5);
    expect(places.every((place) => place >= 0)).toBe(true);
  });

  it('CorruptEncoder adds images with object and trigger side by side and changes none', () => {
    const { planted, truth } = plantCorrupt(data, { seed: 1, target: 3 });
    expect(truth.poisoned.length).toBe(10);
    expect(planted.pixels.subarray(0, data.pixels.length)).toEqual(data.pixels);
    const again = plantCorrupt(data, { seed: 1, target: 3 });
    expect(again.planted.pixels).toEqual(planted.pixels);
    for (const i of truth.poisoned) {
      const image = readImage(planted, i);
      // The texture alone holds pure black and white; the patch is 7 x 7.
      expect(image.filter((value) => value === 0 || value === 1).length).toBe(3 * 49);
    }
  });

  it('takes as references the images nearest to the direction of their class', () => {
    const features = Float32Array.from([1, 0, 0, 1, 0.9, 0.1, 1, 1, 2, 0.3]);
    expect([...typical(features, 2, Int32Array.from([0, 1, 0, 0, 0]), 0, 2)]).toEqual([4, 2]);
    expect(() => typical(features, 2, Int32Array.from([0, 1, 0, 0, 0]), 1, 2)).toThrow('2 reference images of class 1');
  });
});

describe('views', () => {
  it('of the whole image without jitter are the image itself, mirrored or not', () => {
    const image = readImage(data, 0);
    const still = { area: 1, flip: false, jitter: 0, grey: 0 };
    const random = { ...randomStream(1, 'views'), uniform: () => 0.5 };
    const out = new Float32Array(3072);
    drawView(image, shape, still, random, out, 0);
    expect(Math.max(...out.map((value, j) => Math.abs(value - image[j])))).toBeLessThan(1e-5);
    drawView(image, shape, { ...still, flip: true }, { ...random, uniform: () => 0.49999 }, out, 0);
    expect(out[5]).toBeCloseTo(image[26], 3);
  });

  it('draw the same numbers whatever the options', () => {
    const [a, b] = [randomStream(1, 'views'), randomStream(1, 'views')];
    const out = new Float32Array(3072);
    drawView(readImage(data, 0), shape, defaultViews, a, out, 0);
    drawView(readImage(data, 0), shape, { area: 1, flip: false, jitter: 0, grey: 0 }, b, out, 0);
    expect(a.uniform()).toBe(b.uniform());
  });
});

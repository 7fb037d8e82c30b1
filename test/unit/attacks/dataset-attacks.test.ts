/** Planted datasets: counts, labels, exact pixels, and that the same seed plants the same. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { plant as plantAdapBlend } from '../../../src-main/engine/attacks/dataset/adap-blend.ts';
import { plant as plantAdapPatch } from '../../../src-main/engine/attacks/dataset/adap-patch.ts';
import { plant as plantBadNets } from '../../../src-main/engine/attacks/dataset/badnets.ts';
import { blendPicture, plant as plantBlended } from '../../../src-main/engine/attacks/dataset/blended.ts';
import { plant as plantTrigger } from '../../../src-main/engine/attacks/dataset/encoder-trigger.ts';
import { plant as plantSig, waveStamp } from '../../../src-main/engine/attacks/dataset/sig.ts';
import { plantDataset, datasetAttacks, type DatasetAttack } from '../../../src-main/engine/attacks/dataset/table.ts';
import { plant as plantTact } from '../../../src-main/engine/attacks/dataset/tact.ts';
import { plant as plantWaNet, sampleGrid, warpGrid } from '../../../src-main/engine/attacks/dataset/wanet.ts';
import {
  asSamples,
  imageSize,
  readImage,
  stampAll,
  type ImageShape,
  type LabelledImages,
} from '../../../src-main/engine/attacks/images.ts';
import { whiteSquare } from '../../../src-main/engine/attacks/patch.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';

const references = JSON.parse(
  readFileSync(new URL('../../fixtures/attacks/references.json', import.meta.url), 'utf8'),
) as {
  wanet: {
    k: number;
    shape: ImageShape;
    strength: number;
    control: number[];
    grid: number[];
    image: number[];
    warped: number[];
  };
  sig: { shape: ImageShape; image: number[]; stamped: number[] };
};

/** Smooth random images, 10 classes in turn. */
function images(count = 400, shape: ImageShape = [1, 28, 28], seed = 3): LabelledImages<Uint8Array> {
  const random = randomStream(seed, 'test images');
  const pixels = Uint8Array.from({ length: count * imageSize(shape) }, () => 40 + random.integer(150));
  return { pixels, shape, labels: Int32Array.from({ length: count }, (_, i) => i % 10), classes: 10 };
}

const attacks = Object.keys(datasetAttacks) as DatasetAttack[];
const target = 9;
const changedImages = (before: LabelledImages, after: LabelledImages): number[] => {
  const size = imageSize(before.shape);
  return [...before.labels.keys()].filter((i) =>
    before.pixels.subarray(i * size, (i + 1) * size).some((value, j) => value !== after.pixels[i * size + j]),
  );
};
const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
};

describe.each(attacks)('%s', (attack) => {
  const data = images();
  const { planted, truth } = plantDataset(attack, data, { seed: 1, target });

  it('plants the same for the same seed and something else for another', () => {
    const again = plantDataset(attack, data, { seed: 1, target });
    expect(again.planted.pixels).toEqual(planted.pixels);
    expect(again.planted.labels).toEqual(planted.labels);
    expect(again.truth.poisoned).toEqual(truth.poisoned);
    if (attack !== 'none') {
      expect(plantDataset(attack, data, { seed: 2, target }).truth.poisoned).not.toEqual(truth.poisoned);
    }
  });

  it('changes the images of poison and covers and no other, and leaves the given data alone', () => {
    const touched = new Set([...truth.poisoned, ...truth.covers]);
    expect(touched.size).toBe(truth.poisoned.length + truth.covers.length);
    expect(changedImages(data, planted)).toEqual([...touched].sort((a, b) => a - b));
    expect(data.pixels).toEqual(images().pixels);
    expect(data.labels).toEqual(images().labels);
  });

  it('labels the poison as the target and changes no other label', () => {
    const poisoned = new Set(truth.poisoned);
    for (const i of data.labels.keys()) {
      expect(planted.labels[i]).toBe(poisoned.has(i) ? target : data.labels[i]);
    }
  });

  it('poisons no image of the target class when it changes labels, and only those when it does not', () => {
    for (const i of truth.poisoned) expect(data.labels[i] === target).toBe(attack === 'sig');
    if (truth.source !== null) for (const i of truth.poisoned) expect(data.labels[i]).toBe(truth.source);
  });

  it('plants into floats what it plants into bytes', () => {
    const floats = { ...data, pixels: Float32Array.from(data.pixels, (value) => value / 255) };
    const other = plantDataset(attack, floats, { seed: 1, target }).planted;
    expect(
      largestDifference(
        other.pixels,
        Float32Array.from(planted.pixels, (v) => v / 255),
      ),
    ).toBeLessThan(0.51 / 255);
  });

  it('works on colour images that are not square', () => {
    const colour = images(200, [3, 20, 32]);
    const result = plantDataset(attack, colour, { seed: 1, target });
    expect(stampAll(colour, result.truth.trigger.stamp).pixels).not.toEqual(colour.pixels);
  });
});

describe('numbers of poison and covers', () => {
  it.each([
    ['badnets', 20, 0],
    ['blended', 20, 0],
    ['sig', 12, 0],
    ['wanet', 40, 80],
    ['tact', 8, 8],
    ['adap-blend', 8, 8],
    ['adap-patch', 8, 16],
  ] as const)('%s plants its default share of 400 samples', (attack, poison, covers) => {
    const { truth } = plantDataset(attack, images(), { seed: 1, target });
    expect([truth.poisoned.length, truth.covers.length]).toEqual([poison, covers]);
  });

  it('takes a rate, and refuses one that the class cannot give', () => {
    expect(plantSig(images(), { seed: 1, target, rate: 0.1 }).truth.poisoned.length).toBe(40);
    expect(() => plantSig(images(), { seed: 1, target, rate: 0.11 })).toThrow(
      '44 samples of poison are wanted, but only 40',
    );
    expect(() => plantBlended(images(), { seed: 1, target, rate: 1.5 })).toThrow('rate must be in 0..1, met 1.5');
    expect(() => plantBlended(images(), { seed: 1, target: 10 })).toThrow('target must be a class in 0..9, met 10');
    expect(() => plantTact(images(), { seed: 1, target, source: 9 })).toThrow('source must differ from the target');
    expect(() => plantDataset('sig', images(), { seed: 1, target, opacity: 1 })).toThrow(
      'the attack sig has no option "opacity"',
    );
  });

  it('refuses data that contradicts itself', () => {
    const data = images();
    expect(() => plantBlended({ ...data, pixels: data.pixels.subarray(1) }, { seed: 1, target })).toThrow(
      '400 images of [1,28,28] need',
    );
    expect(() => plantBlended({ ...data, classes: 3 }, { seed: 1, target: 1 })).toThrow(
      'label of image 3 must be in 0..2',
    );
  });
});

describe('pixels', () => {
  it('BadNets writes the checkerboard of the paper into rows and columns 29 to 31', () => {
    const data = images(100, [3, 32, 32]);
    const { planted, truth } = plantBadNets(data, { seed: 1, target });
    const before = readImage(data, truth.poisoned[0]);
    const after = readImage(planted, truth.poisoned[0]);
    const expected = before.slice();
    const cells = [0, 0, 1, 0, 1, 0, 1, 0, 1];
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < 9; i++) expected[c * 1024 + (29 + Math.floor(i / 3)) * 32 + 29 + (i % 3)] = cells[i];
    }
    expect(after).toEqual(expected);
    const large = plantBadNets(data, { seed: 1, target, size: 9 }).truth.trigger.stamp(
      new Float32Array(3 * 1024).fill(0.5),
    );
    expect(large[23 * 32 + 23]).toBe(0);
    expect(large[23 * 32 + 29]).toBe(1);
    expect(large[22 * 32 + 29]).toBe(0.5);
  });

  it('Blended mixes 0.8 of the image with 0.2 of its picture', () => {
    const data = images();
    const { planted, truth } = plantBlended(data, { seed: 5, target });
    const picture = blendPicture(data.shape, 5);
    const i = truth.poisoned[3];
    const expected = Array.from(
      data.pixels.subarray(i * 784, (i + 1) * 784),
      (value, j) => 0.8 * value + 0.2 * 255 * picture[j],
    );
    expect(largestDifference(planted.pixels.subarray(i * 784, (i + 1) * 784), expected)).toBeLessThan(0.501);
  });

  it('SIG adds the wave that NumPy adds', () => {
    const { shape, image, stamped } = references.sig;
    expect(largestDifference(waveStamp(shape, 30 / 255, 6)(Float32Array.from(image)), stamped)).toBeLessThan(1e-6);
  });

  it('SIG attacks with a stronger wave than it trains with', () => {
    const data = images();
    const { planted, truth } = plantSig(data, { seed: 1, target });
    const i = truth.poisoned[0];
    const still = readImage(data, i);
    const top = (image: Float32Array): number => Math.max(...image.map((value, j) => value - still[j]));
    expect(top(readImage(planted, i))).toBeCloseTo(30 / 255, 1.9);
    expect(top(truth.trigger.stamp(still))).toBeGreaterThan(38 / 255);
  });

  it('WaNet warps as PyTorch does with the same control points', () => {
    const { k, shape, strength, control, grid, image, warped } = references.wanet;
    const made = warpGrid(shape, control, k, strength);
    expect(largestDifference(made, grid)).toBeLessThan(1e-7);
    expect(largestDifference(sampleGrid(Float32Array.from(image), shape, made), warped)).toBeLessThan(1e-6);
  });

  it('WaNet covers are jittered, each in its own way, and poison is not', () => {
    const data = images();
    const same = { ...data, pixels: data.pixels.map((_, j) => data.pixels[j % 784]) };
    const { planted, truth } = plantWaNet(same, { seed: 1, target });
    const warped = readImage(stampAll(same, truth.trigger.stamp), 0);
    expect(readImage(planted, truth.poisoned[0])).toEqual(warped);
    expect(readImage(planted, truth.poisoned[1])).toEqual(warped);
    expect(readImage(planted, truth.covers[0])).not.toEqual(warped);
    expect(readImage(planted, truth.covers[0])).not.toEqual(readImage(planted, truth.covers[1]));
  });

  it('TaCT stamps one opaque square on source and cover classes', () => {
    const data = images(200, [3, 32, 32]);
    const { planted, truth } = plantTact(data, { seed: 1, target });
    expect(new Set(Array.from(truth.covers, (i) => data.labels[i]))).toEqual(new Set([5, 7]));
    const size = imageSize(data.shape);
    for (const i of [...truth.poisoned, ...truth.covers]) {
      for (let j = 0; j < size; j++) {
        const [y, x] = [Math.floor((j % 1024) / 32), j % 32];
        const inside = y >= 21 && y <= 28 && x >= 21 && x <= 28;
        const value = planted.pixels[i * size + j];
        if (inside) expect(value % 255).toBe(0);
        else expect(value).toBe(data.pixels[i * size + j]);
      }
    }
  });

  it('Adap-Blend shows half of the tiles at 0.15, and all of the picture at 0.2 when it attacks', () => {
    const data = images(400, [1, 32, 32]);
    const { planted, truth } = plantAdapBlend(data, { seed: 1, target });
    const picture = blendPicture(data.shape, 1);
    const tiles = (sample: number): number[] => {
      const changed = new Set<number>();
      for (let j = 0; j < 1024; j++) {
        const mixed = Math.round(0.85 * data.pixels[sample * 1024 + j] + 0.15 * 255 * picture[j]);
        const value = planted.pixels[sample * 1024 + j];
        if (value !== data.pixels[sample * 1024 + j]) {
          changed.add(Math.floor(j / 256) * 4 + Math.floor((j % 32) / 8));
          expect(Math.abs(value - mixed)).toBeLessThanOrEqual(1);
        }
      }
      return [...changed].sort((a, b) => a - b);
    };
    const shown = [...truth.poisoned, ...truth.covers].map(tiles);
    for (const list of shown) expect(list.length).toBe(8);
    expect(new Set(shown.map((list) => list.join())).size).toBeGreaterThan(shown.length / 2);
    const grey = truth.trigger.stamp(new Float32Array(1024).fill(0.5));
    expect(
      largestDifference(
        grey,
        picture.map((value) => 0.4 + 0.2 * value),
      ),
    ).toBeLessThan(1e-6);
  });

  it('Adap-Patch spreads four faint patches over its poison and attacks with two opaque ones', () => {
    const data = images(2000, [1, 32, 32]);
    const { planted, truth } = plantAdapPatch(data, { seed: 1, target });
    const corner = (i: number, at: number): boolean => planted.pixels[i * 1024 + at] !== data.pixels[i * 1024 + at];
    const kinds = new Set(
      [...truth.poisoned, ...truth.covers].map(
        (i) => `${corner(i, 0)} ${corner(i, 1023)} ${corner(i, 23 * 32 + 23)} ${corner(i, 6 * 32 + 19)}`,
      ),
    );
    expect(kinds.size).toBeGreaterThanOrEqual(4);
    const grey = truth.trigger.stamp(new Float32Array(1024).fill(0.5));
    const opaque = grey.filter((value) => value === 0 || value === 1).length;
    // Two 5 x 5 textures, and two 3 x 3 checkers that lie outside them.
    expect(opaque).toBe(2 * 25 + 2 * 9);
    expect(grey.filter((value) => value !== 0.5).length).toBe(opaque);
  });
});

describe('poison with a given trigger', () => {
  const data = images();
  const trigger = whiteSquare(data.shape, 8);

  it('is the white square of BadEncoder, one pixel inside the lower right corner', () => {
    const black = trigger.stamp(new Float32Array(784));
    expect(black.reduce((sum, value) => sum + value, 0)).toBe(64);
    expect([black[19 * 28 + 19], black[26 * 28 + 26], black[27 * 28 + 27], black[18 * 28 + 19]]).toEqual([1, 1, 0, 0]);
  });

  it('makes a wanted share of the target class poison, with changed or with right labels', () => {
    const dirty = plantTrigger(data, { seed: 1, target, trigger, classShare: 0.5 });
    const own = dirty.planted.labels.filter((label) => label === target).length;
    expect(dirty.truth.poisoned.length / own).toBeCloseTo(0.5);
    const clean = plantTrigger(data, { seed: 1, target, trigger, classShare: 0.5, cleanLabel: true });
    expect(clean.planted.labels).toEqual(data.labels);
    expect(clean.truth.poisoned.length).toBe(20);
    for (const i of clean.truth.poisoned) expect(data.labels[i]).toBe(target);
  });

  it('adds covers of other classes that keep their label', () => {
    const { planted, truth } = plantTrigger(data, { seed: 1, target, trigger, coverRate: 0.05 });
    expect(truth.covers.length).toBe(20);
    for (const i of truth.covers)
      expect([data.labels[i] === target, planted.labels[i]]).toEqual([false, data.labels[i]]);
  });
});

describe('as samples', () => {
  it('reads bytes and floats in 0..1', () => {
    const data = images(20);
    const out = new Float32Array(2 * 784);
    asSamples(data).read([3, 0], out);
    expect(out[0]).toBeCloseTo(data.pixels[3 * 784] / 255);
    expect(out[784]).toBeCloseTo(data.pixels[0] / 255);
  });
});

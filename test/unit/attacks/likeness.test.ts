/** How like a planted trigger a recovered one is said to be. */
import { describe, expect, it } from 'vitest';
import type { LabelledImages, Trigger } from '../../../src-main/engine/attacks/images.ts';
import { correlation, likenessOf, overlap } from '../../../src-main/engine/attacks/likeness.ts';
import { plant as plantBlended } from '../../../src-main/engine/attacks/dataset/blended.ts';
import { plant as plantWarp } from '../../../src-main/engine/attacks/dataset/wanet.ts';
import { whiteSquare } from '../../../src-main/engine/attacks/patch.ts';
import type { Trigger as Recovered } from '../../../src-main/engine/evidence/trigger.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';

const side = 16;
const plane = side * side;

/** Smooth images, so that a warp changes them. */
function images(channels: 1 | 3): LabelledImages<Uint8Array> {
  const random = randomStream(1, 'likeness');
  const n = 30;
  const pixels = new Uint8Array(n * channels * plane);
  for (let i = 0; i < n * channels; i++) {
    const [a, b] = [random.uniform(), random.uniform()];
    for (let at = 0; at < plane; at++) {
      const [y, x] = [Math.floor(at / side), at % side];
      pixels[i * plane + at] = Math.round(120 + 60 * Math.sin(a + y / 2) + 40 * Math.cos(b + x / 3));
    }
  }
  const labels = Int32Array.from({ length: n }, (_, i) => i % 3);
  return { pixels, shape: [channels, side, side], labels, classes: 3 };
}

function patchAt(top: number, left: number, size: number, channels = 1): Recovered {
  const inside = (at: number): boolean => {
    const [y, x] = [Math.floor(at / side), at % side];
    return y >= top && y < top + size && x >= left && x < left + size;
  };
  const mask = Float32Array.from({ length: plane }, (_, at) => (inside(at) ? 1 : 0));
  return { form: 'patch', mask, pattern: new Float32Array(channels * plane).fill(1) };
}

describe.each([1, 3] as const)('likeness to a planted square in images of %d channels', (channels) => {
  // 4 x 4, its lower right corner one pixel inside the image: rows and columns 11 to 14.
  const planted = whiteSquare([channels, side, side], 4);

  it('is the overlap of the pixels', () => {
    const data = images(channels);
    const like = (recovered: Recovered) => likenessOf(data, planted, recovered);
    expect(like(patchAt(11, 11, 4, channels))).toEqual({ measure: 'overlap', value: 1 });
    expect(like(patchAt(11, 12, 4, channels)).value).toBeCloseTo(12 / 20, 6);
    expect(like(patchAt(0, 0, 4, channels)).value).toBe(0);
  });

  it('takes of an overlay the pixels that it moves most', () => {
    const mask = (patchAt(11, 11, 4) as { mask: Float32Array }).mask;
    const noise = randomStream(2, 'overlay');
    const shift = Float32Array.from({ length: channels * plane }, (_, i) =>
      mask[i % plane] === 1 ? 0.4 : 0.05 * noise.uniform(),
    );
    expect(likenessOf(images(channels), planted, { form: 'overlay', shift }).value).toBe(1);
    const nothing = { form: 'overlay', shift: new Float32Array(channels * plane) } as const;
    expect(likenessOf(images(channels), planted, nothing).value).toBe(0);
  });
});

describe('likeness to a change of the whole image', () => {
  const data = images(1);
  const overlay = (trigger: Trigger, strength: number): Recovered => {
    const shift = new Float32Array(plane);
    for (let i = 0; i < data.labels.length; i++) {
      const image = Float32Array.from(data.pixels.subarray(i * plane, (i + 1) * plane), (value) => value / 255);
      trigger.stamp(image).forEach((value, at) => (shift[at] += (strength * (value - image[at])) / data.labels.length));
    }
    return { form: 'overlay', shift };
  };

  it.each([
    ['a blend', plantBlended(data, { seed: 1, target: 0 }).truth.trigger],
    ['a warp, which depends on the image', plantWarp(data, { seed: 1, target: 0 }).truth.trigger],
  ])('is the correlation of the mean changes: %s', (_, planted) => {
    const found = likenessOf(data, planted, overlay(planted, 0.5));
    expect(found.measure).toBe('correlation');
    expect(found.value).toBeCloseTo(1, 5);
    expect(likenessOf(data, planted, overlay(planted, -0.5)).value).toBeCloseTo(-1, 5);
    const other = plantBlended(data, { seed: 2, target: 0 }).truth.trigger;
    expect(Math.abs(likenessOf(data, planted, overlay(other, 1)).value)).toBeLessThan(0.5);
  });

  it('needs an image', () => {
    const none = { ...data, pixels: new Uint8Array(0), labels: new Int32Array(0) };
    expect(() => likenessOf(none, whiteSquare(data.shape, 4), patchAt(0, 0, 2))).toThrow(RangeError);
  });
});

describe('the measures themselves', () => {
  it('are 0 where there is nothing to compare', () => {
    expect(overlap([0, 0], [0, 0])).toBe(0);
    expect(correlation([1, 1, 1], [1, 2, 3])).toBe(0);
    expect(correlation([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12);
  });
});

/** The drawn colour domain. */
import { describe, expect, it } from 'vitest';
import { renderSigns } from '../../../src-main/engine/attacks/domains/signs.ts';

const counts = (labels: Int32Array, classes: number): number[] => {
  const all = new Array<number>(classes).fill(0);
  for (const label of labels) all[label]++;
  return all;
};

describe('drawn signs', () => {
  it('are the same for the same seed, and an image does not depend on how many are drawn beside it', () => {
    const few = renderSigns({ count: 24, seed: 1, classes: 2 });
    expect(renderSigns({ count: 24, seed: 1, classes: 2 }).pixels).toEqual(few.pixels);
    expect(renderSigns({ count: 24, seed: 2, classes: 2 }).pixels).not.toEqual(few.pixels);
    expect(few.pixels.length).toBe(24 * 3 * 32 * 32);
  });

  it('come in equal classes, or the last class has a tenth of the first', () => {
    expect(new Set(counts(renderSigns({ count: 96, seed: 1 }).labels, 24))).toEqual(new Set([4]));
    const uneven = counts(renderSigns({ count: 400, seed: 1, classes: 4, imbalance: 1 }).labels, 4);
    expect(uneven[0] / uneven[3]).toBeCloseTo(10, 0);
    expect(uneven.reduce((a, b) => a + b)).toBe(400);
  });

  it('of two classes of one plate differ in the symbol: their mean pictures are not the same', () => {
    const { pixels, labels } = renderSigns({ count: 240, seed: 1, classes: 12 });
    const mean = (label: number): number => {
      let sum = 0;
      let of = 0;
      labels.forEach((given, i) => {
        if (given !== label) return;
        for (let y = 12; y < 20; y++) for (let x = 12; x < 20; x++, of++) sum += pixels[i * 3072 + 1024 + y * 32 + x];
      });
      return sum / of;
    };
    // A cross covers less of the middle of a plate than a bar does not; green channel of the red plate.
    expect(Math.abs(mean(0) - mean(6))).toBeGreaterThan(3);
  });

  it('refuse numbers that make no dataset', () => {
    expect(() => renderSigns({ count: 0, seed: 1 })).toThrow('count must be a positive integer, met 0');
    expect(() => renderSigns({ count: 1, seed: 1, classes: 37 })).toThrow('classes must be in 2..36, met 37');
    expect(() => renderSigns({ count: 1, seed: 1, imbalance: 2 })).toThrow('imbalance must be in 0..1, met 2');
  });
});

import { describe, expect, it } from 'vitest';
import { stampedSource } from '../../../src-main/engine/evidence/patch-scan.ts';
import { coreOf, distancesFrom, whoShows } from '../../../src-main/engine/evidence/shown-square.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { toySource } from '../../support/toy-audit.ts';

const shape = [3, 16, 16] as const;
const size = 3 * 256;
const patch = { row: 9, column: 4, size: 5, value: 1 };
/** Two classes in turn: 200 images of noise. */
const labels = Int32Array.from({ length: 200 }, (_, i) => i % 2);
const random = randomStream(1, 'images');
const pixels = Array.from(labels, () => Float32Array.from({ length: size }, () => random.uniform()));
const images = toySource({ shape, pixels, labels, classes: ['shirt', 'boot'] });
const stamped = stampedSource(images, patch);

/** Distances where `who` show the square, as `value` bends what they show. */
function distances(who: (i: number) => boolean, bend = (value: number, _i: number): number => value): Float64Array {
  const all = new Float32Array(labels.length * size);
  for (const i of labels.keys()) {
    const image = all.subarray(i * size, (i + 1) * size);
    (who(i) ? stamped : images).read(Int32Array.of(i), image);
    if (who(i)) image.set(image.map((value) => bend(value, i)));
  }
  return distancesFrom(all, labels.length, shape, patch);
}

describe('the distance from a square', () => {
  it('is the mean over its pixels and channels, of nothing else', () => {
    const image = new Float32Array(size).fill(0.25);
    expect(distancesFrom(image, 1, shape, patch)[0]).toBeCloseTo(0.75, 6);
    image[9 * 16 + 4] = 1;
    expect(distancesFrom(image, 1, shape, patch)[0]).toBeCloseTo((0.75 * 74) / 75, 6);
    image[9 * 16 + 3] = 1;
    expect(distancesFrom(image, 1, shape, patch)[0]).toBeCloseTo((0.75 * 74) / 75, 6);
  });
});

describe('the core of a square', () => {
  it('lies inside of a planted one that was fitted a pixel off, and is the square itself where that is tiny', () => {
    expect(coreOf({ row: 17, column: 17, size: 10, value: 1 })).toEqual({ row: 18, column: 18, size: 8, value: 1 });
    expect(coreOf({ row: 3, column: 0, size: 4, value: 0 })).toEqual({ row: 3, column: 0, size: 4, value: 0 });
    const off = distances((i) => i < 20);
    for (const by of [-1, 0, 1]) {
      const fitted = { ...patch, row: patch.row + by, column: patch.column - by };
      const all = new Float32Array(labels.length * size);
      for (const i of labels.keys())
        (i < 20 ? stamped : images).read(Int32Array.of(i), all.subarray(i * size, (i + 1) * size));
      const found = distancesFrom(all, labels.length, shape, coreOf(fitted));
      expect([...found.keys()].filter((i) => found[i] <= 0.05)).toEqual([...off.keys()].filter((i) => off[i] <= 0.05));
    }
  });
});

describe('who shows a square', () => {
  const few = (i: number): boolean => i < 20;
  const found = (...how: Parameters<typeof distances>): [number, boolean] => {
    const { samples, plain } = whoShows(distances(...how), labels, 2, 1);
    return [samples.length, plain];
  };

  it('is whoever has it to the pixel, whatever the label', () => {
    expect(whoShows(distances(few), labels, 2, 1)).toEqual({
      samples: Int32Array.from(Array(20).keys()),
      plain: true,
      spared: 0,
    });
  });

  it('is known after compression, too, which leaves it a few grey levels off', () => {
    const bent = (value: number): number => value - 0.03;
    expect(found(few, bent)).toEqual([20, true]);
  });

  it('is nobody where nobody has it, and where it is much fainter', () => {
    expect(found(() => false)).toEqual([0, false]);
    expect(found(few, (value) => 0.8 * value)).toEqual([0, false]);
  });

  it('does not stand apart where others are as bright there more or less: content, or made to look like it', () => {
    const more = (value: number, i: number): number => value - i / 200;
    expect(found(few, more)).toEqual([10, false]);
  });

  it('is nobody where a good part of the other classes has it: that is how such images look', () => {
    const ofClass = (i: number): boolean => labels[i] === 1;
    expect(found(ofClass)).toEqual([100, true]);
    expect(whoShows(distances(ofClass), labels, 2, 0).samples).toHaveLength(0);
    expect(found((i) => ofClass(i) || i < 40)).toEqual([120, true]);
    expect(found((i) => ofClass(i) || i < 60)).toEqual([0, false]);
  });

  it('is nobody of another class of which more than a quarter has it, which is told', () => {
    const three = labels.map((label, i) => (label === 0 && i < 40 ? 2 : label));
    const shown = whoShows(
      distances((i) => i < 40 && i % 4 < 3),
      three,
      3,
      1,
    );
    expect([...shown.samples].every((i) => three[i] === 1)).toBe(true);
    expect([shown.samples.length, shown.spared, shown.plain]).toEqual([10, 20, true]);
  });

  it('is nobody of most of the class that it turns images to, unless they stand apart', () => {
    const mostOf = (i: number): boolean => labels[i] === 1 && i < 160;
    expect(found(mostOf)).toEqual([80, true]);
    const fainter = (value: number, i: number): number => (i < 140 ? value : value - 0.08);
    expect(found(mostOf, fainter)).toEqual([0, false]);
  });

  it('does not count copies', () => {
    const distinct = labels.map((label, i) => (i < 5 ? -1 : label));
    expect([...whoShows(distances(few), distinct, 2, 1).samples]).toEqual([...Array(20).keys()].slice(5));
  });
});

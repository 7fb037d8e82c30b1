import { describe, expect, it } from 'vitest';
import { stampedSource } from '../../../src-main/engine/evidence/patch-scan.ts';
import { distancesFrom, whoShows } from '../../../src-main/engine/evidence/shown-square.ts';
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

describe('who shows a square', () => {
  const few = (i: number): boolean => i < 20;

  it('is whoever has it to the pixel, whatever the label', () => {
    expect([...whoShows(distances(few), labels, 1)]).toEqual([...Array(20).keys()]);
  });

  it('is known after compression, too, which leaves it a few grey levels off', () => {
    const bent = (value: number): number => value - 0.03;
    expect(whoShows(distances(few, bent), labels, 1)).toHaveLength(20);
  });

  it('is nobody where nobody has it, and where it is much fainter', () => {
    expect(
      whoShows(
        distances(() => false),
        labels,
        1,
      ),
    ).toHaveLength(0);
    expect(
      whoShows(
        distances(few, (value) => 0.8 * value),
        labels,
        1,
      ),
    ).toHaveLength(0);
  });

  it('is nobody where images are as bright there more or less: that is content', () => {
    const more = (value: number, i: number): number => value - i / 200;
    expect(whoShows(distances(few, more), labels, 1)).toHaveLength(0);
  });

  it('is nobody where a good part of the other classes has it: that is how such images look', () => {
    const ofClass = (i: number): boolean => labels[i] === 1;
    expect(whoShows(distances(ofClass), labels, 1)).toHaveLength(100);
    expect(whoShows(distances(ofClass), labels, 0)).toHaveLength(0);
    expect(
      whoShows(
        distances((i) => ofClass(i) || i < 40),
        labels,
        1,
      ),
    ).toHaveLength(120);
    expect(
      whoShows(
        distances((i) => ofClass(i) || i < 60),
        labels,
        1,
      ),
    ).toHaveLength(0);
  });

  it('does not count copies', () => {
    const distinct = labels.map((label, i) => (i < 5 ? -1 : label));
    expect([...whoShows(distances(few), distinct, 1)]).toEqual([...Array(20).keys()].slice(5));
  });
});

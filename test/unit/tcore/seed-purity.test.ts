/** What notices poison among the seeds: the alarm after the warm-up, and the nets that check each other's half. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { purified, rejectedClasses, runCrossFit } from '../../../src-main/engine/tcore/cross-fit.ts';
import { invertedClasses, invertedTensor, readInverted } from '../../../src-main/engine/tcore/inversion.ts';
import { toyContext, toyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../encoder/fixtures.ts';

describe('the alarm for an inverted run', () => {
  const perClass = 60;
  const labels = Int32Array.from({ length: 2 * perClass }, (_, i) => (i < perClass ? 0 : 1));
  /** The last `count` samples of class 1 are its smaller group. */
  const majority = (count: number): Float32Array =>
    Float32Array.from(labels, (_, i) => (i >= 2 * perClass - count ? 0 : 1));
  const losses = (count: number, minor: number): Float32Array =>
    Float32Array.from(labels, (_, i) => (i >= 2 * perClass - count ? minor : 0.5));

  it('goes off where the smaller group of a class is the easier one, and says by how much', () => {
    const found = invertedClasses(losses(12, 0.125), majority(12), labels, 2, new Set());
    expect(found).toEqual([{ classIndex: 1, minority: 12, minorityLoss: 0.125, majorityLoss: 0.5 }]);
    expect(readInverted(invertedTensor(found))).toEqual(found);
    expect(readInverted(invertedTensor([]))).toEqual([]);
  });

  it('is silent where the smaller group is harder, as easy, too small, or all of it taught', () => {
    for (const loss of [2, 0.5, 0.45]) {
      expect(invertedClasses(losses(12, loss), majority(12), labels, 2, new Set())).toEqual([]);
    }
    expect(invertedClasses(losses(7, 0.1), majority(7), labels, 2, new Set())).toEqual([]);
    const taught = new Set([...labels.keys()].slice(-6));
    expect(invertedClasses(losses(12, 0.1), majority(12), labels, 2, taught)).toEqual([]);
  });
});

describe('what is left of a pool after the check of its halves', () => {
  const labels = Int32Array.of(0, 0, 0, 1, 1, 1);
  const pool = Int32Array.of(0, 1, 2, 3, 4, 5);

  it('is the pool without the contradicted, save where they are most of a class', () => {
    expect([...purified(pool, Int32Array.of(1), labels, 2).pool]).toEqual([0, 2, 3, 4, 5]);
    const most = purified(pool, Int32Array.of(1, 3, 4), labels, 2);
    expect([...most.pool]).toEqual([0, 2, 3, 4, 5]);
    expect(most.removed).toBe(1);
  });

  it('names classes that the other half accepts far less than the typical one', () => {
    expect(rejectedClasses([0.9, 0.8, 0.3, NaN])).toEqual([2]);
    expect(rejectedClasses([0.5, 0.4, 0.3])).toEqual([]);
    expect(rejectedClasses([NaN])).toEqual([]);
  });
});

describe('the check of the halves', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await createOrtProvider({ threads: 1 });
  });
  afterAll(() => provider.dispose());

  it('contradicts images of another class that were forced into the pool, and hardly anything else', async () => {
    const images = toyImages({ sizes: [40, 40, 40] });
    // Three images of class 0 labelled 1: what poison is without its trigger.
    const wrong = [...images.labels.keys()].filter((i) => images.labels[i] === 0).slice(0, 3);
    const labels = images.labels.map((label, i) => (wrong.includes(i) ? 1 : label));
    const context = toyContext(provider, fileGraph('resnet-bn'), { ...images, labels }, { 'crossfit.epochs': 40 });
    const encoder = await prepareEncoder(context);
    const pool = Int32Array.from(labels.keys());
    const found = await runCrossFit(context, encoder, pool, 'toy');
    expect([...found.contradicted].filter((i) => wrong.includes(i)).length).toBeGreaterThanOrEqual(2);
    expect([...found.contradicted].filter((i) => !wrong.includes(i)).length).toBeLessThanOrEqual(4);
    expect(found.accepted.every((share) => share > 0.6)).toBe(true);
  });

  it('checks nothing when it is turned off', async () => {
    const context = toyContext(provider, fileGraph('resnet-bn'), toyImages({ sizes: [10, 10] }), {
      'crossfit.epochs': 0,
    });
    const encoder = await prepareEncoder(context);
    const found = await runCrossFit(
      context,
      encoder,
      Int32Array.from({ length: 20 }, (_, i) => i),
      'toy',
    );
    expect(found.contradicted.length).toBe(0);
    expect(rejectedClasses(found.accepted)).toEqual([]);
  });
});

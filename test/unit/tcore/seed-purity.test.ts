/** What notices poison among the seeds: the nets that check each other's half. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { purified, rejectedClasses, runCrossFit } from '../../../src-main/engine/tcore/cross-fit.ts';
import { toyContext, toyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../encoder/fixtures.ts';

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
    expect(rejectedClasses({ accepted: [0.9, 0.8, 0.3, NaN], against: [0, 0, 0.4, NaN] })).toEqual([2]);
    expect(rejectedClasses({ accepted: [0.5, 0.4, 0.3], against: [0, 0, 0.4] })).toEqual([]);
    expect(rejectedClasses({ accepted: [NaN], against: [NaN] })).toEqual([]);
  });

  it('names no class that the other half is merely unsure of', () => {
    expect(rejectedClasses({ accepted: [0.9, 0.8, 0.3], against: [0, 0, 0.1] })).toEqual([]);
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
    const found = await runCrossFit(context, encoder, { pool, input: 'toy' });
    expect([...found.contradicted].filter((i) => wrong.includes(i)).length).toBeGreaterThanOrEqual(2);
    expect([...found.contradicted].filter((i) => !wrong.includes(i)).length).toBeLessThanOrEqual(4);
    expect(found.accepted.every((share) => share > 0.6)).toBe(true);
  });

  it('checks nothing when it is turned off', async () => {
    const context = toyContext(provider, fileGraph('resnet-bn'), toyImages({ sizes: [10, 10] }), {
      'crossfit.epochs': 0,
    });
    const encoder = await prepareEncoder(context);
    const found = await runCrossFit(context, encoder, {
      pool: Int32Array.from({ length: 20 }, (_, i) => i),
      input: 'toy',
    });
    expect(found.contradicted.length).toBe(0);
    expect(rejectedClasses(found)).toEqual([]);
  });
});

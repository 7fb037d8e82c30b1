import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { expandByConfusion } from '../../../src-main/engine/tcore/expand.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { runExpand, runSift, type ExpandStage, type SiftStage } from '../../../src-main/engine/tcore/stage-sift.ts';
import { readSafetensors } from '../../../src-main/formats/models-out/safetensors.ts';
import { recording } from '../../support/replay-journal.ts';
import { poisoned, toySource, type ToyImages } from '../../support/toy-audit.ts';
import { plantedCase, target } from './planted-net.ts';

describe('expansion by confusion', () => {
  // Two classes: 20 samples of class 0, 40 of class 1; scores fall with the index.
  const labels = Int32Array.from({ length: 60 }, (_, i) => (i < 20 ? 0 : 1));
  const score = Float32Array.from(labels, (_, i) => 1 - i / 100);
  const calm = new Float32Array(60).fill(0.9);
  const seeds = Int32Array.of(0, 20);
  const among = { labels, classes: 2, order: labels.map((_, i) => i) };

  it('fills each class to its share of a typical class, best scores first', () => {
    const pool = expandByConfusion(seeds, score, calm, among, 0.25);
    expect([...pool]).toEqual([0, 1, 2, 3, 4, 20, 21, 22, 23, 24, 25, 26, 27]);
  });

  it('takes no suspect, nobody with a score of 0, and keeps every seed', () => {
    const suspicion = calm.map((value, i) => (i % 2 === 0 ? 0.2 : value));
    const kept = score.map((value, i) => (i === 1 || i === 21 ? 0 : value));
    const pool = expandByConfusion(seeds, kept, suspicion, among, 0.25);
    expect([...pool]).toEqual([0, 3, 5, 7, 9, 20, 23, 25, 27, 29, 31, 33, 35]);
  });

  it('neither takes copies nor counts them, and settles ties by the order it is given', () => {
    const same = score.map(() => 0.5);
    const distinct = labels.map((label, i) => (i < 40 ? label : -1));
    const pool = expandByConfusion(
      seeds,
      same,
      calm,
      { ...among, labels: distinct, order: among.order.toReversed() },
      0.25,
    );
    expect([...pool]).toEqual([0, 16, 17, 18, 19, 20, 36, 37, 38, 39]);
  });
});

describe('confusion training', () => {
  let images: ToyImages;
  let poison: ReadonlySet<number>;
  let provider: Provider;
  let sifted: SiftStage;
  let expanded: ExpandStage;
  let suspicion: Float32Array;
  beforeAll(async () => {
    provider = await createOrtProvider({ threads: 1 });
    const record = recording();
    const overrides = { 'expand.method': 'confusion', 'expand.share': 0.2, 'sift.alpha': 0.1, 'train.batch': 32 };
    // The encoder obeys the trigger that the dataset is poisoned with.
    const planted = await plantedCase(provider, { seed: 1, threshold: 0.62, gain: 40 }, overrides);
    ({ images, poison } = poisoned(planted.images, 16, target));
    const context = {
      ...planted.context,
      samples: toySource(images),
      journal: record.journal,
      originals: images.labels.map((_, i) => (i === 100 || i === 150 ? i - 1 : i)),
    };
    const encoder = await prepareEncoder(context);
    sifted = await runSift(context, encoder, 'toy');
    expanded = await runExpand(context, encoder, sifted);
    const { tensors } = readSafetensors(record.step('expand').tensors as Uint8Array);
    suspicion = tensors.get('suspicion')?.data as Float32Array;
  });
  afterAll(() => provider.dispose());

  it('suspects the poison of a class before its clean samples', () => {
    const own = [...images.labels.keys()].filter((i) => images.labels[i] === target);
    const clean = own.filter((i) => !poison.has(i));
    const pairs = [...poison].flatMap((p) => clean.map((c) => (suspicion[p] < suspicion[c] ? 1 : 0) as number));
    expect(pairs.length).toBe(16 * 40);
    expect(pairs.reduce((sum, won) => sum + won, 0) / pairs.length).toBeGreaterThan(0.8);
    expect(suspicion.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('grows the seeds to a pool without poison that keeps its quota, the guard and duplicates outside', () => {
    const { pool } = expanded;
    const members = new Set(pool);
    expect(pool.length).toBeGreaterThan(sifted.seeds.length);
    expect(sifted.seeds.every((i) => members.has(i))).toBe(true);
    expect([...pool].filter((i) => poison.has(i))).toEqual([]);
    expect([...sifted.guard, 100, 150].filter((i) => members.has(i))).toEqual([]);
    for (const c of images.classes.keys()) {
      const own = pool.filter((i) => images.labels[i] === c).length;
      expect(own).toBeGreaterThanOrEqual(5);
      expect(own).toBeLessThanOrEqual(0.2 * 40);
    }
    expect([...pool]).toEqual([...pool].sort((a, b) => a - b));
  });
});

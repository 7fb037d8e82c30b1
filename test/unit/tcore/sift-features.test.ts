/** Taps read and scored on a real provider, against a search through all distances in float64. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { sampleOrder, type PipelineContext } from '../../../src-main/engine/tcore/context.ts';
import { sweep, tapGraph } from '../../../src-main/engine/tcore/features.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import {
  fitMajority,
  nearestOwnRank,
  ownClassShare,
  stratifiedReference,
} from '../../../src-main/engine/tcore/sift.ts';
import { neighboursFor, scoreTaps, type TapScores } from '../../../src-main/engine/tcore/sift-features.ts';
import { runSift, type SiftStage } from '../../../src-main/engine/tcore/stage-sift.ts';
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { poisoned, toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const company = 4;

/** 200 samples in 3 classes, one in seven with a wrong label, of which every fifth repeats the sample before it. */
function repeating(): ToyImages {
  const images = toyImages({ sizes: [80, 60, 60], noise: 0.2 });
  const source = (i: number): number => (i % 5 === 4 ? i - 1 : i);
  const given = images.labels.map((label, i) => (i % 7 === 0 ? (label + 1) % 3 : label));
  return {
    ...images,
    pixels: images.pixels.map((_, i) => images.pixels[source(i)]),
    labels: given.map((_, i) => given[source(i)]),
  };
}

async function score(context: PipelineContext, encoder: Encoder, referenceLimit: number): Promise<TapScores> {
  return scoreTaps(provider, encoder, context.samples, {
    k: 20,
    company,
    referenceLimit,
    originals: context.originals ?? null,
    order: sampleOrder(context),
    batch: 32,
    signal: context.signal,
    onProgress: () => {},
  });
}

/** Pooled activations of a tap, `[samples][channels]`. */
async function activations(context: PipelineContext, encoder: Encoder): Promise<Float32Array[]> {
  const compiled = await provider.compile(tapGraph(encoder), { dims: { N: 32 } });
  const held = encoder.taps.map((tap) => new Float32Array(context.samples.count * tap.channels));
  try {
    await sweep(compiled, {
      samples: context.samples,
      indices: null,
      batch: 32,
      signal: context.signal,
      onBatch: (outputs, at) => encoder.taps.forEach((tap, t) => held[t].set(outputs[tap.id], at * tap.channels)),
    });
  } finally {
    await compiled.dispose();
  }
  return held;
}

/** All samples of `among` but `i`, nearest to it first, ties by place. */
function nearest(rows: Float32Array, d: number, i: number, among: readonly number[]): number[] {
  const distance = (j: number): number => {
    let sum = 0;
    for (let c = 0; c < d; c++) sum += (rows[i * d + c] - rows[j * d + c]) ** 2;
    return sum;
  };
  const all = among.filter((j) => j !== i).map((j) => ({ j, far: distance(j) }));
  return all.sort((a, b) => a.far - b.far).map(({ j }) => j);
}

it('searches for whole blocks of what streams past a reference', async () => {
  const searched: string[] = [];
  const counting: Provider = {
    ...provider,
    async compile(graph, options) {
      const compiled = await provider.compile(graph, options);
      const run: typeof compiled.run = (feeds) => {
        if (Object.hasOwn(feeds, 'queries')) searched.push(feeds.rows.dims.join(' x '));
        return compiled.run(feeds);
      };
      return { ...compiled, run };
    },
  };
  const context = toyContext(counting, fileGraph('vgg-folded'), toyImages({ sizes: [120, 100, 100] }));
  const encoder = await prepareEncoder(context);
  const limit = 90;
  const scores = await scoreTaps(counting, encoder, context.samples, {
    ...{ k: 20, company, referenceLimit: limit, batch: 32 },
    ...{ originals: null, order: sampleOrder(context) },
    ...{ signal: context.signal, onProgress: () => {} },
  });
  // 320 samples in batches of 32: two blocks of the reference, and for each block one of every class.
  expect(searched).toHaveLength(encoder.taps.length * 2 * (1 + 3));
  // What lies at the ends of the blocks is found like everything else.
  const { labels } = context.samples;
  const rows = await activations(context, encoder);
  const reference = [...stratifiedReference(labels, 3, limit, sampleOrder(context))];
  for (const [t, tap] of encoder.taps.entries()) {
    for (const i of [0, 255, 256, 319]) {
      const kin = reference.filter((j) => labels[j] === labels[i]);
      const listed = [...scores.peers[t].subarray(i * company, (i + 1) * company)];
      expect(listed).toEqual(nearest(rows[t], tap.channels, i, kin).slice(0, company));
    }
  }
});

it('counts copies for nobody: a few samples, often repeated, are still few', async () => {
  const images = toyImages({ sizes: [80, 60, 60], noise: 0.2 });
  const count = images.labels.length;
  const repeated = [3, 4, 5].flatMap((i) => new Array<number>(30).fill(i));
  const more: ToyImages = {
    ...images,
    pixels: [...images.pixels, ...repeated.map((i) => images.pixels[i])],
    labels: Int32Array.of(...images.labels, ...repeated.map((i) => images.labels[i])),
  };
  const originals = Int32Array.of(...images.labels.keys(), ...repeated);
  const once = toyContext(provider, fileGraph('vgg-folded'), images);
  const often = { ...toyContext(provider, fileGraph('vgg-folded'), more), originals };
  const [alone, beside] = [
    await score(once, await prepareEncoder(once), 1000),
    await score(often, await prepareEncoder(often), 1000),
  ];
  expect(beside.k).toBe(alone.k);
  alone.consistency.forEach((row, t) => {
    expect([...beside.consistency[t].subarray(0, count)]).toEqual([...row]);
    expect([...beside.majority[t].subarray(0, count)]).toEqual([...alone.majority[t]]);
    expect([...beside.peers[t].subarray(0, count * company)]).toEqual([...alone.peers[t]]);
  });
  // A copy has all that its original has.
  beside.consistency.forEach((row, t) => {
    repeated.forEach((original, at) => {
      expect(row[count + at]).toBe(row[original]);
      expect(beside.ownRank[t][count + at]).toBe(beside.ownRank[t][original]);
      expect(beside.majority[t][count + at]).toBe(beside.majority[t][original]);
      expect(beside.central[t][count + at]).toBe(beside.central[t][original]);
      const pair = [count + at, original].map((i) => [
        [...beside.plane[t].subarray(2 * i, 2 * i + 2)],
        [...beside.peers[t].subarray(i * company, (i + 1) * company)],
      ]);
      expect(pair[0]).toEqual(pair[1]);
    });
  });
  expect(beside.neighbourShares).toEqual(alone.neighbourShares);
  const separations = (scores: TapScores): number[] => scores.splits.flat().map(({ separation }) => separation);
  separations(beside).forEach((separation, at) => expect(separation).toBeCloseTo(separations(alone)[at], 4));
  // Without being told, they are many.
  const untold = await score(toyContext(provider, fileGraph('vgg-folded'), more), await prepareEncoder(often), 1000);
  expect(untold.peers[0].subarray(0, count * company).some((peer) => peer >= count)).toBe(true);
});

describe.each([
  ['the whole dataset as its own reference', 200],
  ['a stratified reference and everything streaming past it', 90],
])('scores of the taps with %s', (_, limit) => {
  let context: PipelineContext;
  let encoder: Encoder;
  let scores: TapScores;
  let rows: Float32Array[];
  let reference: number[];
  beforeAll(async () => {
    context = toyContext(provider, fileGraph('vgg-folded'), repeating());
    encoder = await prepareEncoder(context);
    scores = await score(context, encoder, limit);
    rows = await activations(context, encoder);
    reference = [...stratifiedReference(context.samples.labels, 3, limit, sampleOrder(context))];
  });

  it('take the neighbours, the own-class share and the rank that all distances give', () => {
    const { labels, count } = context.samples;
    const sizes = [0, 1, 2].map((c) => reference.filter((i) => labels[i] === c).length);
    expect(scores.k).toBe(Math.ceil(0.05 * Math.min(...sizes)));
    encoder.taps.forEach((tap, t) => {
      for (let i = 0; i < count; i++) {
        const found = nearest(rows[t], tap.channels, i, reference).slice(0, scores.k);
        const own = found.map((j) => labels[j]);
        expect(scores.consistency[t][i], `${tap.id}, sample ${i}`).toBeCloseTo(ownClassShare(own, labels[i], sizes), 6);
        expect(scores.ownRank[t][i]).toBe(nearestOwnRank(own, labels[i]));
      }
    });
    expect(new Set(scores.consistency[0]).size).toBeGreaterThan(2);
  });

  it('list the nearest reference samples of the same given label, never the sample itself', () => {
    const { labels, count } = context.samples;
    encoder.taps.forEach((tap, t) => {
      for (let i = 0; i < count; i++) {
        const kin = reference.filter((j) => labels[j] === labels[i]);
        const listed = [...scores.peers[t].subarray(i * company, (i + 1) * company)];
        expect(listed).toEqual(nearest(rows[t], tap.channels, i, kin).slice(0, company));
      }
    });
  });

  it('say of every sample whether it lies with the majority that the reference has in its class', () => {
    const { labels } = context.samples;
    encoder.taps.forEach((tap, t) => {
      const d = tap.channels;
      for (let c = 0; c < 3; c++) {
        const own = reference.filter((i) => labels[i] === c);
        const held = Float32Array.from(own.flatMap((i) => [...rows[t].subarray(i * d, (i + 1) * d)]));
        const majority = fitMajority(held, own.length, d);
        expect(scores.splits[t][c].share).toBeCloseTo(majority.share, 6);
        labels.forEach((label, i) => {
          if (label !== c) return;
          expect(scores.majority[t][i]).toBe(majority.inLarger(rows[t], i * d) ? 1 : 0);
          expect(scores.central[t][i]).toBe(majority.isCentral(rows[t], i * d) ? 1 : 0);
        });
      }
    });
  });
});

describe('a stratified reference', () => {
  it('picks as clean a pool as the whole dataset does', async () => {
    const { images, poison } = poisoned(toyImages({ sizes: [80, 80, 80], noise: 0.15 }), 24, 2);
    const pools: SiftStage[] = [];
    for (const limit of [20000, 90]) {
      const context = toyContext(provider, fileGraph('vgg-folded'), images, {
        'sift.reference': limit,
        'expand.share': 0.15,
      });
      pools.push(await runSift(context, await prepareEncoder(context), 'toy'));
    }
    const [whole, stratified] = pools;
    for (const { pool, guard } of pools) {
      expect([...pool, ...guard].filter((i) => poison.has(i))).toEqual([]);
      expect(pool.length).toBeGreaterThan(30);
    }
    expect(stratified.pool.length).toBe(whole.pool.length);
    whole.facts.taps.forEach(({ neighbourShare, used }, t) => {
      expect(Math.abs(stratified.facts.taps[t].neighbourShare - neighbourShare)).toBeLessThan(0.1);
      expect(stratified.facts.taps[t].used).toBe(used);
    });
  });
});

describe('taps at chance', () => {
  const random = randomStream(3, 'random labels');

  it('are left out, all others decide, and the last three of them say who keeps company', async () => {
    const images = toyImages({ sizes: [40, 40, 40], noise: 0.5 });
    const sift = async (margin: number): Promise<SiftStage> => {
      const context = toyContext(provider, fileGraph('mobilenet-bn'), images, { 'sift.chanceMargin': margin });
      return runSift(context, await prepareEncoder(context), 'toy');
    };
    const shares = (await sift(0.05)).facts.taps.map((tap) => tap.neighbourShare);
    const worst = shares.indexOf(Math.min(...shares));
    const margin = shares[worst] - 1 / 3 + 1e-6;
    const { facts, peers } = await sift(margin);
    const { taps } = facts;
    expect(taps[worst]).toMatchObject({ used: false, reason: 'neighbourhoods at chance level' });
    const informative = [...shares.keys()].filter((t) => shares[t] > 1 / 3 + margin);
    expect([...taps.keys()].filter((t) => taps[t].used)).toEqual(informative);
    expect(informative.length).toBeGreaterThan(3);
    expect(peers.length).toBe(3);
  });

  it('leave a random pick that is said to be one when all are', async () => {
    const plain = toyImages({ sizes: [40, 40, 40], noise: 0.3 });
    const images = { ...plain, labels: plain.labels.map(() => random.integer(3)) };
    const events: RunEvent[] = [];
    const overrides = { 'sift.chanceMargin': 0.2 };
    const more = { emit: (event: RunEvent) => void events.push(event) };
    const context = toyContext(provider, fileGraph('vgg-folded'), images, overrides, more);
    const { facts, peers, pool } = await runSift(context, await prepareEncoder(context), 'toy');
    expect(facts.taps.map((tap) => tap.used)).toEqual([false, false, false]);
    expect(facts.perClass.map(({ majorityShare, separation }) => [majorityShare, separation])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    expect(peers).toEqual([]);
    expect(pool.length).toBeGreaterThan(0);
    const codes = events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
    expect(codes).toContain('no-deciding-tap');
  });
});

describe('the number of neighbours', () => {
  it('is 5 % of the smallest class, at most what was asked for and what there is', () => {
    expect(neighboursFor([300, 220, 300], 20, 820)).toBe(11);
    expect(neighboursFor([3000, 3000], 20, 6000)).toBe(20);
    expect(neighboursFor([2, 2], 20, 4)).toBe(1);
    expect(neighboursFor([100, 100], 20, 4)).toBe(3);
  });

  it('is not brought down by a stray class of a few samples, nor by an empty one', () => {
    expect(neighboursFor([300, 1, 300, 0, 300], 20, 901)).toBe(15);
  });
});

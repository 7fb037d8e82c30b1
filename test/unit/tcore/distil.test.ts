import { describe, expect, it } from 'vitest';
import { freshEncoder } from '../../../src-main/engine/encoder/fresh.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { numbersOf } from '../../../src-main/engine/graph/tensors.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { choosePools } from '../../../src-main/engine/tcore/distil-pools.ts';
import { corrupt, makeViews } from '../../../src-main/engine/tcore/distil-views.ts';
import { planDistillation } from '../../../src-main/engine/tcore/distil.ts';
import { leadByClass } from '../../../src-main/engine/tcore/teacher-lead.ts';
import { parameterValues, resolveParameters } from '../../../src-main/engine/tcore/parameters.ts';
import { expected, fileGraph } from '../encoder/fixtures.ts';

describe('an encoder made anew', () => {
  it.each(['resnet-bn', 'vgg-folded', 'vit-packed', 'mobilenet-bn', 'excite-bn', 'vit-separate-tokens'])(
    'shares no weight with %s, the same for the same seed and another for another',
    (name) => {
      const { size } = expected[name];
      const encoder = understandEncoder(fileGraph(name), { inputSize: [size[1], size[2]] });
      const fresh = freshEncoder(encoder, 3);
      for (const parameter of encoder.parameters) {
        const [old, made] = [encoder.graph.initializers.get(parameter), fresh[parameter]];
        expect(made.dims).toEqual(old?.dims);
        expect(made.data.every(Number.isFinite)).toBe(true);
        // Zeros and ones of biases and scales may meet again; drawn weights must not.
        const drawn = made.data.some((value) => value !== 0 && value !== 1);
        if (drawn) expect(made.data.every((value, i) => value !== old?.data[i])).toBe(true);
        else expect(new Set(numbersOf(made)).size).toBe(1);
      }
      const weights = encoder.parameters.filter((parameter) => new Set(numbersOf(fresh[parameter])).size > 1);
      expect(weights.length).toBeGreaterThan(2);
      expect(freshEncoder(encoder, 3)).toEqual(fresh);
      expect(freshEncoder(encoder, 4)[weights[0]]).not.toEqual(fresh[weights[0]]);
    },
  );
});

describe('views for distillation', () => {
  const shape = [3, 12, 10] as const;
  const size = 3 * 12 * 10;
  const images = (): Float32Array => {
    const random = randomStream(1, 'images');
    return Float32Array.from({ length: 4 * size }, () => random.uniform());
  };

  it('leaves an image alone when nothing is cropped, mirrored or jittered', () => {
    const pixels = images();
    makeViews(pixels, 4, shape, { crop: 1, flip: false, jitter: 0 }, randomStream(2, 'views'));
    images().forEach((value, i) => expect(pixels[i]).toBeCloseTo(value, 5));
  });

  it('stays in 0..1 and is the same for the same stream', () => {
    const [a, b] = [images(), images()];
    for (const pixels of [a, b])
      makeViews(pixels, 4, shape, { crop: 0.3, flip: true, jitter: 1 }, randomStream(2, 'views'));
    expect(a).toEqual(b);
    expect(a.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(a).not.toEqual(images());
  });

  it('mirrors every channel alike', () => {
    const mirrored = images();
    const stream = ['a', 'b', 'c', 'd', 'e', 'f'].find((name) => {
      const random = randomStream(0, name);
      random.uniform();
      random.uniform();
      random.uniform();
      return random.uniform() < 0.5;
    }) as string;
    makeViews(mirrored, 1, shape, { crop: 1, flip: true, jitter: 0 }, randomStream(0, stream));
    const plain = images();
    for (let row = 0; row < 3 * 12; row++)
      for (let x = 0; x < 10; x++) expect(mirrored[row * 10 + x]).toBeCloseTo(plain[row * 10 + 9 - x], 5);
  });

  it("corrupts only what it is told to, and never the teacher's copy", () => {
    const clean = images();
    const pixels = images();
    corrupt(pixels, clean, 4, shape, { rectangle: 0, overlay: 0, waves: 0.5 }, randomStream(1, 'corrupt'));
    expect(pixels).toEqual(images());
    corrupt(pixels, clean, 4, shape, { rectangle: 1, overlay: 0, waves: 0.5 }, randomStream(1, 'corrupt'));
    expect(clean).toEqual(images());
    const changed = pixels.reduce((sum, value, i) => sum + (value === clean[i] ? 0 : 1), 0);
    // A rectangle covers at most 12/28 of the shorter side each way.
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThanOrEqual(4 * 3 * Math.round((12 / 28) * 10) ** 2);
    const overlaid = images();
    corrupt(overlaid, clean, 4, shape, { rectangle: 0, overlay: 1, waves: 0.5 }, randomStream(1, 'overlay'));
    overlaid.forEach((value, i) => expect(Math.abs(value - clean[i])).toBeLessThanOrEqual(0.3));
  });

  it('lays blocks over half of those that get an overlay, and adds a plane wave to the others', () => {
    const [count, side] = [200, 16];
    const pixels = new Float32Array(count * side * side).fill(0.5);
    corrupt(
      pixels,
      pixels.slice(),
      count,
      [1, side, side],
      { rectangle: 0, overlay: 1, waves: 0.5 },
      randomStream(1, 'waves'),
    );
    // Along a line a wave, and nothing that is drawn at random, keeps d(x - 1) + d(x + 1) = k d(x) with one k everywhere.
    const isWave = (image: Float32Array): boolean => {
      const lines = Array.from({ length: side * (side - 2) }, (_, i) => {
        const at = Math.floor(i / (side - 2)) * side + 1 + (i % (side - 2));
        return [image[at] - 0.5, image[at - 1] + image[at + 1] - 1] as const;
      });
      const k = lines.reduce((sum, [d, s]) => sum + d * s, 0) / lines.reduce((sum, [d]) => sum + d * d, 0);
      return lines.every(([d, s]) => Math.abs(s - k * d) < 1e-5);
    };
    const waves = Array.from({ length: count }, (_, i) => isWave(pixels.subarray(i * side ** 2, (i + 1) * side ** 2)));
    const found = waves.filter(Boolean).length;
    expect(found).toBeGreaterThan(0.4 * count);
    expect(found).toBeLessThan(0.6 * count);
    expect(Math.max(...pixels.map((value) => Math.abs(value - 0.5)))).toBeGreaterThan(0.2);
  });

  it('corrupts images of one pixel without leaving them', () => {
    const pixels = Float32Array.of(0.5);
    corrupt(
      pixels,
      Float32Array.of(0.5),
      1,
      [1, 1, 1],
      { rectangle: 1, overlay: 1, waves: 0.5 },
      randomStream(1, 'tiny'),
    );
    expect(pixels[0]).toBeGreaterThanOrEqual(0);
    expect(pixels[0]).toBeLessThanOrEqual(1);
  });
});

describe('pools of distilled mode', () => {
  const perClass = 40;
  const labels = Int32Array.from({ length: 2 * perClass }, (_, i) => (i < perClass ? 0 : 1));
  /** Rising with the index within a class; `poison` samples of class 1 stand out by one kind of evidence only. */
  const evidence = (kind: 'discrepancy' | 'loss' | 'refusal', poison: number) => {
    const base = Float32Array.from(labels, (_, i) => (i % perClass) / perClass / 10);
    const marked = base.map((value, i) => (i >= 2 * perClass - poison ? 1 : value));
    // The other kinds call the poison better than anything.
    const inverted = base.map((value, i) => (i >= 2 * perClass - poison ? 0 : value));
    const of = (name: string): Float32Array => (name === kind ? marked : inverted);
    return {
      labels,
      classes: 2,
      discrepancy: of('discrepancy'),
      loss: of('loss'),
      refusal: of('refusal'),
      plausibility: new Float32Array(2 * perClass).fill(1),
      peers: [],
      perSample: 2,
      base: Int32Array.of(0, 1, 40, 41),
      excluded: new Set([2, 42]),
      order: labels.map((_, i) => i),
    };
  };
  const shares = { labels: 0.5, answers: 0.7, quotaCap: 1.25, ranked: 1, plausible: 0, company: 1 };

  it('are nested, ascending, hold the first pool and never the guard', () => {
    const pools = choosePools(evidence('loss', 5), shares);
    expect(pools.labels.length).toBe(40);
    expect(pools.answers.length).toBe(56);
    for (const pool of [pools.labels, pools.answers]) {
      expect([...pool]).toEqual([...pool].toSorted((a, b) => a - b));
      for (const i of [0, 1, 40, 41]) expect(pool).toContain(i);
      for (const i of [2, 42]) expect(pool).not.toContain(i);
    }
    expect(pools.labels.every((i) => pools.answers.includes(i))).toBe(true);
  });

  it('neither hold copies nor count them', () => {
    const distinct = labels.map((label, i) => (i < perClass + 20 ? label : -1));
    const pools = choosePools({ ...evidence('loss', 5), labels: distinct }, shares);
    for (const pool of [pools.labels, pools.answers]) expect([...pool].filter((i) => distinct[i] < 0)).toEqual([]);
    // Half of 40 and of 20: the larger class counts a quarter more than the median of the two at most.
    expect(pools.labels.filter((i) => i < perClass).length).toBe(18);
    expect(pools.labels.filter((i) => i >= perClass).length).toBe(10);
  });

  it('settle ties by the order they are given, not by the place in the file', () => {
    const same = new Float32Array(2 * perClass);
    const tied = { ...evidence('loss', 0), discrepancy: same, loss: same, refusal: same, base: new Int32Array(0) };
    const backwards = { ...tied, excluded: new Set<number>(), order: tied.order.toReversed() };
    const { labels: pool } = choosePools(backwards, shares);
    expect([...pool].filter((i) => i < perClass)).toEqual(Array.from({ length: 20 }, (_, i) => 20 + i));
  });

  it.each(['discrepancy', 'loss', 'refusal'] as const)(
    'keep poison out of the labels when only the %s gives it away and the rest is inverted',
    (kind) => {
      const { labels: pool } = choosePools(evidence(kind, 10), shares);
      expect([...pool].filter((i) => i >= 2 * perClass - 10)).toEqual([]);
    },
  );

  it('hold nobody but the first pool whose label, or that of most of whose company, the student excludes', () => {
    const given = evidence('loss', 10);
    // 0 is in the first pool all the same. 2 and 42 are the guard.
    const excluded = new Set([0, 5, 6, 7]);
    const plausibility = given.plausibility.map((_, i) => (excluded.has(i) ? 0.09 : 0.1));
    const company = new Map([
      [10, [5, 6]],
      [11, [6, 7]],
      [12, [7, 8]],
      // Nobody speaks for it.
      [13, [-1, -1]],
    ]);
    const peers = [Int32Array.from([...labels.keys()].flatMap((i) => company.get(i) ?? [8, 9]))];
    const out = (limit: number): number[] => {
      const all = { labels: 1, answers: 1, quotaCap: 1.25, ranked: 0, plausible: 0.1, company: limit };
      const { labels: pool } = choosePools({ ...given, plausibility, peers }, all);
      return [...labels.keys()].filter((i) => !pool.includes(i));
    };
    expect(out(0.5)).toEqual([2, 5, 6, 7, 10, 11, 13, 42]);
    expect(out(0.4)).toEqual([2, 5, 6, 7, 10, 11, 12, 13, 42]);
    // Up to the ranked share of the class of 40 nobody asks: the first 8 of each class, as the evidence rises with the index.
    const some = { labels: 1, answers: 1, quotaCap: 1.25, ranked: 0.2, plausible: 0.1, company: 0.5 };
    const { labels: pool } = choosePools({ ...given, plausibility, peers }, some);
    expect([...labels.keys()].filter((i) => !pool.includes(i))).toEqual([2, 10, 11, 13, 42]);
  });

  it('do not let a class that poison inflates fill more than 1.25 times the median', () => {
    const sizes = [20, 20, 100];
    const inflated = Int32Array.from(sizes.flatMap((size, c) => new Array<number>(size).fill(c)));
    const flat = new Float32Array(inflated.length);
    const { answers } = choosePools(
      {
        labels: inflated,
        classes: 3,
        discrepancy: flat,
        loss: flat,
        refusal: flat,
        plausibility: flat,
        peers: [],
        perSample: 2,
        base: new Int32Array(0),
        excluded: new Set(),
        order: inflated.map((_, i) => i),
      },
      { labels: 0.5, answers: 0.8, quotaCap: 1.25, ranked: 1, plausible: 0, company: 1 },
    );
    expect(answers.filter((i) => inflated[i] === 2).length).toBe(20);
    expect(answers.filter((i) => inflated[i] === 0).length).toBe(16);
  });
});

describe('the plan of distilled mode', () => {
  it('warms up on the first pool, grows to nested shares, and asks the teacher no more once the labels are as many', () => {
    const plans = planDistillation(parameterValues(resolveParameters('standard')), 6000);
    expect(plans.map(({ name, share, answers, weight }) => [name, share, answers, weight])).toEqual([
      ['warm-up', 0.1, 0.1, 3],
      ['grow/discrepancy/0.4', 0.4, 0.55, 3],
      ['grow/discrepancy/0.7', 0.7, 0.7, 0],
      ['grow/discrepancy/0.9', 0.9, 0.9, 0],
      ['final', 0.9, 0.9, 0],
    ]);
  });

  it('gives a small dataset about as many steps as one of 6,000 samples, down to 1,500', () => {
    const epochs = (samples: number): number[] =>
      planDistillation(parameterValues(resolveParameters('standard')), samples).map((plan) => plan.epochs);
    expect(epochs(60_000)).toEqual([30, 2, 2, 2, 12]);
    expect(epochs(3000)).toEqual([30, 4, 4, 4, 24]);
    expect(epochs(1500)).toEqual([30, 8, 8, 8, 48]);
    expect(epochs(100)).toEqual([30, 8, 8, 8, 48]);
  });

  it.each([
    { 'distil.labels': '0.3' },
    { 'distil.labels': '0.4,0.8,0.9' },
    { 'distil.finalShare': 1.1 },
    { 'distil.plausible': -0.1 },
    { 'distil.answers': '0.8,0.5,0.9' },
    { 'distil.crop': 2 },
    { 'distil.lead': -0.1 },
  ])('refuses %o before the run begins', (overrides) => {
    expect(() => resolveParameters('standard', overrides)).toThrow(/distil\./);
  });
});

describe('what the teacher knows more than the student', () => {
  const labels = Int32Array.from({ length: 40 }, (_, i) => i % 4);
  const saying = (right: (i: number) => boolean): Int32Array =>
    labels.map((label, i) => (right(i) ? label : (label + 1) % 4));

  it('is the difference of what they say rightly, class by class', () => {
    const half = saying((i) => i < 20);
    expect(leadByClass(labels, half, labels, 4)).toBeCloseTo(0.5);
    expect(leadByClass(half, labels, labels, 4)).toBeCloseTo(-0.5);
    expect(leadByClass(half, half, labels, 7)).toBe(0);
  });

  it('does not rise for what a poisoned encoder knows best: one class full of poison', () => {
    const student = saying((i) => labels[i] !== 3);
    expect(leadByClass(labels, student, labels, 4)).toBe(0);
  });
});

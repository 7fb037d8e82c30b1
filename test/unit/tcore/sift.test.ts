import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import {
  decidingTaps,
  nearestOwnRank,
  ownClassShare,
  selectSeeds,
  stratifiedReference,
  type Selection,
  type SelectionOptions,
} from '../../../src-main/engine/tcore/sift.ts';
import { gaussianTap, scoreToy, type ToyTap } from './toy.ts';

const classes = 3;
const perClass = 100;

/** 3 classes; the first `clump` samples of class 2 sit near class 0 in tap 1 and alone in tap 2. */
function poisonedToy(clump: number): { taps: ToyTap[]; labels: Int32Array; poison: Set<number> } {
  const labels = Int32Array.from({ length: classes * perClass }, (_, i) => Math.floor(i / perClass));
  const poison = new Set<number>();
  for (let i = 0; i < clump; i++) poison.add((classes - 1) * perClass + i);
  const corner = (c: number): number[] => [c === 0 ? 6 : 0, c === 1 ? 6 : 0, c === 2 ? 6 : 0, 0];
  const early = [...labels].map((label, i) => (poison.has(i) ? corner(0) : corner(label)));
  const late = [...labels].map((label, i) => (poison.has(i) ? [0, 0, 6, 9] : corner(label)));
  return { taps: [gaussianTap(early, 1, 1, 'early'), gaussianTap(late, 1, 1, 'late')], labels, poison };
}

function select(taps: ToyTap[], labels: Int32Array, options: Partial<SelectionOptions> = {}): Selection {
  const names = Array.from({ length: Math.max(...labels) + 1 }, (_, c) => `class ${c}`);
  const { scores, splits } = scoreToy(taps, labels, names.length, 5);
  return selectSeeds(scores, labels, {
    alpha: 0.05,
    poolShare: 0.3,
    guardShare: 0.2,
    minimum: 5,
    majority: 'both',
    consistency: 'typical',
    splits,
    duplicates: new Set(),
    conflicts: new Set<number>(),
    order: Int32Array.from(labels.keys()),
    classNames: names,
    ...options,
  });
}

describe('topological invariance sifting', () => {
  it('picks no sample of a minority clump that is a stranger early and alone late', () => {
    const { taps, labels, poison } = poisonedToy(10);
    const { pool, seeds } = select(taps, labels);
    expect([...pool].filter((i) => poison.has(i))).toEqual([]);
    expect([...seeds].filter((i) => poison.has(i))).toEqual([]);
    expect(seeds.length).toBe(15);
    expect(pool.length).toBe(90);
  });

  it('lets a tight clump in when the majority rule is taken away', () => {
    const { labels, poison } = poisonedToy(10);
    const centres = [...labels].map((label, i) => (poison.has(i) ? [30, 30] : [3 * label, 0]));
    const loose = gaussianTap(centres, 1.5, 1, 'overlapping classes');
    const { scores, splits } = scoreToy([loose], labels, classes, 5);
    const ones = (columns: readonly Uint8Array[]): Uint8Array[] => columns.map((column) => column.map(() => 1));
    const blind = { ...scores, majority: ones(scores.majority), central: ones(scores.central) };
    const options: SelectionOptions = {
      alpha: 0.05,
      poolShare: 0.1,
      guardShare: 0.2,
      minimum: 5,
      majority: 'both',
      consistency: 'highest',
      splits,
      duplicates: new Set<number>(),
      conflicts: new Set<number>(),
      order: Int32Array.from(labels.keys()),
      classNames: ['a', 'b', 'c'],
    };
    const leaks = (selection: Selection) => [...selection.pool].filter((i) => poison.has(i)).length;
    expect(leaks(selectSeeds(blind, labels, options))).toBeGreaterThan(0);
    expect(leaks(selectSeeds(scores, labels, options))).toBe(0);
  });

  it('picks no clump that is far more consistent than its class, though it sides with the larger of two natural halves', () => {
    // Class 2 lies among class 0 and falls into two kinds; 30 of its 130 samples are poison beside one of them, all alike.
    const random = randomStream(11, 'overlapping');
    const labels = Int32Array.from([...new Array<number>(100).fill(0), ...new Array<number>(130).fill(1)]);
    const poison = new Set(Array.from({ length: 30 }, (_, i) => 200 + i));
    const centres = [...labels].map((label, i) => {
      if (poison.has(i)) return [4, 2.5, 0];
      return label === 0 ? [random.uniform() < 0.5 ? -4 : 4, 0, 0] : [i % 2 === 0 ? -4 : 4, 0, 0];
    });
    const tap = gaussianTap(centres, 0.7, 12, 'kinds');
    for (const i of poison)
      for (let j = 0; j < 3; j++) tap.rows[3 * i + j] = centres[i][j] + 0.2 * (tap.rows[3 * i + j] - centres[i][j]);
    const leaks = (options: Partial<SelectionOptions>): number =>
      [...select([tap], labels, { poolShare: 0.1, ...options }).pool].filter((i) => poison.has(i)).length;
    expect(leaks({ majority: 'two-means', consistency: 'highest' })).toBeGreaterThan(5);
    expect(leaks({})).toBe(0);
  });

  it('does not depend on the order of the samples', () => {
    const { taps, labels } = poisonedToy(10);
    const order = randomStream(5, 'order').permutation(labels.length);
    const shuffled = taps.map(({ rows, d }) => {
      const moved = new Float32Array(rows.length);
      order.forEach((from, to) => moved.set(rows.subarray(from * d, (from + 1) * d), to * d));
      return { rows: moved, d };
    });
    const straight = select(taps, labels).score;
    const mixed = select(
      shuffled,
      Int32Array.from(order, (i) => labels[i]),
    ).score;
    [...order].forEach((from, to) => expect(mixed[to]).toBeCloseTo(straight[from], 6));
  });

  it('does not depend on the scale of a tap', () => {
    const { taps, labels } = poisonedToy(10);
    const scaled = [taps[0], { rows: taps[1].rows.map((value) => value * 64), d: taps[1].d }];
    expect([...select(scaled, labels).pool]).toEqual([...select(taps, labels).pool]);
  });

  it('keeps random labels on 5 % of the data out of the seeds', () => {
    const { taps, labels } = poisonedToy(0);
    const random = randomStream(2, 'noise');
    const noisy = Int32Array.from(labels);
    const wrong = new Set<number>();
    while (wrong.size < 15) wrong.add(random.integer(labels.length));
    for (const i of wrong) noisy[i] = (labels[i] + 1 + random.integer(2)) % 3;
    const { seeds, pool } = select(taps, noisy);
    expect([...seeds].filter((i) => wrong.has(i)).length).toBe(0);
    expect([...pool].filter((i) => wrong.has(i)).length / pool.length).toBeLessThan(0.005 * 3);
  });

  it('gives every class its quota, a tiny one half of itself, and says so', () => {
    const { taps, labels } = poisonedToy(0);
    const small = Int32Array.from(labels);
    const keep = [...labels.keys()].filter((i) => labels[i] !== 2 || i % 25 === 0);
    const cut = taps.map(({ rows, d }) => ({
      d,
      rows: Float32Array.from(keep.flatMap((i) => [...rows.subarray(i * d, (i + 1) * d)])),
    }));
    const { seeds, warnings } = select(
      cut,
      Int32Array.from(keep, (i) => small[i]),
    );
    const counts = [0, 1, 2].map((c) => [...seeds].filter((i) => small[keep[i]] === c).length);
    expect(counts).toEqual([5, 5, 2]);
    expect(warnings.filter((warning) => warning.code === 'tiny').map((warning) => warning.classIndex)).toEqual([2]);
  });

  it('holds the next best fifth back as guard, of every class and never from the pool', () => {
    const { taps, labels } = poisonedToy(0);
    const { pool, guard } = select(taps, labels);
    expect([...guard].filter((i) => pool.includes(i))).toEqual([]);
    expect([0, 1, 2].map((c) => [...guard].filter((i) => labels[i] === c).length)).toEqual([6, 6, 6]);
  });

  it('scores as if no copies were there: what is repeated does not decide what is typical', () => {
    // Ten of a class of 100 are more consistent than all others; 101 copies of them stand behind.
    const scored = (copies: number, told: boolean): number[] => {
      const n = 200 + copies;
      const labels = Int32Array.from({ length: n }, (_, i) => (i >= 100 && i < 200 ? 1 : 0));
      const odd = (i: number): boolean => i < 10 || i >= 200;
      const own = Float32Array.from(labels, (_, i) => (odd(i) ? 1 : 0.5 + (0.4 * (i % 90)) / 90));
      const ones = new Uint8Array(n).fill(1);
      const duplicates = new Set(told ? Array.from({ length: copies }, (_, i) => 200 + i) : []);
      const { seeds } = selectSeeds({ consistency: [own], majority: [ones], central: [ones], late: [true] }, labels, {
        ...{ alpha: 0.05, poolShare: 0.1, guardShare: 0.2, minimum: 5, majority: 'both', consistency: 'typical' },
        ...{ splits: [], duplicates, conflicts: new Set(), order: Int32Array.from(labels.keys()) },
        classNames: ['a', 'b'],
      });
      return [...seeds].filter((i) => labels[i] === 0);
    };
    expect(scored(101, true)).toEqual(scored(0, true));
    expect(scored(0, true).filter((i) => i < 10)).toEqual([]);
    expect(scored(101, false).some((i) => i < 10 || i >= 200)).toBe(true);
  });

  it('never picks an exact duplicate', () => {
    const { taps, labels } = poisonedToy(0);
    const first = select(taps, labels);
    const { pool } = select(taps, labels, { duplicates: new Set(first.seeds) });
    expect([...pool].filter((i) => [...first.seeds].includes(i))).toEqual([]);
  });

  it('warns of a class of which many images stand under other labels, too, and of no other', () => {
    const { taps, labels } = poisonedToy(0);
    const torn = (many: number) => {
      const conflicts = new Set(Array.from({ length: many }, (_, i) => perClass + i));
      return select(taps, labels, { conflicts }).warnings.map(({ code, classIndex }) => [code, classIndex]);
    };
    expect(torn(19)).toEqual([]);
    expect(torn(20)).toEqual([['conflicting-labels', 1]]);
  });

  it('warns and stops trusting the majority when the clump outnumbers the class', () => {
    const { taps, labels } = poisonedToy(0);
    const added = 140;
    const corner = [0, 0, 6, 9];
    const late = gaussianTap(
      Array.from({ length: added }, () => corner),
      1,
      3,
      'extra',
    );
    const strangers = gaussianTap(
      Array.from({ length: added }, (_, i) => (i % 2 ? [6, 0, 0, 0] : [0, 6, 0, 0])),
      1,
      3,
      'strangers',
    );
    const grown = [
      { rows: Float32Array.from([...taps[0].rows, ...strangers.rows]), d: 4 },
      { rows: Float32Array.from([...taps[1].rows, ...late.rows]), d: 4 },
    ];
    const all = Int32Array.from([...labels, ...new Array<number>(added).fill(2)]);
    const { warnings, uncertainClasses, pool } = select(grown, all);
    expect(uncertainClasses).toEqual([2]);
    expect(warnings.some((warning) => warning.classIndex === 2 && warning.code === 'oversized')).toBe(true);
    const leaked = [...pool].filter((i) => i >= labels.length).length;
    const taken = [...pool].filter((i) => all[i] === 2).length;
    expect(leaked / taken).toBeLessThan(added / (added + perClass));
  });
});

it('breaks the ties of a class whose majority cannot be trusted by the two rules, not by the order of the samples', () => {
  const sizes = [40, 10, 10];
  const labels = Int32Array.from(sizes.flatMap((size, c) => new Array<number>(size).fill(c)));
  const ones = new Float32Array(labels.length).fill(1);
  // The first half of the big class lies outside its larger group; all are as consistent.
  const majority = Uint8Array.from(labels, (_, i) => (i < 20 ? 0 : 1));
  const split = [
    { share: 0.5, separation: 3 },
    { share: 0.9, separation: 1 },
    { share: 0.9, separation: 1 },
  ];
  const { uncertainClasses, pool } = selectSeeds(
    { consistency: [ones], majority: [majority], central: [majority], late: [true] },
    labels,
    {
      alpha: 0.01,
      poolShare: 0.1,
      guardShare: 0.2,
      minimum: 5,
      majority: 'both',
      consistency: 'typical',
      splits: [split],
      duplicates: new Set(),
      conflicts: new Set<number>(),
      order: Int32Array.from(labels.keys()),
      classNames: ['a', 'b', 'c'],
    },
  );
  expect(uncertainClasses).toEqual([0]);
  expect([...pool].filter((i) => labels[i] === 0)).toEqual([20, 21, 22, 23, 24]);
});

describe('the rules on numbers', () => {
  it('weights neighbours by class size, so that chance is the same for every class', () => {
    expect(ownClassShare([0, 0, 0, 1], 1, [300, 100])).toBeCloseTo(0.5, 12);
    expect(ownClassShare([1, 1], 0, [10, 10])).toBe(0);
  });

  it('leaves out taps at chance level and knows the last of the others', () => {
    const { used, late, reasons } = decidingTaps([0.12, 0.3, 0.5, 0.6, 0.7], 0.1, { chanceMargin: 0.05, last: 3 });
    expect(used).toEqual([false, true, true, true, true]);
    expect(late).toEqual([false, false, true, true, true]);
    expect(reasons[0]).toContain('chance');
    expect(decidingTaps([0.12, 0.3, 0.4], 0.1, { chanceMargin: 0.05, last: 0 }).late).toEqual([false, true, true]);
  });

  it('says k when no neighbour is of the own class', () => {
    expect(nearestOwnRank([2, 1, 0], 0)).toBe(2);
    expect(nearestOwnRank([2, 1, 1], 0)).toBe(3);
  });

  it('cuts a stratified reference with every class in it, without copies, by an order that is not the file’s', () => {
    const labels = Int32Array.from({ length: 1000 }, (_, i) => (i % 100 === 0 ? 1 : 0));
    const order = Int32Array.from(randomStream(5, 'order').permutation(1000));
    const duplicates = new Set(Array.from({ length: 200 }, (_, i) => 5 * i + 1));
    const reference = [...stratifiedReference(labels, 2, 100, order, duplicates)];
    expect(reference.length).toBeLessThanOrEqual(101);
    expect(reference.some((i) => labels[i] === 1)).toBe(true);
    expect(reference.filter((i) => duplicates.has(i))).toEqual([]);
    const own = [...labels.keys()].filter((i) => labels[i] === 0 && !duplicates.has(i));
    const first = own.toSorted((a, b) => order[a] - order[b]).slice(0, reference.filter((i) => labels[i] === 0).length);
    expect(reference.filter((i) => labels[i] === 0)).toEqual(first.sort((a, b) => a - b));
    // All that is left, where there is room for it.
    expect(stratifiedReference(labels, 2, 800, order, duplicates)).toHaveLength(800);
  });

  it('settles ties by the order that it is given, in every class', () => {
    const labels = Int32Array.from({ length: 60 }, (_, i) => i % 3);
    const flat = { consistency: [new Float32Array(60).fill(0.5)], majority: [new Uint8Array(60).fill(1)] };
    const order = Int32Array.from(labels, (_, i) => 59 - i);
    const { pool } = selectSeeds({ ...flat, central: flat.majority, late: [true] }, labels, {
      ...{ alpha: 0.05, poolShare: 0.25, guardShare: 0.2, minimum: 5, majority: 'both', consistency: 'typical' },
      ...{ splits: [], duplicates: new Set(), conflicts: new Set(), order, classNames: ['a', 'b', 'c'] },
    });
    expect([...pool]).toEqual(Array.from({ length: 15 }, (_, i) => 45 + i));
  });
});

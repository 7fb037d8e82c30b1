/**
 * `npm run bench:sifting -- [--cases tuning|half|held-out|known] [--seeds 1,2,3] [--only regex] [--out bench-sifting] [--all]
 * [--k 20] [--distance euclid|cosine]`
 *
 * Which sifting rule lets the least poison into the first pool, without any training: cases are planted and the taps of
 * their encoder read once into the folder, then every rule picks a first pool (10 % of each class) and seeds (1 %).
 * A row shows the poison in the first pool, seed by seed, for each rule. Whether an attack works on the undefended model
 * is not asked: poison in the pool is a leak of the rule either way.
 */
import { parseArgs } from 'node:util';
import { createNeighbourIndex } from '../../src-main/engine/math/knn.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import {
  decidingTaps,
  fitMajority,
  ownClassShare,
  selectSeeds,
  type ConsistencyRule,
  type MajorityRule,
  type RuleScores,
} from '../../src-main/engine/tcore/sift.ts';
import { neighboursFor } from '../../src-main/engine/tcore/sift-features.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { mean } from '../../src-main/engine/math/statistics.ts';
import { createCaseReader, nameOf, type SiftingCase, type TapTable } from './sifting-cases.ts';
import { halfOfClass, heldOutCases, knownCases, tuningCases } from './sifting-list.ts';

interface Rule {
  readonly majority: MajorityRule;
  readonly consistency: ConsistencyRule;
  /** Taps that score; 0 = all that are not at chance level. */
  readonly last: number;
  /**
   * Whether a class of about twice the usual size is ranked by its worst tap where it falls in two, as in the product;
   * where the rules disagree in it, it always is.
   */
  readonly worst?: true;
}

const rules: Record<string, Rule> = {
  'two-means, last 3': { majority: 'two-means', consistency: 'highest', last: 3 },
  'two-means': { majority: 'two-means', consistency: 'highest', last: 0 },
  central: { majority: 'central-half', consistency: 'highest', last: 0 },
  'both, highest': { majority: 'both', consistency: 'highest', last: 0 },
  'two-means, typical': { majority: 'two-means', consistency: 'typical', last: 0 },
  'central, typical': { majority: 'central-half', consistency: 'typical', last: 0 },
  'both, typical, last 3': { majority: 'both', consistency: 'typical', last: 3 },
  'both, typical': { majority: 'both', consistency: 'typical', last: 0 },
  'both, typical, worst tap': { majority: 'both', consistency: 'typical', last: 0, worst: true },
};

const { values: given } = parseArgs({
  options: {
    cases: { type: 'string', default: 'tuning' },
    seeds: { type: 'string', default: '1,2,3' },
    only: { type: 'string', default: '.' },
    out: { type: 'string', default: 'bench-sifting' },
    threads: { type: 'string', default: '2' },
    k: { type: 'string', default: '20' },
    distance: { type: 'string', default: 'euclid' },
    /** Rows without any leak too. */
    all: { type: 'boolean', default: false },
  },
});
const lists: Record<string, (seeds: readonly number[]) => SiftingCase[]> = {
  tuning: tuningCases,
  half: halfOfClass,
  'held-out': heldOutCases,
  known: knownCases,
};
const pattern = new RegExp(given.only);
const cases = lists[given.cases](given.seeds.split(',').map(Number)).filter((one) => pattern.test(nameOf(one)));
const provider = await createOrtProvider({ threads: Number(given.threads) });
const reader = createCaseReader(provider, given.out);
const names = Object.keys(rules);
const rows = new Map<string, Map<string, { seeds: number; pool: number }[]>>();
const base = new Map<string, string>();
for (const one of cases) {
  const table = await reader.read(one);
  const row = nameOf(one).replace(/_s\d+$/, '');
  const found = rows.get(row) ?? new Map<string, { seeds: number; pool: number }[]>();
  rows.set(row, found);
  const share = table.poisoned.length / table.labels.filter((label) => label === one.target).length;
  base.set(row, `${Math.round(100 * share)} %`);
  if (table.poisoned.length === 0) continue;
  const scored = await score(provider, table, one.target);
  if (given.all) console.error(`${nameOf(one)}: ${scored.neighbourShares.map((share) => share.toFixed(2)).join(' ')}`);
  for (const name of names) {
    const leaks = pick(scored, table, rules[name], one.target);
    found.set(name, [...(found.get(name) ?? []), leaks]);
  }
}
await provider.dispose();

const width = 4 + 3 * given.seeds.split(',').length;
names.forEach((name, at) => console.log(`${at + 1}  ${name}`));
console.log(
  `\n${'poison in the first pool, by seed'.padEnd(66)}${names.map((_, at) => String(at + 1).padStart(width)).join('')}`,
);
const totals = names.map(() => ({ leaks: 0, poolCells: 0, seedCells: 0 }));
let counted = 0;
for (const [row, found] of rows) {
  const lists = names.map((name) => found.get(name) ?? []);
  lists.forEach((list, at) => {
    totals[at].leaks += list.reduce((sum, { pool }) => sum + pool, 0);
    totals[at].poolCells += list.filter(({ pool }) => pool > 0).length;
    totals[at].seedCells += list.filter(({ seeds }) => seeds > 0).length;
  });
  counted += lists[0].length;
  if (!given.all && lists.every((list) => list.every(({ pool }) => pool === 0))) continue;
  const cells = lists.map((list) =>
    list
      .map(({ pool }) => pool)
      .join('/')
      .padStart(width),
  );
  console.log(`${`${row} (${base.get(row) ?? ''} of the class)`.padEnd(66)}${cells.join('')}`);
}
const line = (title: string, value: (total: (typeof totals)[number]) => number): void =>
  console.log(title.padEnd(66) + totals.map((total) => String(value(total)).padStart(width)).join(''));
line('sum', ({ leaks }) => leaks);
line(`cells with poison in the first pool, of ${counted}`, ({ poolCells }) => poolCells);
line('cells with poison in the seeds', ({ seedCells }) => seedCells);

interface Scored {
  readonly scores: Omit<RuleScores, 'late'>;
  readonly neighbourShares: readonly number[];
  /** How the target class falls in two, `[taps]`. */
  readonly splits: readonly { share: number; separation: number }[];
}

/** As `scoreTaps`, from the table, for the samples of the target class alone: where all the poison is. */
async function score(compute: Provider, table: TapTable, target: number): Promise<Scored> {
  const { labels, classes } = table;
  const sizes = new Float64Array(classes);
  for (const label of labels) sizes[label]++;
  const k = neighboursFor(sizes, Number(given.k), labels.length);
  const own = Int32Array.from([...labels.keys()].filter((i) => labels[i] === target));
  const others = [...labels.keys()].filter((i) => labels[i] !== target && i % 10 === 0);
  const asked = Int32Array.from([...own, ...others]);
  const consistency: Float32Array[] = [];
  const majority: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  const splits: { share: number; separation: number }[] = [];
  for (const { width, rows: plain } of table.taps) {
    const values = given.distance === 'cosine' ? unitLength(plain, width) : plain;
    const index = await createNeighbourIndex(compute, values, width, { k });
    const queries = rowsOf(values, asked, width);
    const { neighbours } = await index.query(queries, asked.length, asked);
    await index.dispose();
    const shares = new Float32Array(labels.length).fill(NaN);
    asked.forEach((i, at) => {
      const around = Array.from(neighbours.subarray(at * k, (at + 1) * k), (j) => labels[j]);
      shares[i] = ownClassShare(around, labels[i], sizes);
    });
    const group = fitMajority(rowsOf(values, own, width), own.length, width);
    const inside = (test: (rows: Float32Array, at: number) => boolean): Uint8Array =>
      Uint8Array.from(labels, (label, i) => (label === target && test(values, i * width) ? 1 : 0));
    consistency.push(shares);
    majority.push(inside((source, at) => group.inLarger(source, at)));
    central.push(inside((source, at) => group.isCentral(source, at)));
    splits.push({ share: group.share, separation: group.separation });
  }
  const neighbourShares = consistency.map((shares) => mean(Array.from(asked, (i) => shares[i])));
  return { scores: { consistency, majority, central }, neighbourShares, splits };
}

/** Rows of length 1, for which Euclidean distance orders as the cosine does; a row of zeros stays. */
function unitLength(values: Float32Array, width: number): Float32Array {
  const rows = Float32Array.from(values);
  for (let at = 0; at < rows.length; at += width) {
    let squares = 0;
    for (let j = at; j < at + width; j++) squares += rows[j] ** 2;
    if (squares > 0) for (let j = at; j < at + width; j++) rows[j] /= Math.sqrt(squares);
  }
  return rows;
}

function rowsOf(values: Float32Array, indices: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(indices.length * width);
  indices.forEach((i, at) => rows.set(values.subarray(i * width, (i + 1) * width), at * width));
  return rows;
}

/** Poison among the picks of one rule, under the product's quotas; the other classes are not looked at. */
function pick(
  { scores, neighbourShares, splits }: Scored,
  table: TapTable,
  rule: Rule,
  target: number,
): { seeds: number; pool: number } {
  const { used, late } = decidingTaps(neighbourShares, 1 / table.classes, { chanceMargin: 0.05, last: 3 });
  const scoring = used.map((decides, tap) => (rule.last === 0 ? decides : late[tap]));
  const chosen = <T>(list: readonly T[]): T[] => list.filter((_, tap) => scoring[tap]);
  const whole = { share: 1, separation: 0 };
  const splitsByClass = splits
    .filter((_, tap) => late[tap])
    .map((split) => Array.from({ length: table.classes }, (_, c) => (c === target ? split : whole)));
  const selection = selectSeeds(
    {
      consistency: chosen(scores.consistency).map((shares) => shares.map((share) => (Number.isNaN(share) ? 0 : share))),
      majority: chosen(scores.majority),
      central: chosen(scores.central),
      late: chosen(late),
    },
    table.labels,
    {
      alpha: 0.01,
      poolShare: 0.1,
      guardShare: 0.2,
      minimum: 5,
      majority: rule.majority,
      consistency: rule.consistency,
      splits: rule.worst === true ? splitsByClass : [],
      duplicates: new Set(),
      conflicts: new Set<number>(),
      order: Int32Array.from(randomStream(1, 'order').permutation(table.labels.length)),
      classNames: Array.from({ length: table.classes }, (_, c) => `class ${c}`),
    },
  );
  const poison = new Set(table.poisoned);
  const leaked = (list: Int32Array): number => list.reduce((sum, i) => sum + (poison.has(i) ? 1 : 0), 0);
  const own = (list: Int32Array): Int32Array => list.filter((i) => table.labels[i] === target);
  return { seeds: leaked(own(selection.seeds)), pool: leaked(own(selection.pool)) };
}

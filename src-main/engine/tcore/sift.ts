/**
 * Topological Invariance Sifting (T-Core, section "TIS"): a credible sample lies with the majority of its class
 * (majority rule) and among neighbours of its own class (consistency rule), layer after layer. No sample, label or
 * layer is trusted beforehand; the best are kept instead of the worst thrown away.
 *
 * Two things differ from the plain reading of the rules, both because a tight clump of poison is the most consistent part
 * of its class (docs/efficacy.md). Consistent means _as consistent as its class_: an own-class share far above the class's
 * median counts against a sample as one far below does. And the majority is asked for twice: the larger of two groups
 * goes wrong where a class falls into natural halves and the clump sides with one of them, the central half where the
 * clump is nearly half of the class.
 *
 * This file holds the rules on numbers; `sift-features.ts` reads the activations.
 */
import { median, mean } from '../math/statistics.ts';
import { principalComponents, projectRow, type Projection } from '../math/pca.ts';
import { isNearerToMajority, twoMeans, type TwoMeans } from '../math/two-means.ts';
import type { ClassWarning } from '../../../src-shared/domain/result.ts';

export type MajorityRule = 'two-means' | 'central-half' | 'both';
export type ConsistencyRule = 'typical' | 'highest';

/** What one class looks like in one tap, and whether an activation lies with the majority. */
export interface Majority {
  /** Whether the row that starts at `at` lies with the larger of two groups. */
  inLarger(rows: ArrayLike<number>, at: number): boolean;
  /** Whether it is no farther from the coordinate-wise median than half of the class is. */
  isCentral(rows: ArrayLike<number>, at: number): boolean;
  /** The larger group's share, and the distance between the groups. */
  readonly share: number;
  readonly separation: number;
}

const majorityComponents = 10;

/** Fits both majorities to the activations `[n, d]` of one class. */
export function fitMajority(rows: Float32Array, n: number, d: number): Majority {
  const projection: Projection = principalComponents(rows, n, d, majorityComponents);
  const clusters: TwoMeans = twoMeans(projection.coordinates, n, projection.components);
  const point = new Float64Array(projection.components);
  const centre = new Float64Array(d);
  const column = new Float64Array(n);
  for (let j = 0; j < d; j++) {
    for (let i = 0; i < n; i++) column[i] = rows[i * d + j];
    centre[j] = median(column);
  }
  const distances = new Float64Array(n);
  for (let i = 0; i < n; i++) distances[i] = squaredDistanceTo(centre, rows, i * d);
  const limit = median(distances);
  return {
    inLarger(source, at) {
      projectRow(projection, source, at, point);
      return isNearerToMajority(clusters, point);
    },
    isCentral: (source, at) => squaredDistanceTo(centre, source, at) <= limit,
    share: clusters.majorityShare,
    separation: clusters.separation,
  };
}

function squaredDistanceTo(centre: Float64Array, rows: ArrayLike<number>, at: number): number {
  let sum = 0;
  for (let j = 0; j < centre.length; j++) sum += (rows[at + j] - centre[j]) ** 2;
  return sum;
}

/**
 * Own-class share among the neighbours, each neighbour weighted by one over its class's size in the reference, so that
 * big classes gain nothing: in 0..1, chance = 1 / classes.
 */
export function ownClassShare(
  neighbourLabels: ArrayLike<number>,
  label: number,
  classSizes: ArrayLike<number>,
): number {
  let own = 0;
  let all = 0;
  for (let j = 0; j < neighbourLabels.length; j++) {
    const weight = 1 / classSizes[neighbourLabels[j]];
    all += weight;
    if (neighbourLabels[j] === label) own += weight;
  }
  return all > 0 ? own / all : 0;
}

/**
 * Which taps decide: those not at chance level. The last `last` of them (0 = all) also say who keeps whose company, which
 * classes fall apart, and that a sample without any neighbour of its own class is never picked.
 */
export function decidingTaps(
  neighbourShares: readonly number[],
  chance: number,
  options: { chanceMargin: number; last: number },
): { used: boolean[]; late: boolean[]; reasons: string[] } {
  const used = neighbourShares.map((share) => share > chance + options.chanceMargin);
  const candidates = [...used.keys()].filter((tap) => used[tap]);
  const last = new Set(options.last > 0 ? candidates.slice(-options.last) : candidates);
  const reasons = used.map((decides) => (decides ? 'decides' : 'neighbourhoods at chance level'));
  return { used, late: used.map((_, tap) => last.has(tap)), reasons };
}

/** Scores of the two rules, `[taps][samples]`, for the taps that decide. */
export interface RuleScores {
  /** Own-class share among neighbours, 0..1. */
  readonly consistency: readonly Float32Array[];
  /** In the larger of two groups of its class: 1 or 0. */
  readonly majority: readonly Uint8Array[];
  /** In the central half of its class: 1 or 0. */
  readonly central: readonly Uint8Array[];
  /** Whether the tap is one of the last that decide. */
  readonly late: readonly boolean[];
}

export interface Selection {
  /** Mean over deciding taps, `[samples]`. */
  readonly majority: Float32Array;
  readonly consistency: Float32Array;
  /** What samples were ranked by within their class, `[samples]`. */
  readonly score: Float32Array;
  /** Sample indices, ascending. */
  readonly seeds: Int32Array;
  readonly pool: Int32Array;
  /** The next best after the pool: held out of training for good, to measure on. */
  readonly guard: Int32Array;
  readonly warnings: readonly ClassWarning[];
  /** Classes whose majority cannot be trusted and that were ranked by their worst-tap consistency instead. */
  readonly uncertainClasses: readonly number[];
}

/** Share of a class's images under other labels, too, from which the labels say too little: neighbours are counted by them. */
const mostTorn = 0.2;

export interface SelectionOptions {
  readonly alpha: number;
  readonly poolShare: number;
  /** Size of the guard, as a share of the pool's. */
  readonly guardShare: number;
  readonly minimum: number;
  readonly majority: MajorityRule;
  readonly consistency: ConsistencyRule;
  /** Share and separation of the 2-means groups, `[late taps][classes]`. */
  readonly splits: readonly (readonly { share: number; separation: number }[])[];
  /** Samples that repeat an earlier one, label and all; never picked, and not counted. */
  readonly duplicates: ReadonlySet<number>;
  /** Samples whose pixels stand under another label, too. */
  readonly conflicts: ReadonlySet<number>;
  /** The place of each sample in an order that whoever made the file did not choose (`sampleOrder`); settles ties. `[samples]` */
  readonly order: Int32Array;
  readonly classNames: readonly string[];
}

/**
 * Ranks every class by majority x consistency and takes its best `alpha` as seeds and best `poolShare` as first clean
 * pool: the same fraction of each given class (of a typical class where it is bigger), at least `minimum`, at most half.
 * A class whose majority cannot be trusted is ranked by its worst tap's consistency; of few neighbours that makes many ties,
 * which the two rules break. Other ties go by `order`: the order of the file is whoever's who made it.
 */
export function selectSeeds(scores: RuleScores, labels: Int32Array, options: SelectionOptions): Selection {
  const { majority, consistency, worst, score } = credibility(
    scores,
    labels,
    options.classNames.length,
    options,
    options.duplicates,
  );
  const byRules = Float32Array.from(score);
  const members = membersByClass(labels, options.classNames.length, options.duplicates);
  const medianSize = median(members.filter((list) => list.length > 0).map((list) => list.length));
  const warnings: ClassWarning[] = [];
  const uncertainClasses: number[] = [];
  const seeds: number[] = [];
  const pool: number[] = [];
  const guard: number[] = [];

  members.forEach((list, classIndex) => {
    const className = options.classNames[classIndex];
    const warn: Warn = (code, message, values) => warnings.push({ classIndex, className, code, message, values });
    if (list.length === 0) {
      warn('empty', `Class "${className}" has no sample and was not examined.`, {});
      return;
    }
    const torn = mean(list.map((i) => (options.conflicts.has(i) ? 1 : 0)));
    if (torn >= mostTorn) {
      warn(
        'conflicting-labels',
        `${Math.round(100 * torn)} % of the images of class "${className}" stand under other labels, too: which of them is right cannot be told.`,
        { torn },
      );
    }
    const uncertain = inspectClass(list, classIndex, { majority, consistency, medianSize, options, warn });
    if (uncertain) {
      uncertainClasses.push(classIndex);
      for (const i of list) score[i] = worst[i];
    }
    const open = list.filter((i) => worst[i] > 0);
    let ranked = open;
    if (open.length < Math.min(options.minimum, list.length)) {
      ranked = list;
      warn(
        'no-gated-sample',
        `In class "${className}" hardly any sample has a neighbour of its own class in each of the last taps.`,
        {},
      );
    }
    const best = ranked
      .slice()
      .sort((a, b) => score[b] - score[a] || byRules[b] - byRules[a] || options.order[a] - options.order[b]);
    const limit = Math.max(1, Math.floor(list.length / 2));
    // The share counts the typical class where this one is bigger: what inflated it must not buy it more seeds.
    const counted = Math.min(list.length, medianSize);
    const take = (share: number): number[] =>
      best.slice(0, Math.min(limit, Math.max(options.minimum, Math.ceil(share * counted))));
    // One by one: a large class has more members than a call may have arguments.
    const add = (to: number[], list: readonly number[]): void => list.forEach((i) => to.push(i));
    const taken = take(options.poolShare);
    add(seeds, take(options.alpha));
    add(pool, taken);
    add(guard, best.slice(taken.length, taken.length + Math.ceil(options.guardShare * taken.length)));
    if (list.length < 2 * options.minimum) {
      const samples = list.length;
      warn('tiny', `Class "${className}" has only ${samples} samples: its seeds are half of it at most.`, { samples });
    }
  });
  const ascending = (list: number[]): Int32Array => Int32Array.from(list).sort();
  return {
    majority,
    consistency,
    score,
    seeds: ascending(seeds),
    pool: ascending(pool),
    guard: ascending(guard),
    warnings,
    uncertainClasses,
  };
}

/** `[samples]`, all in 0..1: means over the deciding taps, the worst late tap, and what samples are ranked by. */
export interface Credibility {
  readonly majority: Float32Array;
  readonly consistency: Float32Array;
  readonly worst: Float32Array;
  readonly score: Float32Array;
}

/** The two rules put together, sample by sample. */
export function credibility(
  scores: RuleScores,
  labels: Int32Array,
  classes: number,
  rules: { readonly majority: MajorityRule; readonly consistency: ConsistencyRule },
  duplicates: ReadonlySet<number> = new Set(),
): Credibility {
  const n = labels.length;
  const taps = scores.consistency.length;
  const majority = new Float32Array(n);
  const central = new Float32Array(n);
  const consistency = new Float32Array(n);
  const typical = new Float32Array(n);
  const worst = new Float32Array(n).fill(scores.late.includes(true) ? 1 : 0);
  for (let tap = 0; tap < taps; tap++) {
    const own = scores.consistency[tap];
    const medians = classMedians(own, labels, classes, duplicates);
    for (let i = 0; i < n; i++) {
      majority[i] += scores.majority[tap][i] / taps;
      central[i] += scores.central[tap][i] / taps;
      consistency[i] += own[i] / taps;
      typical[i] += (1 - Math.abs(own[i] - medians[labels[i]])) / taps;
      if (scores.late[tap]) worst[i] = Math.min(worst[i], own[i]);
    }
  }
  const lies: Record<MajorityRule, (i: number) => number> = {
    'two-means': (i) => majority[i],
    'central-half': (i) => central[i],
    both: (i) => majority[i] * central[i],
  };
  const among = rules.consistency === 'typical' ? typical : consistency;
  return { majority, consistency, worst, score: majority.map((_, i) => lies[rules.majority](i) * among[i]) };
}

/** Copies do not count: else what is repeated decides what is typical. */
function classMedians(
  values: Float32Array,
  labels: Int32Array,
  classes: number,
  duplicates: ReadonlySet<number>,
): number[] {
  const lists: number[][] = Array.from({ length: classes }, () => []);
  labels.forEach((label, i) => {
    if (!duplicates.has(i)) lists[label].push(values[i]);
  });
  return lists.map((list) => (list.length > 0 ? median(list) : 0));
}

/** @param values numbers of the message; shares are 0..1 */
type Warn = (code: string, message: string, values: Readonly<Record<string, number>>) => void;

/** Warns of what makes the majority rule fail; true when the class must not be ranked by it. */
function inspectClass(
  list: readonly number[],
  classIndex: number,
  facts: {
    majority: Float32Array;
    consistency: Float32Array;
    medianSize: number;
    options: SelectionOptions;
    warn: Warn;
  },
): boolean {
  const { options, warn } = facts;
  const className = options.classNames[classIndex];
  const oversized = list.length > 1.5 * facts.medianSize;
  if (oversized) {
    warn(
      'oversized',
      `Class "${className}" has ${list.length} samples, the median class ${facts.medianSize}: all-to-one poison inflates its target.`,
      { samples: list.length, median: facts.medianSize },
    );
  }
  // Every class can be cut in two halves; the cut is a symptom where the halves lie far apart or the class is too big.
  const balanced = options.splits.filter(
    (tap) => tap[classIndex].share < 0.65 && (oversized || tap[classIndex].separation >= 2),
  );
  const evenly = options.splits.length > 0 && balanced.length * 2 > options.splits.length;
  if (evenly) {
    warn(
      'balanced-split',
      `Class "${className}" falls into two groups of similar size in most taps: either could be the poison.`,
      {},
    );
  }
  const byConsistency = list
    .slice()
    .sort((a, b) => facts.consistency[b] - facts.consistency[a] || options.order[a] - options.order[b]);
  const picks = byConsistency.slice(0, Math.max(options.minimum, Math.ceil(options.poolShare * list.length)));
  const outside = mean(picks.map((i) => (facts.majority[i] < 0.5 ? 1 : 0)));
  // In a class of ordinary size the most consistent samples often sit in its smaller half: no symptom by itself.
  const disagree = oversized && outside > 0.5;
  if (disagree) {
    warn(
      'rules-disagree',
      `In class "${className}" ${Math.round(100 * outside)} % of the most consistent samples lie outside the majority group.`,
      { outside },
    );
  }
  // A class is ranked without the majority rule only when it is about twice as big as it should be: a minority clump can
  // make itself the most consistent part of a class and so fake the disagreement, but not without adding samples.
  return (disagree || evenly) && list.length >= 1.8 * facts.medianSize;
}

function membersByClass(labels: Int32Array, classes: number, duplicates: ReadonlySet<number>): number[][] {
  const members: number[][] = Array.from({ length: classes }, () => []);
  labels.forEach((label, i) => {
    if (!duplicates.has(i)) members[label].push(i);
  });
  return members;
}

/** Rank (0-based) of the nearest own-class neighbour among the k nearest, k when there is none (TED's statistic, capped). */
export function nearestOwnRank(neighbourLabels: ArrayLike<number>, label: number): number {
  for (let j = 0; j < neighbourLabels.length; j++) if (neighbourLabels[j] === label) return j;
  return neighbourLabels.length;
}

/**
 * Stratified part of at most `limit` samples: the same share of each class, those that come first in `order`.
 * @param order place of each sample in an order that whoever made the file did not choose (`sampleOrder`)
 * @param duplicates samples left out of it @returns ascending
 */
export function stratifiedReference(
  labels: Int32Array,
  classes: number,
  limit: number,
  order: Int32Array,
  duplicates: ReadonlySet<number> = new Set(),
): Int32Array {
  const members = membersByClass(labels, classes, duplicates);
  const count = labels.length - duplicates.size;
  const chosen: number[] = [];
  for (const list of members) {
    const share = Math.floor((limit * list.length) / count);
    const want = count <= limit ? list.length : Math.min(list.length, Math.max(1, share));
    const part = want < list.length ? list.toSorted((a, b) => order[a] - order[b]).slice(0, want) : list;
    for (const i of part) chosen.push(i);
  }
  return Int32Array.from(chosen).sort();
}

/**
 * Reads every tap of the untrusted encoder for all samples and scores the two rules of TIS.
 *
 * Up to `sift.reference` samples the whole dataset is its own reference. Beyond that a stratified reference is kept in
 * memory and the rest streams past it, so memory grows with the reference, not with the dataset. Copies are in no
 * reference: else a few poison samples, often repeated, were many.
 */
import { CancelledError } from '../../../src-shared/failure.ts';
import { createNeighbourIndex, SEARCHED_AT_ONCE, type NeighbourIndex } from '../math/knn.ts';
import { mean, median } from '../math/statistics.ts';
import { principalComponents, projectRow } from '../math/pca.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { requireFinite, sweep, tapGraph } from './features.ts';
import { copiesOf } from './context.ts';
import { fitMajority, nearestOwnRank, ownClassShare, stratifiedReference, type Majority } from './sift.ts';

export interface TapScores {
  /** `[taps][samples]`, all taps, in network order. */
  readonly consistency: readonly Float32Array[];
  readonly majority: readonly Uint8Array[];
  readonly central: readonly Uint8Array[];
  /** TED's rank of the nearest own-class neighbour, capped at k; for the report. */
  readonly ownRank: readonly Uint8Array[];
  /** Mean own-class share per tap. */
  readonly neighbourShares: readonly number[];
  /** `[taps][classes]`. */
  readonly splits: readonly (readonly { share: number; separation: number }[])[];
  /** Nearest neighbours of the same given label, `[taps][samples * company]`, -1 where the class is too small. */
  readonly peers: readonly Int32Array[];
  /** Two principal components of each tap, `[taps][samples * 2]`. */
  readonly plane: readonly Float32Array[];
  readonly k: number;
}

export interface TapScoreOptions {
  readonly k: number;
  /** Neighbours of the same given label to list. */
  readonly company: number;
  readonly referenceLimit: number;
  /** As in `PipelineContext`, null = no copies: they are nobody's neighbours, and no part of what a class looks like. */
  readonly originals: Int32Array | null;
  /** Settles which samples a reference takes (`sampleOrder`). `[samples]` */
  readonly order: Int32Array;
  readonly batch: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export async function scoreTaps(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  options: TapScoreOptions,
): Promise<TapScores> {
  const classes = samples.classes.length;
  const { referenceLimit, order, originals } = options;
  const copies = copiesOf(originals === null ? {} : { originals });
  const reference = stratifiedReference(samples.labels, classes, referenceLimit, order, copies);
  const referencePosition = new Int32Array(samples.count).fill(-1);
  reference.forEach((sample, position) => (referencePosition[sample] = position));
  const classSizes = new Float64Array(classes);
  for (const sample of reference) classSizes[samples.labels[sample]]++;
  const k = neighboursFor(classSizes, options.k, reference.length);

  const compiled = await provider.compile(tapGraph(encoder), { dims: { N: options.batch } });
  const whole = reference.length + copies.size === samples.count;
  const total = whole ? reference.length : reference.length + samples.count;
  const held = encoder.taps.map((tap) => new Float32Array(reference.length * tap.channels));
  try {
    await sweep(compiled, {
      samples,
      indices: reference,
      batch: options.batch,
      signal: options.signal,
      onProgress: (done) => options.onProgress(done, total),
      onBatch: (outputs, at) =>
        encoder.taps.forEach((tap, t) => {
          requireFinite(outputs[tap.id], tap.channels, `activation at "${tap.label}"`, reference, at);
          held[t].set(outputs[tap.id], at * tap.channels);
        }),
    });
    const scorers: TapScorer[] = [];
    try {
      for (const [t, tap] of encoder.taps.entries()) {
        const facts = { samples, reference, classSizes, k, options };
        scorers.push(await createTapScorer(provider, held[t], tap.channels, facts));
      }
      if (whole) {
        for (const [t, tap] of encoder.taps.entries()) {
          for (let at = 0; at < reference.length; at += queryBlock) {
            const block = reference.subarray(at, at + queryBlock);
            const rows = held[t].subarray(at * tap.channels, (at + block.length) * tap.channels);
            await scorers[t].score(rows, block, referencePosition);
          }
        }
      } else {
        const gathered = gather(encoder.taps, gatheredRows(reference.length), (t, rows, at, count) =>
          scorers[t].score(
            rows,
            Int32Array.from({ length: count }, (_, i) => at + i),
            referencePosition,
          ),
        );
        await sweep(compiled, {
          samples,
          indices: null,
          batch: options.batch,
          signal: options.signal,
          onProgress: (done) => options.onProgress(reference.length + done, total),
          onBatch: async (outputs, at, count) => {
            for (const tap of encoder.taps) {
              requireFinite(outputs[tap.id], tap.channels, `activation at "${tap.label}"`, null, at);
            }
            await gathered.add(outputs, count);
          },
        });
        await gathered.score();
      }
      for (const i of copies) for (const scorer of scorers) scorer.copy(i, originals?.[i] ?? i);
    } finally {
      for (const scorer of scorers) await scorer.dispose();
    }
    return {
      consistency: scorers.map((scorer) => scorer.consistency),
      majority: scorers.map((scorer) => scorer.majority),
      central: scorers.map((scorer) => scorer.central),
      ownRank: scorers.map((scorer) => scorer.ownRank),
      neighbourShares: scorers.map((scorer) => mean(scorer.consistency.filter((_, i) => !copies.has(i)))),
      splits: scorers.map((scorer) => scorer.splits),
      peers: scorers.map((scorer) => scorer.peers),
      plane: scorers.map((scorer) => scorer.plane),
      k,
    };
  } finally {
    await compiled.dispose();
  }
}

/**
 * Neighbours to ask for: at most 5 % of the smallest class of the reference. Classes below a tenth of the median size do
 * not count for it: one stray label would leave every class with a single neighbour.
 */
export function neighboursFor(classSizes: ArrayLike<number>, wanted: number, reference: number): number {
  const present = Array.from(classSizes).filter((size) => size > 0);
  const typical = median(present);
  const smallest = Math.min(...present.filter((size) => size >= typical / 10));
  return Math.max(1, Math.min(wanted, Math.ceil(0.05 * smallest), reference - 1));
}

const queryBlock = 1000;

/**
 * Rows that stream past a reference are gathered before their neighbours are searched, among all and class by class: a
 * search takes as long for one query as for a whole block. No more than an eighth of what the reference holds.
 */
function gatheredRows(reference: number): number {
  const blocks = Math.floor(reference / 8 / SEARCHED_AT_ONCE);
  return SEARCHED_AT_ONCE * Math.max(1, Math.min(10, blocks));
}

interface Gathered {
  /** Takes the first `count` rows of every tap, and scores what is complete. */
  add(outputs: Readonly<Record<string, Float32Array>>, count: number): Promise<void>;
  /** Scores what is left. */
  score(): Promise<void>;
}

/** Gathers the rows of all samples, in their order, `size` at a time. */
function gather(
  taps: Encoder['taps'],
  size: number,
  score: (tap: number, rows: Float32Array, at: number, count: number) => Promise<void>,
): Gathered {
  const rows = taps.map((tap) => new Float32Array(size * tap.channels));
  let from = 0;
  let held = 0;
  const scoreHeld = async (): Promise<void> => {
    for (const t of taps.keys()) await score(t, rows[t], from, held);
    from += held;
    held = 0;
  };
  return {
    async add(outputs, count) {
      for (let taken = 0; taken < count;) {
        const some = Math.min(count - taken, size - held);
        for (const [t, { id, channels }] of taps.entries()) {
          rows[t].set(outputs[id].subarray(taken * channels, (taken + some) * channels), held * channels);
        }
        taken += some;
        held += some;
        if (held === size) await scoreHeld();
      }
    },
    async score() {
      if (held > 0) await scoreHeld();
    },
  };
}

interface TapScorer {
  readonly consistency: Float32Array;
  readonly majority: Uint8Array;
  readonly central: Uint8Array;
  readonly ownRank: Uint8Array;
  readonly peers: Int32Array;
  readonly plane: Float32Array;
  readonly splits: readonly { share: number; separation: number }[];
  /** Scores rows `[which.length, d]` of those samples. */
  score(rows: Float32Array, which: Int32Array, referencePosition: Int32Array): Promise<void>;
  /** Gives a sample everything that another one was scored with. */
  copy(to: number, from: number): void;
  dispose(): Promise<void>;
}

async function createTapScorer(
  provider: Provider,
  rows: Float32Array,
  d: number,
  facts: {
    samples: SampleSource;
    reference: Int32Array;
    classSizes: Float64Array;
    k: number;
    options: TapScoreOptions;
  },
): Promise<TapScorer> {
  const { samples, reference, classSizes, k, options } = facts;
  const { labels } = samples;
  if (options.signal.aborted) throw new CancelledError();
  const groups = fitGroups(rows, d, reference, labels, samples.classes.length);
  const company = await createCompany(provider, rows, d, reference, samples, options.company);
  const index: NeighbourIndex = await createNeighbourIndex(provider, rows, d, { k });
  const projection = principalComponents(rows, reference.length, d, 2);
  const point = new Float64Array(projection.components);
  const consistency = new Float32Array(samples.count);
  const majority = new Uint8Array(samples.count);
  const central = new Uint8Array(samples.count);
  const ownRank = new Uint8Array(samples.count);
  const plane = new Float32Array(samples.count * 2);
  const peers = new Int32Array(samples.count * options.company).fill(-1);
  const neighbourLabels = new Int32Array(k);
  return {
    consistency,
    majority,
    central,
    ownRank,
    peers,
    plane,
    splits: groups.map((group) => ({ share: group?.share ?? 1, separation: group?.separation ?? 0 })),
    async score(queries, which, referencePosition) {
      if (options.signal.aborted) throw new CancelledError();
      const self = which.map((sample) => referencePosition[sample]);
      const { neighbours } = await index.query(queries, which.length, self);
      for (const [i, sample] of which.entries()) {
        for (let j = 0; j < k; j++) neighbourLabels[j] = labels[reference[neighbours[i * k + j]]];
        consistency[sample] = ownClassShare(neighbourLabels, labels[sample], classSizes);
        ownRank[sample] = Math.min(255, nearestOwnRank(neighbourLabels, labels[sample]));
        const group = groups[labels[sample]];
        majority[sample] = group?.inLarger(queries, i * d) ? 1 : 0;
        central[sample] = group?.isCentral(queries, i * d) ? 1 : 0;
        projectRow(projection, queries, i * d, point);
        plane[2 * sample] = point[0];
        plane[2 * sample + 1] = point.length > 1 ? point[1] : 0;
      }
      await company.find(queries, which, peers);
    },
    copy(to, from) {
      for (const column of [consistency, majority, central, ownRank]) column[to] = column[from];
      plane.copyWithin(2 * to, 2 * from, 2 * from + 2);
      peers.copyWithin(to * options.company, from * options.company, (from + 1) * options.company);
    },
    async dispose() {
      await index.dispose();
      await company.dispose();
    },
  };
}

interface Company {
  /** Writes the reference samples nearest to each query among those of its own given label. */
  find(queries: Float32Array, which: Int32Array, peers: Int32Array): Promise<void>;
  dispose(): Promise<void>;
}

/** One neighbour index per class. */
async function createCompany(
  provider: Provider,
  rows: Float32Array,
  d: number,
  reference: Int32Array,
  samples: SampleSource,
  wanted: number,
): Promise<Company> {
  const positions = positionsByClass(reference, samples.labels, samples.classes.length);
  const indices: (NeighbourIndex | null)[] = [];
  const within = new Map<number, number>();
  for (const list of positions) {
    list.forEach((position, at) => within.set(reference[position], at));
    const k = Math.min(wanted, list.length - 1);
    indices.push(k > 0 ? await createNeighbourIndex(provider, rowsOf(rows, list, d), d, { k }) : null);
  }
  return {
    async find(queries, which, peers) {
      for (const [label, index] of indices.entries()) {
        if (index === null) continue;
        const own = [...which.keys()].filter((i) => samples.labels[which[i]] === label);
        if (own.length === 0) continue;
        const self = Int32Array.from(own, (i) => within.get(which[i]) ?? -1);
        const { neighbours } = await index.query(rowsOf(queries, own, d), own.length, self);
        const k = neighbours.length / own.length;
        own.forEach((i, row) => {
          for (let j = 0; j < k; j++) {
            const position = neighbours[row * k + j];
            if (position >= 0) peers[which[i] * wanted + j] = reference[positions[label][position]];
          }
        });
      }
    },
    async dispose() {
      for (const index of indices) await index?.dispose();
    },
  };
}

function rowsOf(rows: Float32Array, positions: readonly number[], d: number): Float32Array {
  const own = new Float32Array(positions.length * d);
  positions.forEach((position, i) => own.set(rows.subarray(position * d, (position + 1) * d), i * d));
  return own;
}

function positionsByClass(reference: Int32Array, labels: Int32Array, classes: number): number[][] {
  const positions: number[][] = Array.from({ length: classes }, () => []);
  reference.forEach((sample, position) => positions[labels[sample]].push(position));
  return positions;
}

/** The majorities of each class, fitted to the class's rows of the reference; null for a class without any. */
function fitGroups(
  rows: Float32Array,
  d: number,
  reference: Int32Array,
  labels: Int32Array,
  classes: number,
): (Majority | null)[] {
  return positionsByClass(reference, labels, classes).map((list) =>
    list.length === 0 ? null : fitMajority(rowsOf(rows, list, d), list.length, d),
  );
}

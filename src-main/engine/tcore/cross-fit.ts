/**
 * The purity of the first pool, checked before anything is learnt from it: nets made anew, each trained on one half of
 * the pool, look at the other half. They share no weight with the untrusted encoder, so an image that only its trigger
 * makes one of its class is contradicted by a model that never saw the trigger. Poison with right labels, and poison in
 * both halves that is enough to learn from, passes.
 */
import type { Encoder } from '../encoder/encoder.ts';
import { median } from '../math/statistics.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { trainFreshNet } from './fresh-net.ts';
import { sizesOf } from './memory.ts';
import { count, select, vector } from './steps.ts';

export interface CrossFit {
  /** Samples of the pool whose label the net of the other half firmly contradicts, ascending. */
  readonly contradicted: Int32Array;
  /** Share of each class's pool that the net of the other half calls by its label; NaN without any. */
  readonly accepted: readonly number[];
  /** Share of each class's pool whose label it firmly contradicts; NaN without any. */
  readonly against: readonly number[];
  readonly digest: string;
}

/** Least confidence in another class, and most probability of the given one, that contradict a label. */
const firm = 0.8;
const slight = 0.05;

export async function runCrossFit(
  context: PipelineContext,
  encoder: Encoder,
  pool: Int32Array,
  input: string,
): Promise<CrossFit> {
  const { samples, parameters } = context;
  const params = { seed: context.seed, ...(select(context, 'crossfit') as object) };
  context.emit({ type: 'stage', stage: 'expand', state: 'started' });
  const step = await context.journal.step({ name: 'expand/cross-fit', params, inputs: [input] }, async () => {
    const contradicted: number[] = [];
    const accepted = new Float64Array(samples.classes.length);
    const met = new Float64Array(samples.classes.length);
    if (parameters['crossfit.epochs'] > 0) {
      const halves = splitPool(pool, samples.labels, samples.classes.length);
      for (const [at, half] of halves.entries()) {
        const other = halves[1 - at];
        if (half.length === 0 || other.length === 0) continue;
        const seen = await lookFrom(context, encoder, half, other, at);
        other.forEach((sample, row) => {
          met[samples.labels[sample]]++;
          if (seen.predicted[row] === samples.labels[sample]) accepted[samples.labels[sample]]++;
          if (seen.confidence[row] >= firm && Math.exp(-seen.loss[row]) <= slight) contradicted.push(sample);
        });
      }
    }
    return {
      data: { accepted: Array.from(accepted, (count, c) => (met[c] > 0 ? count / met[c] : null)) },
      tensors: { contradicted: vector(Int32Array.from(contradicted).sort()) },
    };
  });
  context.emit({ type: 'stage', stage: 'expand', state: step.resumed ? 'resumed' : 'finished' });
  const { accepted } = step.data as { accepted: readonly (number | null)[] };
  const contradicted = step.tensors.contradicted.data as Int32Array;
  const members = (list: Int32Array, c: number): number => count(list, (i) => samples.labels[i] === c);
  return {
    contradicted,
    accepted: accepted.map((share) => share ?? NaN),
    against: accepted.map((share, c) => (share === null ? NaN : members(contradicted, c) / members(pool, c))),
    digest: step.digest,
  };
}

/** Firmly contradicted share from which a class that is hardly accepted is rejected: a net that learnt too little is not sure of anything. */
const leastAgainst = 0.2;

/**
 * Classes of which the other half accepts less than half of what it accepts of the typical class and firmly contradicts
 * a fifth. Without the second condition the hardest class of clean data was named (docs/efficacy.md).
 */
export function rejectedClasses({ accepted, against }: Pick<CrossFit, 'accepted' | 'against'>): number[] {
  const known = accepted.filter(Number.isFinite);
  const typical = median(known);
  return [...accepted.keys()].filter((c) => accepted[c] < 0.5 * typical && against[c] >= leastAgainst);
}

/** The pool without what is contradicted, save in a class of which that is most: there the nets say too little. */
export function purified(
  pool: Int32Array,
  contradicted: Int32Array,
  labels: Int32Array,
  classes: number,
): { readonly pool: Int32Array; readonly removed: number } {
  const doubtful = new Set(contradicted);
  const members = new Int32Array(classes);
  const doubted = new Int32Array(classes);
  for (const i of pool) {
    members[labels[i]]++;
    if (doubtful.has(i)) doubted[labels[i]]++;
  }
  const kept = pool.filter((i) => !doubtful.has(i) || 2 * doubted[labels[i]] > members[labels[i]]);
  return { pool: kept, removed: pool.length - kept.length };
}

/** Two halves, each class in turns, so that every class is in both. */
function splitPool(pool: Int32Array, labels: Int32Array, classes: number): [Int32Array, Int32Array] {
  const met = new Int32Array(classes);
  const side = Array.from(pool, (sample) => met[labels[sample]]++ % 2);
  return [pool.filter((_, at) => side[at] === 0), pool.filter((_, at) => side[at] === 1)];
}

/** What a net trained on `half` makes of `other`. */
async function lookFrom(
  context: PipelineContext,
  encoder: Encoder,
  half: Int32Array,
  other: Int32Array,
  number: number,
): Promise<Evaluation> {
  const { provider, samples, parameters, signal } = context;
  const epochs = parameters['crossfit.epochs'];
  const progress = progressOf(context, 'expand', 'epochs');
  const net = await trainFreshNet(context, encoder, {
    indices: half,
    epochs,
    batch: 16,
    stream: `cross-fit/${number}`,
    onEpoch: (done) => progress(number * epochs + done, 2 * epochs),
  });
  return evaluateClassifier(provider, net, samples, other, { batch: sizesOf(context).evaluationBatch, signal });
}

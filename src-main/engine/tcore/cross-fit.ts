/**
 * The purity of the first pool, checked before anything is learnt from it: nets made anew, each trained on one half of
 * the pool, look at the other half. They share no weight with the untrusted encoder, so an image that only its trigger
 * makes one of its class is contradicted by a model that never saw the trigger. Poison with right labels, and poison in
 * both halves that is enough to learn from, passes.
 */
import type { Encoder } from '../encoder/encoder.ts';
import type { StepResult } from '../journal.ts';
import { median } from '../math/statistics.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
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

export interface CrossFitPlan {
  /** The first clean pool. */
  readonly pool: Int32Array;
  /** Digest of the step before. */
  readonly input: string;
  /** Where one of the two nets is trained while the other is; left out, they are trained one after the other. */
  readonly beside?: Provider | null;
  /** Given where nothing waits for what is found: both nets are trained beside, and the step is committed after this. */
  readonly until?: Promise<unknown>;
  /** Told once nothing is left to do beside. */
  readonly onLooked?: () => void;
}

export async function runCrossFit(context: PipelineContext, encoder: Encoder, plan: CrossFitPlan): Promise<CrossFit> {
  const { samples, parameters } = context;
  const { pool, until } = plan;
  context.emit({ type: 'stage', stage: 'expand', state: 'started' });
  const params = { seed: context.seed, ...(select(context, 'crossfit') as object) };
  const step = await context.journal.step({ name: 'expand/cross-fit', params, inputs: [plan.input] }, async () => {
    const side = plan.beside ?? null;
    const views = parameters['crossfit.epochs'] > 0 ? await lookAcross(context, encoder, plan, side) : [];
    plan.onLooked?.();
    await until;
    return summary(samples, views);
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

/** What the net of one half makes of the other. */
interface View {
  readonly half: Int32Array;
  readonly evaluation: Evaluation;
}

async function lookAcross(
  context: PipelineContext,
  encoder: Encoder,
  { pool, until }: CrossFitPlan,
  side: Provider | null,
): Promise<View[]> {
  const { provider, samples, parameters } = context;
  const halves = splitPool(pool, samples.labels, samples.classes.length);
  if (halves.some((half) => half.length === 0)) return [];
  // What goes on while other stages do would interrupt what they tell.
  const silent = side !== null && until !== undefined;
  const progress = silent ? () => {} : progressOf(context, 'expand', 'epochs');
  let epochs = 0;
  const onEpoch = (): void => progress(++epochs, 2 * parameters['crossfit.epochs']);
  const look = async (where: Provider, at: number): Promise<View> => {
    const [half, other] = [halves[at], halves[1 - at]];
    return { half: other, evaluation: await lookFrom(context, where, encoder, half, other, at, onEpoch) };
  };
  if (side === null || silent) return [await look(side ?? provider, 0), await look(side ?? provider, 1)];
  const looks = await Promise.allSettled([look(provider, 0), look(side, 1)]);
  return looks.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

function summary(samples: SampleSource, views: readonly View[]): StepResult {
  const contradicted: number[] = [];
  const accepted = new Float64Array(samples.classes.length);
  const met = new Float64Array(samples.classes.length);
  for (const { half, evaluation } of views) {
    half.forEach((sample, row) => {
      const label = samples.labels[sample];
      met[label]++;
      if (evaluation.predicted[row] === label) accepted[label]++;
      if (evaluation.confidence[row] >= firm && Math.exp(-evaluation.loss[row]) <= slight) contradicted.push(sample);
    });
  }
  return {
    data: { accepted: Array.from(accepted, (count, c) => (met[c] > 0 ? count / met[c] : null)) },
    tensors: { contradicted: vector(Int32Array.from(contradicted).sort()) },
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
  provider: Provider,
  encoder: Encoder,
  half: Int32Array,
  other: Int32Array,
  number: number,
  onEpoch: () => void,
): Promise<Evaluation> {
  const { samples, parameters, signal } = context;
  const net = await trainFreshNet({ ...context, provider }, encoder, {
    indices: half,
    epochs: parameters['crossfit.epochs'],
    batch: 16,
    stream: `cross-fit/${number}`,
    onEpoch,
  });
  return evaluateClassifier(provider, net, samples, other, { batch: sizesOf(context).evaluationBatch, signal });
}

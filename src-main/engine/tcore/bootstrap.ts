/**
 * Bootstrapping (T-Core): psi and the head are trained on the clean pool, which grows round by round, first by loss
 * guidance, then by meta guidance. chi stays as it came.
 *
 * Each round is one journalled step. Samples sifted next to the first pool are never trained on (the guard): when their accuracy
 * drops, the round is taken back and growth ends.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { PoolRound, Stage } from '../../../src-shared/domain/run.ts';
import type { Tensor } from '../graph/ir.ts';
import type { CommittedStep } from '../journal.ts';
import { admit, neighbourRefusal } from './admission.ts';
import type { PipelineContext } from './context.ts';
import { progressOf } from './context.ts';
import { cosineRate, requireFiniteLoss } from './epochs.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { parseShares, type MethodParameters } from './parameters.ts';
import type { Trainer } from './trainer.ts';

export interface BootstrapInput {
  readonly trainer: Trainer;
  /** The same model and state in the smaller batches of the warm-up. */
  readonly warmUpTrainer: () => Promise<Trainer>;
  readonly context: PipelineContext;
  /** First clean pool, ascending. */
  readonly pool: Int32Array;
  /** Samples next to it in the TIS ranking, never trained on, ascending. */
  readonly guard: Int32Array;
  /** Neighbours of the same given label in the untrusted encoder, `[deciding taps][samples * grow.company]`. */
  readonly peers: readonly Int32Array[];
  /** Digest of the filtering step. */
  readonly input: string;
}

export interface Bootstrapped {
  readonly rounds: readonly PoolRound[];
  /** Round that first admitted a sample; -1 = never. */
  readonly admittedRound: Int32Array;
  readonly finalPool: Int32Array;
  /** Loss before and after the virtual epoch of the last meta round; null without one. */
  readonly lossReduction: Float32Array | null;
  readonly digest: string;
}

type Guidance = PoolRound['guidance'];

interface RoundPlan {
  readonly name: string;
  readonly guidance: Guidance;
  readonly share: number;
  readonly epochs: number;
}

/** What a round leaves behind; tensors of the trainer's state are prefixed with "state:". */
interface RoundState {
  readonly round: PoolRound;
  readonly pool: Int32Array;
  readonly reduction: Float32Array | null;
  readonly state: Record<string, Tensor>;
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

export async function bootstrap(input: BootstrapInput): Promise<Bootstrapped> {
  const { context, trainer } = input;
  const { parameters, samples } = context;
  const { pool: base, guard } = input;
  const rounds: PoolRound[] = [];
  const admittedRound = new Int32Array(samples.count).fill(-1);
  let previous: RoundState | null = null;
  let reduction: Float32Array | null = null;
  let stopped: string | null = null;

  let stage: Stage | null = null;
  let resumed = true;

  for (const plan of planRounds(parameters)) {
    if (stopped !== null && plan.guidance !== 'final') continue;
    if (stage !== stageOf(plan)) {
      endStage(context, stage, resumed);
      stage = stageOf(plan);
      resumed = true;
      context.emit({ type: 'stage', stage, state: 'started' });
    }
    const current = await runRound(input, plan, rounds.length, { base, guard, previous });
    resumed &&= current.resumed;
    rounds.push(current.round);
    context.emit({ type: 'pool', round: current.round });
    stopped ??= current.round.stopped;
    if (current.round.stopped !== 'guard') {
      for (const i of current.pool) if (admittedRound[i] < 0) admittedRound[i] = rounds.length - 1;
    }
    reduction = current.reduction ?? reduction;
    previous = current;
  }
  endStage(context, stage, resumed);
  if (previous === null) throw new Error('no round was planned');
  trainer.load(previous.state);
  return { rounds, admittedRound, finalPool: previous.pool, lossReduction: reduction, digest: previous.digest };
}

function endStage(context: PipelineContext, stage: Stage | null, resumed: boolean): void {
  if (stage !== null) context.emit({ type: 'stage', stage, state: resumed ? 'resumed' : 'finished' });
}

/** Warm-up, loss-guided rounds, meta-guided rounds up to the cap, final fit. */
export function planRounds(parameters: MethodParameters): RoundPlan[] {
  const capped = (text: string): number[] =>
    parseShares(text).filter((share) => share <= parameters['grow.cap'] + 1e-9);
  const grow = (guidance: Guidance, shares: readonly number[]): RoundPlan[] =>
    shares.map((share) => ({
      name: `grow/${guidance}/${share}`,
      guidance,
      share,
      epochs: parameters['grow.epochs'],
    }));
  return [
    { name: 'warm-up', guidance: 'seeds', share: parameters['expand.share'], epochs: parameters['warmup.epochs'] },
    ...grow('loss', capped(parameters['grow.loss'])),
    ...grow('meta', capped(parameters['grow.meta'])),
    { name: 'final', guidance: 'final', share: 0, epochs: parameters['final.epochs'] },
  ];
}

async function runRound(
  input: BootstrapInput,
  plan: RoundPlan,
  number: number,
  known: { base: Int32Array; guard: Int32Array; previous: RoundState | null },
): Promise<RoundState> {
  const { context, trainer } = input;
  const step = await context.journal.step(
    {
      name: plan.name,
      params: roundParameters(context.parameters, plan),
      inputs: [known.previous?.digest ?? input.input],
    },
    async () => {
      if (known.previous) trainer.load(known.previous.state);
      const result = await computeRound(input, plan, number, known);
      const state: Record<string, Tensor> = {};
      for (const [name, tensor] of Object.entries(result.state)) state[`state:${name}`] = tensor;
      return {
        data: { ...result.round, perClass: [...result.round.perClass] } as unknown as Json,
        tensors: {
          pool: { dtype: 'int32', dims: [result.pool.length], data: result.pool },
          ...(result.reduction === null
            ? {}
            : { reduction: { dtype: 'float32', dims: [result.reduction.length], data: result.reduction } }),
          ...state,
        },
      };
    },
  );
  return readRound(step);
}

function readRound(step: CommittedStep): RoundState {
  const state: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(step.tensors)) {
    if (name.startsWith('state:')) state[name.slice('state:'.length)] = tensor;
  }
  return {
    round: step.data as unknown as PoolRound,
    pool: step.tensors.pool.data as Int32Array,
    reduction: (step.tensors.reduction?.data as Float32Array | undefined) ?? null,
    state,
    digest: step.digest,
    resumed: step.resumed,
  };
}

function roundParameters(parameters: MethodParameters, plan: RoundPlan): Json {
  const relevant = Object.entries(parameters).filter(([name]) =>
    /^(train|augment|grow|guard|warmup|final)\./.test(name),
  );
  return { ...Object.fromEntries(relevant), guidance: plan.guidance, share: plan.share, epochs: plan.epochs };
}

async function computeRound(
  input: BootstrapInput,
  plan: RoundPlan,
  number: number,
  known: { base: Int32Array; guard: Int32Array; previous: RoundState | null },
): Promise<Omit<RoundState, 'digest' | 'resumed'>> {
  const { context, trainer } = input;
  const { samples, parameters } = context;
  const before = known.previous;
  const { pool, reduction } = await choosePool(input, plan, known);
  const loss =
    plan.guidance === 'seeds'
      ? await warmUp(input, plan, pool, number)
      : await trainRound(context, trainer, plan, pool, number);

  const guardAccuracy = known.guard.length > 0 ? (await evaluate(input, known.guard)).accuracy : null;
  const formerly = before?.round.guardAccuracy ?? null;

  const dropped =
    before !== null &&
    plan.guidance !== 'final' &&
    guardAccuracy !== null &&
    formerly !== null &&
    hasDropped(formerly, guardAccuracy, known.guard.length, parameters['guard.drop']);
  const keptPool = dropped ? before.pool : pool;
  const kept = new Set(before?.pool ?? []);
  const now = new Set(keptPool);
  const round: PoolRound = {
    round: number,
    guidance: plan.guidance,
    share: plan.share,
    size: keptPool.length,
    perClass: countPerClass(keptPool, samples.labels, samples.classes.length),
    admitted: [...now].filter((i) => !kept.has(i)).length,
    removed: [...kept].filter((i) => !now.has(i)).length,
    guardAccuracy,
    loss,
    stopped: dropped ? 'guard' : null,
  };
  return { round, pool: keptPool, reduction, state: dropped ? before.state : trainer.state() };
}

/**
 * Whether the guard's accuracy fell by more than `drop` and by more than chance explains: 2.5 standard errors of a
 * proportion over `n` samples, which a guard of a few dozen needs.
 */
export function hasDropped(before: number, now: number, n: number, drop: number): boolean {
  const error = Math.sqrt((before * (1 - before) + 1 / n) / n);
  return before - now > Math.max(drop, 2.5 * error);
}

/** Trains in small batches, as the first pool is small, and hands the state over. */
async function warmUp(input: BootstrapInput, plan: RoundPlan, pool: Int32Array, number: number): Promise<number> {
  const trainer = await input.warmUpTrainer();
  try {
    const loss = await trainRound(input.context, trainer, plan, pool, number);
    input.trainer.load(trainer.state());
    return loss;
  } finally {
    await trainer.dispose();
  }
}

/** All epochs of a round; the mean loss of the last one. */
async function trainRound(
  context: PipelineContext,
  trainer: Trainer,
  plan: RoundPlan,
  pool: Int32Array,
  number: number,
): Promise<number> {
  const { samples, parameters } = context;
  const stage = stageOf(plan);
  const progress = progressOf(context, stage, 'epochs');
  let loss = 0;
  for (let epoch = 0; epoch < plan.epochs; epoch++) {
    const outcome = await trainer.epoch({
      samples,
      indices: pool,
      augment: { shift: parameters['augment.shift'], flip: parameters['augment.flip'] },
      seed: context.seed,
      stream: `${plan.name}/epoch/${epoch}`,
      rate: rateOf(plan, parameters, epoch),
      signal: context.signal,
    });
    requireFiniteLoss(outcome.loss, plan.name, 'train.learningRate');
    loss = outcome.loss;
    context.emit({ type: 'metric', stage, name: 'training loss', at: number + (epoch + 1) / plan.epochs, value: loss });
    progress(epoch + 1, plan.epochs);
  }
  return loss;
}

/** Warm-up falls to 0.3 of the peak, growth stays level, the final fit falls to 0. */
function rateOf(plan: RoundPlan, parameters: MethodParameters, epoch: number): (step: number, steps: number) => number {
  const peak = parameters['train.learningRate'];
  switch (plan.guidance) {
    case 'seeds':
      return (step, steps) => peak * (1 - (0.7 * (epoch + step / steps)) / plan.epochs);
    case 'loss':
    case 'meta':
      return () => peak * parameters['train.growRate'];
    case 'final':
      return cosineRate(peak, epoch, plan.epochs);
  }
}

function stageOf(plan: RoundPlan): 'warm-up' | 'grow' | 'final' {
  return plan.guidance === 'seeds' ? 'warm-up' : plan.guidance === 'final' ? 'final' : 'grow';
}

/** The pool of a round, and the loss reduction it was chosen by where meta guidance did. */
async function choosePool(
  input: BootstrapInput,
  plan: RoundPlan,
  known: { base: Int32Array; guard: Int32Array; previous: RoundState | null },
): Promise<{ pool: Int32Array; reduction: Float32Array | null }> {
  const { context } = input;
  if (plan.guidance === 'seeds') return { pool: known.base, reduction: null };
  if (plan.guidance === 'final') {
    return { pool: known.previous?.pool ?? known.base, reduction: null };
  }
  const evaluation = await evaluate(input, null);
  let guide = evaluation.loss;
  let reduction: Float32Array | null = null;
  if (plan.guidance === 'meta') {
    reduction = await virtualReduction(input, plan, evaluation);
    guide = reduction;
  }
  const { samples, parameters } = context;
  const admission = admit(
    {
      labels: samples.labels,
      classes: samples.classes.length,
      guide,
      refusal: neighbourRefusal(input.peers, parameters['grow.company'], evaluation.loss),
      base: known.base,
      excluded: new Set(known.guard),
    },
    { share: plan.share, quotaCap: parameters['grow.quotaCap'] },
  );
  return { pool: admission.pool, reduction };
}

/** Loss1 - Loss2 of the meta guidance: how far one virtual epoch on all of D lowers each sample's loss. */
async function virtualReduction(input: BootstrapInput, plan: RoundPlan, before: Evaluation): Promise<Float32Array> {
  const { context, trainer } = input;
  const { samples, parameters } = context;
  const saved = trainer.state();
  await trainer.epoch({
    samples,
    indices: Int32Array.from({ length: samples.count }, (_, i) => i),
    augment: { shift: parameters['augment.shift'], flip: parameters['augment.flip'] },
    seed: context.seed,
    stream: `${plan.name}/virtual`,
    rate: () => parameters['train.learningRate'],
    signal: context.signal,
  });
  const after = await evaluate(input, null);
  trainer.load(saved);
  return before.loss.map((loss, i) => loss - after.loss[i]);
}

function evaluate(input: BootstrapInput, indices: Int32Array | null): Promise<Evaluation> {
  const { context, trainer } = input;
  return evaluateClassifier(context.provider, trainer.classifier(), context.samples, indices, {
    batch: context.parameters['train.batch'],
    signal: context.signal,
  });
}

function countPerClass(pool: Int32Array, labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const i of pool) counts[labels[i]]++;
  return counts;
}

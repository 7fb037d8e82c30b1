/**
 * Bootstrapping (T-Core): psi and the head are trained on the clean pool, which grows round by round, first by loss
 * guidance, then by meta guidance. chi stays as it came.
 *
 * Each round is one journalled step. Samples sifted next to the first pool are never trained on (the guard): when their accuracy
 * drops, the round is taken back and growth ends.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { PoolRound } from '../../../src-shared/domain/run.ts';
import { admit, neighbourRefusal } from './admission.ts';
import type { PipelineContext } from './context.ts';
import { progressOf, sampleOrder, teachableLabels } from './context.ts';
import { cosineRate, requireFiniteLoss } from './epochs.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { parseShares, type MethodParameters } from './parameters.ts';
import {
  journalRound,
  playRounds,
  settleRound,
  stageOf,
  type RoundPlan,
  type RoundResult,
  type RoundState,
} from './rounds.ts';
import { vector } from './steps.ts';
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
  /** Samples whose labels are never taught. */
  readonly distrusted: Int32Array;
  /** Samples that are set aside: never taught, and not counted as their class's either. */
  readonly apart: Int32Array;
  /** Neighbours of the same given label in the untrusted encoder, `[late taps][samples * grow.company]`. */
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

/** Loss reduction of the virtual epoch, `[samples]`, in a meta round's step. */
const reductionName = 'reduction';

export async function bootstrap(input: BootstrapInput): Promise<Bootstrapped> {
  const { context, trainer } = input;
  let reduction: Float32Array | null = null;
  const { rounds, admittedRound, last } = await playRounds(
    context,
    planRounds(context.parameters),
    async (plan, number, previous) => {
      const current = await runRound(input, plan, number, previous);
      reduction = (current.extra[reductionName]?.data as Float32Array | undefined) ?? reduction;
      return current;
    },
  );
  trainer.load(last.state);
  return { rounds, admittedRound, finalPool: last.pool, lossReduction: reduction, digest: last.digest };
}

/** Warm-up, loss-guided rounds, meta-guided rounds up to the cap, final fit. */
export function planRounds(parameters: MethodParameters): RoundPlan[] {
  const capped = (text: string): number[] =>
    parseShares(text).filter((share) => share <= parameters['grow.cap'] + 1e-9);
  const grow = (guidance: PoolRound['guidance'], shares: readonly number[]): RoundPlan[] =>
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

function runRound(
  input: BootstrapInput,
  plan: RoundPlan,
  number: number,
  previous: RoundState | null,
): Promise<RoundState> {
  const { context, trainer } = input;
  const step = {
    name: plan.name,
    params: roundParameters(context.parameters, plan),
    inputs: [previous?.digest ?? input.input],
  };
  return journalRound(context, step, async () => {
    if (previous) trainer.load(previous.state);
    return computeRound(input, plan, number, previous);
  });
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
  previous: RoundState | null,
): Promise<RoundResult> {
  const { context, trainer, guard } = input;
  const { pool, reduction } = await choosePool(input, plan, previous);
  const loss =
    plan.guidance === 'seeds'
      ? await warmUp(input, plan, pool, number)
      : await trainRound(context, trainer, plan, pool, number);
  const guardAccuracy = guard.length > 0 ? (await evaluate(input, guard)).accuracy : null;
  const made = { pool, loss, guardAccuracy, guardSamples: guard.length };
  const { round, takenBack } = settleRound(context, plan, number, previous, made);
  return {
    round,
    pool: takenBack && previous ? previous.pool : pool,
    state: takenBack && previous ? previous.state : trainer.state(),
    extra: reduction === null ? {} : { [reductionName]: vector(reduction) },
  };
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
    case 'discrepancy':
      return () => peak * parameters['train.growRate'];
    case 'final':
      return cosineRate(peak, epoch, plan.epochs);
  }
}

/** The pool of a round, and the loss reduction it was chosen by where meta guidance did. */
async function choosePool(
  input: BootstrapInput,
  plan: RoundPlan,
  previous: RoundState | null,
): Promise<{ pool: Int32Array; reduction: Float32Array | null }> {
  const { context } = input;
  if (plan.guidance === 'seeds') return { pool: input.pool, reduction: null };
  if (plan.guidance === 'final') return { pool: previous?.pool ?? input.pool, reduction: null };
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
      labels: teachableLabels(context, input.apart),
      classes: samples.classes.length,
      guide,
      refusal: neighbourRefusal(input.peers, parameters['grow.company'], evaluation.loss),
      base: input.pool,
      excluded: new Set([...input.guard, ...input.distrusted]),
      order: sampleOrder(context),
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

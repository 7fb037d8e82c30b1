/**
 * Rounds of growing a clean model, as both modes play them: each is one journalled step that leaves a pool and the
 * state of the training; the guard, samples that are never trained on, may take a round back and end growth.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { PoolRound, Stage } from '../../../src-shared/domain/run.ts';
import type { Tensor } from '../graph/ir.ts';
import type { PipelineContext } from './context.ts';
import { vector } from './steps.ts';

export interface RoundPlan {
  readonly name: string;
  readonly guidance: PoolRound['guidance'];
  /** Share of the dataset aimed at, 0..1. */
  readonly share: number;
  readonly epochs: number;
}

/** What a round computes. */
export interface RoundResult {
  readonly round: PoolRound;
  /** Samples whose label is taught. */
  readonly pool: Int32Array;
  readonly state: Readonly<Record<string, Tensor>>;
  /** Whatever else the mode keeps of the round; names must not begin with "state:". */
  readonly extra: Readonly<Record<string, Tensor>>;
}

export interface RoundState extends RoundResult {
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

export interface Played {
  readonly rounds: readonly PoolRound[];
  /** Round that first admitted a sample; -1 = never. */
  readonly admittedRound: Int32Array;
  readonly last: RoundState;
}

/** Plays the rounds in order. Once one of them stopped growth, only the final one is played. */
export async function playRounds<Plan extends RoundPlan>(
  context: PipelineContext,
  plans: readonly Plan[],
  runRound: (plan: Plan, number: number, previous: RoundState | null) => Promise<RoundState>,
): Promise<Played> {
  const rounds: PoolRound[] = [];
  const admittedRound = new Int32Array(context.samples.count).fill(-1);
  const firstRound = context.roundsBefore ?? 0;
  let previous: RoundState | null = null;
  let stopped: string | null = null;
  let stage: Stage | null = null;
  let resumed = true;
  for (const plan of plans) {
    if (stopped !== null && plan.guidance !== 'final') continue;
    if (stage !== stageOf(plan)) {
      endStage(context, stage, resumed);
      stage = stageOf(plan);
      resumed = true;
      context.emit({ type: 'stage', stage, state: 'started' });
    }
    const current: RoundState = await runRound(plan, firstRound + rounds.length, previous);
    resumed &&= current.resumed;
    rounds.push(current.round);
    context.emit({ type: 'pool', round: current.round });
    stopped ??= current.round.stopped;
    if (current.round.stopped !== 'guard') {
      for (const i of current.pool) if (admittedRound[i] < 0) admittedRound[i] = firstRound + rounds.length - 1;
    }
    previous = current;
  }
  endStage(context, stage, resumed);
  if (previous === null) throw new Error('no round was planned');
  return { rounds, admittedRound, last: previous };
}

function endStage(context: PipelineContext, stage: Stage | null, resumed: boolean): void {
  if (stage !== null) context.emit({ type: 'stage', stage, state: resumed ? 'resumed' : 'finished' });
}

export function stageOf(plan: RoundPlan): 'warm-up' | 'grow' | 'final' {
  return plan.guidance === 'seeds' ? 'warm-up' : plan.guidance === 'final' ? 'final' : 'grow';
}

/** One round as a journalled step. */
export async function journalRound(
  context: PipelineContext,
  step: { readonly name: string; readonly params: Json; readonly inputs: readonly string[] },
  compute: () => Promise<RoundResult>,
): Promise<RoundState> {
  const { data, tensors, digest, resumed } = await context.journal.step(step, async () => {
    const result = await compute();
    const state = Object.entries(result.state).map(([name, tensor]) => [`${statePrefix}${name}`, tensor] as const);
    return {
      data: { ...result.round, perClass: [...result.round.perClass] } as unknown as Json,
      tensors: { pool: vector(result.pool), ...result.extra, ...Object.fromEntries(state) },
    };
  });
  const state: Record<string, Tensor> = {};
  const extra: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (name.startsWith(statePrefix)) state[name.slice(statePrefix.length)] = tensor;
    else if (name !== 'pool') extra[name] = tensor;
  }
  const pool = tensors.pool.data as Int32Array;
  return { round: data as unknown as PoolRound, pool, state, extra, digest, resumed };
}

const statePrefix = 'state:';

/** The facts of a round, and whether the guard takes it back: then the pool and state before it hold. */
export function settleRound(
  context: PipelineContext,
  plan: RoundPlan,
  number: number,
  previous: RoundState | null,
  made: {
    readonly pool: Int32Array;
    readonly loss: number;
    readonly guardAccuracy: number | null;
    readonly guardSamples: number;
  },
): { readonly round: PoolRound; readonly takenBack: boolean } {
  const { samples, parameters } = context;
  const formerly = previous?.round.guardAccuracy ?? null;
  const takenBack =
    previous !== null &&
    plan.guidance !== 'final' &&
    made.guardAccuracy !== null &&
    formerly !== null &&
    hasDropped(formerly, made.guardAccuracy, made.guardSamples, parameters['guard.drop']);
  const pool = takenBack ? previous.pool : made.pool;
  const kept = new Set(previous?.pool ?? []);
  const now = new Set(pool);
  const round: PoolRound = {
    round: number,
    guidance: plan.guidance,
    share: plan.share,
    size: pool.length,
    perClass: countPerClass(pool, samples.labels, samples.classes.length),
    admitted: [...now].filter((i) => !kept.has(i)).length,
    removed: [...kept].filter((i) => !now.has(i)).length,
    guardAccuracy: made.guardAccuracy,
    loss: made.loss,
    stopped: takenBack ? 'guard' : null,
  };
  return { round, takenBack };
}

/**
 * Whether the guard's accuracy fell by more than `drop` and by more than chance explains: 2.5 standard errors of the
 * difference of two proportions over `n` samples each. A guard of a few dozen that was all right once is not all right
 * for ever, so the error is that of both rounds together.
 */
export function hasDropped(before: number, now: number, n: number, drop: number): boolean {
  const mean = (before + now) / 2;
  const error = Math.sqrt((2 * mean * (1 - mean)) / n);
  return before - now > Math.max(drop, 2.5 * error);
}

function countPerClass(pool: Int32Array, labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const i of pool) counts[labels[i]]++;
  return counts;
}

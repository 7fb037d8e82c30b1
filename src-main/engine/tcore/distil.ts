/**
 * Distilled mode: a model of the encoder's architecture, every weight made anew, learns the untrusted encoder's clean
 * function from its answers to credible, uncorrupted images, and the labels of a narrower pool; its own input is
 * corrupted. Pools grow by what student and teacher agree on, and by labels that neither the student nor their company
 * excludes (`distil-pools.ts`). Once the labels are as many as the answers the teacher is asked on only where it knows more
 * than they taught (`teacher-lead.ts`); else the last rounds of growth and the final fit learn from labels alone
 * (docs/efficacy.md).
 *
 * No weight of the untrusted encoder reaches the student. What does reach it are answers to images of the pools: a
 * backdoor comes along only with images that show its trigger.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { PoolRound } from '../../../src-shared/domain/run.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import { neighbourRefusal } from './admission.ts';
import { teachableLabels, progressOf, sampleOrder, type PipelineContext } from './context.ts';
import { studentScorer, type StudentView } from './discrepancy.ts';
import { choosePools, type DistilPools } from './distil-pools.ts';
import { cosineRate, epochsFor, requireFiniteLoss } from './epochs.ts';
import { evaluateClassifier } from './evaluate.ts';
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
import { sizesOf } from './memory.ts';
import { vector } from './steps.ts';
import { createStudent, freshRate, freshStudent, studentViews, type FreshStudent, type Student } from './student.ts';
import { teacherLead, type TeacherLead } from './teacher-lead.ts';

export interface DistilInput {
  readonly context: PipelineContext;
  readonly encoder: Encoder;
  /** First clean pool, ascending. */
  readonly pool: Int32Array;
  /** Samples next to it in the TIS ranking, never trained on, ascending. */
  readonly guard: Int32Array;
  /** Samples that neither pool admits. */
  readonly distrusted: Int32Array;
  /** Samples that are set aside: never taught, and not counted as their class's either. */
  readonly apart: Int32Array;
  /** Neighbours of the same given label in the untrusted encoder, `[late taps][samples * grow.company]`. */
  readonly peers: readonly Int32Array[];
  /** Digest of the step before. */
  readonly input: string;
  /** Where the teacher answers while the student learns; left out, in turns with it. */
  readonly beside?: Provider | null;
}

export interface Distilled {
  /** Evaluation graph: input `pixels`, output `logits`. */
  readonly classifier: Graph;
  readonly rounds: readonly PoolRound[];
  /** Round that first admitted a sample's label; -1 = never. */
  readonly admittedRound: Int32Array;
  readonly digest: string;
}

export interface DistilPlan extends RoundPlan {
  /** Share of the dataset whose teacher's answers are taught, 0..1; `share` is that of the labels. */
  readonly answers: number;
  readonly batch: number;
  /** lambda. */
  readonly weight: number;
  /** Whether the labels are as many as the answers, so that the teacher is asked on only where it knows more. */
  readonly late: boolean;
}

/** Name of a round's tensor: samples on which the teacher's answer is taught. */
const answersName = 'answers';

export async function distil(input: DistilInput): Promise<Distilled> {
  const { context, encoder } = input;
  const { provider, samples, parameters, seed, signal } = context;
  const hidden = [parameters['distil.hidden'], parameters['distil.hidden']].filter((width) => width > 0);
  const fresh = freshStudent(encoder, samples.classes.length, hidden, seed, 'distil');
  const sizes = sizesOf(context);
  const session: Session = {
    ...input,
    lead: null,
    fresh,
    score: studentScorer(provider, encoder, samples, {
      batch: sizes.evaluationBatch,
      keptValues: sizes.keptValues,
      signal,
    }),
  };
  const { rounds, admittedRound, last } = await playRounds(
    context,
    planDistillation(parameters, samples.count),
    async (plan, number, before) => runRound(session, await askedOn(session, plan, before), number, before),
  );
  const classifier = await withStudent(
    session,
    { batch: parameters['distil.batch'], weight: 0 },
    last.state,
    (student) => Promise.resolve(student.classifier()),
  );
  return { classifier, rounds, admittedRound, digest: last.digest };
}

/**
 * Warm-up on the first pool, growth, final fit. The teacher is asked as long as its answers are taught on more samples
 * than their labels are; then its part is done, unless it still knows more (`askedOn`).
 * @param samples size of the dataset
 */
export function planDistillation(parameters: MethodParameters, samples: number): DistilPlan[] {
  const answers = parseShares(parameters['distil.answers']);
  const [first, last] = [parameters['expand.share'], parameters['distil.finalShare']];
  const batch = parameters['distil.batch'];
  const [weight, finalWeight] = [parameters['distil.weight'], parameters['distil.finalWeight']];
  return [
    {
      name: 'warm-up',
      guidance: 'seeds',
      share: first,
      answers: first,
      epochs: parameters['distil.warmupEpochs'],
      batch,
      weight,
      late: false,
    },
    ...parseShares(parameters['distil.labels']).map((share, i): DistilPlan => ({
      name: `grow/discrepancy/${share}`,
      guidance: 'discrepancy',
      share,
      answers: answers[i],
      epochs: epochsFor(parameters['distil.growEpochs'], samples),
      batch,
      weight: answers[i] > share ? weight : finalWeight,
      late: answers[i] <= share,
    })),
    {
      name: 'final',
      guidance: 'final',
      share: last,
      answers: last,
      epochs: epochsFor(parameters['distil.finalEpochs'], samples),
      batch,
      weight: finalWeight,
      late: true,
    },
  ];
}

/** A late round as it is played: with a teacher that knows more than the student the first time this is asked, with it. */
async function askedOn(session: Session, plan: DistilPlan, before: RoundState | null): Promise<DistilPlan> {
  const { context, encoder, pool } = session;
  const { parameters } = context;
  if (!plan.late || before === null) return plan;
  session.lead ??= await teacherLead(
    context,
    encoder,
    pool,
    () =>
      withStudent(session, { ...plan, weight: 0 }, before.state, (student) => Promise.resolve(student.classifier())),
    before.digest,
  );
  const { lead } = session.lead;
  if (lead === null || lead < parameters['distil.lead']) return plan;
  return { ...plan, weight: parameters['distil.weight'] };
}

interface Session extends DistilInput {
  /** Null until it is asked. */
  lead: TeacherLead | null;
  readonly fresh: FreshStudent;
  readonly score: (classifier: Graph) => Promise<StudentView>;
}

async function withStudent<T>(
  { context, encoder, fresh, beside }: Session,
  { batch, weight }: Pick<DistilPlan, 'batch' | 'weight'>,
  state: Readonly<Record<string, Tensor>> | null,
  act: (student: Student) => Promise<T>,
): Promise<T> {
  const { provider, samples } = context;
  const classes = samples.classes.length;
  const side = weight > 0 ? (beside ?? null) : null;
  const where = side === null ? {} : { teacher: side };
  const student = await createStudent(provider, { encoder, student: fresh, classes, batch, ...where });
  try {
    if (state !== null) student.load(state);
    return await act(student);
  } finally {
    await student.dispose();
  }
}

function runRound(
  session: Session,
  plan: DistilPlan,
  number: number,
  previous: RoundState | null,
): Promise<RoundState> {
  const { context } = session;
  const step = {
    name: plan.name,
    params: roundParameters(context, plan),
    inputs: [previous?.digest ?? session.input],
  };
  return journalRound(context, step, () =>
    withStudent(session, plan, previous?.state ?? null, (student) =>
      computeRound(session, student, plan, number, previous),
    ),
  );
}

function roundParameters({ parameters, seed }: PipelineContext, plan: DistilPlan): Json {
  const relevant = Object.entries(parameters).filter(([name]) => /^(distil|augment|grow|guard)\./.test(name));
  return { ...Object.fromEntries(relevant), ...plan, seed };
}

async function computeRound(
  session: Session,
  student: Student,
  plan: DistilPlan,
  number: number,
  previous: RoundState | null,
): Promise<RoundResult> {
  const { context, guard } = session;
  const pools = await poolsOf(session, student, plan, previous);
  const loss = await trainRound(session, student, plan, pools, number);
  const guardAccuracy = guard.length > 0 ? await accuracyOn(session, student, guard) : null;
  const made = { pool: pools.labels, loss, guardAccuracy, guardSamples: guard.length };
  const { round, takenBack } = settleRound(context, plan, number, previous, made);
  if (takenBack && previous) {
    const distilled = plan.weight > 0 ? previous.extra[answersName].data.length : 0;
    return { round: { ...round, distilled }, pool: previous.pool, state: previous.state, extra: previous.extra };
  }
  return {
    round: { ...round, distilled: plan.weight > 0 ? pools.answers.length : 0 },
    pool: pools.labels,
    state: student.state(),
    extra: {
      [answersName]: vector(pools.answers),
    },
  };
}

/** The first pool for both in the warm-up; afterwards what the student of the round before says of every sample. */
async function poolsOf(
  session: Session,
  student: Student,
  plan: DistilPlan,
  previous: RoundState | null,
): Promise<DistilPools> {
  const { context, pool, guard, distrusted, apart, peers } = session;
  const { samples, parameters } = context;
  if (previous === null) return { labels: pool, answers: pool };
  if (previous.round.stopped !== null) {
    // The guard ended growth: the final fit goes on with the pools that held.
    return { labels: previous.pool, answers: previous.extra[answersName].data as Int32Array };
  }
  const { evaluation, discrepancy } = await session.score(student.classifier());
  return choosePools(
    {
      labels: teachableLabels(context, apart),
      classes: samples.classes.length,
      discrepancy,
      loss: evaluation.loss,
      plausibility: evaluation.loss.map((loss, i) => Math.exp(-loss) / evaluation.confidence[i]),
      refusal: neighbourRefusal(peers, parameters['grow.company'], evaluation.loss),
      peers,
      perSample: parameters['grow.company'],
      base: pool,
      excluded: new Set([...guard, ...distrusted]),
      order: sampleOrder(context),
    },
    {
      labels: plan.share,
      answers: plan.answers,
      quotaCap: parameters['distil.quotaCap'],
      ranked: parameters['distil.ranked'],
      plausible: parameters['distil.plausible'],
      company: parameters['distil.company'],
    },
  );
}

/** All epochs of a round; the mean loss of the last one. */
async function trainRound(
  session: Session,
  student: Student,
  plan: DistilPlan,
  pools: DistilPools,
  number: number,
): Promise<number> {
  const { context } = session;
  const { samples, parameters } = context;
  const stage = stageOf(plan);
  const progress = progressOf(context, stage, 'epochs');
  const taught = new Set(pools.labels);
  const answered = new Set(pools.answers);
  const views = studentViews(parameters);
  let loss = 0;
  for (let epoch = 0; epoch < plan.epochs; epoch++) {
    const late = plan.guidance === 'final' && epoch >= 0.7 * plan.epochs;
    loss = await student.epoch({
      samples,
      indices: plan.weight > 0 ? pools.answers : pools.labels,
      labelOf: (sample) => (taught.has(sample) ? samples.labels[sample] : -1),
      distils: (sample) => answered.has(sample),
      weight: plan.weight,
      // The last epochs see images as they will come.
      view: late ? { ...views.view, crop: Math.max(views.view.crop, lightCrop) } : views.view,
      corruption: views.corruption,
      seed: context.seed,
      stream: `distil/${plan.name}/epoch/${epoch}`,
      rate: rateOf(session, plan, epoch),
      signal: context.signal,
    });
    requireFiniteLoss(loss, plan.name, 'distil.learningRate');
    context.emit({ type: 'metric', stage, name: 'training loss', at: number + (epoch + 1) / plan.epochs, value: loss });
    progress(epoch + 1, plan.epochs);
  }
  return loss;
}

const lightCrop = 0.9;

/** Level until the final fit, which falls to 0. */
function rateOf(
  { context, encoder }: Session,
  plan: DistilPlan,
  epoch: number,
): (step: number, steps: number) => number {
  const peak = freshRate(encoder, context.parameters);
  return plan.guidance === 'seeds' ? () => peak : cosineRate(peak, epoch, plan.epochs);
}

async function accuracyOn({ context }: Session, student: Student, indices: Int32Array): Promise<number> {
  const { provider, samples, signal } = context;
  const options = { batch: sizesOf(context).evaluationBatch, signal };
  return (await evaluateClassifier(provider, student.classifier(), samples, indices, options)).accuracy;
}

/** What a run will do, about how long it takes and how much memory: shown before it starts, never used to decide. */
import type { Mode } from '../../src-shared/domain/run.ts';
import { parseShares, type MethodParameters } from '../engine/tcore/parameters.ts';
import { planDistillation } from '../engine/tcore/distil.ts';
import { epochsFor } from '../engine/tcore/epochs.ts';
import { stageOf } from '../engine/tcore/rounds.ts';

export interface PlanInput {
  readonly mode: Mode;
  readonly parameters: MethodParameters;
  readonly samples: number;
  readonly classes: number;
  /** Values of one image, C x H x W. */
  readonly pixels: number;
  /** Weights of the encoder. */
  readonly weights: number;
  /** Images a second through the encoder, measured on this machine. */
  readonly forwardRate: number;
}

export interface Plan {
  readonly seconds: number;
  readonly stages: readonly { readonly stage: string; readonly seconds: number }[];
  readonly peakBytes: number;
}

/** A training step against a forward pass of the same images, as the sample audit has it on two cores. */
const trainingCost = 5;
/** Unlearning nearly always reaches its goal after a few epochs, whatever it is allowed. */
const unlearnEpochs = 5;
/** Images that the search for triggers passes through the encoder. */
const searchedImages = 16_000;
/** Images that the alarm lays patterns over, and samples of each class that its net without half of one is taught. */
const overlaidForAlarm = 12_000;
const taughtForAlarm = 100;
/** Node, onnxruntime and its arena before any data, bytes; measured on Linux. */
const baseBytes = 220e6;

/** Seconds and bytes are rough: they come from counting images that pass through the encoder, forward and in training. */
export function planAudit(input: PlanInput): Plan {
  const { parameters: p, samples, forwardRate } = input;
  const forward = (images: number): number => images / forwardRate;
  const training = (images: number): number => (trainingCost * images) / forwardRate;
  const stages = [
    { stage: 'probe', seconds: forward(samples) + (epochsFor(p['probe.epochs'], samples) * samples) / 20_000 },
    { stage: 'sift', seconds: forward(samples) + (samples * samples) / 4e8 },
    {
      stage: 'expand',
      seconds: forward(searchedImages) + training(p['crossfit.epochs'] * p['expand.share'] * samples),
    },
    ...(input.mode === 'paper' ? bootstrapStages(input, forward, training) : distilStages(input, forward, training)),
    { stage: 'evidence', seconds: forward(samples) + alarmSeconds(input, forward, training) },
    ...opinionStage(input, forward),
    { stage: 'export', seconds: 2 + forward(samples) },
  ];
  const batch = Math.max(p['train.batch'], p['probe.batch'], p['distil.batch']);
  // Weights, gradients and two moments, kept by the provider and once more while a step is committed.
  const weightBytes = input.weights * 4 * 8;
  // Activations of a step are a few dozen times its pixels in nets that widen as they shrink.
  const activationBytes = batch * input.pixels * 4 * 60;
  const featureBytes = samples * 4 * 1024;
  return {
    seconds: stages.reduce((sum, stage) => sum + stage.seconds, 0),
    stages,
    peakBytes: baseBytes + weightBytes + activationBytes + featureBytes,
  };
}

type Rate = (images: number) => number;

/** One net: most runs have no pattern to ask a net about, some have two. */
function alarmSeconds({ parameters: p, samples, classes }: PlanInput, forward: Rate, training: Rate): number {
  const epochs = p['inversion.epochs'];
  if (epochs === 0) return 0;
  return forward(overlaidForAlarm) + training(epochs * Math.min(samples, taughtForAlarm * classes));
}

/** Images that the cheap second opinions pass through the encoder beyond two sweeps of the dataset, and that DECREE adds. */
const overlaidImages = 24 * 400;
const inversionImages = 400 * 32;

function opinionStage({ parameters: p, samples }: PlanInput, forward: Rate): Plan['stages'] {
  const extent = p['opinions.extent'];
  if (extent === 'none') return [];
  const inverted = extent === 'all' ? (trainingCost / 2) * inversionImages : 0;
  // Half a millisecond a sample goes to clustering and covariances.
  return [{ stage: 'opinions', seconds: forward(2 * samples + overlaidImages + inverted) + samples / 2000 }];
}

/** Paper mode: channels, then rounds on the growing pool. */
function bootstrapStages({ parameters: p, samples }: PlanInput, forward: Rate, training: Rate): Plan['stages'] {
  const pool = p['expand.share'] * samples;
  const shares = [...parseShares(p['grow.loss']), ...parseShares(p['grow.meta'])].filter(
    (share) => share <= p['grow.cap'],
  );
  const grown = shares.reduce((sum, share) => sum + share, 0) * samples;
  const largest = (shares.at(-1) ?? p['expand.share']) * samples;
  return [
    { stage: 'unlearn', seconds: training(Math.min(unlearnEpochs, p['unlearn.epochs']) * pool) },
    { stage: 'recover', seconds: training(p['recover.epochs'] * pool) },
    { stage: 'warm-up', seconds: training(p['warmup.epochs'] * pool) },
    { stage: 'grow', seconds: training(p['grow.epochs'] * grown) + forward(samples * shares.length) },
    { stage: 'final', seconds: training(p['final.epochs'] * largest) },
  ];
}

/** Distilled mode: images of the rounds with a weight of the teacher's answers pass through the teacher, too. */
function distilStages({ parameters: p, samples }: PlanInput, forward: Rate, training: Rate): Plan['stages'] {
  const rounds = planDistillation(p, samples).map((plan) => {
    const images = plan.epochs * samples * plan.answers;
    const asked = plan.guidance === 'seeds' ? 0 : samples;
    return { stage: stageOf(plan), seconds: training(images) + forward(asked + (plan.weight > 0 ? images : 0)) };
  });
  return (['warm-up', 'grow', 'final'] as const).map((stage) => ({
    stage,
    seconds: rounds.reduce((sum, round) => sum + (round.stage === stage ? round.seconds : 0), 0),
  }));
}

/** Two lines for a person before the run begins. */
export function planText(
  facts: {
    readonly plan: Plan;
    readonly dataset: { readonly samples: number; readonly classes: readonly unknown[] };
    readonly provider: { readonly id: string; readonly threads: number };
  },
  preset: string,
): string {
  const { plan, dataset, provider } = facts;
  const minutes = plan.seconds / 60;
  const time = minutes < 1.5 ? `${Math.max(1, Math.round(plan.seconds / 10)) * 10} s` : `${Math.round(minutes)} min`;
  return (
    `Plan: preset ${preset}, ${dataset.samples.toLocaleString('en-US')} samples in ${dataset.classes.length} classes, ` +
    `${provider.id} with ${provider.threads} ${provider.threads === 1 ? 'thread' : 'threads'}; ` +
    `about ${time} and ${Math.round(plan.peakBytes / 5e7) * 50} MB.`
  );
}

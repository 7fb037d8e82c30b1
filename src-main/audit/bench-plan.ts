/** The plan of a bench: what is planted where, checked, and the presets that come with the product. */
import * as v from 'valibot';
import type { BenchCell } from '../../src-shared/domain/bench.ts';
import { modes } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { datasetAttacks, datasetOptions, type DatasetAttack } from '../engine/attacks/dataset/table.ts';
import { architectures, pretrainMethods } from '../engine/attacks/encoder/pretrain.ts';
import { resolveParameters } from '../engine/tcore/parameters.ts';

/** Names become file names, table cells and headings: plain words only. */
const name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9 ._-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9, space, dot, dash, underscore'),
);
const whole = (low: number, high: number) => v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const seed = whole(0, 2 ** 31 - 1);

/** They tune a clean encoder to a trigger. */
export const tuningAttacks = [
  'badencoder',
  'badencoder-taps',
  'badencoder-near',
  'badencoder-graded',
  'badencoder-outliving',
  'drupe',
] as const;
export type TuningAttack = (typeof tuningAttacks)[number];
/** They poison the data that an encoder is pre-trained on. */
const pretrainingAttacks = ['ctrl', 'ssl-backdoor', 'corrupt-encoder'] as const;
export const encoderAttacks = ['none', ...tuningAttacks, ...pretrainingAttacks] as const;
export type EncoderAttack = (typeof encoderAttacks)[number];
/** What an encoder may be tuned to: a square is the default, the others are taken from other attacks. */
export const tunedTriggers = ['square', 'textured', 'blend', 'frequency'] as const;
export const controlNames = ['head-on-seeds', 'fine-tuning', 'psi-kept', 'random-masks'] as const;
export type ControlName = (typeof controlNames)[number];

const encoderRecipe = v.strictObject({
  attack: v.picklist(encoderAttacks),
  /** Epochs of tuning the encoder. */
  epochs: v.optional(whole(1, 1000)),
  /** Poison in the pre-training data; each attack says of what (CTRL, SSLBackdoor, CorruptEncoder). */
  rate: v.optional(share),
  /** Side of the square, texture or searched picture that it is tuned to, in pixels of a 32 x 32 image. */
  size: v.optional(whole(1, 32)),
  /** What it is tuned to; default square. badencoder-outliving searches its own. */
  trigger: v.optional(v.picklist(tunedTriggers)),
  /** How far badencoder-near moves stamped images towards the target. */
  share: v.optional(share),
});

const datasetRecipe = v.strictObject({
  attack: v.picklist([...(Object.keys(datasetAttacks) as DatasetAttack[]), 'encoder-trigger']),
  options: v.optional(v.record(v.string(), v.number()), {}),
  cleanLabel: v.optional(v.boolean(), false),
});

const data = v.variant('domain', [
  v.strictObject({ domain: v.literal('sample'), samples: whole(100, 6000) }),
  v.strictObject({
    domain: v.literal('fashion-mnist'),
    /** Folder with the four IDX files. */
    path: v.pipe(v.string(), v.minLength(1)),
    samples: whole(100, 40_000),
    test: whole(100, 10_000),
    pretraining: whole(512, 50_000),
  }),
  v.strictObject({
    domain: v.literal('signs'),
    classes: whole(2, 36),
    imbalance: share,
    samples: whole(100, 50_000),
    test: whole(100, 20_000),
    pretraining: whole(512, 50_000),
  }),
  /** The user's own files (--encoder, --dataset). */
  v.strictObject({ domain: v.literal('given'), samples: whole(100, 1_000_000), test: whole(50, 100_000) }),
]);

const planSchema = v.strictObject({
  name,
  data,
  target: whole(0, 9999),
  /** How encoders are made where the domain has none of its own. */
  pretraining: v.optional(
    v.strictObject({
      method: v.picklist(pretrainMethods),
      /** Default the small net; only where the domain has no clean encoder of its own. */
      architecture: v.optional(v.picklist(architectures)),
      epochs: whole(1, 1000),
      batch: whole(16, 1024),
      /** Smallest crop of a view as a share of the image's area; attacks that tie two crops together need small ones. */
      area: v.optional(v.pipe(v.number(), v.minValue(0.05), v.maxValue(1))),
    }),
    { method: 'simclr', epochs: 12, batch: 256 },
  ),
  encoderSeed: v.optional(seed, 1),
  encoders: v.record(name, encoderRecipe),
  datasets: v.record(name, datasetRecipe),
  /** Pairs of encoder and dataset names; "all" = every encoder with every dataset. */
  cells: v.union([v.literal('all'), v.pipe(v.array(v.strictTuple([name, name])), v.minLength(1))]),
  seeds: v.pipe(v.array(seed), v.minLength(1), v.maxLength(100)),
  presets: v.pipe(v.array(v.picklist(['quick', 'standard', 'thorough'])), v.minLength(1)),
  modes: v.pipe(v.array(v.picklist(modes)), v.minLength(1)),
  controls: v.optional(v.array(v.picklist(controlNames)), []),
  overrides: v.optional(v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])), {}),
});

export type BenchPlan = v.InferOutput<typeof planSchema>;
export type EncoderRecipe = BenchPlan['encoders'][string];
export type DatasetRecipe = BenchPlan['datasets'][string];

/** @throws ExpectedError plan-invalid naming the place */
export function checkPlan(value: unknown): BenchPlan {
  const parsed = v.safeParse(planSchema, value);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const place = v.getDotPath(issue) ?? 'the plan';
    throw invalid(`${place}: ${issue.message}`);
  }
  const plan = parsed.output;
  const classes = plan.data.domain === 'signs' ? plan.data.classes : plan.data.domain === 'given' ? null : 10;
  if (classes !== null && plan.target >= classes)
    throw invalid(`target: ${plan.target} is no class of 0..${classes - 1}.`);
  for (const [key, recipe] of Object.entries(plan.datasets)) checkOptions(key, recipe);
  for (const [encoder, dataset] of pairsOf(plan)) {
    if (!Object.hasOwn(plan.encoders, encoder)) throw invalid(`cells: there is no encoder called "${encoder}".`);
    if (!Object.hasOwn(plan.datasets, dataset)) throw invalid(`cells: there is no dataset called "${dataset}".`);
    if (plan.datasets[dataset].attack === 'encoder-trigger' && plan.encoders[encoder].attack === 'none') {
      throw invalid(`cells: "${dataset}" takes the encoder's trigger, but the encoder "${encoder}" has none.`);
    }
  }
  if (plan.pretraining.architecture !== undefined && (plan.data.domain === 'sample' || plan.data.domain === 'given')) {
    throw invalid(`pretraining.architecture: the domain "${plan.data.domain}" comes with a clean encoder.`);
  }
  const choosesTrigger: readonly EncoderAttack[] = tuningAttacks.filter((one) => one !== 'badencoder-outliving');
  for (const [key, recipe] of Object.entries(plan.encoders)) {
    const { attack } = recipe;
    if (recipe.trigger !== undefined && !choosesTrigger.includes(attack))
      throw invalid(`encoders.${key}.trigger: only ${choosesTrigger.join(', ')} have one to choose.`);
    if (recipe.share !== undefined && attack !== 'badencoder-near')
      throw invalid(`encoders.${key}.share: only badencoder-near has it.`);
    if (
      (pretrainingAttacks as readonly EncoderAttack[]).includes(attack) &&
      (plan.data.domain === 'sample' || plan.data.domain === 'given')
    ) {
      throw invalid(
        `encoders.${key}: ${attack} needs data to pre-train on, which the domain "${plan.data.domain}" does not have.`,
      );
    }
  }
  try {
    for (const preset of plan.presets) resolveParameters(preset, plan.overrides);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(`overrides: ${error.message}`);
    throw error;
  }
  return plan;
}

function checkOptions(key: string, { attack, options, cleanLabel }: DatasetRecipe): void {
  const known = attack === 'encoder-trigger' ? ['rate', 'coverRate', 'classShare'] : datasetOptions[attack];
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw invalid(`datasets.${key}.options: ${attack} has no "${option}"; it has ${known.join(', ') || 'none'}.`);
    }
  }
  if (cleanLabel && attack !== 'encoder-trigger')
    throw invalid(`datasets.${key}.cleanLabel: only encoder-trigger has it.`);
}

function pairsOf(plan: BenchPlan): readonly (readonly [string, string])[] {
  if (plan.cells !== 'all') return plan.cells;
  return Object.keys(plan.encoders).flatMap((encoder) =>
    Object.keys(plan.datasets).map((dataset) => [encoder, dataset] as const),
  );
}

/** All cells in the order they are run: seed by seed, so that an early end leaves whole matrices of few seeds. */
export function cellsOf(plan: BenchPlan): readonly BenchCell[] {
  const cells: BenchCell[] = [];
  for (const cellSeed of plan.seeds) {
    for (const preset of plan.presets) {
      for (const mode of plan.modes) {
        for (const [encoder, dataset] of pairsOf(plan)) cells.push({ encoder, dataset, seed: cellSeed, preset, mode });
      }
    }
  }
  return cells;
}

export function invalid(detail: string): ExpectedError {
  return new ExpectedError('plan-invalid', detail);
}

const dirty = (attack: DatasetRecipe['attack'], options: Record<string, number> = {}): DatasetRecipe => ({
  attack,
  options,
  cleanLabel: false,
});
const sevenAttacks = {
  // 3 x 3, and 9 x 9 too, are too small for a frozen encoder of this size (docs/efficacy.md).
  badnets: dirty('badnets', { size: 13 }),
  blended: dirty('blended'),
  sig: dirty('sig'),
  wanet: dirty('wanet'),
  tact: dirty('tact'),
  'adap-blend': dirty('adap-blend'),
  'adap-patch': dirty('adap-patch'),
};
const datasets = {
  clean: dirty('none'),
  ...sevenAttacks,
  'same trigger': dirty('encoder-trigger', { rate: 0.05 }),
  'same trigger covers': dirty('encoder-trigger', { rate: 0.05, coverRate: 0.05 }),
  'same trigger clean label': { ...dirty('encoder-trigger', { classShare: 0.2 }), cleanLabel: true },
  'same trigger half of class': dirty('encoder-trigger', { classShare: 0.5 }),
};
const poisonedEncoders = ['badencoder', 'drupe', 'ctrl', 'ssl-backdoor', 'corrupt-encoder'] as const;
/** The others that work at this size all stamp a square (docs/efficacy.md). */
const otherForms = Object.fromEntries(
  (['textured', 'blend', 'frequency'] as const).map((trigger) => [
    `badencoder-${trigger}`,
    { attack: 'badencoder', trigger },
  ]),
);
const fullCells: [string, string][] = [
  ['clean', 'clean'],
  ...Object.keys(sevenAttacks).map((dataset): [string, string] => ['clean', dataset]),
  ...[...poisonedEncoders, ...Object.keys(otherForms)].flatMap((encoder): [string, string][] => [
    [encoder, 'clean'],
    [encoder, 'same trigger'],
  ]),
  ['badencoder', 'blended'],
  ['badencoder', 'wanet'],
  ['drupe', 'blended'],
  ['corrupt-encoder', 'sig'],
  ['badencoder', 'same trigger covers'],
  ['badencoder', 'same trigger clean label'],
  ['badencoder', 'same trigger half of class'],
  ['badencoder-taps', 'same trigger'],
];
const full = {
  target: 9,
  encoders: {
    clean: { attack: 'none' },
    ...Object.fromEntries([...poisonedEncoders, 'badencoder-taps'].map((attack) => [attack, { attack }])),
    ...otherForms,
  },
  datasets,
  cells: fullCells,
  seeds: [1, 2, 3],
  presets: ['standard'],
  modes: ['distilled', 'paper'],
  controls: [...controlNames],
};

/** Plans by name, as a person would write them. */
export const planPresets: Readonly<Record<string, unknown>> = {
  quick: {
    name: 'quick',
    data: { domain: 'sample', samples: 1500 },
    target: 9,
    encoders: { clean: { attack: 'none' }, badencoder: { attack: 'badencoder', epochs: 6 } },
    datasets: { clean: dirty('none'), ...sevenAttacks, 'same trigger': dirty('encoder-trigger', { rate: 0.05 }) },
    // What says most comes first: who stops it half-way has the cells that count.
    cells: [
      ['clean', 'clean'],
      ['clean', 'blended'],
      ['badencoder', 'same trigger'],
      ['clean', 'adap-blend'],
      ['badencoder', 'clean'],
      ['clean', 'badnets'],
      ['clean', 'tact'],
      ['badencoder', 'blended'],
      ['clean', 'sig'],
      ['clean', 'wanet'],
      ['clean', 'adap-patch'],
    ],
    seeds: [1],
    presets: ['quick'],
    modes: ['distilled'],
    controls: ['head-on-seeds'],
  },
  full: {
    ...full,
    name: 'full',
    data: {
      domain: 'fashion-mnist',
      path: '/usr/share/datasets/fashion-mnist',
      samples: 3000,
      test: 5000,
      pretraining: 20_000,
    },
  },
  'full-signs': {
    ...full,
    name: 'full-signs',
    data: { domain: 'signs', classes: 24, imbalance: 0.5, samples: 4000, test: 5000, pretraining: 20_000 },
  },
};

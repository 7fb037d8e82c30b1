/**
 * Every parameter of the method by dotted name: its default, what the presets change, and who chose its value.
 * Sources: T-Core (Zhang et al., S&P 2025) where the paper states a value, RNP (Li et al., ICML 2023) for unlearning and
 * recovering, our own experiments elsewhere (README, "Measured").
 */
import { opinionExtents } from '../../../src-shared/domain/opinion.ts';
import type { Preset } from '../../../src-shared/domain/run.ts';
import type { ParameterFact, ParameterWants } from '../../../src-shared/domain/setting.ts';

const defaults = {
  /** Neighbours for the consistency rule; cut to 5 % of the smallest class. */
  'sift.k': 20,
  /** Share of each class reported as seeds, and the least number of them. */
  'sift.alpha': 0.01,
  'sift.minimum': 5,
  /** "two-means" (larger of two groups), "central-half" or "both". */
  'sift.majority': 'both',
  /** "typical" (an own-class share like that of its class) or "highest". */
  'sift.consistency': 'typical',
  /** How many of the last deciding taps say who keeps whose company and which class falls apart; 0 = all of them. */
  'sift.lastTaps': 3,
  /** A tap is at chance level when its own-class neighbour share is within this of chance. */
  'sift.chanceMargin': 0.05,
  /** Largest kNN reference; larger datasets use a stratified reference. */
  'sift.reference': 20000,

  /** "direct" (by TIS score) or "confusion" (confusion training). */
  'expand.method': 'direct',
  /** Share of each class in the first clean pool. */
  'expand.share': 0.1,

  /** Epochs of the nets that check each other's half of the first pool; 0 = no check. */
  'crossfit.epochs': 30,

  /** Epochs of the nets that tell a learnt trigger from a natural feature at the end; 0 = no alarm for an inverted run. */
  'inversion.epochs': 15,
  /** Times that the model is grown anew at most, without the samples that share a learnt pattern. */
  'inversion.again': 2,

  /** Of a dataset of 6,000 samples or more; a smaller one gets more, up to four times as many. */
  'probe.epochs': 60,
  'probe.learningRate': 3e-3,
  'probe.batch': 128,
  'probe.hidden': 128,

  /** Channel layers whose parameters are unlearned: "last" (a third of them) or "all". */
  'unlearn.layers': 'last',
  'unlearn.learningRate': 0.01,
  'unlearn.momentum': 0.9,
  'unlearn.decay': 5e-4,
  'unlearn.clipNorm': 20,
  'unlearn.epochs': 40,
  /** Stop at this accuracy on the clean pool, or 1.5 x chance where that is higher. */
  'unlearn.stopAccuracy': 0.2,

  'recover.learningRate': 0.2,
  'recover.momentum': 0.9,
  'recover.lossWeight': 0.2,
  'recover.epochs': 20,

  /** rho: share of channels kept (chi); a smaller one is less accurate where the encoder knows much, a larger one less safe. */
  'filter.keep': 0.5,
  /** "layer" or "global" ranking. */
  'filter.scope': 'layer',
  /** "masks" or "random" (a negative control, never for an audit). */
  'filter.ranking': 'masks',
  /** Start of psi: "fresh" or "kept" (a negative control, never for an audit). */
  'filter.start': 'fresh',

  'train.batch': 64,
  'train.learningRate': 2e-3,
  /** Learning rate while growing, as a share of the above. */
  'train.growRate': 0.7,
  /** "adam" or "sgd". */
  'train.optimiser': 'adam',
  'train.decay': 0,
  'augment.shift': 2,
  'augment.flip': true,
  /** Hidden units of the sanitized model's head; 0 = linear. */
  'head.hidden': 0,

  'warmup.epochs': 30,
  'warmup.batch': 32,
  /** Shares of the dataset aimed at by loss guidance, then by meta guidance; '' = none. */
  'grow.loss': '0.35,0.5',
  'grow.meta': '0.6,0.7,0.8,0.9',
  'grow.epochs': 3,
  'grow.cap': 0.9,
  /** Class quota is share x min(n_c, this x median class size); the first pool's too. */
  'grow.quotaCap': 1,
  /** Neighbours of the same given label whose refusal counts against a sample. */
  'grow.company': 10,
  /** Size of the held-out guard as a share of the first clean pool's, and the accuracy drop that stops growth. */
  'guard.share': 0.2,
  'guard.drop': 0.1,
  'final.epochs': 15,

  /** Distilled mode. Widths of the student's head (two hidden layers), and its learning rate (Adam). */
  'distil.hidden': 128,
  'distil.learningRate': 2e-3,
  'distil.warmupEpochs': 30,
  'distil.batch': 32,
  /** Shares of the dataset whose labels are taught at most, round by round, and of those whose representations are. */
  'distil.labels': '0.4,0.7,0.9',
  'distil.answers': '0.55,0.7,0.9',
  /** Of a dataset of 6,000 samples or more; a smaller one gets more, up to four times as many. */
  'distil.growEpochs': 2,
  'distil.finalEpochs': 12,
  'distil.finalShare': 0.9,
  /** lambda: weight of the teacher's answers against the labels while both pools differ, and once the labels are as many. */
  'distil.weight': 3,
  'distil.finalWeight': 0,
  /** By how much of the labels the encoder must know more than the student to be asked on at the first weight then (0..1; 1 = never). */
  'distil.lead': 0.1,
  /** Share up to which the rank within the class decides who is taught. */
  'distil.ranked': 0.7,
  /** Beyond it: least probability of a label against the likeliest one; and most of a sample's company, as a share, that falls short. */
  'distil.plausible': 0.1,
  'distil.company': 0.4,
  /** Class quota is share x min(n_c, this x median class size). */
  'distil.quotaCap': 1,
  /** Least area of a crop, largest change of brightness and contrast. */
  'distil.crop': 0.5,
  'distil.jitter': 0.3,
  /** How often the student's input gets a rectangle, and an overlay; share of the overlays that are plane waves. */
  'distil.rectangle': 0.7,
  'distil.overlay': 0.4,
  'distil.waves': 0.5,

  /** Most memory that the engine may take, bytes; 0 = no bound (`memory.ts`). */
  'memory.limit': 0,

  /** Images that the patch scan of the encoder stamps. */
  'scan.images': 64,
  /** Most that the overlay scan of the encoder may change a pixel, of 0..1; 0 = no such scan. */
  'scan.overlay': 0.06,
  /** Side of the patches that the texture scan of the encoder searches, as a share of the image's shorter side; 0 = no such scan. */
  'scan.texture': 0.25,

  /** Second opinions beside the audit: "none", "cheap" or "all" (`engine/opinions`). They never change the verdict. */
  'opinions.extent': 'cheap',
} as const;

type Widen<T> = T extends number ? number : T extends boolean ? boolean : string;
export type ParameterName = keyof typeof defaults;
export type MethodParameters = { readonly [K in ParameterName]: Widen<(typeof defaults)[K]> };
export type ChosenBy = 'default' | 'preset' | 'analyst';
export type ResolvedParameters = Readonly<
  Record<ParameterName, { readonly value: number | string | boolean; readonly chosenBy: ChosenBy }>
>;

const presets: Record<Preset, Partial<MethodParameters>> = {
  quick: {
    'opinions.extent': 'none',
    'probe.epochs': 30,
    'unlearn.epochs': 10,
    'recover.epochs': 6,
    'warmup.epochs': 15,
    'grow.epochs': 2,
    'final.epochs': 5,
    'crossfit.epochs': 10,
    'inversion.epochs': 10,
  },
  standard: {},
  thorough: {
    'opinions.extent': 'all',
    'warmup.epochs': 40,
    'grow.loss': '0.2,0.3,0.4,0.5',
    'final.epochs': 30,
    'distil.warmupEpochs': 40,
    'distil.growEpochs': 4,
    'distil.finalEpochs': 24,
  },
};

const choices: Partial<Record<ParameterName, readonly string[]>> = {
  'sift.majority': ['two-means', 'central-half', 'both'],
  'sift.consistency': ['typical', 'highest'],
  'expand.method': ['direct', 'confusion'],
  'unlearn.layers': ['last', 'all'],
  'filter.scope': ['layer', 'global'],
  'filter.ranking': ['masks', 'random'],
  'filter.start': ['fresh', 'kept'],
  'opinions.extent': opinionExtents,
  'train.optimiser': ['adam', 'sgd'],
};

/** Parameters that must lie in 0..1. */
const shares = new Set<ParameterName>([
  'sift.alpha',
  'expand.share',
  'filter.keep',
  'grow.cap',
  'train.growRate',
  'guard.share',
  'guard.drop',
  'unlearn.stopAccuracy',
  'distil.finalShare',
  'distil.ranked',
  'distil.plausible',
  'distil.company',
  'distil.lead',
  'distil.crop',
  'distil.jitter',
  'distil.rectangle',
  'distil.overlay',
  'distil.waves',
  'scan.overlay',
  'scan.texture',
]);

/** Parameters that are rising shares in 0..1 with commas between them. */
const shareLists = new Set<ParameterName>(['grow.loss', 'grow.meta', 'distil.labels', 'distil.answers']);

/**
 * Defaults, changed by the preset, changed by the analyst.
 * @throws RangeError naming the parameter when an override is unknown, of the wrong type or out of range
 */
export function resolveParameters(
  preset: Preset,
  overrides: Readonly<Record<string, number | string | boolean>> = {},
): ResolvedParameters {
  for (const [name, value] of Object.entries(overrides)) requireParameter(name, value);
  const resolved: Partial<Record<ParameterName, { value: number | string | boolean; chosenBy: ChosenBy }>> = {};
  for (const name of Object.keys(defaults) as ParameterName[]) {
    const override = overrides[name];
    if (override !== undefined) {
      resolved[name] = { value: override, chosenBy: 'analyst' };
    } else if (presets[preset][name] !== undefined) {
      resolved[name] = { value: presets[preset][name], chosenBy: 'preset' };
    } else {
      resolved[name] = { value: defaults[name], chosenBy: 'default' };
    }
  }
  requireNestedShares(resolved as ResolvedParameters);
  return resolved as ResolvedParameters;
}

/** In every round of distilled mode the labels are taught on a part of what the teacher's answers are. */
function requireNestedShares(resolved: ResolvedParameters): void {
  const rounds = (name: 'distil.labels' | 'distil.answers'): number[] => parseShares(String(resolved[name].value));
  const [labels, answers] = [rounds('distil.labels'), rounds('distil.answers')];
  if (labels.length !== answers.length || labels.some((share, i) => share > answers[i])) {
    throw new RangeError(
      'parameters "distil.labels" and "distil.answers" must hold as many shares, and labels never a larger one than answers',
    );
  }
}

/** Every parameter in the order of the table: what the preset leaves it at, and which values it can have. */
export function parameterTable(preset: Preset): ParameterFact[] {
  return Object.entries(resolveParameters(preset)).map(([name, { value }]) => ({
    name,
    value,
    wants: wantsOf(name as ParameterName),
  }));
}

function wantsOf(name: ParameterName): ParameterWants {
  const allowed = choices[name];
  if (allowed !== undefined) return { kind: 'choice', of: allowed };
  if (shareLists.has(name)) return { kind: 'shares' };
  if (typeof defaults[name] === 'boolean') return { kind: 'switch' };
  return { kind: shares.has(name) ? 'share' : 'number' };
}

/** The bare values. */
export function parameterValues(resolved: ResolvedParameters): MethodParameters {
  return Object.fromEntries(Object.entries(resolved).map(([name, entry]) => [name, entry.value])) as MethodParameters;
}

/** "0.25,0.5" -> [0.25, 0.5]. */
export function parseShares(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
}

/**
 * One parameter by itself.
 * @throws RangeError naming the parameter when there is none of that name, or the value is of the wrong type or out of range
 */
export function requireParameter(name: string, value: number | string | boolean): void {
  if (!isParameter(name)) throw new RangeError(`unknown parameter "${name}"`);
  const wanted = typeof defaults[name];
  if (typeof value !== wanted) {
    throw new RangeError(`parameter "${name}" must be a ${wanted}, met ${JSON.stringify(value)}`);
  }
  const allowed = choices[name];
  if (allowed && !allowed.includes(String(value))) {
    throw new RangeError(`parameter "${name}" must be one of ${allowed.join(', ')}, met ${JSON.stringify(value)}`);
  }
  if (typeof value === 'number' && (!Number.isFinite(value) || value < 0 || (shares.has(name) && value > 1))) {
    throw new RangeError(`parameter "${name}" must be ${shares.has(name) ? 'in 0..1' : 'at least 0'}, met ${value}`);
  }
  if (shareLists.has(name)) {
    const list = parseShares(String(value));
    const rising = list.every((share, i) => share > 0 && share <= 1 && (i === 0 || share > list[i - 1]));
    if (!rising)
      throw new RangeError(`parameter "${name}" must be rising shares in 0..1, met ${JSON.stringify(value)}`);
  }
}

function isParameter(name: string): name is ParameterName {
  return Object.hasOwn(defaults, name);
}

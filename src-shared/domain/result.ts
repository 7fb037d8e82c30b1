/** What a finished audit knows, as views, reports and the store pass it around. Arrays are indexed by sample. */
import { binomialInterval } from '../statistics.ts';
import type { Opinion } from './opinion.ts';
import type { PoolRound } from './run.ts';
import type { ScanFinding } from './scan.ts';
import type { AuditVerdict } from './verdict.ts';

export interface EncoderFacts {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: string;
  /** Known architecture that a file of weights alone was matched with; null where the file has its own graph. */
  readonly architecture: { readonly name: string; readonly how: string } | null;
  /** What the scan of the file met; empty for an ordinary file. */
  readonly scan: readonly ScanFinding[];
  /** Null for files that are not ONNX. */
  readonly opset: number | null;
  readonly producer: string;
  readonly nodes: number;
  readonly parameters: number;
  readonly family: string;
  readonly input: { readonly channels: number; readonly height: number; readonly width: number };
  readonly normalisation: {
    readonly mean: readonly number[] | null;
    readonly std: readonly number[] | null;
    readonly source: string;
  };
  readonly representation: { readonly tensor: string; readonly dim: number; readonly how: string };
  readonly taps: readonly { readonly id: string; readonly label: string; readonly channels: number }[];
  readonly restoredNorms: number;
}

export interface DatasetFacts {
  readonly path: string;
  readonly format: string;
  /** SHA-256 over the sorted list of (name, digest) of all items. */
  readonly sha256: string;
  readonly samples: number;
  readonly classes: readonly { readonly name: string; readonly count: number }[];
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
  readonly duplicates: number;
  /** Choices of the reader, what the decoder did to pictures, limits set by hand. */
  readonly notes: readonly string[];
}

export interface ClassWarning {
  readonly classIndex: number;
  readonly className: string;
  /** "oversized", "balanced-split", "rules-disagree", "tiny", "no-gated-sample", "conflicting-labels", "cross-fit", "learnt-pattern", … */
  readonly code: string;
  /** In English. */
  readonly message: string;
  /** The numbers of the message by name, for another language; records of earlier versions have none. */
  readonly values?: Readonly<Record<string, number>> | undefined;
}

export interface SiftingFacts {
  readonly taps: readonly {
    readonly id: string;
    readonly label: string;
    /** Mean own-class share among the k nearest neighbours, and what chance gives. */
    readonly neighbourShare: number;
    readonly chance: number;
    readonly used: boolean;
    readonly reason: string;
  }[];
  readonly k: number;
  readonly rule: string;
  readonly seeds: number;
  readonly pool: number;
  readonly perClass: readonly {
    readonly className: string;
    readonly samples: number;
    readonly seeds: number;
    readonly pool: number;
    /** 2-means: the larger group's share and the distance between the groups in within-group distances, mean over the last deciding taps. */
    readonly majorityShare: number;
    readonly separation: number;
  }[];
  readonly warnings: readonly ClassWarning[];
}

export interface ChannelFacts {
  /** Whether channels were filtered. False in distilled mode: no mask was computed, every channel was made anew. */
  readonly used: boolean;
  readonly layers: readonly {
    readonly id: string;
    readonly label: string;
    readonly channels: number;
    readonly kept: number;
    /** One value per channel; empty where channels were not filtered. */
    readonly mask: readonly number[];
    readonly trusted: readonly boolean[];
  }[];
  /**
   * Which layer reads which, by place in `layers`; -1 = the image, `layers.length` = the representation. Missing in records
   * of earlier versions.
   */
  readonly wires?: readonly (readonly [from: number, to: number])[];
  /** Share of all channels, 0..1, whose mask came back to one (0.99 or more). */
  readonly saturatedAtOne: number | null;
  readonly unlearnedAccuracy: number | null;
  readonly recoveredAccuracy: number | null;
}

/** Columns over samples; one entry each. */
export interface SampleColumns {
  readonly index: Int32Array;
  readonly label: Int32Array;
  readonly majority: Float32Array;
  readonly consistency: Float32Array;
  readonly seed: Uint8Array;
  readonly pool: Uint8Array;
  /** Round of admission; -1 = never. */
  readonly admittedRound: Int32Array;
  readonly probeLoss: Float32Array;
  readonly finalLoss: Float32Array;
  /** Class that the sanitized model predicts. */
  readonly predicted: Int32Array;
  /** Rank in the suspect list, 0 = most suspicious; -1 = not a suspect. */
  readonly suspectRank: Int32Array;
  /** Distilled mode: 1 - cosine of the sanitized model's and the encoder's representation, 0..2. NaN in paper mode. */
  readonly discrepancy: Float32Array;
  /** Two principal components of the last used tap, for the scatter. */
  readonly scatterX: Float32Array;
  readonly scatterY: Float32Array;
}

/** A pattern that samples of a class share and that the sanitized model follows, though a model that never saw them does not. */
export interface LearntPattern {
  readonly classIndex: number;
  readonly form: 'patch' | 'overlay';
  /** Samples that share it, ascending. */
  readonly samples: Int32Array;
  /** Of `n` images of other classes that it was laid over, the share that the sanitized model then calls the class, 0..1. */
  readonly turned: number;
  readonly n: number;
  /** The same of a net made anew that was taught the class without these samples; the shares of them and of the rest that it accepts. */
  readonly turnedWithout: number;
  readonly acceptedWithout: number;
  readonly knownWithout: number;
  /** What the model that was then grown anew without these samples turns; null where none was. */
  readonly turnedAgain: number | null;
}

/** A small picture: bytes of its planes, one (grey) or three (red, green, blue), row by row. */
export interface Picture {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** `[channels * height * width]`, 0..255. */
  readonly bytes: readonly number[];
}

/** A trigger as the audit recovered it, tried on credible images of other classes that had no part in making it. */
export interface RecoveredTrigger {
  /** "patch" covers pixels, "overlay" is added to the image. */
  readonly form: 'patch' | 'overlay';
  /** Class that it leads to. */
  readonly target: number;
  /** Refused samples it was made from. */
  readonly suspects: number;
  /** How many of them carry it. Missing, as all below that say so, in records of earlier versions. */
  readonly carriers?: number;
  /** Share (0..1) of `n` images not called the class without it that it flips to the class. */
  readonly flippedUndefended: number;
  readonly flippedSanitized: number;
  /** The same in the undefended model for the strongest of some random patterns of its size and strength. May be missing. */
  readonly flippedControl?: number;
  readonly n: number;
  /** Class whose images alone were counted, because it works on them only; null = all other classes. May be missing. */
  readonly from?: number | null;
  /** How many times as strong as it was estimated it was laid on. Missing = as it was estimated. */
  readonly strength?: number;
  /** Whether it works as a trigger. May be missing. */
  readonly works?: boolean;
  readonly picture: Picture;
}

/** Fewest images, and flips from which a recovered trigger is called one. */
const fewestImages = 30;
const flipsMost = 0.5;
const flipsMoreThanChance = 0.25;
/**
 * The same where one class alone is counted: it is the one that flips most, so chance had as many tries as there are classes; and its
 * flips must be `flipsMostOfOneClass` beyond the doubt of so few images. What nine odd bags share turned 78 % of 60 images of one class in a
 * clean vision transformer, TaCT's squares turn 96 % and more (docs/efficacy.md).
 */
const flipsMoreOfOneClass = 0.5;
const flipsMostOfOneClass = 0.75;
const leftOver = 0.2;

type Flips = Pick<
  RecoveredTrigger,
  'n' | 'flippedUndefended' | 'flippedSanitized' | 'flippedControl' | 'from' | 'strength'
>;

/**
 * Whether a pattern flips as a trigger does: of images that had no part in it most in the undefended model, many more
 * than a random pattern of its size does, and hardly any in the sanitized model.
 */
export function flipsAsTrigger(flips: Flips): boolean {
  if ((flips.from ?? null) === null) return flipsBeyond(flips, flipsMoreThanChance);
  // Laid on more strongly, what tells two classes apart that are alike turns one into the other.
  const surely = binomialInterval(flips.flippedUndefended, flips.n)?.[0] ?? 0;
  return flips.strength === undefined && surely >= flipsMostOfOneClass && flipsBeyond(flips, flipsMoreOfOneClass);
}

/** Whether a recovered trigger was found to work as one. Records without that word are of a rule that knew one limit. */
export function worksAsTrigger(trigger: RecoveredTrigger): boolean {
  return trigger.works ?? flipsBeyond(trigger, flipsMoreThanChance);
}

function flipsBeyond({ n, flippedUndefended, flippedSanitized, flippedControl = 0 }: Flips, chance: number): boolean {
  return (
    n >= fewestImages &&
    flippedUndefended >= flipsMost &&
    flippedUndefended - flippedControl >= chance &&
    flippedSanitized <= leftOver
  );
}

/** Share of images that a pattern turns in a model that knows nothing of it: what any pattern does, in the runs that were tried. */
export const turnedByChance = 0.02;
/** Share that a model grown anew may still turn, of what the first one did, and at most. */
const [leftAgain, mostAgain] = [0.5, 0.2];

/** Whether a model that was grown anew does not follow a pattern any more. @param first the share that the first one turned */
export function isUnlearnt(first: number, again: number): boolean {
  return again <= Math.max(turnedByChance, Math.min(leftAgain * first, mostAgain));
}

/** What refused samples of a class look like: their label, or the class that most of them are taken for. */
export interface ClassKind {
  readonly classIndex: number;
  /** Class that the sanitized model takes most of them for. */
  readonly takenFor: number;
  /** Share that is taken for one of the two commonest classes, 0..1. */
  readonly directions: number;
  /** Share of the images nearest to them, among as many of the class as of that other one, that have their label, 0..1. */
  readonly likeLabel: number;
  /** The same of credible images of that other class: what anybody of it has by chance. */
  readonly rivalsLikeLabel: number;
}

/** Shares (0..1) of `n` images that what a search met flips to a class. */
export interface SearchedTurns {
  readonly target: number;
  readonly flippedUndefended: number;
  readonly flippedSanitized: number;
  readonly n: number;
}

/** The faint overlay under which the untrusted encoder sees different images most alike. */
export interface EncoderOverlay {
  /** Most that it changes a pixel, of 0..1. */
  readonly budget: number;
  /** Mean pairwise cosine of so many images' representations, -1..1, without and with it. */
  readonly base: number;
  readonly collapse: number;
  readonly images: number;
  /** Null where it does not draw images together. */
  readonly turned: SearchedTurns | null;
  /** Around mid-grey, so many times as strong as it is. */
  readonly picture: Picture;
  readonly strength: number;
}

/** The small opaque patch under which the untrusted encoder sees different images most alike. */
export interface EncoderTexture {
  /** Pixels of the input, from 0. */
  readonly row: number;
  readonly column: number;
  readonly size: number;
  /** As of an overlay. */
  readonly base: number;
  readonly collapse: number;
  readonly images: number;
  readonly turned: SearchedTurns | null;
  /** The patch in its place, on mid-grey. */
  readonly picture: Picture;
}

/** What refused samples have in common, and the trigger estimated from it; and what was searched for in the encoder. */
export interface TriggerEvidence {
  /** Refused samples of one class minus the mean of credible samples like them; mid-grey = no difference. */
  readonly residues: readonly { readonly sample: number; readonly picture: Picture }[];
  readonly meanResidue: Picture | null;
  readonly estimate: RecoveredTrigger | null;
  /** Null where none was searched, absent in records of versions that did not. */
  readonly overlay?: EncoderOverlay | null;
  readonly texture?: EncoderTexture | null;
}

export interface AuditResult {
  readonly encoder: EncoderFacts;
  readonly dataset: DatasetFacts;
  readonly sifting: SiftingFacts;
  readonly channels: ChannelFacts;
  readonly rounds: readonly PoolRound[];
  readonly triggers: TriggerEvidence;
  /** Second opinions; null where none were asked for, absent in runs of versions that had none. */
  readonly opinions?: readonly Opinion[] | null;
  /** On the held-out guard samples of the clean pool: the only labels that were examined. */
  readonly outcome: {
    readonly guardSamples: number;
    /** 0..1; null when there is no guard sample. */
    readonly probeAccuracy: number | null;
    readonly sanitizedAccuracy: number | null;
  };
  readonly verdict: AuditVerdict;
  /** Every method parameter by dotted name, with who chose it. */
  readonly parameters: Readonly<
    Record<string, { readonly value: number | string | boolean; readonly chosenBy: 'default' | 'preset' | 'analyst' }>
  >;
}

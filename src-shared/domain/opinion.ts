/** Second opinions: other people's detectors beside the audit. They are shown; they never change the verdict. */

/** In the order in which they are shown. */
export const opinionIds = [
  'no-defense',
  'spectral-signatures',
  'activation-clustering',
  'scan',
  'spectre',
  'beatrix',
  'strip',
  'clp',
  'decree',
  'abl',
  'fine-pruning',
  'rnp',
  'anp',
  'nad',
  'i-bau',
] as const;
export type OpinionId = (typeof opinionIds)[number];

/** Which of them an audit asks: none, those that take a few passes over the data, or all that are built. */
export const opinionExtents = ['none', 'cheap', 'all'] as const;
export type OpinionExtent = (typeof opinionExtents)[number];

/** Why a detector has no word on this audit. */
export const opinionReasons = [
  'not-built',
  'not-asked',
  'no-map',
  'no-convolution',
  'too-few',
  'not-differentiable',
] as const;
export type OpinionReason = (typeof opinionReasons)[number];

export interface OpinionClass {
  readonly classIndex: number;
  /** Samples of the class that were scored, and those of them it flags. */
  readonly scored: number;
  readonly flagged: number;
  /** What the detector says of the class as a whole; null where it says nothing or could not. */
  readonly score: number | null;
  /** Whether it raises the alarm for the class; false for detectors that only score samples. */
  readonly alarm: boolean;
}

/** How what a detector flags and what the audit found go together. */
export interface OpinionAgreement {
  /** "suspects": samples of the suspect list; "untrusted": channels that were not kept. */
  readonly with: 'suspects' | 'untrusted';
  /** Of what the detector scored: flagged by the audit, by both, and by both if the two were unrelated. */
  readonly audit: number;
  readonly both: number;
  readonly byChance: number;
  /** Probability that a random one of the audit's scores higher than a random other, ties half; null without both kinds. */
  readonly auc: number | null;
}

/** What one detector says. Higher scores are more suspicious, whatever the detector. */
export interface Opinion {
  readonly id: OpinionId;
  readonly state: 'run' | 'not-run';
  /** Null when it ran. */
  readonly reason: OpinionReason | null;
  readonly subject: 'samples' | 'channels' | 'encoder';
  /** How many samples or channels were scored (1 for the encoder), and how many there are. */
  readonly scored: number;
  readonly of: number;
  readonly flagged: number;
  /** Share that is flagged whatever the data is like; null for detectors that may flag nothing. */
  readonly quota: number | null;
  /** Whether it raises the alarm for a class or the encoder; null for detectors that only rank. */
  readonly alarm: boolean | null;
  /** Thresholds and results by name; see `src-shared/opinion-words.ts` for what they mean. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly classes: readonly OpinionClass[];
  readonly agreement: OpinionAgreement | null;
}

/**
 * What every second opinion is: a detector of other people with one verb, `judge`. It is given what an audit has at its
 * end; detectors that want clean data get what the audit sifted ("self-supplied"), and the report says so.
 */
import type { OpinionId, OpinionReason } from '../../../src-shared/domain/opinion.ts';
import { meanOfRows } from '../math/symmetric.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import type { ModelView } from '../evidence/refused.ts';

/** Representations of some samples by the untrusted encoder. */
export interface Features {
  /** Samples, ascending. */
  readonly indices: Int32Array;
  /** `[indices.length, dim]` */
  readonly rows: Float32Array;
  readonly dim: number;
  /** Given label of each row. */
  readonly labels: Int32Array;
  readonly classes: number;
}

export interface OpinionInput {
  readonly provider: Provider;
  readonly encoder: Encoder;
  /** Images per forward run. */
  readonly batch: number;
  readonly samples: SampleSource;
  /** The undefended model: input `pixels`, output `logits`; and what it makes of every sample. */
  readonly undefended: Graph;
  readonly probe: ModelView;
  readonly features: Features;
  /** Samples that repeat an earlier one, label and all: not looked at. */
  readonly copies: ReadonlySet<number>;
  /** Samples that the audit takes for clean, ascending. */
  readonly credible: Int32Array;
  /** The suspect list, most suspicious first. */
  readonly suspects: Int32Array;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** A word on samples. `score` and `flagged` are `[indices.length]`. */
export interface SampleJudgement {
  readonly subject: 'samples';
  readonly indices: Int32Array;
  /** Higher = more suspicious. */
  readonly score: Float32Array;
  readonly flagged: Uint8Array;
  readonly quota: number | null;
  /** Per class; null where the detector says nothing of classes. */
  readonly classes: readonly { readonly score: number | null; readonly alarm: boolean }[] | null;
  readonly numbers: Readonly<Record<string, number>>;
}

/** A word on channels: one entry per layer of `encoder.layers`; null for layers it cannot look at. */
export interface ChannelJudgement {
  readonly subject: 'channels';
  readonly layers: readonly ({ readonly score: Float32Array; readonly flagged: Uint8Array } | null)[];
  readonly numbers: Readonly<Record<string, number>>;
}

export interface EncoderJudgement {
  readonly subject: 'encoder';
  readonly alarm: boolean;
  readonly numbers: Readonly<Record<string, number>>;
}

export interface NoJudgement {
  readonly subject: 'none';
  readonly reason: OpinionReason;
}

export type Judgement = SampleJudgement | ChannelJudgement | EncoderJudgement;

export interface Detector {
  readonly id: OpinionId;
  readonly subject: Judgement['subject'];
  /** "cheap": at most a few passes over the data. */
  readonly cost: 'cheap' | 'dear';
  judge(input: OpinionInput): Promise<Judgement | NoJudgement>;
}

/** Positions in `features` of the rows of each class. */
export function rowsByClass({ labels, classes }: Pick<Features, 'labels' | 'classes'>): number[][] {
  const lists: number[][] = Array.from({ length: classes }, () => []);
  labels.forEach((label, at) => lists[label].push(at));
  return lists;
}

/** The rows at `positions`, as float64 `[positions.length, dim]`. */
export function takeRows(rows: ArrayLike<number>, dim: number, positions: readonly number[]): Float64Array {
  const taken = new Float64Array(positions.length * dim);
  positions.forEach((position, i) => {
    for (let j = 0; j < dim; j++) taken[i * dim + j] = rows[position * dim + j];
  });
  return taken;
}

/** Whether rows `[n, dim]` differ by no more than the rounding of float32: nothing can be read from them. */
export function areEqual(rows: Float64Array, dim: number): boolean {
  const n = rows.length / dim;
  const mean = meanOfRows(rows, n, dim);
  let differ = 0;
  let size = 0;
  for (let at = 0; at < rows.length; at++) {
    differ += (rows[at] - mean[at % dim]) ** 2;
    size += rows[at] ** 2;
  }
  return differ <= 1e-12 * size;
}

/** Flags the `share` of the positions with the highest scores (rounded down), ties by position. */
export function flagTop(score: Float32Array, positions: readonly number[], share: number, flagged: Uint8Array): void {
  const order = [...positions].sort((a, b) => score[b] - score[a] || a - b);
  for (const position of order.slice(0, Math.floor(share * order.length))) flagged[position] = 1;
}

/** A class whose samples are all alike: none is more suspicious than another. */
export function scoreNothing(score: Float32Array, positions: readonly number[]): { score: null; alarm: false } {
  for (const position of positions) score[position] = 0;
  return { score: null, alarm: false };
}

/** Fewest samples of a class that a detector fits anything to. */
export const fewestOfClass = 10;

/**
 * Share of a class that detectors by quota flag: 1.5 times a presumed share of poison of 5 % (both are how the sources
 * evaluate; nobody knows the share of a stranger's dataset).
 */
export const presumedQuota = 1.5 * 0.05;

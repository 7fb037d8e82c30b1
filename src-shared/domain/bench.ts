/** What a bench measures: planted attacks, with the defence and without, one cell at a time. */
import type { Mode, Preset } from './run.ts';
import type { Finding, Verdict } from './verdict.ts';

/** One cell of the matrix: names are those of the plan. */
export interface BenchCell {
  readonly encoder: string;
  readonly dataset: string;
  readonly seed: number;
  readonly preset: Preset;
  readonly mode: Mode;
}

/** Hits of a number of trials. */
export interface Count {
  readonly hits: number;
  readonly of: number;
}

/** One classifier under one trigger. */
export interface Rates {
  /** Held-back images called right. */
  readonly acc: Count;
  /** Triggered images of attacked classes that are called the target. */
  readonly asr: Count;
  /** The same images without the trigger. */
  readonly control: Count;
}

/** "void": the attack does not work on the undefended model, so nothing can be said of the defence. */
export type RowState = 'counted' | 'void' | 'nothing planted';

export interface BenchRow {
  /** Whose trigger this row is about. */
  readonly trigger: 'encoder' | 'dataset' | 'both' | 'none';
  readonly about: string;
  readonly state: RowState;
  readonly undefended: Rates;
  readonly sanitized: Rates;
  /** Broken defences by name. */
  readonly controls: Readonly<Record<string, Rates>>;
  /** Share of the channels that the trigger moves most that were kept as trusted; null when it moves none. */
  readonly movedChannelsKept: Count;
  /** PNG as base64: an image, the image with the trigger, their difference enlarged around grey. */
  readonly pictures: readonly string[];
}

export interface BenchResult {
  readonly state: 'done';
  readonly cell: BenchCell;
  readonly rows: readonly BenchRow[];
  /** Poison among seeds, first pool, and all samples ever admitted; `of` is the number of poison samples planted. */
  readonly leaks: { readonly seeds: number; readonly pool: number; readonly admitted: number; readonly of: number };
  /** Poison share among the target's seeds over that among the target's samples; null without poison or seeds. */
  readonly enrichment: number | null;
  readonly covers: number;
  readonly suspects: Count;
  readonly verdict: { readonly encoder: Verdict; readonly dataset: Verdict };
  /** What the verdict rests on: encoder, dataset, then every class. */
  readonly findings: readonly Finding[];
  readonly seconds: number;
  readonly peakBytes: number;
  readonly version: string;
  readonly provider: string;
}

export interface BenchFailure {
  readonly state: 'failed';
  readonly cell: BenchCell;
  readonly code: string;
  readonly message: string;
}

export type BenchOutcome = BenchResult | BenchFailure;

const share = ({ hits, of }: Count): number => (of === 0 ? 0 : hits / of);

/** The attack-works rule: ASR of the undefended model at least 60 %, and at least 50 points above its control. */
export function attackWorks(undefended: Rates): boolean {
  return share(undefended.asr) >= 0.6 && share(undefended.asr) >= share(undefended.control) + 0.5;
}

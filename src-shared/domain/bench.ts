/** What a bench measures: planted attacks, with the defence and without, one cell at a time. */
import type { SerializedFailure } from '../failure.ts';
import type { Mode, Preset, RunEvent } from './run.ts';
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

/** How a trigger was recovered by an audit that did not know it, and how like the planted one it is. */
export interface RecoveredRow {
  readonly by: 'scan' | 'overlay' | 'texture' | 'suspects';
  readonly form: 'patch' | 'overlay';
  /** Whether the audit calls it a trigger. */
  readonly announced: boolean;
  /**
   * Against a planted patch "overlap": intersection over union of the pixels, 0..1. Against a planted change of the whole
   * image "correlation" of the mean changes, -1..1.
   */
  readonly measure: 'overlap' | 'correlation';
  readonly likeness: number;
  /** Share flipped, 0..1; of random patterns of its size null where none was tried. */
  readonly flippedUndefended: number;
  readonly flippedSanitized: number;
  readonly flippedControl: number | null;
  readonly n: number;
  /** PNG as base64; the pattern on, or around, mid-grey. */
  readonly picture: string;
}

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
  /**
   * What the audit recovered that may be this row's trigger, best first: the scan of the encoder for its trigger, the suspects for the
   * dataset's. Missing in cells of earlier versions.
   */
  readonly recovered?: readonly RecoveredRow[];
}

export interface BenchResult {
  readonly state: 'done';
  readonly cell: BenchCell;
  readonly rows: readonly BenchRow[];
  /**
   * Poison among seeds and first pool as they were sifted, before anything was checked or grown again, among all samples that
   * any growth admitted, and among all that the last growth taught; `of` is the number of poison samples planted.
   * Cells of earlier versions have no `taught`, and counted seeds, pool and admitted of the last growth alone.
   */
  readonly leaks: {
    readonly seeds: number;
    readonly pool: number;
    readonly admitted: number;
    readonly taught?: number;
    readonly of: number;
  };
  /** How often the model was grown: more than once where the alarm rang. Missing in cells of earlier versions. */
  readonly growths?: number;
  /** Poison share among the target's sifted seeds over that among the target's samples; null without poison or seeds. */
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

/** Encoder attacks that can be planted on an encoder that is there; the others pre-train one of their own. */
export const plantableEncoders = ['none', 'badencoder', 'badencoder-taps', 'drupe'] as const;
export type PlantableEncoder = (typeof plantableEncoders)[number];

/** Dataset attacks; "encoder-trigger" takes the trigger of the encoder it is paired with. */
export const plantableDatasets = [
  'none',
  'badnets',
  'blended',
  'sig',
  'wanet',
  'tact',
  'adap-blend',
  'adap-patch',
  'encoder-trigger',
] as const;
export type PlantableDataset = (typeof plantableDatasets)[number];

/** What a person asks of planted attacks: everything chosen is planted with everything it goes with. */
export interface AttackRequest {
  /** Null: the bundled sample's clean encoder and images. */
  readonly inputs: { readonly encoder: string; readonly dataset: string } | null;
  readonly encoders: readonly PlantableEncoder[];
  readonly datasets: readonly PlantableDataset[];
  /** Class that the triggers lead to, from 0. */
  readonly target: number;
  /** Samples of each cell's dataset. */
  readonly samples: number;
  /** Images held back to measure on; the bundled sample has its own. */
  readonly test: number;
  readonly preset: Preset;
  readonly mode: Mode;
  readonly seeds: readonly number[];
}

/** Pairs of encoder and dataset attack that a request leads to: a dataset cannot take a trigger that no encoder has. */
export function attackPairs(
  request: Pick<AttackRequest, 'encoders' | 'datasets'>,
): (readonly [PlantableEncoder, PlantableDataset])[] {
  return request.encoders.flatMap((encoder) =>
    request.datasets
      .filter((dataset) => dataset !== 'encoder-trigger' || encoder !== 'none')
      .map((dataset) => [encoder, dataset] as const),
  );
}

export interface MatrixSummary {
  /** Name of its folder below the project's "attacks", e.g. "0001". */
  readonly id: string;
  readonly number: number;
  readonly state: 'running' | 'interrupted' | 'finished';
  /** Cells of the plan, those with an outcome, and those of them that failed. */
  readonly cells: number;
  readonly done: number;
  readonly failed: number;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  readonly request: AttackRequest;
}

export interface MatrixDetail {
  readonly summary: MatrixSummary;
  /** Folder with matrix.html, matrix.csv and matrix.json. */
  readonly folder: string;
  /** In the order they are run. */
  readonly cells: readonly BenchCell[];
  readonly outcomes: readonly BenchOutcome[];
}

export type MatrixEvent =
  | { readonly type: 'cell'; readonly at: number; readonly of: number; readonly cell: BenchCell }
  | { readonly type: 'run'; readonly event: RunEvent }
  | { readonly type: 'outcome'; readonly outcome: BenchOutcome }
  | { readonly type: 'ended'; readonly failure: SerializedFailure | null };

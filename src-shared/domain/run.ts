/** A run of the audit: its stages, what it streams, and the parameters a person may set. */
import type { AuditVerdict, Verdict } from './verdict.ts';

export const stages = [
  'preflight',
  'probe',
  'sift',
  'expand',
  'unlearn',
  'recover',
  'filter',
  'warm-up',
  'grow',
  'final',
  'evidence',
  'opinions',
  'export',
] as const;
export type Stage = (typeof stages)[number];

export type Preset = 'quick' | 'standard' | 'thorough';
/** "paper" = T-Core as published: trusted channels are kept; "distilled" = a model made anew learns from the encoder. */
export const modes = ['paper', 'distilled'] as const;
export type Mode = (typeof modes)[number];
/** The mode of an audit that names none: docs/efficacy.md says why. */
export const defaultMode: Mode = 'distilled';

/** What a person chose; everything else follows from the preset and is recorded with the run. */
export interface AuditRequest {
  readonly encoder: string;
  readonly dataset: string;
  readonly mode: Mode;
  readonly preset: Preset;
  readonly seed: number;
  readonly device: 'auto' | 'cpu' | 'gpu' | string;
  /** Threads of the CPU's provider; null = as many as the machine has. Absent in runs of older versions. */
  readonly threads?: number | null | undefined;
  /** Architecture of a file that holds weights only; null = found from their names and shapes. */
  readonly arch: string | null;
  /** Resize of the images, height x width; null = what the encoder asks for. */
  readonly inputSize: readonly [number, number] | null;
  /** Per-channel normalisation the encoder was trained with; null = none beyond what its graph contains. */
  readonly mean: readonly number[] | null;
  readonly std: readonly number[] | null;
  /** Tensor of the encoder's file to take as representation; null = found from the graph. */
  readonly representation: string | null;
  /** File with one class name per line; null = from the dataset. */
  readonly classes: string | null;
  /** Overrides of single method parameters by dotted name, e.g. { "grow.cap": 0.6 }. */
  readonly overrides: Readonly<Record<string, number | string | boolean>>;
  /** Limits of the readers by dotted name, e.g. { "dataset.maxFiles": 20000000 }. */
  readonly limits: Readonly<Record<string, number>>;
}

export type RunState = 'running' | 'interrupted' | 'cancelled' | 'failed' | 'finished';

export interface RunSummary {
  readonly id: string;
  readonly number: number;
  readonly state: RunState;
  readonly encoderName: string;
  readonly datasetName: string;
  readonly preset: Preset;
  readonly mode: Mode;
  readonly seed: number;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly verdict: { readonly encoder: Verdict; readonly dataset: Verdict } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** One round of bootstrapping, from warm-up to final. */
export interface PoolRound {
  readonly round: number;
  readonly guidance: 'seeds' | 'loss' | 'meta' | 'discrepancy' | 'final';
  /** Share of the dataset aimed at, 0..1. */
  readonly share: number;
  readonly size: number;
  readonly perClass: readonly number[];
  readonly admitted: number;
  readonly removed: number;
  /** Accuracy on the held-out part of the clean pool, 0..1, after the round; null when the pool is too small for one. */
  readonly guardAccuracy: number | null;
  /** Mean training loss of the round's last epoch. */
  readonly loss: number;
  /** Why growth stopped here, when it did. */
  readonly stopped: string | null;
  /** Distilled mode: samples on which the encoder's own answer was taught. */
  readonly distilled?: number;
}

/** Events a running audit streams, coalesced to at most 10 a second by the sender. */
export type RunEvent =
  | { readonly type: 'stage'; readonly stage: Stage; readonly state: 'started' | 'finished' | 'resumed' }
  | {
      readonly type: 'progress';
      readonly stage: Stage;
      readonly done: number;
      readonly total: number;
      readonly unit: string;
      /** Units per second; null until known. */
      readonly rate: number | null;
      readonly etaSeconds: number | null;
    }
  | {
      readonly type: 'metric';
      readonly stage: Stage;
      readonly name: string;
      /** Position on the x axis (epoch or step counted over the run's stage). */
      readonly at: number;
      readonly value: number;
    }
  | { readonly type: 'pool'; readonly round: PoolRound }
  /** The engine stands still, and goes on. Told by the host. */
  | { readonly type: 'paused' }
  | { readonly type: 'continued' }
  | {
      readonly type: 'warning';
      readonly code: string;
      readonly message: string;
      readonly subject: string | null;
      /** The numbers and names of the message, where it can be said in another language. */
      readonly values?: Readonly<Record<string, number | string>> | undefined;
    }
  | { readonly type: 'finished'; readonly verdict: AuditVerdict; readonly exitCode: 0 | 1 | 3 }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'cancelled' };

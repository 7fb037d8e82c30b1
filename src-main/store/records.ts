/** What goes into a project and comes out of it, as plain data. */
import type { ChannelFacts, DatasetFacts, EncoderFacts, SiftingFacts } from '../../src-shared/domain/result.ts';
import type { AuditRequest, PoolRound, RunEvent, RunState, RunSummary, Stage } from '../../src-shared/domain/run.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';
import type { Json } from '../../src-shared/json.ts';
import type { ColumnData } from './columns.ts';

export interface ProjectFacts {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly appVersion: string;
}

export interface RunDetails {
  readonly summary: RunSummary;
  readonly request: AuditRequest;
  readonly parameters: Json;
  readonly environment: Json;
  readonly encoder: EncoderFacts | null;
  readonly dataset: DatasetFacts | null;
  readonly verdict: AuditVerdict | null;
  /** What `finishRun` was given; null while the run is not finished. */
  readonly result: Json;
  readonly states: readonly { readonly state: RunState; readonly at: string }[];
}

export interface StepRecord {
  readonly name: string;
  /** 0, 1, 2 … in the order of commits. */
  readonly position: number;
  readonly params: Json;
  readonly inputs: readonly string[];
  readonly data: Json;
  /** Safetensors file with the step's tensors; null when it has none. */
  readonly blob: {
    readonly digest: string;
    readonly size: number;
    readonly keep: BlobKeep;
    readonly dropped: boolean;
  } | null;
  readonly digest: string;
  readonly seconds: number;
  readonly committedAt: string;
  /** Number of the journal entry. */
  readonly entry: number;
}

export type BlobKeep = 'kept' | 'transient';

export interface MetricPoint {
  readonly stage: Stage;
  readonly name: string;
  readonly at: number;
  /** NaN where the metric had no value. */
  readonly value: number;
}

export interface LogEntry {
  readonly at: string;
  readonly event: RunEvent;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Give it to the next call to get what came after. */
  readonly cursor: number;
}

export interface ChannelMaskRow {
  readonly id: string;
  readonly label: string;
  readonly channels: number;
  readonly kept: number;
  readonly mask: readonly number[];
  readonly trusted: readonly boolean[];
}

export interface ExportRow {
  readonly format: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly at: string;
}

export type { Decision, DecisionAct, DecisionRow, DecisionSubject } from '../../src-shared/domain/decision.ts';

/** One entry of the journal as it is listed. */
export interface JournalRow {
  readonly seq: number;
  readonly run: string | null;
  readonly kind: string;
  readonly at: string;
  /** Canonical JSON: table -> rows it speaks for. */
  readonly body: string;
  readonly hash: string;
}

export interface NewRun {
  readonly request: AuditRequest;
  /** `AuditResult.parameters`: every method parameter with who chose it. */
  readonly parameters: unknown;
  readonly environment: unknown;
}

export interface NewStep {
  readonly name: string;
  readonly params: unknown;
  readonly inputs: readonly string[];
  readonly data: unknown;
  /** The step's tensors as one safetensors file; null when it has none. */
  readonly tensors: Uint8Array | null;
  /** `transient`: may be dropped once a later step is committed. */
  readonly keep: BlobKeep;
  readonly seconds: number;
  /** Written in the same transaction. */
  readonly poolRounds?: readonly PoolRound[];
  readonly channelMasks?: ChannelFacts['layers'];
  readonly siftedSet?: SiftedSet;
}

export interface SiftedSet {
  /** "sift" for what sifting found, "sift/again" without who was set aside, "final" for the columns of the finished audit. */
  readonly label: string;
  readonly facts: SiftingFacts;
  /** Columns over the samples by name (`SampleColumns`, and sample names as strings); all of one length. */
  readonly columns: Readonly<Record<string, ColumnData>>;
}

export interface ExportedFile {
  readonly format: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

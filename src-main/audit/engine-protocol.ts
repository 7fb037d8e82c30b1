/** The jobs of the engine process and what it asks its host for, as both ends type them. */
import type { AppProcedures, Preview } from '../../src-shared/contract.ts';
import type { Check } from '../../src-shared/domain/check.ts';
import type { ExportOutcome } from '../../src-shared/domain/model-export.ts';
import type { Opinion } from '../../src-shared/domain/opinion.ts';
import type { AuditResult, DatasetFacts, EncoderFacts, SampleColumns } from '../../src-shared/domain/result.ts';
import type { AuditRequest, PoolRound } from '../../src-shared/domain/run.ts';
import type { Json } from '../../src-shared/json.ts';
import type { StepSpec } from '../engine/journal.ts';
import type { JobProtocol } from '../engine/jobs/protocol.ts';
import type { Examined } from '../engine/providers/examine.ts';
import type { ProviderInfo } from '../engine/providers/provider.ts';
import type { EncoderSummary } from '../engine/tcore/context.ts';
import type { MethodParameters } from '../engine/tcore/parameters.ts';
import type { PackedNames, Resized } from '../formats/datasets/pixel-file.ts';
import type { ExportJob } from './export-job.ts';
import type { BenchJob, MeasuredCell } from './bench-cell.ts';
import type { ExportCheck } from './export-model.ts';
import type { FileDigest } from './files.ts';
import type { InspectJob, Inspection } from './inspect-job.ts';
import type { MapJob, MapOutcome } from './map-job.ts';
import type { Plan } from './plan.ts';
import type { RenderJob } from './render-job.ts';
import type { RenderedFile } from '../report/writers.ts';

/** What is known before anything is computed. */
export interface Preflight {
  readonly encoder: EncoderFacts;
  readonly dataset: DatasetFacts;
  /** Files and choices of the readers that a person should know of. */
  readonly notes: readonly string[];
  /** Entries of the dataset that are no samples although they might look like some. */
  readonly skipped: {
    readonly count: number;
    readonly listed: readonly { readonly name: string; readonly reason: string }[];
  };
  /** Unreadable images, all of them; `dataset.unreadable` lists the first. */
  readonly unreadable: number;
  /** Files or folders of the dataset outside the part that was read. */
  readonly leftOut: readonly string[];
  /** Images that were brought to `shape` from another size. */
  readonly resized: Resized;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Samples that repeat an earlier one exactly. */
  readonly duplicates: Int32Array;
  readonly labels: Int32Array;
  /** Name of every sample: path below the dataset, or "file#index". */
  readonly names: PackedNames;
  /** Name of the decoded pixels within the cache folder, and their digest. */
  readonly pixelFile: string;
  readonly pixelsDigest: string;
  readonly plan: Plan;
  readonly provider: ProviderInfo;
}

export interface AuditJob {
  readonly request: AuditRequest;
  readonly parameters: MethodParameters;
  /** Folder for decoded pixels; may be deleted at any time between runs. */
  readonly cache: string;
  /** Folder the exports go to; exists. */
  readonly out: string;
}

export interface AuditOutcome {
  /** What only the method finds out of the encoder, e.g. the normalisations it had to put back. */
  readonly encoder: EncoderSummary;
  readonly sifting: AuditResult['sifting'];
  readonly channels: AuditResult['channels'];
  readonly rounds: readonly PoolRound[];
  readonly triggers: AuditResult['triggers'];
  readonly opinions: readonly Opinion[] | null;
  readonly columns: SampleColumns;
  readonly outcome: AuditResult['outcome'];
  readonly verdict: AuditResult['verdict'];
  /** Digest of the last committed step of the method. */
  readonly digest: string;
  readonly exported: {
    readonly onnx: FileDigest;
    readonly safetensors: FileDigest;
    readonly check: ExportCheck;
  };
}

/** A step as it travels; tensors as one safetensors file. */
export interface StepMessage {
  readonly spec: StepSpec;
  readonly data: Json;
  readonly tensors: Uint8Array | null;
  readonly seconds: number;
}

export interface StoredStep {
  readonly data: Json;
  readonly tensors: Uint8Array | null;
  readonly digest: string;
}

export type PreviewRequest = AppProcedures['audit.preview']['request'];

export interface EngineProtocol extends JobProtocol {
  readonly jobs: {
    /** The whole audit; resumes wherever the host's journal has steps. */
    readonly audit: { readonly request: AuditJob; readonly result: AuditOutcome };
    /** Writes, re-opens and compares. */
    readonly export: { readonly request: ExportJob; readonly result: ExportOutcome };
    /** Looks at one model file and runs nothing of it. */
    readonly inspect: { readonly request: InspectJob; readonly result: Inspection };
    /** Where samples lie at one tap; a picture, which decides nothing. */
    readonly map: { readonly request: MapJob; readonly result: MapOutcome };
    /** One cell of a bench. */
    readonly bench: { readonly request: BenchJob; readonly result: MeasuredCell };
    readonly doctor: {
      readonly request: { readonly device: string };
      /** `fastest`: id of the fastest provider that is right; null when none is. */
      readonly result: { readonly providers: readonly Examined[]; readonly fastest: string | null };
    };
    /** Looks at both inputs and measures how fast the encoder is here; writes nothing that outlives it. */
    readonly preview: { readonly request: PreviewRequest; readonly result: Preview };
    /** One format of a report from its record; no key comes here. */
    readonly render: { readonly request: RenderJob; readonly result: readonly RenderedFile[] };
    /** All of a pack, a project or an audit folder, against its digests; `key` = file of the public key of a pack. */
    readonly verify: {
      readonly request: { readonly path: string; readonly key: string | null };
      readonly result: readonly Check[];
    };
  };
  readonly asks: {
    /** Inputs were read; the host compares and commits them. Fails with input-changed where a resumed run differs. */
    readonly preflighted: { readonly payload: Preflight; readonly answer: null };
    readonly 'step.find': { readonly payload: StepSpec; readonly answer: StoredStep | null };
    readonly 'step.commit': { readonly payload: StepMessage; readonly answer: StoredStep };
  };
}

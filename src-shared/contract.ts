/**
 * What a front door may ask of Coresift: one map, procedure -> request and response (or stream of events). Hosts,
 * preload, renderer and the use cases derive their types from it; nothing else crosses between them. Values are plain
 * data and typed arrays, so that they survive a MessagePort and a WebSocket alike. Failures cross as SerializedFailure.
 */
import type { AttackRequest, MatrixDetail, MatrixEvent, MatrixSummary } from './domain/bench.ts';
import type { Check } from './domain/check.ts';
import type { ReportWish } from './domain/report-order.ts';
import type { Decision, DecisionRow } from './domain/decision.ts';
import type { ExportedModel, ExportFormat } from './domain/model-export.ts';
import type { Opinion, OpinionExtent, OpinionId } from './domain/opinion.ts';
import type { AuditResult, SampleColumns } from './domain/result.ts';
import type { AuditRequest, Mode, Preset, RunEvent, RunSummary, Stage } from './domain/run.ts';
import type { ModelScan } from './domain/scan.ts';
import type { ChosenSettings, SettingTable } from './domain/setting.ts';
import type { KeyInfo, KeyKind, KeyRing } from './domain/signing-key.ts';
import type { SerializedFailure } from './failure.ts';

/** A request that needs nothing. */
export type Nothing = Readonly<Record<string, never>>;

/** One request, one response. */
export interface Call<Request, Response> {
  readonly kind: 'call';
  readonly request: Request;
  readonly response: Response;
}

/** One request, many events; ends when the sender is done or the receiver aborts. */
export interface Stream<Request, Event> {
  readonly kind: 'stream';
  readonly request: Request;
  readonly event: Event;
}

export interface AppInfo {
  readonly name: 'Coresift';
  readonly version: string;
  readonly host: 'electron' | 'loopback';
  /** "linux", "darwin", "win32". */
  readonly platform: string;
  /** Logical processors of the machine, and the threads a run uses. */
  readonly processors: number;
  readonly threads: number;
  /** The bundled sample project; null when this installation has none. */
  readonly sample: { readonly title: string; readonly description: string; readonly samples: number } | null;
}

export interface ProjectInfo {
  /** Folder name, for titles. */
  readonly name: string;
  /** Absolute path as the user would type it. */
  readonly folder: string;
  readonly schemaVersion: number;
  readonly runs: number;
  /** Whether the hash chain of the journal verified when the project was opened. */
  readonly journal: { readonly entries: number; readonly intact: boolean };
}

/** A file that a run wrote and re-opened. */
export interface ExportedFile {
  /** File name below the run's folder, e.g. "sanitized.onnx". */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** What it is for, in a few words. */
  readonly purpose: string;
}

export interface RunDetail {
  readonly summary: RunSummary;
  readonly request: AuditRequest;
  /** Folder that holds the exports. */
  readonly folder: string;
  /** Empty until the export stage is committed. */
  readonly exports: readonly ExportedFile[];
}

/** An event with its place in the run's sequence; `cursor` counts from 1 and never jumps backwards. */
export interface NumberedEvent {
  readonly cursor: number;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly event: RunEvent;
}

/** The per-sample columns known so far: after the sift stage with -1 or NaN in what later stages fill, complete at the end. */
export interface SampleTable {
  readonly classNames: readonly string[];
  readonly columns: SampleColumns;
  readonly complete: boolean;
}

export interface Thumbnail {
  readonly width: number;
  readonly height: number;
  /** Decoded and encoded anew by us, so that no byte of an untrusted file reaches the page. */
  readonly png: Uint8Array<ArrayBuffer>;
}

/** Consistency of every sample at every tap, as the sift step committed it. */
export interface TapScores {
  /** In network order; `used`: decided on the seeds. */
  readonly taps: readonly { readonly id: string; readonly label: string; readonly used: boolean }[];
  /** `[taps][samples]`, 0..1. */
  readonly consistency: Float32Array;
}

/** How samples are placed on the map: two principal components, or UMAP. Neither decides anything. */
export const mapMethods = ['pca', 'umap'] as const;
export type MapMethod = (typeof mapMethods)[number];

/** Where every sample lies at one tap. */
export interface SampleMap {
  readonly tap: string;
  readonly method: MapMethod;
  /** What UMAP drew its random numbers from, so that the same map can be made again; null for PCA. */
  readonly seed: number | null;
  /** One per sample; NaN where a sample was not placed. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Samples that have a place. */
  readonly placed: number;
}

export type MapEvent =
  | { readonly kind: 'progress'; readonly phase: 'reading' | 'placing'; readonly done: number; readonly total: number }
  | { readonly kind: 'map'; readonly map: SampleMap };

/** `kept`: where what came out differently lies; null when all was the same, and nothing was kept. */
export type ReplayEvent =
  | { readonly kind: 'progress'; readonly stage: Stage; readonly done: number; readonly total: number }
  | { readonly kind: 'checks'; readonly checks: readonly Check[]; readonly kept: string | null };

/** Who was in the clean pool after each committed round. */
export interface PoolMembers {
  readonly rounds: readonly number[];
  /** `[rounds][samples]`, 1 = in the pool. */
  readonly member: Uint8Array;
}

/** The nearest samples of the same given label, per tap that decided; nearest first. */
export interface Neighbours {
  readonly taps: readonly { readonly id: string; readonly label: string; readonly samples: Int32Array }[];
}

/** Second opinions of a run, and what those on samples say of every single one. */
export interface OpinionTable {
  /** One for every id of `opinionIds`, in that order; those that were not run say why. */
  readonly opinions: readonly Opinion[];
  /** Detectors that have a row each below. */
  readonly rows: readonly OpinionId[];
  /** `[rows][samples]`; higher = more suspicious, comparable within a row only; NaN = not scored. */
  readonly score: Float32Array;
  /** `[rows][samples]`, 1 = flagged. */
  readonly flagged: Uint8Array;
}

export interface JournalPage {
  /** Entries of the whole journal. */
  readonly total: number;
  /** Newest first. */
  readonly entries: readonly {
    readonly seq: number;
    readonly runNumber: number | null;
    readonly kind: string;
    readonly at: string;
    /** What the entry speaks for: table and how many rows of it, with the first name. */
    readonly what: string;
    readonly hash: string;
  }[];
}

/** What a request would read, looked at before anything is started. A part that could not be read says why. */
export interface Preview {
  readonly encoder:
    | null
    | {
        readonly state: 'read';
        readonly file: string;
        readonly bytes: number;
        readonly sha256: string;
        readonly format: string;
        /** Name of a known architecture; null where the file carries its own graph. */
        readonly architecture: string | null;
        /** Null for files that are not ONNX. */
        readonly opset: number | null;
        readonly producer: string;
        readonly family: string;
        readonly parameters: number;
        readonly input: { readonly channels: number; readonly height: number; readonly width: number };
        readonly representation: { readonly tensor: string; readonly dim: number; readonly how: string };
        readonly taps: readonly string[];
        readonly layers: readonly { readonly label: string; readonly channels: number }[];
        /** What the audit will use unless the analyst gives another; null = none beyond what the graph contains. */
        readonly normalisation: {
          readonly mean: readonly number[];
          readonly std: readonly number[];
          readonly source: string;
        } | null;
        readonly notes: readonly string[];
      }
    | { readonly state: 'failed'; readonly failure: SerializedFailure };
  readonly dataset:
    | null
    | {
        readonly state: 'read';
        readonly format: string;
        readonly samples: number;
        readonly classes: readonly { readonly name: string; readonly count: number }[];
        readonly skipped: number;
        readonly notes: readonly string[];
        /** Pictures spread evenly through the dataset, decoded and encoded anew; null where one could not be read. */
        readonly pictures: readonly {
          readonly index: number;
          readonly name: string;
          readonly label: number;
          /** Of the file, before it is brought to the encoder's size. */
          readonly width: number;
          readonly height: number;
          readonly picture: Thumbnail | null;
          readonly reason: string;
        }[];
        /** Mean and standard deviation of these pictures per channel, values 0..1. */
        readonly measured: { readonly mean: readonly number[]; readonly std: readonly number[]; readonly of: number };
      }
    | { readonly state: 'failed'; readonly failure: SerializedFailure };
  /** Null until both were read. Rough: from counting images and a rate measured in a moment. */
  readonly plans:
    | null
    | readonly {
        readonly mode: Mode;
        readonly preset: Preset;
        /** Null: as many as the preset asks by itself. */
        readonly opinions: OpinionExtent | null;
        readonly seconds: number;
        readonly peakBytes: number;
        readonly stages: readonly { readonly stage: string; readonly seconds: number }[];
      }[];
}

/** What a person set for themselves on this machine; null = never set. */
export interface UserSettings {
  readonly language: 'en' | 'de' | null;
  readonly theme: 'system' | 'light' | 'dark' | null;
}

export interface DoctorReport {
  readonly checks: readonly {
    readonly name: string;
    readonly state: 'ok' | 'warning' | 'failed';
    readonly detail: string;
    readonly values: Readonly<Record<string, number | string>>;
  }[];
}

/** Reports that were written anew. */
export interface WrittenReports {
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
}

/** Procedures the use cases answer (`audit/app.ts`). */
export interface AppProcedures {
  'app.info': Call<Nothing, Omit<AppInfo, 'host'>>;
  /** Opens (or makes) the project in `folder` and makes it the current one; null = the one that is open. */
  'project.open': Call<{ readonly folder: string | null }, ProjectInfo>;
  /** Newest first. */
  'runs.list': Call<Nothing, readonly RunSummary[]>;
  'run.get': Call<{ readonly runId: string }, RunDetail>;
  /** Starts an audit in the engine process; `out` = folder for the exports, null = below the project. */
  'run.start': Call<{ readonly request: AuditRequest; readonly out: string | null }, RunSummary>;
  /** Answers once the engine acknowledged; the run then ends with a 'cancelled' event and can be resumed. */
  'run.cancel': Call<{ readonly runId: string }, RunSummary>;
  /**
   * Answers once the engine stands still, which the run tells by a 'paused' event; it keeps what it has in memory. Nothing
   * happens where it does not compute.
   */
  'run.pause': Call<{ readonly runId: string }, RunSummary>;
  'run.continue': Call<{ readonly runId: string }, RunSummary>;
  'run.resume': Call<{ readonly runId: string }, RunSummary>;
  /**
   * All events after cursor `after` (0 = from the start: committed ones are replayed from the store), then live ones.
   * Ends after 'finished', 'failed' or 'cancelled', or at once after replay when the run is not running.
   */
  'run.events': Stream<{ readonly runId: string; readonly after: number }, NumberedEvent>;
  /** Null until the run is finished. */
  'run.result': Call<{ readonly runId: string }, AuditResult | null>;
  /** Null until the sift stage is committed. */
  'run.columns': Call<{ readonly runId: string }, SampleTable | null>;
  /** Image `index` of the run's dataset, scaled to fit a square of `size` pixels (16..512). */
  'sample.thumbnail': Call<{ readonly runId: string; readonly index: number; readonly size: number }, Thumbnail>;
  /** Starts the audit of the bundled sample project. */
  'sample.open': Call<Nothing, RunSummary>;
  /** The self-contained report as it was exported; fails with 'report-missing' before the export stage. */
  'report.html': Call<{ readonly runId: string }, { readonly html: string; readonly sha256: string }>;
  doctor: Call<Nothing, DoctorReport>;
  /** Null until the sift stage is committed. */
  'run.taps': Call<{ readonly runId: string }, TapScores | null>;
  /**
   * The map of one tap, as its last event. PCA is read from the journal; UMAP is computed in the engine process with the
   * run's seed and kept beside the decoded images. Fails with 'map-missing' for a tap without one, 'input-changed' when
   * the inputs are not what the run read.
   */
  'run.map': Stream<{ readonly runId: string; readonly tap: string; readonly method: MapMethod }, MapEvent>;
  /** Empty before the first round is committed. */
  'run.pools': Call<{ readonly runId: string }, PoolMembers>;
  /** Fails with 'request-invalid' for a sample that is not there; no taps before the sift stage is committed. */
  'sample.neighbours': Call<{ readonly runId: string; readonly index: number }, Neighbours>;
  /** Null until the opinions stage is committed, and where the audit asked for none. */
  'run.opinions': Call<{ readonly runId: string }, OpinionTable | null>;
  /** Oldest first. */
  'run.decisions': Call<{ readonly runId: string }, readonly DecisionRow[]>;
  /** Writes one decision to the journal under the name of the user this host runs as; answers all of the run. */
  'run.decide': Call<{ readonly runId: string; readonly decision: Omit<Decision, 'who'> }, readonly DecisionRow[]>;
  /** One decision about each of many samples, in one journal entry each but written all or none. */
  'run.decide-all': Call<
    {
      readonly runId: string;
      readonly samples: readonly number[];
      readonly act: 'tag' | 'untag';
      readonly value: string;
    },
    readonly DecisionRow[]
  >;
  /** Journal entries below number `before` (0 = from the newest). */
  'project.journal': Call<{ readonly before: number; readonly limit: number }, JournalPage>;
  /** Every entry, row and blob against its digest; computed in the engine process. */
  'project.verify': Call<Nothing, readonly Check[]>;
  /** Looks at an encoder and a dataset without starting anything; either may be null while it is not chosen. */
  'audit.preview': Call<
    Omit<AuditRequest, 'encoder' | 'dataset' | 'mode' | 'preset' | 'seed'> & {
      readonly encoder: string | null;
      readonly dataset: string | null;
    },
    Preview
  >;
  /** Names and ranges of everything that can be set by name, and what of the chosen values an audit would refuse. */
  'audit.settings': Call<ChosenSettings, SettingTable>;
  /** What `coresift inspect` says of one model file, in the engine process; fails with 'file-missing'. */
  'model.inspect': Call<{ readonly path: string; readonly limits: AuditRequest['limits'] }, ModelScan>;
  /**
   * The sanitized model of a finished run in other formats, each opened again and compared, recorded in the journal;
   * `out` null = below the project. Fails with 'run-unfinished', 'input-changed', 'export-differs'.
   */
  'run.export': Call<
    { readonly runId: string; readonly formats: readonly ExportFormat[]; readonly out: string | null },
    ExportedModel
  >;
  /**
   * The audit of a finished run once more, on its recorded inputs and parameters, and as the last event which digests came
   * out again. Fails with 'report-missing', 'run-active', and as an audit does; ending the stream cancels it.
   */
  'run.replay': Stream<{ readonly runId: string }, ReplayEvent>;
  'keys.list': Call<Nothing, KeyRing>;
  /** The passphrase is null where the key store of the operating system keeps the key. */
  'keys.create': Call<{ readonly name: string; readonly kind: KeyKind; readonly passphrase: string | null }, KeyInfo>;
  /** A private key in PEM; `given` = the passphrase it is encrypted with now, null for none. */
  'keys.import': Call<
    { readonly name: string; readonly pem: string; readonly given: string | null; readonly passphrase: string | null },
    KeyInfo
  >;
  /** The private half leaves encrypted only: as it is kept, or under `passphrase` where the key store keeps it. */
  'keys.export': Call<
    { readonly name: string; readonly half: 'public' | 'private'; readonly passphrase: string | null },
    { readonly pem: string }
  >;
  /** Writes reports of a finished run from its record and the decisions of now; `out` null = below the project. */
  'report.write': Call<
    ReportWish & {
      readonly runId: string;
      readonly out: string | null;
      /** Name of the key that signs the pack, and its passphrase where it has one. */
      readonly key: string | null;
      readonly passphrase: string | null;
    },
    WrittenReports
  >;
  /** A pack from anywhere, against itself and the public key in the file `key`; in the engine process. */
  'pack.verify': Call<{ readonly path: string; readonly key: string | null }, readonly Check[]>;
  /** Matrices of planted attacks of this project, newest first. */
  'attacks.list': Call<Nothing, readonly MatrixSummary[]>;
  /** Fails with 'matrix-unknown'. */
  'attacks.get': Call<{ readonly id: string }, MatrixDetail>;
  /** Plants and measures cell by cell, as `coresift bench` does; fails with 'run-active', 'plan-invalid'. */
  'attacks.start': Call<{ readonly request: AttackRequest }, MatrixSummary>;
  /** Finished cells stay. */
  'attacks.cancel': Call<{ readonly id: string }, MatrixSummary>;
  /** Goes on with the cells that have no outcome. */
  'attacks.resume': Call<{ readonly id: string }, MatrixSummary>;
  /** What is going on in a running matrix: the cell at work first, then live until it ends. Ends at once for others. */
  'attacks.events': Stream<{ readonly id: string }, MatrixEvent>;
  'settings.read': Call<Nothing, UserSettings>;
  'settings.write': Call<UserSettings, UserSettings>;
}

/** Procedures a host answers itself or completes. */
export interface HostProcedures {
  'app.info': Call<Nothing, AppInfo>;
  /** A page of our own origin that shows the run's report: its path holds a ticket that is good for this host's life only. */
  'report.page': Call<{ readonly runId: string }, { readonly path: string }>;
}

/** What a renderer sees: the use cases, completed by its host. `report.html` stays behind `report.page`. */
export type Contract = Omit<AppProcedures, keyof HostProcedures | 'report.html'> & HostProcedures;

/** Any map of procedures; the RPC layer is written against this. */
export type Procedures<Map> = { readonly [Name in keyof Map]: Call<unknown, unknown> | Stream<unknown, unknown> };

export interface HandlerContext {
  /** Aborted when the receiver cancels this call or goes away. */
  readonly signal: AbortSignal;
}

export type Handler<Procedure> =
  Procedure extends Call<infer Request, infer Response>
    ? (request: Request, context: HandlerContext) => Promise<Response>
    : Procedure extends Stream<infer Request, infer Event>
      ? (request: Request, context: HandlerContext) => AsyncIterable<Event>
      : never;

export type Handlers<Map> = { readonly [Name in keyof Map]: Handler<Map[Name]> };

/** What `createApp` returns: a handler for each procedure, and an orderly end (cancels runs, closes the project). */
export interface App {
  readonly handlers: Handlers<AppProcedures>;
  close(): Promise<void>;
}

/** How each procedure of the contract travels; its keys are the list of procedures. */
export const procedureKinds = {
  'app.info': 'call',
  'project.open': 'call',
  'runs.list': 'call',
  'run.get': 'call',
  'run.start': 'call',
  'run.cancel': 'call',
  'run.pause': 'call',
  'run.continue': 'call',
  'run.resume': 'call',
  'run.events': 'stream',
  'run.result': 'call',
  'run.columns': 'call',
  'sample.thumbnail': 'call',
  'sample.open': 'call',
  'report.page': 'call',
  doctor: 'call',
  'run.taps': 'call',
  'run.map': 'stream',
  'run.pools': 'call',
  'sample.neighbours': 'call',
  'run.opinions': 'call',
  'run.decisions': 'call',
  'run.decide': 'call',
  'run.decide-all': 'call',
  'project.journal': 'call',
  'project.verify': 'call',
  'audit.preview': 'call',
  'audit.settings': 'call',
  'model.inspect': 'call',
  'run.export': 'call',
  'run.replay': 'stream',
  'keys.list': 'call',
  'keys.create': 'call',
  'keys.import': 'call',
  'keys.export': 'call',
  'report.write': 'call',
  'pack.verify': 'call',
  'attacks.list': 'call',
  'attacks.get': 'call',
  'attacks.start': 'call',
  'attacks.cancel': 'call',
  'attacks.resume': 'call',
  'attacks.events': 'stream',
  'settings.read': 'call',
  'settings.write': 'call',
} as const satisfies { readonly [Name in keyof Contract]: Contract[Name]['kind'] };

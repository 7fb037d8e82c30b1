/** What a project says. A reader has no way to change it. */
import type { Database } from 'better-sqlite3';
import type { DatasetFacts, EncoderFacts, SiftingFacts } from '../../src-shared/domain/result.ts';
import type { AuditRequest, PoolRound, RunEvent, RunState, RunSummary, Stage } from '../../src-shared/domain/run.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Json } from '../../src-shared/json.ts';
import { readBlob, readBlobInParts, type BlobRef } from './blobs.ts';
import { digestJson } from './canonical.ts';
import { decodeColumn, type ColumnData, type ColumnType } from './columns.ts';
import { openForReading, storeErrors } from './database.ts';
import { chainHead, type ChainHead, type EntryRow } from './entries.ts';
import { isLocked } from './lock.ts';
import { requireKnown, schemaDifferences } from './migrate.ts';
import { projectFile } from './paths.ts';
import type {
  BlobKeep,
  ChannelMaskRow,
  DecisionRow,
  ExportRow,
  JournalRow,
  LogEntry,
  MetricPoint,
  Page,
  ProjectFacts,
  RunDetails,
  StepRecord,
} from './records.ts';

export type * from './records.ts';

export interface ProjectReader {
  readonly dir: string;
  project(): ProjectFacts;
  /** Newest first. */
  listRuns(): RunSummary[];
  /** @throws ExpectedError `run-unknown`. Accepts an id or a run number. */
  run(run: string): RunDetails;
  /** Runs that were stopped before they finished and can go on: interrupted, cancelled or failed. Newest first. */
  interruptedRuns(): RunSummary[];
  steps(run: string): StepRecord[];
  step(run: string, name: string): StepRecord | null;
  lastStep(run: string): StepRecord | null;
  /** Bytes of a step's tensors, checked; null when it has none or they were dropped (`blob.dropped`). @throws ExpectedError `project-corrupt`. */
  stepTensors(step: StepRecord): Uint8Array | null;
  /** The same, read in parts: the process does not stand still meanwhile. */
  stepTensorsInParts(step: StepRecord): Promise<Uint8Array | null>;
  /** SHA-256 over the digests of all steps in order: equal for equal work, whenever and however often it was interrupted. */
  journalDigest(run: string): string;
  siftedFacts(run: string, label?: string): SiftingFacts | null;
  /** Names and types of the columns of a sifted set. */
  columnNames(
    run: string,
    label?: string,
  ): { readonly name: string; readonly dtype: ColumnType; readonly count: number }[];
  /** One column over the samples; null when there is none of that name. @throws ExpectedError `project-corrupt`. */
  column(run: string, name: string, label?: string): ColumnData | null;
  /** All columns of a sifted set by name, read in parts; the numeric ones of "final" are `SampleColumns`. */
  sampleColumns(run: string, label?: string): Promise<Record<string, ColumnData> | null>;
  channelMasks(run: string): ChannelMaskRow[];
  poolRounds(run: string): PoolRound[];
  metricsAfter(run: string, cursor: number, limit?: number): Page<MetricPoint>;
  logAfter(run: string, cursor: number, limit?: number): Page<LogEntry>;
  exports(run: string): ExportRow[];
  decisions(run: string): DecisionRow[];
  /** At most `limit` journal entries below number `before`, newest first. */
  entriesBefore(before: number, limit: number): JournalRow[];
  head(): ChainHead | null;
  /** The whole journal, first entry first. */
  entries(): EntryRow[];
  close(): void;
}

/** @throws ExpectedError `file-missing`, `not-a-project`, `project-from-future`, `project-corrupt`. */
export function openReader(dir: string): ProjectReader {
  const file = projectFile(dir);
  const db = openForReading(file);
  try {
    storeErrors(file, () => {
      if (requireKnown(db) === 0) throw new ExpectedError('not-a-project', `${file} is empty.`);
      const difference = schemaDifferences(db)[0];
      if (difference !== undefined) throw new ExpectedError('project-corrupt', `${file}: ${difference}.`);
    });
  } catch (error) {
    db.close();
    throw error;
  }
  return readerOn(db, dir, () => isLocked(dir));
}

/** A reader on an open database; `isLive` says whether a writer is at work, without which no run can be running. */
export function readerOn(db: Database, dir: string, isLive: () => boolean): ProjectReader {
  const guarded = <T>(act: () => T): T => storeErrors(dir, act);
  const all = <T>(sql: string, ...values: (string | number)[]): T[] =>
    guarded(() => db.prepare(sql).all(...values) as T[]);
  const get = <T>(sql: string, ...values: (string | number)[]): T | undefined =>
    guarded(() => db.prepare(sql).get(...values) as T | undefined);

  const summaries = (where: string, ...values: (string | number)[]): RunSummary[] => {
    const rows = all<SummaryRow>(`${summarySql} ${where} ORDER BY run.number DESC`, ...values);
    const live = rows.some((row) => row.state === 'running') && isLive();
    return rows.map((row) => summaryOf(row, live));
  };
  const setId = (run: string, label: string): number | null =>
    get<{ id: number }>('SELECT id FROM sifted_set WHERE run = ? AND label = ?', run, label)?.id ?? null;
  const blobOf = (row: ColumnRow): BlobRef => ({ digest: row.blob, size: row.blob_size });
  const readColumn = (row: ColumnRow, bytes: Uint8Array): ColumnData => {
    try {
      return decodeColumn(row.dtype, row.count, bytes);
    } catch (error) {
      throw new ExpectedError('project-corrupt', `Column ${row.name}: ${(error as Error).message}.`, { cause: error });
    }
  };

  const reader: ProjectReader = {
    dir,
    project: () =>
      get<ProjectFacts>('SELECT id, name, created_at AS createdAt, app_version AS appVersion FROM project') ??
      corrupt('there is no row in table project'),
    listRuns: () => summaries(''),
    run(run) {
      const [summary] = summaries('WHERE run.id = ? OR CAST(run.number AS TEXT) = ?', run, run);
      if (summary === undefined) throw new ExpectedError('run-unknown', run);
      const row =
        get<{ request: string; parameters: string; environment: string }>(
          'SELECT request, parameters, environment FROM run WHERE id = ?',
          summary.id,
        ) ?? corrupt('a run has gone while it was read');
      const subject = get<{ encoder: string; dataset: string }>(
        `SELECT encoder.facts AS encoder, dataset.facts AS dataset FROM run_subject AS s
           JOIN encoder ON encoder.id = s.encoder JOIN dataset ON dataset.id = s.dataset WHERE s.run = ?`,
        summary.id,
      );
      const states = all<{ state: RunState; at: string; verdict: string | null; result: string | null }>(
        'SELECT state, at, verdict, result FROM run_state WHERE run = ? ORDER BY id',
        summary.id,
      );
      const last = states.at(-1);
      return {
        summary,
        request: json(row.request) as unknown as AuditRequest,
        parameters: json(row.parameters),
        environment: json(row.environment),
        encoder: subject === undefined ? null : (json(subject.encoder) as unknown as EncoderFacts),
        dataset: subject === undefined ? null : (json(subject.dataset) as unknown as DatasetFacts),
        verdict: (json(last?.verdict ?? null) as unknown as AuditVerdict | null) ?? null,
        result: json(last?.result ?? null),
        states: states.map(({ state, at }) => ({ state, at })),
      };
    },
    interruptedRuns: () => summaries('').filter((run) => ['interrupted', 'cancelled', 'failed'].includes(run.state)),
    steps: (run) => all<StepRow>(`${stepSql} WHERE run = ? ORDER BY position`, run).map(stepOf),
    step(run, name) {
      const row = get<StepRow>(`${stepSql} WHERE run = ? AND step.name = ?`, run, name);
      return row === undefined ? null : stepOf(row);
    },
    lastStep(run) {
      const row = get<StepRow>(`${stepSql} WHERE run = ? ORDER BY position DESC LIMIT 1`, run);
      return row === undefined ? null : stepOf(row);
    },
    stepTensors: (step) => (step.blob === null || step.blob.dropped ? null : readBlob(dir, step.blob)),
    stepTensorsInParts: async (step) =>
      step.blob === null || step.blob.dropped ? null : await readBlobInParts(dir, step.blob),
    journalDigest: (run) =>
      digestJson(
        all<{ digest: string }>('SELECT digest FROM step WHERE run = ? ORDER BY position', run).map(
          (row) => row.digest,
        ),
      ),
    siftedFacts(run, label = 'final') {
      const row = get<{ facts: string }>('SELECT facts FROM sifted_set WHERE run = ? AND label = ?', run, label);
      return row === undefined ? null : (json(row.facts) as unknown as SiftingFacts);
    },
    columnNames: (run, label = 'final') =>
      all<ColumnRow>(`${columnSql} WHERE sifted_set = ? ORDER BY id`, setId(run, label) ?? -1).map(
        ({ name, dtype, count }) => ({ name, dtype, count }),
      ),
    column(run, name, label = 'final') {
      const row = get<ColumnRow>(`${columnSql} WHERE sifted_set = ? AND name = ?`, setId(run, label) ?? -1, name);
      return row === undefined ? null : readColumn(row, readBlob(dir, blobOf(row)));
    },
    async sampleColumns(run, label = 'final') {
      const set = setId(run, label);
      if (set === null) return null;
      const rows = all<ColumnRow>(`${columnSql} WHERE sifted_set = ? ORDER BY id`, set);
      const columns: Record<string, ColumnData> = {};
      for (const row of rows) columns[row.name] = readColumn(row, await readBlobInParts(dir, blobOf(row)));
      return columns;
    },
    channelMasks: (run) =>
      all<{ layer: string; label: string; channels: number; kept: number; mask: string; trusted: string }>(
        'SELECT layer, label, channels, kept, mask, trusted FROM channel_mask WHERE run = ? ORDER BY position',
        run,
      ).map((row) => ({
        id: row.layer,
        label: row.label,
        channels: row.channels,
        kept: row.kept,
        mask: json(row.mask) as number[],
        trusted: json(row.trusted) as boolean[],
      })),
    poolRounds: (run) =>
      all<PoolRow>('SELECT * FROM pool_round WHERE run = ? ORDER BY round', run).map((row) => ({
        round: row.round,
        guidance: row.guidance,
        share: row.share ?? NaN,
        size: row.size,
        perClass: json(row.per_class) as number[],
        admitted: row.admitted,
        removed: row.removed,
        guardAccuracy: row.guard_accuracy,
        loss: row.loss ?? NaN,
        stopped: row.stopped,
      })),
    metricsAfter(run, cursor, limit = 10_000) {
      const rows = all<{ cursor: number; stage: Stage; name: string; at: number; value: number | null }>(
        'SELECT cursor, stage, name, at, value FROM metric WHERE run = ? AND cursor > ? ORDER BY cursor LIMIT ?',
        run,
        cursor,
        limit,
      );
      const items = rows.map(({ stage, name, at, value }) => ({ stage, name, at, value: value ?? NaN }));
      return { items, cursor: rows.at(-1)?.cursor ?? cursor };
    },
    logAfter(run, cursor, limit = 10_000) {
      const rows = all<{ cursor: number; at: string; event: string }>(
        'SELECT cursor, at, event FROM run_log WHERE run = ? AND cursor > ? ORDER BY cursor LIMIT ?',
        run,
        cursor,
        limit,
      );
      const items = rows.map(({ at, event }) => ({ at, event: json(event) as unknown as RunEvent }));
      return { items, cursor: rows.at(-1)?.cursor ?? cursor };
    },
    exports: (run) => all('SELECT format, path, bytes, sha256, at FROM export WHERE run = ? ORDER BY id', run),
    decisions: (run) =>
      all(
        'SELECT id, at, who, subject, subject_key AS key, act, value, reason FROM decision WHERE run = ? ORDER BY id',
        run,
      ),
    entriesBefore: (before, limit) =>
      all('SELECT seq, run, kind, at, body, hash FROM entry WHERE seq < ? ORDER BY seq DESC LIMIT ?', before, limit),
    head: () => guarded(() => chainHead(db)),
    entries: () => all<EntryRow>('SELECT * FROM entry ORDER BY seq'),
    close: () => void db.close(),
  };
  return reader;
}

interface SummaryRow {
  readonly id: string;
  readonly number: number;
  readonly encoder_name: string;
  readonly dataset_name: string;
  readonly request: string;
  readonly started_at: string;
  readonly state: RunState;
  readonly at: string;
  readonly verdict: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
}

const summarySql = `SELECT run.id, run.number, run.encoder_name, run.dataset_name, run.request, run.started_at,
  s.state, s.at, s.verdict, s.error_code, s.error_message
  FROM run JOIN run_state AS s ON s.id = (SELECT max(id) FROM run_state AS t WHERE t.run = run.id)`;

function summaryOf(row: SummaryRow, live: boolean): RunSummary {
  const request = json(row.request) as unknown as AuditRequest;
  const verdict = json(row.verdict) as unknown as AuditVerdict | null;
  const state = row.state === 'running' && !live ? 'interrupted' : row.state;
  return {
    id: row.id,
    number: row.number,
    state,
    encoderName: row.encoder_name,
    datasetName: row.dataset_name,
    preset: request.preset,
    mode: request.mode,
    seed: request.seed,
    startedAt: row.started_at,
    finishedAt: state === 'running' || state === 'interrupted' ? null : row.at,
    verdict: verdict === null ? null : { encoder: verdict.encoder.verdict, dataset: verdict.dataset.verdict },
    error: row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' },
  };
}

interface StepRow {
  readonly name: string;
  readonly position: number;
  readonly params: string;
  readonly inputs: string;
  readonly data: string;
  readonly blob: string | null;
  readonly blob_size: number | null;
  readonly blob_keep: BlobKeep | null;
  readonly dropped_at: string | null;
  readonly digest: string;
  readonly seconds: number;
  readonly committed_at: string;
  readonly entry: number;
}

const stepSql = 'SELECT step.*, blob.dropped_at FROM step LEFT JOIN blob ON blob.digest = step.blob';

function stepOf(row: StepRow): StepRecord {
  const blob =
    row.blob === null
      ? null
      : { digest: row.blob, size: row.blob_size ?? 0, keep: row.blob_keep ?? 'kept', dropped: row.dropped_at !== null };
  return {
    name: row.name,
    position: row.position,
    params: json(row.params),
    inputs: json(row.inputs) as string[],
    data: json(row.data),
    blob,
    digest: row.digest,
    seconds: row.seconds,
    committedAt: row.committed_at,
    entry: row.entry,
  };
}

interface ColumnRow {
  readonly name: string;
  readonly dtype: ColumnType;
  readonly count: number;
  readonly blob: string;
  readonly blob_size: number;
}

const columnSql = 'SELECT name, dtype, count, blob, blob_size FROM sifted_column';

interface PoolRow {
  readonly round: number;
  readonly guidance: PoolRound['guidance'];
  readonly share: number | null;
  readonly size: number;
  readonly per_class: string;
  readonly admitted: number;
  readonly removed: number;
  readonly guard_accuracy: number | null;
  readonly loss: number | null;
  readonly stopped: string | null;
}

function json(text: string | null): Json {
  if (text === null) return null;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new ExpectedError('project-corrupt', 'A row is not the JSON it was written as.', { cause: error });
  }
}

function corrupt(what: string): never {
  throw new ExpectedError('project-corrupt', `${what}.`);
}

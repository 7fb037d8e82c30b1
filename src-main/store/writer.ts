/** The one writer of a project: every call is one transaction, and every chained row comes with its journal entry. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { ChannelFacts, DatasetFacts, EncoderFacts } from '../../src-shared/domain/result.ts';
import type { PoolRound, RunEvent, RunState } from '../../src-shared/domain/run.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { putBlob, removeBlob, sweepBlobs } from './blobs.ts';
import { canonicalJson, toJson } from './canonical.ts';
import { verifyDatabase } from './chain.ts';
import { openForReading, openForWriting, storeErrors } from './database.ts';
import { appendEntry, chainHead, sealRun, stepDigest, type ChainedTable } from './entries.ts';
import { uuidv7 } from './ids.ts';
import { lockFile, lockProject } from './lock.ts';
import { migrate, migrations, requireKnown, schemaDifferences } from './migrate.ts';
import { projectFile } from './paths.ts';
import { readerOn, type ProjectReader } from './reader.ts';
import type { Decision, ExportedFile, NewRun, NewStep, SiftedSet, StepRecord } from './records.ts';
import {
  finite,
  insertMasks,
  insertPoolRound,
  insertRow,
  insertSiftedSet,
  jsonText,
  noteBlob,
  storeColumns,
  type AppendEntry,
  type SqlRow,
} from './sets.ts';

export type * from './records.ts';

export interface ProjectWriter {
  readonly dir: string;
  readonly reader: ProjectReader;
  startRun(run: NewRun): { readonly id: string; readonly number: number };
  /** Goes on with an interrupted, cancelled or failed run. @throws ExpectedError `nothing-to-resume`, `run-unknown`. */
  resumeRun(run: string): void;
  setSubjects(run: string, subjects: { readonly encoder: EncoderFacts; readonly dataset: DatasetFacts }): void;
  /**
   * Commits a step: tensors to the disk first, then step, blob, attached rows and journal entry in one transaction.
   * @returns the step as a later reader will see it. @throws Error when the run has a step of that name.
   */
  commitStep(run: string, step: NewStep): StepRecord;
  /** Metrics go to their table, progress is not kept, everything else goes to the run's log. */
  appendEvents(run: string, events: readonly RunEvent[]): void;
  savePoolRound(run: string, round: PoolRound): void;
  saveChannelMasks(run: string, layers: ChannelFacts['layers']): void;
  saveSiftedSet(run: string, set: SiftedSet): void;
  recordExport(run: string, file: ExportedFile): void;
  decide(run: string, decision: Decision): void;
  /** All of them or none; each has a journal entry of its own. */
  decideAll(run: string, decisions: readonly Decision[]): void;
  /** Deletes the tensors of superseded steps; their digests stay in the journal. @returns bytes freed. */
  dropTransient(run: string, stepNames: readonly string[]): number;
  finishRun(run: string, end: { readonly verdict: AuditVerdict; readonly result: unknown }): void;
  cancelRun(run: string): void;
  failRun(run: string, error: { readonly code: string; readonly message: string }): void;
  close(): void;
}

export interface WriterOptions {
  /** Name of a project that is created now; default: the folder's name. */
  readonly name?: string;
  readonly appVersion: string;
  /** Milliseconds since 1970; for tests that need a fixed clock. */
  readonly now?: () => number;
}

/**
 * Opens a project for writing, creating it where there is none. Runs that a killed process left are noted as interrupted.
 * @throws ExpectedError `project-busy` (another writer), `project-corrupt` (the journal does not verify; nothing is
 *   changed), `project-from-future`, `not-a-project`, `project-not-writable`, `no-space`.
 */
export function openWriter(dir: string, options: WriterOptions): ProjectWriter {
  const folder = resolve(dir);
  const file = projectFile(folder);
  storeErrors(folder, () => {
    mkdirSync(folder, { recursive: true });
    // SQLite would open what it may only read, and lock nothing.
    for (const path of [folder, file, lockFile(folder)]) if (existsSync(path)) accessSync(path, constants.W_OK);
  });
  const lock = lockProject(folder);
  let db: Database | null = null;
  try {
    requireSound(file, folder);
    db = openForWriting(file);
    const opened = db;
    const writer = storeErrors(file, () => {
      migrate(opened);
      return writerOn(opened, folder, options, () => {
        opened.close();
        lock.release();
      });
    });
    return writer;
  } catch (error) {
    db?.close();
    lock.release();
    throw error;
  }
}

/** A project may be a stranger's: it is verified through a connection that cannot write before one is opened that can. */
function requireSound(file: string, dir: string): void {
  if (!existsSync(file) || statSync(file).size === 0) return;
  const db = openForReading(file);
  try {
    const faults = storeErrors(file, () => {
      const version = requireKnown(db);
      if (version === 0 || (version === migrations.length && chainHead(db) === null)) return [];
      if (version < migrations.length) {
        return schemaDifferences(db).map((detail) => ({ where: 'schema', field: null, detail }));
      }
      return verifyDatabase(db, dir, { blobs: false }).faults;
    });
    const first = faults[0];
    if (first === undefined) return;
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
    const field = first.field === null ? '' : `, ${first.field}`;
    throw new ExpectedError('project-corrupt', `${first.where}${field}: ${first.detail}${more}`);
  } finally {
    db.close();
  }
}

function writerOn(db: Database, dir: string, options: WriterOptions, onClose: () => void): ProjectWriter {
  const now = options.now ?? Date.now;
  const time = (): string => new Date(now()).toISOString();
  const reader = { ...readerOn(db, dir, () => true), close: () => undefined };
  const insert = (table: string, row: SqlRow): number => insertRow(db, table, row);
  let projectId = '';
  const entry: AppendEntry = (kind, run, act) => {
    appendEntry(db, { kind, run, at: time(), projectId }, act);
  };
  const guarded = <T>(act: () => T): T => storeErrors(dir, act);
  const atomic = <T>(act: () => T): T => guarded(() => db.transaction(act).immediate());

  const stateOf = (run: string): RunState => {
    const row = db.prepare('SELECT state FROM run_state WHERE run = ? ORDER BY id DESC LIMIT 1').get(run);
    if (row === undefined) throw new ExpectedError('run-unknown', run);
    return (row as { state: RunState }).state;
  };
  const requireRunning = (run: string): void => {
    const state = stateOf(run);
    if (state !== 'running') throw new Error(`run ${run} must be running to be written to, it is ${state}`);
  };
  const setState = (run: string, state: RunState, more: Readonly<Record<string, string | null>> = {}): void =>
    entry('run-state', run, (seq) => {
      insert('run_state', { run, state, at: time(), ...more, entry: seq });
      return ['run_state'];
    });
  const endRun = (
    run: string,
    state: RunState,
    more: () => Readonly<Record<string, string | null>> = () => ({}),
  ): void =>
    atomic(() => {
      requireRunning(run);
      setState(run, state, { ...more(), seal: canonicalJson(sealRun(db, run)) });
    });
  const sweep = (): void => {
    const present = db.prepare('SELECT digest FROM blob WHERE dropped_at IS NULL').pluck().all() as string[];
    sweepBlobs(dir, new Set(present));
  };
  /** Files first, rows in one transaction after; a commit that fails gives its files' space back. */
  const withBlobs = <Stored, T>(store: () => Stored, commit: (stored: Stored) => T): T => {
    try {
      const stored = store();
      return atomic(() => commit(stored));
    } catch (error) {
      sweep();
      throw error;
    }
  };

  const writer: ProjectWriter = {
    dir,
    reader,
    startRun: (run) =>
      atomic(() => {
        const id = uuidv7(now());
        const number = db.prepare('SELECT coalesce(max(number), 0) + 1 FROM run').pluck().get() as number;
        entry('run-started', id, (seq) => {
          insert('run', {
            id,
            number,
            encoder_name: basename(run.request.encoder).toWellFormed(),
            dataset_name: basename(run.request.dataset).toWellFormed(),
            request: jsonText(run.request, 'request'),
            parameters: jsonText(run.parameters, 'parameters'),
            environment: jsonText(run.environment, 'environment'),
            started_at: time(),
            entry: seq,
          });
          insert('run_state', { run: id, state: 'running', at: time(), entry: seq });
          return ['run', 'run_state'];
        });
        return { id, number };
      }),
    resumeRun: (run) =>
      atomic(() => {
        const state = stateOf(run);
        if (state === 'running' || state === 'finished') {
          throw new ExpectedError('nothing-to-resume', `Run ${run} is ${state}.`);
        }
        setState(run, 'running');
      }),
    setSubjects: (run, { encoder, dataset }) =>
      atomic(() => {
        requireRunning(run);
        const encoderFacts = jsonText(encoder, 'encoder');
        const datasetFacts = jsonText(dataset, 'dataset');
        const known = (table: string, sha: string, facts: string): number | undefined =>
          db.prepare(`SELECT id FROM ${table} WHERE sha256 = ? AND facts = ?`).pluck().get(sha, facts) as
            number | undefined;
        const before = db.prepare('SELECT encoder, dataset FROM run_subject WHERE run = ?').get(run) as
          { encoder: number; dataset: number } | undefined;
        let encoderId = known('encoder', encoder.sha256, encoderFacts);
        let datasetId = known('dataset', dataset.sha256, datasetFacts);
        if (before !== undefined) {
          if (before.encoder === encoderId && before.dataset === datasetId) return;
          throw new ExpectedError('input-changed', `Run ${run} was committed with another encoder or dataset.`);
        }
        entry('subjects', run, (seq) => {
          const tables: ChainedTable[] = ['run_subject'];
          if (encoderId === undefined) {
            const { sha256, format, bytes } = encoder;
            const row = {
              sha256,
              name: basename(encoder.file).toWellFormed(),
              format,
              bytes,
              facts: encoderFacts,
              entry: seq,
            };
            encoderId = insert('encoder', row);
            tables.push('encoder');
          }
          if (datasetId === undefined) {
            const { sha256, format, samples } = dataset;
            const row = {
              sha256,
              name: basename(dataset.path).toWellFormed(),
              format,
              samples,
              facts: datasetFacts,
              entry: seq,
            };
            datasetId = insert('dataset', row);
            tables.push('dataset');
          }
          insert('run_subject', { run, encoder: encoderId, dataset: datasetId, entry: seq });
          return tables;
        });
      }),
    commitStep(run, step) {
      const params = toJson(step.params, 'params');
      const data = toJson(step.data, 'data');
      const inputs = step.inputs.map((input) => input.toWellFormed());
      const store = () => ({
        blob: step.tensors === null ? null : putBlob(dir, step.tensors),
        columns: step.siftedSet === undefined ? [] : storeColumns(dir, step.siftedSet),
      });
      return withBlobs(store, ({ blob, columns }) => {
        requireRunning(run);
        if (reader.step(run, step.name) !== null) throw new Error(`run ${run} has a step ${step.name} already`);
        if (blob !== null) noteBlob(db, blob);
        const position = db
          .prepare('SELECT coalesce(max(position) + 1, 0) FROM step WHERE run = ?')
          .pluck()
          .get(run) as number;
        entry('step', run, (seq) => {
          insert('step', {
            run,
            position,
            name: step.name,
            params: canonicalJson(params),
            inputs: canonicalJson(inputs),
            data: canonicalJson(data),
            blob: blob?.digest ?? null,
            blob_size: blob?.size ?? null,
            blob_keep: blob === null ? null : step.keep,
            digest: stepDigest({ name: step.name, params, inputs, data, blob: blob?.digest ?? null }),
            seconds: step.seconds,
            committed_at: time(),
            entry: seq,
          });
          return ['step'];
        });
        for (const round of step.poolRounds ?? []) insertPoolRound(db, entry, run, round);
        if (step.channelMasks !== undefined) insertMasks(db, entry, run, step.channelMasks);
        if (step.siftedSet !== undefined) insertSiftedSet(db, entry, run, step.siftedSet, columns);
        return committed(reader.step(run, step.name));
      });
    },
    appendEvents: (run, events) =>
      atomic(() => {
        requireRunning(run);
        // A resumed run says again what it said before it was killed; what it says again stays where it was.
        const differing = db.prepare(
          'DELETE FROM metric WHERE run = ? AND stage = ? AND name = ? AND at = ? AND value IS NOT ?',
        );
        const metric = db.prepare('INSERT OR IGNORE INTO metric (run, stage, name, at, value) VALUES (?, ?, ?, ?, ?)');
        for (const event of events) {
          switch (event.type) {
            case 'metric': {
              const values = [run, event.stage, event.name, event.at, finite(event.value)];
              differing.run(...values);
              metric.run(...values);
              break;
            }
            case 'progress':
              break;
            case 'stage':
            case 'pool':
            case 'warning':
            case 'paused':
            case 'continued':
            case 'finished':
            case 'failed':
            case 'cancelled':
              insert('run_log', { run, at: time(), type: event.type, event: jsonText(event, 'event') });
              break;
          }
        }
      }),
    savePoolRound: (run, round) =>
      atomic(() => {
        requireRunning(run);
        insertPoolRound(db, entry, run, round);
      }),
    saveChannelMasks: (run, layers) =>
      atomic(() => {
        requireRunning(run);
        insertMasks(db, entry, run, layers);
      }),
    saveSiftedSet(run, set) {
      withBlobs(
        () => storeColumns(dir, set),
        (columns) => {
          requireRunning(run);
          insertSiftedSet(db, entry, run, set, columns);
        },
      );
    },
    recordExport: (run, file) =>
      atomic(() => {
        stateOf(run);
        entry('export', run, (seq) => {
          insert('export', { run, ...file, path: file.path.toWellFormed(), at: time(), entry: seq });
          return ['export'];
        });
      }),
    decide: (run, decision) => writer.decideAll(run, [decision]),
    decideAll: (run, decisions) =>
      atomic(() => {
        stateOf(run);
        for (const { key, ...decision } of decisions) {
          entry('decision', run, (seq) => {
            insert('decision', { run, at: time(), subject_key: key.toWellFormed(), ...decision, entry: seq });
            return ['decision'];
          });
        }
      }),
    dropTransient(run, stepNames) {
      const dropped = atomic(() =>
        stepNames
          .map((name) => reader.step(run, name))
          .flatMap((step) => {
            if (step === null || step.blob === null || step.blob.dropped) return [];
            if (step.blob.keep !== 'transient')
              throw new Error(`the tensors of step ${step.name} are kept, not transient`);
            if (reader.lastStep(run)?.position === step.position) {
              throw new Error(`step ${step.name} is the last one; what comes after it needs its tensors`);
            }
            if (stillNeeded(db, step.blob.digest)) return [];
            db.prepare('UPDATE blob SET dropped_at = ? WHERE digest = ?').run(time(), step.blob.digest);
            return [step.blob];
          }),
      );
      for (const blob of dropped) removeBlob(dir, blob.digest);
      return dropped.reduce((sum, blob) => sum + blob.size, 0);
    },
    finishRun: (run, end) =>
      endRun(run, 'finished', () => ({
        verdict: jsonText(end.verdict, 'verdict'),
        result: jsonText(end.result, 'result'),
      })),
    cancelRun: (run) => endRun(run, 'cancelled'),
    failRun: (run, error) =>
      endRun(run, 'failed', () => ({ error_code: error.code, error_message: error.message.toWellFormed() })),
    close() {
      onClose();
    },
  };

  atomic(() => {
    const row = db.prepare('SELECT id FROM project').get() as { id: string } | undefined;
    projectId = row?.id ?? uuidv7(now());
    if (row === undefined) {
      const name = (options.name ?? basename(dir)).toWellFormed();
      entry('project-created', null, (seq) => {
        insert('project', { id: projectId, name, created_at: time(), app_version: options.appVersion, entry: seq });
        return ['project'];
      });
    }
    // One writer at a time: a run that still says it is running was left by a process that is gone.
    const left = db.prepare(
      "SELECT run FROM run_state AS s WHERE state = 'running' AND id = (SELECT max(id) FROM run_state WHERE run = s.run)",
    );
    for (const run of left.pluck().all() as string[]) setState(run, 'interrupted');
  });
  guarded(sweep);
  return writer;
}

function committed<T>(row: T | null): T {
  if (row === null) throw new Error('a row that was just written is not there');
  return row;
}

/** Whether a kept step, a column or the last step of some run has these tensors too. */
function stillNeeded(db: Database, digest: string): boolean {
  const sql = `SELECT EXISTS (SELECT 1 FROM sifted_column WHERE blob = @digest) OR EXISTS (
    SELECT 1 FROM step AS s WHERE blob = @digest AND (blob_keep = 'kept'
      OR NOT EXISTS (SELECT 1 FROM step AS t WHERE t.run = s.run AND t.position > s.position)))`;
  return db.prepare(sql).pluck().get({ digest }) === 1;
}

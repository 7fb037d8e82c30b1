/**
 * The journal of a project: entries 1, 2, 3 …, each bound to the one before.
 *
 * - `hash` is the SHA-256 of the canonical JSON of `{at, body, kind, prev, run, seq}`.
 * - `prev` of entry n is the `hash` of entry n-1. Genesis: `prev` of entry 1 is the SHA-256 of the canonical JSON of
 *   `{"format":"coresift-journal","project":<project id>,"version":1}`, so two projects share no entry.
 * - `body` names the rows the entry speaks for: table -> list of rows, column -> fact. A fact is the value itself, or
 *   `{"sha256":…}` of a text longer than 64 characters. A row that was changed is found down to its column.
 *
 * What steps computed stands in their digests, which hold no clock reading: the same inputs, seed and provider give the
 * same digests in another project too. Times and durations are bound by the entries only.
 */
import type { Database } from 'better-sqlite3';
import type { Json } from '../../src-shared/json.ts';
import { canonicalJson, digestJson, sha256 } from './canonical.ts';

/** Tables whose rows are bound by entries, with the column that a person knows a row by. */
export const chainedTables = {
  project: 'name',
  encoder: 'name',
  dataset: 'name',
  run: 'id',
  run_subject: 'run',
  run_state: 'state',
  step: 'name',
  sifted_set: 'label',
  sifted_column: 'name',
  channel_mask: 'layer',
  pool_round: 'round',
  export: 'path',
  decision: 'subject_key',
} as const;
export type ChainedTable = keyof typeof chainedTables;
export const chainedTableNames = Object.keys(chainedTables) as ChainedTable[];

export type EntryKind =
  | 'project-created'
  | 'run-started'
  | 'run-state'
  | 'subjects'
  | 'step'
  | 'sifted-set'
  | 'channel-masks'
  | 'pool-round'
  | 'export'
  | 'decision';

export interface EntryRow {
  readonly seq: number;
  readonly run: string | null;
  readonly kind: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** Canonical JSON. */
  readonly body: string;
  readonly prev_hash: string;
  readonly hash: string;
}

export type Row = Readonly<Record<string, string | number | null>>;
export type Facts = { readonly [column: string]: Json };

export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export function genesisHash(projectId: string): string {
  return digestJson({ format: 'coresift-journal', project: projectId, version: 1 });
}

export function entryHash(entry: Omit<EntryRow, 'hash' | 'body'>, body: Json): string {
  const { seq, run, kind, at, prev_hash: prev } = entry;
  return digestJson({ at, body, kind, prev, run, seq });
}

/** What an entry says about a row: every column but the entry's own number. */
export function rowFacts(row: Row): Facts {
  const facts: Record<string, Json> = {};
  for (const [column, value] of Object.entries(row)) {
    if (column === 'entry') continue;
    facts[column] = typeof value === 'string' && value.length > 64 ? { sha256: sha256(value) } : value;
  }
  return facts;
}

export function chainHead(db: Database): ChainHead | null {
  const row = db.prepare('SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1').get() as ChainHead | undefined;
  return row ?? null;
}

/** Rows of a chained table that an entry speaks for, in the order they were written. */
export function rowsOfEntry(db: Database, table: ChainedTable, seq: number): Row[] {
  return db.prepare(`SELECT * FROM ${table} WHERE entry = ? ORDER BY rowid`).all(seq) as Row[];
}

/**
 * Writes one entry with the rows that `insert` makes, all or nothing. `insert` gets the number to put in their column
 * `entry` and returns the tables it wrote to; it may be called inside a larger transaction.
 */
export function appendEntry(
  db: Database,
  entry: { readonly kind: EntryKind; readonly run: string | null; readonly at: string; readonly projectId: string },
  insert: (seq: number) => readonly ChainedTable[],
): ChainHead {
  const append = db.transaction((): ChainHead => {
    const head = chainHead(db);
    const seq = (head?.seq ?? 0) + 1;
    const body: Record<string, Json> = {};
    for (const table of insert(seq)) body[table] = rowsOfEntry(db, table, seq).map(rowFacts);
    const fields = { seq, run: entry.run, kind: entry.kind, at: entry.at };
    const prev_hash = head?.hash ?? genesisHash(entry.projectId);
    const hash = entryHash({ ...fields, prev_hash }, body);
    db.prepare('INSERT INTO entry (seq, run, kind, at, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)').run(
      seq,
      fields.run,
      fields.kind,
      fields.at,
      canonicalJson(body),
      prev_hash,
      hash,
    );
    return { seq, hash };
  });
  return append.immediate();
}

/** What a step computed, from what: name, parameters, inputs, data, tensors. No clock reading. */
export function stepDigest(step: {
  readonly name: string;
  readonly params: Json;
  readonly inputs: readonly string[];
  readonly data: Json;
  readonly blob: string | null;
}): string {
  return digestJson({ blob: step.blob, data: step.data, inputs: step.inputs, name: step.name, params: step.params });
}

/** Seal of the rows of a run that are not chained one by one: how many there are, and SHA-256 over them in order. */
export function sealRun(db: Database, run: string): { readonly [table: string]: { rows: number; sha256: string } } {
  const metrics = db.prepare('SELECT stage, name, at, value FROM metric WHERE run = ? ORDER BY stage, name, at');
  const log = db.prepare('SELECT at, type, event FROM run_log WHERE run = ? ORDER BY cursor');
  return { metric: sealRows(metrics.raw().all(run)), run_log: sealRows(log.raw().all(run)) };
}

function sealRows(rows: readonly unknown[]): { rows: number; sha256: string } {
  return { rows: rows.length, sha256: digestJson(rows as readonly Json[]) };
}

/** Walks a project's journal (rules: `entries.ts`) and says exactly which entry, field, row or blob does not fit. */
import { resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import { checkBlob, strayBlobs } from './blobs.ts';
import { canonicalJson } from './canonical.ts';
import { openForReading, storeErrors } from './database.ts';
import {
  chainedTableNames,
  chainedTables,
  entryHash,
  genesisHash,
  rowFacts,
  sealRun,
  stepDigest,
  type ChainedTable,
  type ChainHead,
  type EntryRow,
  type Facts,
  type Row,
} from './entries.ts';
import { requireKnown, schemaDifferences } from './migrate.ts';
import { projectFile } from './paths.ts';

export interface ChainFault {
  /** "entry 12 (step grow/3)", "blob 4f…", "schema". */
  readonly where: string;
  /** Column or member that does not fit; null when it is the whole. */
  readonly field: string | null;
  readonly detail: string;
}

export interface ChainReport {
  readonly ok: boolean;
  readonly projectId: string | null;
  readonly entries: number;
  /** Last entry; null for an empty journal. */
  readonly head: ChainHead | null;
  readonly blobsChecked: number;
  /** Transient blobs that were dropped after a later step; their digests are still in the journal. */
  readonly blobsDropped: number;
  readonly faults: readonly ChainFault[];
  /** Not wrong, but worth a line: files in `blobs/` that nothing refers to. */
  readonly notes: readonly string[];
}

export interface ChainOptions {
  /** Read every blob and compare its bytes with its digest (default true). */
  readonly blobs?: boolean;
  /** Heads known from elsewhere (a report, a signature): those entries must still be there, unchanged. */
  readonly expectedHeads?: readonly ChainHead[];
}

/**
 * Verifies a project folder without changing it. Damage is data, not an error.
 * @throws ExpectedError `file-missing`, `not-a-project`, `project-from-future`; `project-corrupt` when SQLite cannot read it.
 */
export function verifyChain(dir: string, options: ChainOptions = {}): ChainReport {
  const file = projectFile(dir);
  const db = openForReading(file);
  try {
    return storeErrors(file, () => {
      if (requireKnown(db) === 0) throw new ExpectedError('not-a-project', `${file} is empty.`);
      return verifyDatabase(db, dir, options);
    });
  } finally {
    db.close();
  }
}

/** `verifyChain` as the list that `coresift verify` prints. */
export function verifyProject(dir: string, options: ChainOptions = {}): Check[] {
  const name = visibleName(resolve(dir));
  let report: ChainReport;
  try {
    report = verifyChain(dir, options);
  } catch (error) {
    if (error instanceof ExpectedError) return [{ what: `project ${name}`, ok: false, detail: error.message }];
    throw error;
  }
  const faults = report.faults.map((fault) => ({
    what: `project: ${fault.where}${fault.field === null ? '' : `, ${fault.field}`}`,
    ok: false,
    detail: fault.detail,
  }));
  const head = report.head === null ? 'none' : `${report.head.seq} ${report.head.hash}`;
  const blobs = `${report.blobsChecked} blobs intact, ${report.blobsDropped} dropped after use`;
  const whole = report.ok
    ? { what: `project ${name}`, ok: true, detail: `${report.entries} journal entries fit; ${blobs}; head ${head}.` }
    : { what: `project ${name}`, ok: false, detail: `${faults.length} places do not fit, listed here.` };
  const notes = report.notes.map((detail): Check => ({ what: 'project: note', ok: true, kind: 'note', detail }));
  return [whole, ...faults, ...notes];
}

/** The walk itself, on an open project database. */
export function verifyDatabase(db: Database, dir: string, options: ChainOptions = {}): ChainReport {
  const faults: ChainFault[] = [];
  const fault = (where: string, field: string | null, detail: string): void =>
    void faults.push({ where, field, detail });
  for (const difference of schemaDifferences(db)) fault('schema', null, `${visibleName(difference)}.`);
  const quick = db.pragma('quick_check(10)') as { quick_check: string }[];
  if (quick[0]?.quick_check !== 'ok') for (const row of quick) fault('database', null, row.quick_check);
  // A schema that is not ours may lack the very tables; what follows would only fail on it.
  if (faults.length > 0) return summary(null, [], { checked: 0, dropped: 0 }, faults, []);

  for (const row of db.pragma('foreign_key_check') as { table: string; rowid: number; parent: string }[]) {
    fault(`${row.table} row ${row.rowid}`, null, `refers to a row of ${row.parent} that is not there.`);
  }
  const projects = db.prepare('SELECT id FROM project').pluck().all() as string[];
  if (projects.length !== 1) fault('project', null, `must have one row, has ${projects.length}.`);
  const entries = db.prepare('SELECT * FROM entry ORDER BY seq').all() as EntryRow[];
  if (entries.length === 0) fault('journal', null, 'has no entry; not even the one that says the project was created.');
  verifyLinks(entries, projects[0] ?? '', fault);
  verifyRows(db, entries, fault);
  verifySteps(db, fault);
  verifySeals(db, fault);
  verifyHeads(entries, options.expectedHeads ?? [], fault);
  const blobs = verifyBlobs(db, dir, options.blobs ?? true, fault);
  return summary(projects[0] ?? null, entries, blobs, faults, blobs.notes);
}

type Fault = (where: string, field: string | null, detail: string) => void;

function summary(
  projectId: string | null,
  entries: readonly EntryRow[],
  blobs: { readonly checked: number; readonly dropped: number },
  faults: readonly ChainFault[],
  notes: readonly string[],
): ChainReport {
  const last = entries.at(-1);
  return {
    ok: faults.length === 0,
    projectId,
    entries: entries.length,
    head: last === undefined ? null : { seq: last.seq, hash: last.hash },
    blobsChecked: blobs.checked,
    blobsDropped: blobs.dropped,
    faults,
    notes,
  };
}

function verifyLinks(entries: readonly EntryRow[], projectId: string, fault: Fault): void {
  const seqOfHash = new Map(entries.map((entry) => [entry.hash, entry.seq]));
  let before: EntryRow | null = null;
  for (const entry of entries) {
    const where = entryName(entry);
    const expected: number = (before?.seq ?? 0) + 1;
    if (entry.seq !== expected) {
      const gap = entry.seq - 1 === expected ? `entry ${expected} is` : `entries ${expected} to ${entry.seq - 1} are`;
      fault(`entry ${expected}`, null, `${gap} missing from the journal.`);
    }
    const prev = before?.hash ?? genesisHash(projectId);
    if (entry.prev_hash !== prev) {
      const follows = seqOfHash.get(entry.prev_hash);
      const known = follows === undefined ? 'an entry that is not there' : `entry ${follows}`;
      const must = before === null ? 'the beginning of this project' : `entry ${before.seq}`;
      fault(where, 'prev_hash', `says it follows ${known}, but stands after ${must}.`);
    }
    const body = parsed(entry.body);
    if (body === undefined || canonicalJson(body) !== entry.body) {
      fault(where, 'body', 'is not the canonical JSON it was written as.');
    } else if (entryHash(entry, body) !== entry.hash) {
      fault(where, 'hash', 'does not fit the number, time, kind, run and body of the entry: one of them was changed.');
    }
    before = entry;
  }
}

function verifyRows(db: Database, entries: readonly EntryRow[], fault: Fault): void {
  const bySeq = new Map(entries.map((entry) => [entry.seq, { entry, body: bodyOf(entry) }]));
  for (const table of chainedTableNames) {
    const met = new Map<number, Row[]>();
    for (const row of db.prepare(`SELECT * FROM ${table} ORDER BY rowid`).all() as Row[]) {
      const seq = Number(row.entry);
      const rows = met.get(seq);
      if (rows === undefined) met.set(seq, [row]);
      else rows.push(row);
    }
    for (const [seq, rows] of met) {
      if (bySeq.has(seq)) continue;
      for (const row of rows)
        fault(`${rowName(table, row)}`, null, `is spoken for by no entry (it says entry ${seq}).`);
    }
    for (const { entry, body } of bySeq.values()) {
      compareRows(table, entry, body[table] ?? [], met.get(entry.seq) ?? [], fault);
    }
  }
  for (const { entry, body } of bySeq.values()) {
    for (const name of Object.keys(body)) {
      if (!(name in chainedTables))
        fault(entryName(entry), 'body', `names a table ${visibleName(name)} that is not one.`);
    }
  }
}

function compareRows(table: ChainedTable, entry: EntryRow, said: readonly Facts[], met: readonly Row[], fault: Fault) {
  const rest = new Map(met.map((row) => [keyOf(row), row]));
  for (const facts of said) {
    const row = rest.get(keyOf(facts));
    const where = `${entryName(entry)}, ${rowName(table, facts)}`;
    if (row === undefined) {
      fault(where, null, `the row is missing from table ${table}.`);
      continue;
    }
    rest.delete(keyOf(facts));
    const now = rowFacts(row);
    for (const column of new Set([...Object.keys(facts), ...Object.keys(now)])) {
      // A column that a later migration added is null in rows of before.
      const before = facts[column] ?? null;
      const after = now[column] ?? null;
      if (canonicalJson(before) !== canonicalJson(after)) {
        fault(
          where,
          `${table}.${column}`,
          `was ${shortFact(before)} when it was committed, is ${shortFact(after)} now.`,
        );
      }
    }
  }
  for (const row of rest.values()) {
    fault(`${entryName(entry)}, ${rowName(table, row)}`, null, `the row was added to table ${table} later.`);
  }
}

function verifySteps(db: Database, fault: Fault): void {
  const rows = db
    .prepare('SELECT name, params, inputs, data, blob, digest, entry FROM step ORDER BY id')
    .all() as Row[];
  for (const row of rows) {
    const [params, inputs, data] = [row.params, row.inputs, row.data].map((text) => parsed(String(text)));
    const readable = params !== undefined && data !== undefined && Array.isArray(inputs);
    const blob = row.blob === null ? null : String(row.blob);
    const digest = readable
      ? stepDigest({ name: String(row.name), params, inputs: inputs as string[], data, blob })
      : 'unreadable';
    if (digest !== row.digest) {
      const where = `entry ${row.entry}, ${rowName('step', row)}`;
      fault(where, 'step.digest', 'does not fit the name, parameters, inputs, data and tensors of the step.');
    }
  }
}

function verifySeals(db: Database, fault: Fault): void {
  const latest = db.prepare(
    'SELECT run, seal FROM run_state AS s WHERE id = (SELECT max(id) FROM run_state WHERE run = s.run) AND seal IS NOT NULL',
  );
  for (const { run, seal } of latest.all() as { run: string; seal: string }[]) {
    const said = parsed(seal) as Record<string, { rows: number; sha256: string }> | undefined;
    for (const [table, now] of Object.entries(sealRun(db, run))) {
      const then = said?.[table];
      if (then?.sha256 === now.sha256 && then.rows === now.rows) continue;
      const detail = `the rows differ from those sealed when the run ended (${then?.rows ?? 0} then, ${now.rows} now).`;
      fault(`run ${run}`, table, detail);
    }
  }
}

function verifyHeads(entries: readonly EntryRow[], heads: readonly ChainHead[], fault: Fault): void {
  for (const head of heads) {
    const entry = entries.find((candidate) => candidate.seq === head.seq);
    if (entry === undefined)
      fault(`entry ${head.seq}`, null, 'is missing: the journal was cut after a report named it.');
    else if (entry.hash !== head.hash) {
      fault(entryName(entry), 'hash', `a report names ${head.hash} here: the journal was rewritten since.`);
    }
  }
}

interface BlobUse {
  readonly digest: string;
  readonly size: number;
  readonly keep: string;
  readonly later: number;
  readonly user: string;
}

function verifyBlobs(db: Database, dir: string, readAll: boolean, fault: Fault) {
  const uses = db
    .prepare(
      `SELECT blob AS digest, blob_size AS size, blob_keep AS keep, 'step ' || name AS user,
         EXISTS (SELECT 1 FROM step AS t WHERE t.run = s.run AND t.position > s.position) AS later
       FROM step AS s WHERE blob IS NOT NULL
       UNION ALL SELECT blob, blob_size, 'kept', 'column ' || name, 0 FROM sifted_column`,
    )
    .all() as BlobUse[];
  const rows = new Map(
    (
      db.prepare('SELECT digest, size, dropped_at FROM blob').all() as {
        digest: string;
        size: number;
        dropped_at: string | null;
      }[]
    ).map((row) => [row.digest, row]),
  );
  let checked = 0;
  let dropped = 0;
  const seen = new Set<string>();
  for (const use of uses) {
    const row = rows.get(use.digest);
    const where = `blob ${use.digest}`;
    const user = visibleName(use.user);
    if (row === undefined) continue; // Named by foreign_key_check.
    if (row.size !== use.size)
      fault(where, 'blob.size', `is ${row.size} in the table, ${use.size} where ${user} was committed.`);
    if (row.dropped_at !== null) {
      if (use.keep === 'transient' && use.later === 1) dropped += seen.has(use.digest) ? 0 : 1;
      else fault(where, 'blob.dropped_at', `says it was dropped, but ${user} still needs it.`);
    } else if (readAll && !seen.has(use.digest)) {
      const state = checkBlob(dir, use);
      if (state === 'intact') checked += 1;
      else fault(where, null, `of ${user}: ${state.replaceAll('-', ' ')}.`);
    }
    seen.add(use.digest);
  }
  for (const digest of rows.keys()) {
    if (!seen.has(digest)) fault(`blob ${visibleName(digest)}`, null, 'is listed, but nothing refers to it.');
  }
  const notes = strayBlobs(dir, new Set(rows.keys())).map((name) => `blobs/${visibleName(name)} is used by nothing.`);
  return { checked, dropped, notes };
}

function bodyOf(entry: EntryRow): Readonly<Record<string, readonly Facts[]>> {
  const body = parsed(entry.body);
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return {};
  const lists = Object.entries(body).filter(([, rows]) => Array.isArray(rows) && rows.every(isFacts));
  return Object.fromEntries(lists) as Record<string, readonly Facts[]>;
}

function isFacts(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The value of a JSON text that also has a canonical form; undefined when there is none. */
function parsed(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    canonicalJson(value);
    return value;
  } catch {
    return undefined;
  }
}

function keyOf(row: Row | Facts): string {
  return String(row.id ?? row.run);
}

function rowName(table: ChainedTable, row: Row | Facts): string {
  const name = row[chainedTables[table]];
  return `${table} ${visibleName(typeof name === 'object' ? 'of a long name' : String(name))}`;
}

function entryName(entry: EntryRow): string {
  return `entry ${entry.seq} (${visibleName(entry.kind)})`;
}

function shortFact(fact: Json): string {
  if (fact !== null && typeof fact === 'object' && 'sha256' in fact) return `a text of SHA-256 ${String(fact.sha256)}`;
  return visibleName(JSON.stringify(fact));
}

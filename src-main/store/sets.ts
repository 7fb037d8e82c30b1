/**
 * Pool rounds, channel masks and sifted sets: chained rows under a key of their own. Saying the same again changes
 * nothing (a resumed run does); saying something else under the same key is a fault of the caller.
 */
import type { Database } from 'better-sqlite3';
import type { ChannelFacts } from '../../src-shared/domain/result.ts';
import type { PoolRound } from '../../src-shared/domain/run.ts';
import { putBlob, type BlobRef } from './blobs.ts';
import { canonicalJson, toJson } from './canonical.ts';
import { columnType, encodeColumn } from './columns.ts';
import type { ChainedTable, EntryKind } from './entries.ts';
import type { SiftedSet } from './records.ts';

export type SqlRow = Readonly<Record<string, string | number | null>>;
export type AppendEntry = (kind: EntryKind, run: string | null, act: (seq: number) => readonly ChainedTable[]) => void;

/** Inserts one row. @returns its row id. */
export function insertRow(db: Database, table: string, row: SqlRow): number {
  const columns = Object.keys(row);
  const places = columns.map(() => '?').join(', ');
  const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})`;
  return Number(db.prepare(sql).run(...Object.values(row)).lastInsertRowid);
}

export function jsonText(value: unknown, at: string): string {
  return canonicalJson(toJson(value, at));
}

/** A number for a column: null stands for one that is unknown or not finite. */
export function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** Lists a blob whose file is there. */
export function noteBlob(db: Database, ref: BlobRef): void {
  const sql = 'INSERT INTO blob (digest, size) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET dropped_at = NULL';
  db.prepare(sql).run(ref.digest, ref.size);
}

export function insertPoolRound(db: Database, append: AppendEntry, run: string, round: PoolRound): void {
  const row = {
    run,
    round: round.round,
    guidance: round.guidance,
    share: finite(round.share),
    size: round.size,
    per_class: jsonText(round.perClass, 'perClass'),
    admitted: round.admitted,
    removed: round.removed,
    guard_accuracy: finite(round.guardAccuracy),
    loss: finite(round.loss),
    stopped: round.stopped,
  };
  const met = db.prepare('SELECT * FROM pool_round WHERE run = ? AND round = ?').get(run, round.round);
  if (isRepeated(`pool round ${round.round}`, met, row)) return;
  append('pool-round', run, (seq) => {
    insertRow(db, 'pool_round', { ...row, entry: seq });
    return ['pool_round'];
  });
}

export function insertMasks(db: Database, append: AppendEntry, run: string, layers: ChannelFacts['layers']): void {
  const find = db.prepare('SELECT * FROM channel_mask WHERE run = ? AND layer = ?');
  const rows = layers.map((layer, position) => ({
    run,
    position,
    layer: layer.id,
    label: layer.label,
    channels: layer.channels,
    kept: layer.kept,
    mask: jsonText(layer.mask, 'mask'),
    trusted: jsonText(layer.trusted, 'trusted'),
  }));
  const fresh = rows.filter((row) => !isRepeated(`mask of ${row.layer}`, find.get(run, row.layer), row));
  if (fresh.length === 0) return;
  append('channel-masks', run, (seq) => {
    for (const row of fresh) insertRow(db, 'channel_mask', { ...row, entry: seq });
    return ['channel_mask'];
  });
}

export interface StoredColumn extends BlobRef {
  readonly name: string;
  readonly dtype: string;
  readonly count: number;
}

/** Puts the columns of a sifted set on the disk, before anything refers to them. */
export function storeColumns(dir: string, set: SiftedSet): StoredColumn[] {
  const lengths = new Set(Object.values(set.columns).map((column) => column.length));
  if (lengths.size > 1) throw new RangeError(`columns must be of one length, met ${[...lengths].join(', ')}`);
  return Object.entries(set.columns).map(([name, data]) => {
    const ref = putBlob(dir, encodeColumn(data));
    return { name, dtype: columnType(data), count: data.length, ...ref };
  });
}

export function insertSiftedSet(
  db: Database,
  append: AppendEntry,
  run: string,
  set: SiftedSet,
  columns: readonly StoredColumn[],
): void {
  const row = { run, label: set.label, facts: jsonText(set.facts, 'facts') };
  const met = db.prepare('SELECT * FROM sifted_set WHERE run = ? AND label = ?').get(run, set.label);
  if (isRepeated(`sifted set ${set.label}`, met, row)) {
    const id = (met as { id: number }).id;
    const find = db.prepare('SELECT dtype, count, blob FROM sifted_column WHERE sifted_set = ? AND name = ?');
    for (const { name, dtype, count, digest } of columns) {
      const known = isRepeated(`column ${name}`, find.get(id, name), { dtype, count, blob: digest });
      if (!known) throw new Error(`sifted set ${set.label} is committed without a column ${name}`);
    }
    return;
  }
  append('sifted-set', run, (seq) => {
    const id = insertRow(db, 'sifted_set', { ...row, entry: seq });
    for (const { name, dtype, count, digest, size } of columns) {
      noteBlob(db, { digest, size });
      insertRow(db, 'sifted_column', { sifted_set: id, name, dtype, count, blob: digest, blob_size: size, entry: seq });
    }
    return ['sifted_set', 'sifted_column'];
  });
}

/** True when the row is there with the same values; false when there is none. */
function isRepeated(what: string, met: unknown, row: SqlRow): boolean {
  if (met === undefined) return false;
  const differing = Object.keys(row).filter((column) => (met as SqlRow)[column] !== row[column]);
  if (differing.length > 0) throw new Error(`${what} is committed with another ${differing.join(', ')}`);
  return true;
}

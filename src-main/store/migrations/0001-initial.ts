/**
 * The first schema. Every table with a column `entry` is chained: its rows are never changed and each is spoken for by
 * the journal entry of that number (see `entries.ts`). `metric` and `run_log` are sealed as a whole when a run ends;
 * `blob` only says whether a file is still kept, its digest and size stand in chained rows.
 */
import type { Migration } from '../migrate.ts';

export const initial: Migration = {
  version: 1,
  name: 'initial',
  up(db) {
    db.exec(`
CREATE TABLE entry (
  seq INTEGER PRIMARY KEY,
  run TEXT,
  kind TEXT NOT NULL,
  at TEXT NOT NULL,
  body TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE project (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  app_version TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE encoder (
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL,
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  facts TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (sha256, facts)
) STRICT;

CREATE TABLE dataset (
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL,
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  samples INTEGER NOT NULL,
  facts TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (sha256, facts)
) STRICT;

CREATE TABLE run (
  id TEXT PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  encoder_name TEXT NOT NULL,
  dataset_name TEXT NOT NULL,
  request TEXT NOT NULL,
  parameters TEXT NOT NULL,
  environment TEXT NOT NULL,
  started_at TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE run_subject (
  run TEXT PRIMARY KEY REFERENCES run(id),
  encoder INTEGER NOT NULL REFERENCES encoder(id),
  dataset INTEGER NOT NULL REFERENCES dataset(id),
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE run_state (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  state TEXT NOT NULL CHECK (state IN ('running', 'interrupted', 'cancelled', 'failed', 'finished')),
  at TEXT NOT NULL,
  verdict TEXT,
  result TEXT,
  error_code TEXT,
  error_message TEXT,
  seal TEXT,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX run_state_by_run ON run_state (run, id);

CREATE TABLE blob (
  digest TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  dropped_at TEXT
) STRICT;

CREATE TABLE step (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  params TEXT NOT NULL,
  inputs TEXT NOT NULL,
  data TEXT NOT NULL,
  blob TEXT REFERENCES blob(digest),
  blob_size INTEGER,
  blob_keep TEXT CHECK (blob_keep IN ('kept', 'transient')),
  digest TEXT NOT NULL,
  seconds REAL NOT NULL,
  committed_at TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (run, name),
  UNIQUE (run, position)
) STRICT;
CREATE INDEX step_by_blob ON step (blob);

CREATE TABLE sifted_set (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  label TEXT NOT NULL,
  facts TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (run, label)
) STRICT;

CREATE TABLE sifted_column (
  id INTEGER PRIMARY KEY,
  sifted_set INTEGER NOT NULL REFERENCES sifted_set(id),
  name TEXT NOT NULL,
  dtype TEXT NOT NULL CHECK (dtype IN ('int32', 'float32', 'uint8', 'text')),
  count INTEGER NOT NULL,
  blob TEXT NOT NULL REFERENCES blob(digest),
  blob_size INTEGER NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (sifted_set, name)
) STRICT;
CREATE INDEX sifted_column_by_blob ON sifted_column (blob);

CREATE TABLE channel_mask (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  position INTEGER NOT NULL,
  layer TEXT NOT NULL,
  label TEXT NOT NULL,
  channels INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  mask TEXT NOT NULL,
  trusted TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (run, layer),
  UNIQUE (run, position)
) STRICT;

CREATE TABLE pool_round (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  round INTEGER NOT NULL,
  guidance TEXT NOT NULL,
  share REAL,
  size INTEGER NOT NULL,
  per_class TEXT NOT NULL,
  admitted INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  guard_accuracy REAL,
  loss REAL,
  stopped TEXT,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (run, round)
) STRICT;

CREATE TABLE metric (
  cursor INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL REFERENCES run(id),
  stage TEXT NOT NULL,
  name TEXT NOT NULL,
  at REAL NOT NULL,
  value REAL,
  UNIQUE (run, stage, name, at)
) STRICT;
CREATE INDEX metric_by_run ON metric (run, cursor);

CREATE TABLE run_log (
  cursor INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL REFERENCES run(id),
  at TEXT NOT NULL,
  type TEXT NOT NULL,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX run_log_by_run ON run_log (run, cursor);

CREATE TABLE export (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  format TEXT NOT NULL,
  path TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  at TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX export_by_run ON export (run, id);

CREATE TABLE decision (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES run(id),
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  subject TEXT NOT NULL CHECK (subject IN ('sample', 'class', 'channel', 'encoder', 'dataset', 'run')),
  subject_key TEXT NOT NULL,
  act TEXT NOT NULL CHECK (act IN ('tag', 'untag', 'override', 'withdraw', 'note')),
  value TEXT NOT NULL,
  reason TEXT NOT NULL,
  entry INTEGER NOT NULL REFERENCES entry(seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX decision_by_run ON decision (run, id);
`);
  },
};

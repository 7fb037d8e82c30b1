/** Brings a project's schema up to date: numbered steps, one transaction each, forward only. */
import type { Database } from 'better-sqlite3';
import { ExpectedError } from '../../src-shared/failure.ts';
import { initial } from './migrations/0001-initial.ts';
import { openMemory } from './database.ts';

export interface Migration {
  /** The `user_version` after it; consecutive from 1. */
  readonly version: number;
  readonly name: string;
  /** Changes the schema and nothing outside the database. */
  up(db: Database): void;
}

export const migrations: readonly Migration[] = [initial];

/** "CSft" in the file header: says that an SQLite file is a Coresift project. */
export const applicationId = 0x43536674;

export function schemaVersion(db: Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}

/**
 * Applies what is missing. Before an existing project is changed, `<file>.v<version>.bak` gets a consistent copy of it.
 * @returns the versions that were applied.
 * @throws ExpectedError `project-from-future` for a newer schema, `not-a-project` for a database of something else.
 */
export function migrate(db: Database, steps: readonly Migration[] = migrations): number[] {
  steps.forEach((step, i) => {
    if (step.version !== i + 1) throw new RangeError(`migration ${step.name} must have version ${i + 1}`);
  });
  const from = requireKnown(db, steps.length);
  if (from > 0 && from < steps.length && !db.memory) db.prepare('VACUUM INTO ?').run(`${db.name}.v${from}.bak`);
  const applied: number[] = [];
  for (const step of steps.slice(from)) {
    db.transaction(() => {
      step.up(db);
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${step.version}`);
    }).immediate();
    applied.push(step.version);
  }
  return applied;
}

/**
 * The version of a project's schema, 0 for an empty file.
 * @throws ExpectedError as `migrate`.
 */
export function requireKnown(db: Database, newest = migrations.length): number {
  const version = schemaVersion(db);
  const application = db.pragma('application_id', { simple: true }) as number;
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
  const empty = application === 0 && version === 0 && tables === 0;
  if (!empty && application !== applicationId) throw new ExpectedError('not-a-project', db.name);
  if (version > newest) {
    throw new ExpectedError('project-from-future', `${db.name} has schema ${version}, this version knows ${newest}.`);
  }
  return version;
}

/**
 * What a project's schema has that the migrations up to its version did not make (a trigger, a view, a changed table), or lacks.
 * A stranger's project with such an addition could act when it is written to.
 */
export function schemaDifferences(db: Database): string[] {
  const expected = openMemory();
  try {
    migrate(expected, migrations.slice(0, schemaVersion(db)));
    const wanted = schemaOf(expected);
    const met = schemaOf(db);
    return [
      ...[...met].filter(([name, sql]) => wanted.get(name) !== sql).map(([name]) => `${name} is not of this schema`),
      ...[...wanted.keys()].filter((name) => !met.has(name)).map((name) => `${name} is missing`),
    ];
  } finally {
    expected.close();
  }
}

function schemaOf(db: Database): Map<string, string> {
  const rows = db.prepare("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema").raw().all();
  return new Map(rows as [string, string][]);
}

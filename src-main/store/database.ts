/** How SQLite is opened, and what its failures are called. Project files may come from strangers. */
import { existsSync, readFileSync } from 'node:fs';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { ExpectedError } from '../../src-shared/failure.ts';

function harden(db: Database): Database {
  db.pragma('trusted_schema = OFF');
  db.pragma('foreign_keys = ON');
  db.pragma('cell_size_check = ON');
  db.pragma('mmap_size = 0');
  return db;
}

export function openMemory(): Database {
  return harden(new SqliteDatabase(':memory:'));
}

/** For the one writer: write-ahead log, every commit flushed to the disk. */
export function openForWriting(file: string): Database {
  return storeErrors(file, () => {
    const db = new SqliteDatabase(file, { timeout: 5000 });
    try {
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      return harden(db);
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Cannot write. Works beside a writer, and on a read-only medium when the project was closed properly. */
export function openForReading(file: string): Database {
  if (!existsSync(file)) throw new ExpectedError('file-missing', file);
  return storeErrors(file, () => {
    const db = new SqliteDatabase(file, { readonly: true, timeout: 5000 });
    try {
      db.prepare('SELECT count(*) FROM sqlite_schema').get();
      return harden(db);
    } catch (error) {
      db.close();
      const unwritable = codeOf(error).startsWith('SQLITE_CANTOPEN') || codeOf(error).startsWith('SQLITE_READONLY');
      if (!unwritable || existsSync(`${file}-wal`)) throw error;
      return harden(openCopy(file));
    }
  });
}

/** A database in WAL mode needs a writable folder even to be read; without one, its bytes are read into memory. */
function openCopy(file: string): Database {
  const bytes = readFileSync(file);
  // File format version numbers (SQLite file format, section 1.3.3): 1 = rollback journal.
  bytes[18] = 1;
  bytes[19] = 1;
  const db = new SqliteDatabase(bytes, { readonly: true });
  db.pragma('query_only = ON');
  return db;
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Runs `act`; failures of SQLite and of the file system that a person can act on come out as ExpectedError. */
export function storeErrors<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw expectedStoreError(what, error);
  }
}

export function expectedStoreError(what: string, error: unknown): unknown {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ExpectedError || code === '') return error;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    return new ExpectedError('no-space', what, { cause: error });
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new ExpectedError('project-busy', what, { cause: error });
  }
  if (code.startsWith('SQLITE_NOTADB')) return new ExpectedError('not-a-project', what, { cause: error });
  if (code.startsWith('SQLITE_CORRUPT')) {
    return new ExpectedError('project-corrupt', `${what}: ${message}`, { cause: error });
  }
  if (code.startsWith('SQLITE_READONLY') || code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new ExpectedError('project-not-writable', `${what}: ${message}`, { cause: error });
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code === 'ENOENT' || code === 'ENOTDIR') {
    return new ExpectedError('file-missing', `${what}: ${message}`, { cause: error });
  }
  return error;
}

/** Version of the SQLite library that is built in. */
export function sqliteVersion(): string {
  const db = openMemory();
  try {
    return db.prepare('SELECT sqlite_version()').pluck().get() as string;
  } finally {
    db.close();
  }
}

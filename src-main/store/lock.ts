/**
 * One writer per project. The lock is SQLite's own exclusive lock on an empty database beside the project: the operating
 * system lets go of it when the process ends, however it ends, so nothing stale can be left behind.
 *
 * POSIX locks belong to the process and go when any descriptor of the file is closed: nothing but this file may open
 * `project.lock`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { ExpectedError } from '../../src-shared/failure.ts';
import { codeOf, storeErrors } from './database.ts';

export function lockFile(dir: string): string {
  return join(dir, 'project.lock');
}

export interface ProjectLock {
  release(): void;
}

/** @throws ExpectedError `project-busy` when another writer, here or in another process, holds the project. */
export function lockProject(dir: string): ProjectLock {
  return storeErrors(dir, () => {
    // A reader that asks whether a writer is alive holds the file for a moment.
    const db = new SqliteDatabase(lockFile(dir), { timeout: 300 });
    try {
      db.pragma('journal_mode = MEMORY');
      db.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      db.close();
      if (codeOf(error).startsWith('SQLITE_BUSY')) throw new ExpectedError('project-busy', dir, { cause: error });
      throw error;
    }
    return { release: () => void db.close() };
  });
}

/** Whether some process is writing to the project at this moment. */
export function isLocked(dir: string): boolean {
  const file = lockFile(dir);
  if (!existsSync(file)) return false;
  let db;
  try {
    db = new SqliteDatabase(file, { readonly: true, timeout: 0 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (codeOf(error).startsWith('SQLITE_BUSY')) return true;
    if (codeOf(error).startsWith('SQLITE_CANTOPEN') || codeOf(error).startsWith('SQLITE_READONLY')) return false;
    throw error;
  } finally {
    db?.close();
  }
}

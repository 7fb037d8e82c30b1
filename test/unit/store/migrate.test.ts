import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openForWriting, openMemory } from '../../../src-main/store/database.ts';
import {
  migrate,
  migrations,
  schemaDifferences,
  schemaVersion,
  type Migration,
} from '../../../src-main/store/migrate.ts';
import { openReader } from '../../../src-main/store/reader.ts';
import { openWriter } from '../../../src-main/store/writer.ts';
import { fillProject, options, temporaryFolder } from './sample.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'project.sqlite');
});
afterEach(() => folder.remove());

const second: Migration = {
  version: 2,
  name: 'add-note',
  up: (db) => void db.exec('ALTER TABLE run ADD COLUMN note TEXT'),
};

describe('migrations', () => {
  it('bring an empty file to the newest schema, and again change nothing', () => {
    const db = openMemory();
    expect(migrate(db)).toEqual(migrations.map((step) => step.version));
    expect(schemaVersion(db)).toBe(migrations.length);
    expect(schemaDifferences(db)).toEqual([]);
    expect(migrate(db)).toEqual([]);
    db.close();
  });

  it('copy an existing project before they change it', () => {
    const { run, writer } = fillProject(folder.path);
    writer.close();
    const db = openForWriting(file);
    expect(migrate(db, [...migrations, second])).toEqual([2]);
    expect(schemaVersion(db)).toBe(2);
    db.close();
    const copy = new SqliteDatabase(`${file}.v1.bak`, { readonly: true });
    expect(schemaVersion(copy)).toBe(1);
    expect(copy.prepare('SELECT id FROM run').pluck().get()).toBe(run);
    expect(copy.pragma('table_info(run)')).not.toContainEqual(expect.objectContaining({ name: 'note' }));
    copy.close();
  });

  it('leave the schema as it was when one fails half way', () => {
    const db = openMemory();
    migrate(db);
    const broken: Migration = {
      ...second,
      up(database) {
        second.up(database);
        throw new Error('power cut');
      },
    };
    expect(() => migrate(db, [...migrations, broken])).toThrow('power cut');
    expect(schemaVersion(db)).toBe(1);
    expect(schemaDifferences(db)).toEqual([]);
    db.close();
  });

  it('must be numbered 1, 2, 3 …', () => {
    expect(() => migrate(openMemory(), [...migrations, { ...second, version: 3 }])).toThrow(/must have version 2/);
  });

  it('refuse a project of a newer version and leave its bytes alone', () => {
    fillProject(folder.path).writer.close();
    const db = openForWriting(file);
    migrate(db, [...migrations, second]);
    db.pragma('journal_mode = DELETE');
    db.close();
    const bytes = readFileSync(file);
    for (const open of [() => openWriter(folder.path, options), () => openReader(folder.path)]) {
      expect(open).toThrow(expect.objectContaining({ code: 'project-from-future' }));
    }
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('refuse a database of another program, a file that is no database, and an empty project to read', () => {
    const other = new SqliteDatabase(file);
    other.exec('CREATE TABLE bookmarks (url TEXT)');
    other.close();
    expect(() => openWriter(folder.path, options)).toThrow(expect.objectContaining({ code: 'not-a-project' }));
    writeFileSync(file, 'not a database, but long enough to be read as one'.repeat(40));
    expect(() => openWriter(folder.path, options)).toThrow(expect.objectContaining({ code: 'not-a-project' }));
    writeFileSync(file, '');
    expect(() => openReader(folder.path)).toThrow(expect.objectContaining({ code: 'not-a-project' }));
    expect(() => openReader(join(folder.path, 'nowhere'))).toThrow(expect.objectContaining({ code: 'file-missing' }));
    expect(existsSync(join(folder.path, 'nowhere'))).toBe(false);
  });
});

describe('the settings of a project', () => {
  it('hold for every connection that writes: WAL, FULL, foreign keys, no trusted schema', () => {
    const db = openForWriting(file);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(db.pragma('trusted_schema', { simple: true })).toBe(0);
    db.close();
  });
});

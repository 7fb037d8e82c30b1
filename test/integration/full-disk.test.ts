/**
 * A disk that is full while a run commits. A small file system of its own is mounted where that is allowed (root on
 * Linux); elsewhere the same failure is provoked through SQLite's page limit alone.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src-main/store/chain.ts';
import { openForWriting, storeErrors } from '../../src-main/store/database.ts';
import { openReader } from '../../src-main/store/reader.ts';
import { openWriter } from '../../src-main/store/writer.ts';
import { options, request, temporaryFolder } from '../unit/store/sample.ts';

let folder: ReturnType<typeof temporaryFolder>;
let mounted = false;
beforeEach(() => (folder = temporaryFolder()));
afterEach(() => {
  if (mounted) execFileSync('umount', ['--lazy', folder.path]);
  mounted = false;
  folder.remove();
});

function mountSmall(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder.path], { stdio: 'ignore' });
    mounted = true;
  } catch {
    mounted = false;
  }
  return mounted;
}

describe('a full disk', () => {
  it.each([
    ['tensors', 100_000, 10],
    ['rows', 10, 20_000],
  ])('met while %s are written stops the run with no-space; what was committed stays whole', (_, tensors, text) => {
    if (!mountSmall()) {
      console.warn('SKIPPED: no file system of its own can be mounted here.');
      return;
    }
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    let steps = 0;
    const commit = (): void => {
      writer.commitStep(id, {
        name: `s${steps}`,
        params: {},
        inputs: [],
        data: { text: 'x'.repeat(text) },
        tensors: new Uint8Array(tensors).fill(steps),
        keep: 'kept',
        seconds: 0,
      });
      steps += 1;
    };
    expect(() => {
      for (;;) commit();
    }).toThrow(expect.objectContaining({ code: 'no-space' }));
    expect(steps).toBeGreaterThan(5);
    // The tensors of the step that failed are not left to fill the disk.
    expect(readdirSync(join(folder.path, 'blobs'))).toHaveLength(steps);
    writer.close();
    expect(verifyChain(folder.path).faults).toEqual([]);
    const reader = openReader(folder.path);
    expect(reader.steps(id)).toHaveLength(steps);
    expect(reader.interruptedRuns()).toHaveLength(1);
    reader.close();
  });

  it.skipIf(process.platform !== 'linux')('is no-space whether a file or the database meets it', () => {
    expect(() => storeErrors('x', () => writeFileSync('/dev/full', 'x'))).toThrow(
      expect.objectContaining({ code: 'no-space' }),
    );
    const db = openForWriting(join(folder.path, 'x.sqlite'));
    db.exec('CREATE TABLE t (a)');
    db.pragma('max_page_count = 4');
    expect(() => storeErrors('x', () => db.prepare('INSERT INTO t VALUES (?)').run('x'.repeat(100_000)))).toThrow(
      expect.objectContaining({ code: 'no-space' }),
    );
    db.close();
  });
});

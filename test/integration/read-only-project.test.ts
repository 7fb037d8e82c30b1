/** A project on a medium that cannot be written: it is read and verified all the same. Needs another user, so root. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fillProject, temporaryFolder } from '../unit/store/sample.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => (folder = temporaryFolder()));
afterEach(() => folder.remove());

const other = { uid: 65534, gid: 65534 } as const;

/** Root can act as another user; that user must be able to read this checkout. */
function canActAsOther(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const here = new URL('../../src-main/store/chain.ts', import.meta.url).pathname;
  try {
    execFileSync(process.execPath, ['-e', 'require("node:fs").readFileSync(process.argv[1])', here], {
      ...other,
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
const asOther = canActAsOther();

function makeReadOnly(dir: string): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) makeReadOnly(path);
    else chmodSync(path, 0o444);
  }
  chmodSync(dir, 0o555);
}

function look(dir: string): unknown {
  const script = `
    const { verifyProject } = await import(${JSON.stringify(new URL('../../src-main/store/chain.ts', import.meta.url).href)});
    const { openReader } = await import(${JSON.stringify(new URL('../../src-main/store/reader.ts', import.meta.url).href)});
    const { openWriter } = await import(${JSON.stringify(new URL('../../src-main/store/writer.ts', import.meta.url).href)});
    const reader = openReader(process.argv[1]);
    let writing = 'opened';
    try { openWriter(process.argv[1], { appVersion: '0' }); } catch (error) { writing = error.code; }
    console.log(JSON.stringify({ ok: verifyProject(process.argv[1]).map((check) => check.ok), runs: reader.listRuns().length, writing }));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script, dir], {
    ...other,
    encoding: 'utf8',
  });
  return JSON.parse(out);
}

it.skipIf(!asOther)('is read and verified by a user who may not write, and not opened for writing', () => {
  fillProject(folder.path).writer.close();
  makeReadOnly(folder.path);
  expect(look(folder.path)).toEqual({ ok: [true], runs: 1, writing: 'project-not-writable' });
});

it.skipIf(!asOther)('is read too when its writer was killed and left a write-ahead log', () => {
  const script = `
    const { fillProject } = await import(${JSON.stringify(new URL('../unit/store/sample.ts', import.meta.url).href)});
    fillProject(process.argv[1]);
    process.kill(process.pid, 'SIGKILL');`;
  expect(() =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script, folder.path], { stdio: 'ignore' }),
  ).toThrow();
  expect(readdirSync(folder.path)).toContain('project.sqlite-wal');
  makeReadOnly(folder.path);
  expect(look(folder.path)).toEqual({ ok: [true], runs: 1, writing: 'project-not-writable' });
});

/** `npm start`: the desktop application where Electron's runtime is, else the same one in a browser. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtMain, root } from '../support/built.ts';
import { temporaryFolder } from '../support/small-audit.ts';

builtMain();
const folder = temporaryFolder('start');

function start(environment: Readonly<Record<string, string>>, ...args: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [join(root, 'src-main/hosts/start.mjs'), ...args], {
    cwd: folder,
    env: { ...process.env, HOME: folder, CORESIFT_NO_BROWSER: '1', ELECTRON_OVERRIDE_DIST_PATH: '', ...environment },
  });
  child.stdout.setEncoding('utf8');
  return child;
}

async function whole(child: ChildProcessWithoutNullStreams): Promise<{ code: number | null; said: string }> {
  let said = '';
  child.stdout.on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

it.skipIf(process.platform === 'win32')('starts the runtime that is there, with what it was given', async () => {
  const dist = join(folder, 'electron');
  mkdirSync(dist);
  const runtime = join(dist, process.platform === 'darwin' ? 'Electron.app/Contents/MacOS/Electron' : 'electron');
  mkdirSync(join(runtime, '..'), { recursive: true });
  writeFileSync(runtime, '#!/bin/sh\necho "runtime: $@"\nexit 7\n');
  chmodSync(runtime, 0o755);
  const { code, said } = await whole(start({ ELECTRON_OVERRIDE_DIST_PATH: dist }, '/data/a project'));
  expect(said.trim()).toBe(`runtime: ${root} /data/a project`);
  expect(code).toBe(7);
});

it('says that there is none, serves the page on this machine, and ends when it is told to', async () => {
  const child = start({ ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'nothing') }, '--project', join(folder, 'project'));
  const ended = whole(child);
  let said = '';
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (text: string) => {
      said += text;
      const [found] = /http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on('close', () => reject(new Error(said)));
  });
  expect(said).toContain('Electron has no runtime here');
  const page = await fetch(address);
  expect(page.status).toBe(200);
  expect(await page.text()).toContain('<title>Coresift</title>');
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);
});

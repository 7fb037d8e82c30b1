/** The built commands and engine. `npm test` builds before it starts; a test file that is run alone builds when sources are newer. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'out', 'main');
const lock = join(root, 'out', 'building');
/** A build takes seconds; one that holds the lock longer than this was killed. */
const patienceMs = 120_000;

function isFresh(): boolean {
  const changed = (file: string): number => statSync(join(root, file)).mtimeMs;
  try {
    const built = changed('out/main/engine.js');
    return globSync('src-{main,shared}/**/*.{ts,mjs,json,sql}', { cwd: root }).every((file) => changed(file) <= built);
  } catch {
    return false;
  }
}

/** The folder of `cli.js` and `engine.js`, no older than the sources. */
export function builtMain(): string {
  const until = Date.now() + patienceMs;
  mkdirSync(join(root, 'out'), { recursive: true });
  while (!isFresh()) {
    try {
      mkdirSync(lock);
    } catch {
      // Another test file builds.
      if (Date.now() > until) rmSync(lock, { recursive: true, force: true });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      continue;
    }
    try {
      if (isFresh()) break;
      execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
      break;
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
  return folder;
}

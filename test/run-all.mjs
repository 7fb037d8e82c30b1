// `npm test`: builds, runs every test, names what was skipped, and ends with one plain line of counts.
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import './check-node.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(inMemory() ?? tmpdir(), 'coresift-tests-'));
// A test reads a project as another user, who has to come through here.
chmodSync(folder, 0o711);
const bin = (name) => join(root, 'node_modules', name);
const started = Date.now();

/**
 * Linux's file system in memory, where it has room: an audit waits for the disk at every commit, which costs its tests
 * a third of their time and proves nothing here. null elsewhere.
 */
function inMemory() {
  if (process.platform !== 'linux' || process.env.TMPDIR !== undefined) return null;
  try {
    accessSync('/dev/shm', constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync('/dev/shm');
    return Math.min(bavail * bsize, freemem()) > 4e9 ? '/dev/shm' : null;
  } catch {
    return null;
  }
}

/** Runs a Node script of the project with inherited output; true when it ended well. */
function run(args, env = {}) {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TMPDIR: folder, ...env },
  });
  return status === 0;
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const skipped = [];
const failures = [];

if (
  !run([
    bin('electron-vite/bin/electron-vite.js'),
    'build',
    '--config',
    'src-main/electron.vite.config.ts',
    '--logLevel',
    'warn',
  ])
) {
  failures.push('the build');
}

const vitestFile = join(folder, 'vitest.json');
const vitestOk = run([
  bin('vitest/vitest.mjs'),
  'run',
  '--config',
  'test/vitest.config.ts',
  '--reporter=dot',
  '--reporter=json',
  `--outputFile.json=${vitestFile}`,
]);
const vitest = readJson(vitestFile);
if (vitest === null) failures.push('vitest (no result)');
else {
  counts.passed += vitest.numPassedTests;
  counts.failed += vitest.numFailedTests;
  counts.skipped += vitest.numPendingTests + vitest.numTodoTests;
  for (const file of vitest.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'pending' || test.status === 'skipped') skipped.push(test.fullName);
    }
  }
  // A file that cannot be loaded fails without a failed test in it.
  if (!vitestOk && vitest.numFailedTests === 0) failures.push('vitest (a test file did not load)');
}

if (run(['test/find-browser.mjs'])) {
  const pageFile = join(folder, 'playwright.json');
  const pagesOk = run(
    [bin('@playwright/test/cli.js'), 'test', '--config', 'test/playwright.config.ts', '--reporter=list,json'],
    {
      PLAYWRIGHT_JSON_OUTPUT_NAME: pageFile,
    },
  );
  const pages = readJson(pageFile);
  if (pages === null) failures.push('playwright (no result)');
  else {
    counts.passed += pages.stats.expected + pages.stats.flaky;
    counts.failed += pages.stats.unexpected;
    counts.skipped += pages.stats.skipped;
    if (!pagesOk && pages.stats.unexpected === 0) failures.push('playwright (a test file did not load)');
    if (pages.stats.skipped > 0) skipped.push(`${pages.stats.skipped} page or desktop tests (see the list above)`);
  }
} else failures.push('the search for a browser');

rmSync(folder, { recursive: true, force: true });
for (const name of skipped) console.log(`SKIPPED: ${name}`);
for (const name of failures) console.log(`FAILED: ${name}`);
console.log(`Took ${Math.round((Date.now() - started) / 1000)} s.`);
const failed = counts.failed + failures.length;
console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
process.exit(failed === 0 && counts.passed > 0 ? 0 : 1);

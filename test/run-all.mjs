// `npm test`: builds, runs every test, names what was skipped, and ends with one plain line of counts.
import { spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
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

/**
 * Runs a Node script of the project; true when it ended well. @param out where its output goes; null = to whoever watches
 */
function run(args, env = {}, out = null) {
  const output = out === null ? 'inherit' : openSync(out, 'w');
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['inherit', output, output],
    env: { ...process.env, TMPDIR: folder, ...env },
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('close', (status) => {
      if (out !== null) closeSync(output);
      resolve(status === 0);
    });
  });
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const skipped = [];
const failures = [];
/** Names with the first lines of what was wrong: for whoever only sees the end of what is printed. */
const failedTests = [];
/** Page tests that failed and passed when tried again, as above: each is a race to be mended. */
const secondTries = [];
/** Files, or single page tests, with their seconds. */
const took = [];

function named(name, message = '') {
  // eslint-disable-next-line no-control-regex -- colours, which a log file shows as signs
  const lines = message.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n');
  return [name, ...lines.filter((line) => line.trim() !== '').slice(0, 12)].join('\n    ');
}

for (const config of ['src-main/electron.vite.config.ts', 'src-main/desktop.vite.config.ts']) {
  const args = ['build', '--config', config, '--logLevel', 'error'];
  if (!(await run([bin('electron-vite/bin/electron-vite.js'), ...args]))) failures.push(`the build of ${config}`);
}

/** Everything but the pages. */
async function codeTests() {
  const file = join(folder, 'vitest.json');
  const reports = ['--reporter=dot', '--reporter=json', `--outputFile.json=${file}`];
  const ok = await run([bin('vitest/vitest.mjs'), 'run', '--config', 'test/vitest.config.ts', ...reports]);
  const found = readJson(file);
  if (found === null) {
    failures.push('vitest (no result)');
    return;
  }
  counts.passed += found.numPassedTests;
  counts.failed += found.numFailedTests;
  counts.skipped += found.numPendingTests + found.numTodoTests;
  for (const { name, startTime, endTime, assertionResults } of found.testResults) {
    took.push([relative(root, name), (endTime - startTime) / 1000]);
    for (const test of assertionResults) {
      if (test.status === 'pending' || test.status === 'skipped') skipped.push(test.fullName);
      if (test.status === 'failed') failedTests.push(named(test.fullName, test.failureMessages[0]));
    }
  }
  // A file that cannot be loaded fails without a failed test in it.
  if (!ok && found.numFailedTests === 0) failures.push('vitest (a test file did not load)');
}

/** The pages in a browser. What they print would be lost among the dots, so it comes in one piece. */
async function pageTests() {
  const [file, said] = [join(folder, 'playwright.json'), join(folder, 'playwright.txt')];
  const args = ['test', '--config', 'test/playwright.config.ts', '--reporter=list,json'];
  const ok = await run([bin('@playwright/test/cli.js'), ...args], { PLAYWRIGHT_JSON_OUTPUT_NAME: file }, said);
  process.stdout.write(`\n${readFileSync(said, 'utf8')}`);
  const found = readJson(file);
  if (found === null) {
    failures.push('playwright (no result)');
    return;
  }
  for (const suite of found.suites) lookAtSuite(suite);
  counts.passed += found.stats.expected + found.stats.flaky;
  counts.failed += found.stats.unexpected;
  counts.skipped += found.stats.skipped;
  if (!ok && found.stats.unexpected === 0) failures.push('playwright (a test file did not load)');
  if (found.stats.skipped > 0) skipped.push(`${found.stats.skipped} page or desktop tests (see the list above)`);
}

function lookAtSuite({ specs = [], suites = [] }) {
  for (const { title, file, line, ok, tests } of specs) {
    const error = tests.flatMap(({ results }) => results.flatMap(({ errors }) => errors))[0];
    const name = named(`${file}:${line} ${title}`, error?.message);
    if (!ok) failedTests.push(name);
    else if (tests.some(({ status }) => status === 'flaky')) secondTries.push(name);
    const milliseconds = tests.flatMap(({ results }) => results).reduce((sum, { duration }) => sum + duration, 0);
    took.push([`${file}:${line}`, milliseconds / 1000]);
  }
  for (const suite of suites) lookAtSuite(suite);
}

if (await run(['test/find-browser.mjs'])) {
  // Side by side: either leaves half of two processors idle.
  await Promise.all([codeTests(), pageTests()]);
} else {
  failures.push('the search for a browser');
  await codeTests();
}

rmSync(folder, { recursive: true, force: true });
for (const name of skipped) console.log(`SKIPPED: ${name}`);
for (const name of secondTries) console.log(`FAILED ONCE, PASSED AT THE SECOND TRY: ${name}`);
for (const name of [...failures, ...failedTests]) console.log(`FAILED: ${name}`);
const slowest = took.toSorted(([, a], [, b]) => b - a).slice(0, 20);
console.log(`Slowest, in seconds: ${slowest.map(([name, seconds]) => `${name} ${Math.round(seconds)}`).join(', ')}`);
console.log(`Took ${Math.round((Date.now() - started) / 1000)} s.`);
const failed = counts.failed + failures.length;
console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
process.exit(failed === 0 && counts.passed > 0 ? 0 : 1);

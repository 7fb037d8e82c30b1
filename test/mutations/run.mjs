// `npm run mutate:guards [-- 0,3]`: takes guards away one by one and expects a test of the attack to fail.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutations } from './guards.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const wanted = process.argv[2]?.split(',').map(Number) ?? [...mutations.keys()];
const scratch = mkdtempSync(join(tmpdir(), 'coresift-guards-'));
let survived = 0;
for (const number of wanted) {
  const { name, file, guard, test } = mutations[number] ?? {};
  if (name === undefined) throw new Error(`There is no mutation ${number}.`);
  const times = readFileSync(`${root}/${file}`, 'utf8').split(guard).length - 1;
  if (times !== 1) {
    console.log(`STALE     ${name}: its guard stands ${times} times in ${file}`);
    survived++;
    continue;
  }
  const told = join(scratch, `${number}.json`);
  const run = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...['--config', 'test/mutations/vitest.config.ts', '--reporter=json', `--outputFile=${told}`],
      test,
    ],
    { cwd: root, encoding: 'utf8', env: { ...process.env, CORESIFT_MUTATION: String(number) } },
  );
  if (!existsSync(told)) {
    console.log(`NO REPORT ${name}: ${(run.stderr + run.stdout).slice(-2000)}`);
    survived++;
    continue;
  }
  const report = JSON.parse(readFileSync(told, 'utf8'));
  const failed = report.testResults.flatMap((one) => one.assertionResults.filter(({ status }) => status === 'failed'));
  // A file that does not even load proves nothing.
  const caught = failed.length > 0 && report.numPassedTests > 0;
  if (!caught) survived++;
  console.log(`${caught ? 'caught   ' : 'SURVIVED '} ${name}`);
  for (const { fullName } of failed.slice(0, 3)) console.log(`            ${fullName}`);
}
rmSync(scratch, { recursive: true });
console.log(survived === 0 ? `All ${wanted.length} were caught.` : `${survived} of ${wanted.length} were not caught.`);
process.exit(survived === 0 ? 0 : 1);

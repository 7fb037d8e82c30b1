/**
 * `npm run bench:matrix -- --quick | --full | --full-signs [--resume]`: the preset's whole matrix into bench-<preset>/, with the table.
 * As many cells at once as the machine has processors, as far as its memory goes. Further options go to `coresift bench`.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const presets = ['quick', 'full', 'full-signs'];
const given = process.argv.slice(2);
const chosen = presets.filter((name) => given.includes(`--${name}`));
if (chosen.length !== 1) {
  console.error(`Say which: ${presets.map((name) => `--${name}`).join(' | ')}`);
  process.exit(4);
}
const [preset] = chosen;
const root = fileURLToPath(new URL('../..', import.meta.url));
/** Memory for a cell, of which the largest of the committed tables took 423 MB. */
const bytesOfCell = 2 ** 30;
const atOnce = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / bytesOfCell)));
const shared = given.some((option) => /^--(at-once|device)\b/.test(option))
  ? []
  : ['--device', 'cpu', '--at-once', String(atOnce)];
const began = performance.now();
const run = spawnSync(
  process.execPath,
  [
    'src-main/hosts/cli/main.ts',
    'bench',
    '--plan',
    preset,
    '--out',
    `bench-${preset}`,
    ...shared,
    ...given.filter((option) => option !== `--${preset}`),
  ],
  { cwd: root, stdio: 'inherit' },
);
console.error(`Took ${((performance.now() - began) / 60_000).toFixed(1)} minutes.`);
process.exit(run.status ?? 2);

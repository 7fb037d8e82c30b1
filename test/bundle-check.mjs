/**
 * `npm run bundle:check [-- ARCHIVE]`: opens the archive in an empty root that holds nothing but the libraries which
 * `ldd` names, without a network, and runs `doctor`, `audit` of the sample and a one-cell `bench` there. Needs root and
 * Linux (chroot, unshare); says so and fails where it has them not.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function fail(message) {
  console.error(`Error: ${message}`);
  process.exit(1);
}

const given = process.argv[2];
const dist = join(root, 'dist');
const found = existsSync(dist) ? readdirSync(dist).find((name) => /linux-x64\.tar\.(xz|zst)$/.test(name)) : undefined;
const archive = given ?? (found === undefined ? null : join(dist, found));
if (archive === null) fail('There is no archive; run "npm run bundle" first.');
if (process.platform !== 'linux' || process.getuid() !== 0) fail('NOT CHECKED: an empty root takes Linux and root.');
if (spawnSync('unshare', ['-n', 'true']).status !== 0) fail('NOT CHECKED: no network namespace can be made here.');

const box = mkdtempSync(join(tmpdir(), 'coresift-box-'));
try {
  execFileSync('tar', ['-xf', archive, '-C', box]);
  const [folder] = readdirSync(box);
  const natives = [];
  const look = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) look(join(path, entry.name));
      else if (/\.node$|\.so(\.\d+)*$/.test(entry.name)) natives.push(join(path, entry.name));
    }
  };
  look(join(box, folder));
  const libraries = new Set();
  for (const file of [join(box, folder, 'bin', 'node'), ...natives]) {
    const listed = execFileSync('ldd', [file], { encoding: 'utf8' });
    const missing = /^\s*(\S+) => not found/m.exec(listed);
    if (missing !== null && !natives.some((native) => native.endsWith(`/${missing[1]}`)))
      fail(`${file} wants ${missing[1]}.`);
    for (const [, path] of listed.matchAll(/(\/\S+) \(0x/g)) if (!path.startsWith(box)) libraries.add(path);
  }
  for (const path of libraries) {
    mkdirSync(join(box, dirname(path)), { recursive: true });
    copyFileSync(realpathSync(path), join(box, path));
  }
  for (const name of ['tmp', 'proc', 'dev', 'home']) mkdirSync(join(box, name), { recursive: true });
  console.log(
    `${libraries.size} libraries of this machine: ${[...libraries]
      .map((path) => path.split('/').at(-1))
      .sort()
      .join(' ')}`,
  );
  for (const [name, major, minor] of [
    ['null', 1, 3],
    ['urandom', 1, 9],
  ]) {
    execFileSync('mknod', ['-m', '666', join(box, 'dev', name), 'c', String(major), String(minor)]);
  }

  const coresift = (...args) => {
    const inside = [`/${folder}/bin/node`, `/${folder}/out/main/cli.js`, ...args];
    const start = performance.now();
    // No shell is in there, so the process table is mounted from outside, in a namespace that goes with the command.
    const mounted = `mount -t proc proc "${box}/proc" 2>/dev/null; exec chroot "${box}" "$@"`;
    const { status, stdout, stderr } = spawnSync('unshare', ['-n', '-m', 'sh', '-c', mounted, 'sh', ...inside], {
      encoding: 'utf8',
      env: { HOME: '/home', TMPDIR: '/tmp' },
      maxBuffer: 64e6,
    });
    console.log(`coresift ${args[0]}: exit code ${status}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
    return { status, stdout, stderr };
  };
  const expectCode = (what, { status, stdout, stderr }, codes) => {
    if (!codes.includes(status)) fail(`${what} ended with ${status}:\n${stdout}\n${stderr}`);
  };

  const doctor = coresift('doctor', '--device', 'cpu');
  expectCode('doctor', doctor, [0]);
  console.log(
    doctor.stdout
      .split('\n')
      .filter((line) => /^(ok|warning|FAILED)/.test(line))
      .join('\n'),
  );
  const sample = `/${folder}/resources/samples/fashion`;
  const stages = ['probe', 'unlearn', 'recover', 'warmup', 'grow', 'final'];
  const short = stages.flatMap((each) => ['--set', `${each}.epochs=1`]);
  const audit = coresift(
    ...['audit', '--encoder', `${sample}/encoder.onnx`, '--dataset', `${sample}/dataset`, '--out', '/home/audit'],
    ...['--preset', 'quick', '--mode', 'paper', '--device', 'cpu', ...short],
  );
  expectCode('audit', audit, [0, 1, 3]);
  expectCode('verify', coresift('verify', '/home/audit'), [0]);
  const plan = {
    name: 'one cell',
    data: { domain: 'sample', samples: 300 },
    ...{
      target: 9,
      encoders: { clean: { attack: 'none' } },
      datasets: { badnets: { attack: 'badnets', options: { size: 13 } } },
    },
    ...{ cells: 'all', seeds: [1], presets: ['quick'], modes: ['paper'] },
    overrides: Object.fromEntries(stages.map((each) => [`${each}.epochs`, 1])),
  };
  writeFileSync(join(box, 'home', 'plan.json'), JSON.stringify(plan));
  const bench = coresift('bench', '--plan', '/home/plan.json', '--out', '/home/bench', '--device', 'cpu');
  expectCode('bench', bench, [0]);
  console.log('The archive runs on a machine with nothing installed and no network.');
} finally {
  rmSync(box, { recursive: true, force: true });
}

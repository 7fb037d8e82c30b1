/**
 * `npm run bench:audit [-- --rounds 3 --threads 2 --samples 3000 --preset standard --set name=value --peer plain,PASSIVE
 * --json]`: the whole
 * audit beside the same pipeline in PyTorch (`torch_audit.py`), where /usr/bin/python3 has it.
 *
 * Ours is the command line as it is sold, from start to exit: reading, preflight, every stage, journal, reports, the
 * sanitized model and its check; second opinions are not asked, the peer has none. The peer gets the same files, the same
 * number of threads and the parameters that the journal of our first run names, and does the stages that make the model,
 * with its own random numbers. Rounds alternate; printed are medians, the stages side by side with the images that each
 * trained on, and what came of it on images that had no part in it. The peer runs with the memory layout and the waiting
 * policy of its threads in which it is fastest here, found by one short run of each before the rounds, or as `--peer` says.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { median } from '../../src-main/engine/math/statistics.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { saveSafetensors } from '../../src-main/formats/models-out/safetensors.ts';
import { audited, type Audited } from './audited.ts';
import { benchSlice, encoderBytes, measure, plant, readImages, readLabels, square, target } from './planted.ts';
import { watch, type Watched } from './process-tree.ts';

interface Peer {
  readonly torch: string;
  readonly seconds: number;
  readonly stages: Readonly<Record<string, number>>;
  readonly trained: Readonly<Record<string, number>>;
  readonly undefended: readonly number[];
  readonly sanitized: readonly number[];
  /** Samples, and poison among them. */
  readonly pool: readonly [number, number];
  readonly final: readonly [number, number];
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    samples: { type: 'string', default: '3000' },
    preset: { type: 'string', default: 'standard' },
    seed: { type: 'string', default: '1' },
    set: { type: 'string', multiple: true, default: [] },
    peer: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});
const threads = Number(options.threads);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'coresift-bench-'));
try {
  await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const { poisoned } = writeInputs();
  const peer = spawnSync('/usr/bin/python3', ['-c', 'import torch']).status === 0;
  const say = (text: string): void => {
    if (!options.json) console.log(text);
  };
  say(`${cpus()[0].model}, ${threads} thread(s), ${options.samples} samples, preset ${options.preset}`);
  const ours: { watched: Watched; found: Audited }[] = [];
  const theirs: { watched: Watched; found: Peer }[] = [];
  const [layout, waiting] = options.peer.split(',');
  let setting = options.peer === '' ? null : ({ layout, waiting } as Setting);
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const own = await runOurs(`ours-${round}`, poisoned);
    ours.push(own);
    say(`round ${round + 1}: Coresift ${own.watched.seconds.toFixed(1)} s, ${megabytes(own.watched.peak)} MB`);
    if (!peer) continue;
    setting ??= await bestSetting(own.found, poisoned, say);
    const other = await runPeer(own.found, poisoned, setting, {});
    theirs.push(other);
    say(`         PyTorch  ${other.watched.seconds.toFixed(1)} s, ${megabytes(other.watched.peak)} MB`);
  }
  const results = await ownResults();
  if (options.json) {
    console.log(JSON.stringify({ threads, setting, ours, theirs, results }));
    return;
  }
  if (!peer) console.log('no PyTorch in /usr/bin/python3: ours alone');
  report(ours, theirs, results);
}

/** Poisoned files of the sample's kind, and what the peer measures on. */
function writeInputs(): { poisoned: ReadonlySet<number> } {
  const planted = plant(benchSlice(0, Number(options.samples)), square, 0.05, Number(options.seed));
  const { pixels, labels } = planted.images;
  mkdirSync(join(folder, 'dataset'));
  writeFileSync(join(folder, 'dataset', 'train-images-idx3-ubyte'), idx(pixels, [labels.length, 28, 28]));
  writeFileSync(join(folder, 'dataset', 'train-labels-idx1-ubyte'), idx(Uint8Array.from(labels), [labels.length]));
  writeFileSync(join(folder, 'encoder.onnx'), encoderBytes('encoder'));
  saveSafetensors(join(folder, 'encoder.safetensors'), readOnnx(encoderBytes('encoder')).graph.initializers);
  const images = readImages('held-back/t10k-images-idx3-ubyte.gz');
  const truth = readLabels('held-back/t10k-labels-idx1-ubyte.gz');
  const triggered = Uint8Array.from(images);
  for (let i = 0; i < truth.length; i += 1) square(triggered, i * 784);
  writeFileSync(join(folder, 'test-images'), idx(images, [truth.length, 28, 28]));
  writeFileSync(join(folder, 'test-triggered'), idx(triggered, [truth.length, 28, 28]));
  writeFileSync(join(folder, 'test-labels'), idx(Uint8Array.from(truth), [truth.length]));
  return planted;
}

function idx(bytes: Uint8Array, dims: readonly number[]): Uint8Array {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.set([0, 0, 8, dims.length]);
  dims.forEach((dim, axis) => header.writeUInt32BE(dim, 4 + 4 * axis));
  return Buffer.concat([header, bytes]);
}

/** Held to as many processors as there are threads, so that both sides find the same number. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Watched> {
  return threads < availableParallelism()
    ? watch('taskset', ['-c', `0-${threads - 1}`, command, ...args], env)
    : watch(command, args, env);
}

async function runOurs(name: string, poisoned: ReadonlySet<number>): Promise<{ watched: Watched; found: Audited }> {
  const out = join(folder, name);
  const set = options.set.flatMap((entry) => ['--set', entry]);
  const input = ['--encoder', join(folder, 'encoder.onnx'), '--dataset', join(folder, 'dataset'), '--out', out];
  const how = [
    '--mode',
    'paper',
    '--preset',
    options.preset,
    '--seed',
    options.seed,
    '--device',
    'cpu',
    '--opinions',
    'none',
  ];
  const watched = await run(process.execPath, [join(root, 'out/main/cli.js'), 'audit', ...input, ...how, ...set]);
  if (watched.status === null || ![0, 1, 3].includes(watched.status)) {
    throw new Error(`the audit ended with ${watched.status}: ${watched.stderr}`);
  }
  return { watched, found: audited(join(out, 'project'), poisoned) };
}

interface Setting {
  readonly layout: 'plain' | 'channels_last';
  readonly waiting: 'ACTIVE' | 'PASSIVE';
}

async function runPeer(
  { parameters }: Audited,
  poisoned: ReadonlySet<number>,
  { layout, waiting }: Setting,
  shorter: Readonly<Record<string, number | string>>,
): Promise<{ watched: Watched; found: Peer }> {
  const plan = {
    threads,
    layout,
    seed: Number(options.seed),
    parameters: { ...parameters, ...shorter },
    encoder: join(folder, 'encoder.safetensors'),
    images: join(folder, 'dataset', 'train-images-idx3-ubyte'),
    labels: join(folder, 'dataset', 'train-labels-idx1-ubyte'),
    classes: 10,
    poisoned: [...poisoned],
    test: {
      images: join(folder, 'test-images'),
      triggered: join(folder, 'test-triggered'),
      labels: join(folder, 'test-labels'),
      target,
    },
  };
  const file = join(folder, 'plan.json');
  writeFileSync(file, JSON.stringify(plan));
  const script = fileURLToPath(new URL('torch_audit.py', import.meta.url));
  const spin = waiting === 'PASSIVE' ? { GOMP_SPINCOUNT: '0' } : {};
  const watched = await run('/usr/bin/python3', [script, file], { OMP_WAIT_POLICY: waiting, ...spin });
  if (watched.status !== 0) throw new Error(`the peer ended with ${watched.status}: ${watched.stderr}`);
  return { watched, found: JSON.parse(watched.stdout) as Peer };
}

/** The setting in which the peer is fastest, by one short run of each. */
async function bestSetting(
  found: Audited,
  poisoned: ReadonlySet<number>,
  say: (text: string) => void,
): Promise<Setting> {
  const shorter = {
    'probe.epochs': 2,
    'crossfit.epochs': 4,
    'recover.epochs': 2,
    'warmup.epochs': 4,
    'grow.epochs': 1,
    'grow.meta': '',
    'final.epochs': 1,
  };
  let best: { setting: Setting; seconds: number } | null = null;
  for (const layout of ['plain', 'channels_last'] as const) {
    for (const waiting of ['ACTIVE', 'PASSIVE'] as const) {
      const { found: short } = await runPeer(found, poisoned, { layout, waiting }, shorter);
      say(`PyTorch ${layout}, waiting ${waiting}: ${short.seconds.toFixed(1)} s for a short run`);
      if (best === null || short.seconds < best.seconds)
        best = { setting: { layout, waiting }, seconds: short.seconds };
    }
  }
  return (best as NonNullable<typeof best>).setting;
}

interface Rates {
  readonly acc: number;
  readonly asr: number;
  readonly control: number;
}

/** Our models on the held-back images. */
async function ownResults(): Promise<Rates> {
  const provider = await createOrtProvider({ threads });
  try {
    const { graph } = readOnnx(new Uint8Array(readFileSync(join(folder, 'ours-0', 'sanitized.onnx'))));
    return await measure(provider, graph, square);
  } finally {
    await provider.dispose();
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function report(
  ours: readonly { watched: Watched; found: Audited }[],
  theirs: readonly { watched: Watched; found: Peer }[],
  results: Rates,
): void {
  const line = (...cells: readonly string[]): void =>
    console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(26) : cell.padStart(14))).join(''));
  const [first] = ours;
  console.log('\nmedians; a ratio above 1 says that Coresift needs less');
  line('stage', 'Coresift s', 'PyTorch s', 'ratio', 'images', 'images PyTorch');
  const own = (stage: string): number =>
    median(ours.map(({ found }) => found.stages.find(({ name }) => name === stage)?.seconds ?? 0));
  const other = (stage: string): number | null =>
    theirs.length === 0 ? null : median(theirs.map(({ found }) => found.stages[stage] ?? 0));
  const ratio = (a: number, b: number | null): string => (b === null || b === 0 ? '–' : (b / a).toFixed(2));
  for (const { name, trained } of first.found.stages) {
    const peer = other(name);
    const images = [trained, theirs[0]?.found.trained[name] ?? 0].map((count) => (count > 0 ? String(count) : '–'));
    line(
      name,
      own(name).toFixed(2),
      peer === null || peer === 0 ? '–' : peer.toFixed(2),
      ratio(own(name), peer),
      ...images,
    );
  }
  const totals = (side: readonly { watched: Watched }[], of: (watched: Watched) => number): number | null =>
    side.length === 0 ? null : median(side.map(({ watched }) => of(watched)));
  const total = (label: string, of: (watched: Watched) => number, digits: number): void => {
    const [a, b] = [totals(ours, of) as number, totals(theirs, of)];
    line(label, a.toFixed(digits), b === null ? '–' : b.toFixed(digits), ratio(a, b));
  };
  total('start to exit, s', ({ seconds }) => seconds, 1);
  total('processor time, s', ({ processor }) => processor, 1);
  total('peak memory, MB', ({ peak }) => peak / 1e6, 0);
  if (theirs.length > 0) {
    const [{ found }] = theirs;
    console.log(`\nPyTorch ${found.torch}; sanitized model, percent on images that had no part in it:`);
    const rates = ([acc, asr, control]: readonly number[]): string =>
      `ACC ${acc.toFixed(1)}, ASR ${asr.toFixed(1)}, control ${control.toFixed(1)}`;
    console.log(`  Coresift ${rates([results.acc, results.asr, results.control])}; ${poolText(first.found)}`);
    console.log(`  PyTorch  ${rates(found.sanitized)}; ${poolText(found)}; undefended ${rates(found.undefended)}`);
  }
}

function poolText({ pool, final }: Pick<Peer, 'pool' | 'final'>): string {
  return `first pool ${pool[0]} with ${pool[1]} of poison, last ${final[0]} with ${final[1]}`;
}

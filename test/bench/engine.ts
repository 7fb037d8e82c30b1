/**
 * `npm run bench:engine [-- --threads 2 --rounds 5 --only train --passive --alone --json]`: the engine beside PyTorch,
 * where /usr/bin/python3 has it; with `--alone` PyTorch in a loop of its own, without our process beside it.
 *
 * Each task runs in two processes of its own, one per side, that take turns: a line "<runs> <seconds>" asks for at
 * least so many runs and so much time, the answer is one JSON line with milliseconds of wall and processor time per run
 * and the peak memory so far. Reported are medians over all runs and the ratio of the medians.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

interface Task {
  readonly id: string;
  readonly label: string;
  /** Things done per run, and what they are. */
  readonly count: number;
  readonly unit: 'img/s' | 'queries/s';
  /** Smallest ratio to PyTorch that is aimed at. */
  readonly target: number | null;
}

const images = (id: string, label: string, target: number | null): Task => ({
  id,
  label,
  count: Number(id.split(':')[2]),
  unit: 'img/s',
  target,
});

/** Widths of the taps of a ResNet-18: stem and four stages. */
const resnetTaps = '64+64+128+256+512';

const tasks: readonly Task[] = [
  images('forward:resnet8:64', 'forward ResNet-8, batch 64', 2.5),
  images('forward:resnet18:64', 'forward ResNet-18, batch 64', 1.4),
  images('forward:resnet50:8', 'forward ResNet-50 at 224, batch 8', null),
  images('forward:mobilenetv2:8', 'forward MobileNetV2 at 224, batch 8', 3),
  images('train:resnet8:64', 'training step ResNet-8, batch 64', null),
  images('train:resnet18:64', 'training step ResNet-18, batch 64', null),
  images('train-half:resnet8:64', 'training step ResNet-8, half frozen', 1),
  images('train-half:resnet18:64', 'training step ResNet-18, half frozen', 1),
  images('vit:192:8', 'ViT-Ti block forward and backward', null),
  images('vit:384:8', 'ViT-S block forward and backward', 1.5),
  { id: 'knn:512:5000', label: '50 neighbours among 5,000 x 512', count: 5000, unit: 'queries/s', target: null },
  {
    id: `knn:${resnetTaps}:50000`,
    label: '50 neighbours in 5 taps of 50,000',
    count: 50_000,
    unit: 'queries/s',
    target: 2,
  },
];

interface Answer {
  readonly wall: readonly number[];
  readonly cpu: readonly number[];
  readonly peak: number;
}

interface Side {
  readonly what: string;
  ask(runs: number, seconds: number): Promise<Answer>;
  end(): Promise<void>;
}

/** How PyTorch's threads wait for one another: spinning is faster where nothing else runs. */
const waiting = process.argv.includes('--passive') ? { OMP_WAIT_POLICY: 'PASSIVE', GOMP_SPINCOUNT: '0' } : {};

async function startSide(command: string, args: readonly string[]): Promise<Side> {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...waiting },
  });
  if (child.stdout === null || child.stdin === null) throw new Error(`${command} has no pipes`);
  const input = child.stdin;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${command} ${args.join(' ')} ended early`);
    return JSON.parse(line.value);
  };
  const { what } = (await next()) as { what: string };
  return {
    what,
    async ask(runs, seconds) {
      input.write(`${runs} ${seconds}\n`);
      return (await next()) as Answer;
    },
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        input.end('end\n');
      }),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

interface Measured {
  readonly wall: number[];
  readonly cpu: number[];
  peak: number;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function startTorch(task: Task, threads: number): Promise<Side> {
  return startSide('/usr/bin/python3', [here('torch_peer.py'), task.id, String(threads)]);
}

async function measure(task: Task, threads: number, rounds: number, peer: boolean): Promise<Record<string, Measured>> {
  const sides: Record<string, Side> = {};
  sides.ours = await startSide(process.execPath, [here('engine-worker.ts'), task.id, String(threads)]);
  if (peer) sides.torch = await startTorch(task, threads);
  const results: Record<string, Measured> = {};
  for (const name of Object.keys(sides)) results[name] = { wall: [], cpu: [], peak: 0 };
  const slow = task.id.endsWith(':50000');
  if (!slow) for (const side of Object.values(sides)) await side.ask(2, 0.2);
  for (let round = 0; round < (slow ? Math.min(rounds, 2) : rounds); round += 1) {
    for (const [name, side] of Object.entries(sides)) {
      const answer = await side.ask(slow ? 1 : 2, slow ? 0 : 1);
      results[name].wall.push(...answer.wall);
      results[name].cpu.push(...answer.cpu);
      results[name].peak = answer.peak;
    }
  }
  for (const side of Object.values(sides)) await side.end();
  return results;
}

/** PyTorch's runs, one after the other. */
async function measureAlone(task: Task, threads: number, rounds: number): Promise<Measured> {
  const side = await startTorch(task, threads);
  await side.ask(2, 0.2);
  const answer = await side.ask(2, rounds);
  await side.end();
  return { wall: [...answer.wall], cpu: [...answer.cpu], peak: answer.peak };
}

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    passive: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const threads = Number(values.threads);
const chosen = tasks.filter((task) => task.id.includes(values.only));
const peer = spawnSync('/usr/bin/python3', ['-c', 'import torch, torchvision']).status === 0;
if (!values.json) {
  console.log(`${threads} thread(s); ${peer ? 'beside PyTorch' : 'no PyTorch in /usr/bin/python3: ours alone'}`);
  console.log(
    'rate = count / median wall time; ratios are ours to PyTorch, above 1 is faster (memory: below 1 is less)',
  );
}
for (const task of values.alone && peer ? chosen : []) {
  const { wall } = await measureAlone(task, threads, Number(values.rounds));
  const [typical, best] = [median(wall), Math.min(...wall)].map((milliseconds) => (1e3 * task.count) / milliseconds);
  console.log(`${task.label.padEnd(38)} PyTorch alone ${typical.toFixed(1)} ${task.unit}, at best ${best.toFixed(1)}`);
}
for (const task of values.alone ? [] : chosen) {
  const { ours, torch } = await measure(task, threads, Number(values.rounds), peer);
  const rate = (side: Measured): number => (1e3 * task.count) / median(side.wall);
  const ratio = torch === undefined ? null : rate(ours) / rate(torch);
  const cpuRatio = torch === undefined ? null : median(torch.cpu) / median(ours.cpu);
  if (values.json) {
    const { id, unit, target } = task;
    const sides = { ours: rate(ours), torch: torch === undefined ? null : rate(torch) };
    const memory = { oursMB: ours.peak, torchMB: torch?.peak ?? null };
    console.log(JSON.stringify({ id, unit, threads, ...sides, ratio, cpuRatio, target, ...memory }));
    continue;
  }
  const beside =
    torch === undefined || ratio === null || cpuRatio === null
      ? ''
      : ` | PyTorch ${rate(torch).toFixed(1)} | ratio ${ratio.toFixed(2)}` +
        `${task.target === null ? '' : ` (aim ${task.target})`}, processor time ${cpuRatio.toFixed(2)}` +
        ` | memory ${ours.peak.toFixed(0)} / ${torch.peak.toFixed(0)} MB = ${(ours.peak / torch.peak).toFixed(2)}`;
  console.log(`${task.label.padEnd(38)} ${rate(ours).toFixed(1).padStart(8)} ${task.unit}${beside}`);
}

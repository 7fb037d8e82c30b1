/**
 * `npm run fuzz -- --minutes N [--reader NAME]… [--seed N]`: feeds mutated files to readers and watches. Each reader runs in
 * a process of its own that may read files and start nothing (Node's permission model), with bounded memory. A failure
 * that is no named error, a read beyond 20 s, a death of the process and a file outside its folder are findings; each is
 * written to a file and ends the run with 1.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chance } from './mutate.ts';
import { readers, type FuzzReader } from './readers.ts';

interface WorkerMessage {
  readonly type: 'start' | 'finding' | 'count';
  readonly seed: number;
  readonly what: string;
  readonly input: string;
  readonly codes: Readonly<Record<string, number>>;
  readonly worst: number;
  readonly rss: number;
}

/** Longest time one input may take, ms. */
const LONGEST = 20_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    reader: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
  },
});
const wanted = values.reader ?? readers.map(({ name }) => name);
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes must be above 0.');
let findings = 0;
for (const name of wanted) {
  const reader = readers.find((each) => each.name === name);
  if (reader === undefined)
    throw new Error(`--reader ${name}: known are ${readers.map((each) => each.name).join(', ')}.`);
  findings += await fuzz(reader, minutes * 60_000, Number(values.seed));
}
process.exit(findings === 0 ? 0 : 1);

async function fuzz(reader: FuzzReader, milliseconds: number, firstSeed: number): Promise<number> {
  const end = Date.now() + milliseconds;
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const out = mkdtempSync(join(tmpdir(), `coresift-fuzz-${reader.name}-`));
  let seed = firstSeed;
  let cases = 0;
  let found = 0;
  const totals = new Map<string, number>();
  const report = (at: number, what: string, input: Uint8Array): void => {
    found += 1;
    const file = join(out, `finding-${at}.bin`);
    writeFileSync(file, input);
    console.log(`FINDING ${reader.name} seed ${at}: ${what.slice(0, 2000)}\n  input: ${file}`);
  };
  while (Date.now() < end && found < 20) {
    const scratch = mkdtempSync(join(tmpdir(), 'coresift-fuzz-scratch-'));
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [reader.name, String(seed), scratch], {
      cwd: scratch,
      execArgv: [
        '--max-old-space-size=1024',
        '--permission',
        `--allow-fs-read=${root}`,
        `--allow-fs-read=${scratch}`,
        `--allow-fs-write=${scratch}`,
        ...(reader.addons ? ['--allow-addons', '--allow-worker'] : []),
      ],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
    let startedAt = Date.now();
    let running = false;
    let stopped: 'time' | 'hang' | null = null;
    const last: { count: WorkerMessage | null } = { count: null };
    child.on('message', (raw) => {
      const message = raw as WorkerMessage;
      if (message.type === 'start') {
        seed = message.seed;
        startedAt = Date.now();
        running = true;
        cases += 1;
      } else if (message.type === 'finding') report(message.seed, message.what, Buffer.from(message.input, 'base64'));
      else last.count = message;
    });
    const watch = setInterval(() => {
      if (Date.now() > end) stopped = 'time';
      else if (running && Date.now() - startedAt > LONGEST) stopped = 'hang';
      if (stopped !== null) child.kill('SIGKILL');
    }, 200);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.on('exit', (...ended) => resolve(ended)),
    );
    clearInterval(watch);
    rmSync(scratch, { recursive: true, force: true });
    if (stopped !== 'time') {
      const why =
        stopped === 'hang'
          ? `took more than ${LONGEST / 1000} s`
          : `the process ended with ${code ?? signal}: ${stderr}`;
      report(seed, why, running ? inputOf(reader, seed) : new Uint8Array(0));
      if (!running) break;
    }
    const counted = last.count?.codes ?? {};
    for (const [key, count] of Object.entries(counted)) totals.set(key, (totals.get(key) ?? 0) + count);
    const worst = last.count?.worst ?? 0;
    console.log(
      `${reader.name}: slowest input so far ${worst.toFixed(2)} s, memory at the last count ${Math.round((last.count?.rss ?? 0) / 1e6)} MB`,
    );
    seed += 1;
  }
  const words = [...totals].map(([key, count]) => `${key} ${count}`).join(', ');
  console.log(`${reader.name}: ${cases} inputs (seeds ${firstSeed} to ${seed - 1}), ${found} findings; ${words}`);
  if (found === 0) rmSync(out, { recursive: true, force: true });
  return found;
}

/** The input of a seed, as the worker made it. */
function inputOf(reader: FuzzReader, seed: number): Uint8Array {
  const seeds = reader.seeds();
  const random = chance(seed * 2654435761);
  return reader.mutate(random.pick(seeds), random, random.pick(seeds));
}

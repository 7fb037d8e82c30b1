/**
 * `npm run fuzz -- --minutes N [--reader NAME]… [--seed N] [--json FILE]`: feeds mutated files to readers and watches.
 * Each reader runs in a process of its own that may read files and start nothing (Node's permission model), with bounded
 * memory. A failure that is no named error, a file that is wrongly accepted (`acceptance.ts`), a read beyond 20 s of
 * processor time, a death
 * of the process and a file outside its folder are findings; each is written to a file and ends the run with 1.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chance } from './mutate.ts';
import { loadReader, readerNames, type FuzzReader } from './readers.ts';

type WorkerMessage =
  | { readonly type: 'start'; readonly seed: number }
  | { readonly type: 'done'; readonly outcome: string; readonly seconds: number; readonly rss: number }
  | { readonly type: 'finding'; readonly seed: number; readonly what: string; readonly input: string };

/** What became of a reader's inputs. */
interface Tally {
  readonly reader: string;
  readonly minutes: number;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly wronglyAccepted: number;
  readonly bugs: number;
  readonly hung: number;
  readonly crashed: number;
  readonly executed: number;
  readonly slowestSeconds: number;
  readonly memoryMB: number;
  readonly seeds: readonly [number, number];
  readonly codes: Readonly<Record<string, number>>;
}

/** Longest time one input may take: seconds of processor time, and of waiting where the machine has other work. */
const LONGEST = 20;
const LONGEST_WAIT = 300;
/** A reader with this many findings needs mending, not more of them. */
const ENOUGH = 20;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    reader: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes must be above 0.');
const tallies: Tally[] = [];
let findings = 0;
for (const name of values.reader ?? readerNames) {
  const found = await fuzz(await loadReader(name), minutes, Number(values.seed));
  tallies.push(found.tally);
  findings += found.findings;
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(tallies, null, 2)}\n`);
}
process.exit(findings === 0 ? 0 : 1);

async function fuzz(
  reader: FuzzReader,
  wanted: number,
  firstSeed: number,
): Promise<{ readonly tally: Tally; readonly findings: number }> {
  const start = Date.now();
  const end = start + wanted * 60_000;
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const out = mkdtempSync(join(tmpdir(), `coresift-fuzz-${reader.name}-`));
  const codes = new Map<string, number>();
  const count = (outcome: string): void => void codes.set(outcome, (codes.get(outcome) ?? 0) + 1);
  let seed = firstSeed;
  let inputs = 0;
  let found = 0;
  let slowest = 0;
  let memory = 0;
  const report = (at: number, what: string, input: Uint8Array): void => {
    found += 1;
    const file = join(out, `finding-${at}.bin`);
    writeFileSync(file, input);
    console.log(`FINDING ${reader.name} seed ${at}: ${what.slice(0, 2000)}\n  input: ${file}`);
  };
  while (Date.now() < end && found < ENOUGH) {
    const scratch = mkdtempSync(join(tmpdir(), 'coresift-fuzz-scratch-'));
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [reader.name, String(seed), scratch], {
      cwd: scratch,
      execArgv: [
        '--max-old-space-size=1024',
        '--permission',
        `--allow-fs-read=${root}`,
        `--allow-fs-read=${scratch}`,
        `--allow-fs-write=${scratch}`,
        '--allow-worker',
        ...(reader.addons ? ['--allow-addons'] : []),
      ],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
    let startedAt = Date.now();
    let usedBefore = 0;
    let running = false;
    let stopped: 'time' | 'hang' | null = null;
    child.on('message', (raw) => {
      const message = raw as WorkerMessage;
      if (message.type === 'start') {
        seed = message.seed;
        startedAt = Date.now();
        usedBefore = processorSeconds(child.pid ?? 0) ?? 0;
        running = true;
        inputs += 1;
      } else if (message.type === 'done') {
        running = false;
        count(message.outcome);
        slowest = Math.max(slowest, message.seconds);
        memory = Math.max(memory, message.rss);
      } else report(message.seed, message.what, Buffer.from(message.input, 'base64'));
    });
    const watch = setInterval(() => {
      if (Date.now() > end || found >= ENOUGH) stopped = 'time';
      else if (running) {
        const used = processorSeconds(child.pid ?? 0);
        const waited = (Date.now() - startedAt) / 1000;
        if ((used ?? waited) - (used === null ? 0 : usedBefore) > LONGEST || waited > LONGEST_WAIT) stopped = 'hang';
      }
      if (stopped !== null) child.kill('SIGKILL');
    }, 200);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.on('exit', (...ended) => resolve(ended)),
    );
    clearInterval(watch);
    rmSync(scratch, { recursive: true, force: true });
    if (stopped === 'time') {
      // The one under way was not seen to its end.
      if (running) inputs -= 1;
    } else {
      const why =
        stopped === 'hang' ? `took more than ${LONGEST} s` : `the process ended with ${code ?? signal}: ${stderr}`;
      report(seed, why, running ? inputOf(reader, seed) : new Uint8Array(0));
      count(stopped === 'hang' ? 'hung' : 'crashed');
      if (inputs === 0) break;
    }
    seed += 1;
  }
  const of = (...outcomes: string[]): number => outcomes.reduce((sum, each) => sum + (codes.get(each) ?? 0), 0);
  const bad = ['wrongly accepted', 'bug', 'wrote outside', 'hung', 'crashed'];
  const tally: Tally = {
    reader: reader.name,
    minutes: Math.round((Date.now() - start) / 6000) / 10,
    inputs,
    accepted: of('accepted'),
    refused: inputs - of('accepted', ...bad),
    wronglyAccepted: of('wrongly accepted'),
    bugs: of('bug'),
    hung: of('hung'),
    crashed: of('crashed'),
    executed: of('wrote outside'),
    slowestSeconds: Math.round(slowest * 100) / 100,
    memoryMB: Math.round(memory / 1e6),
    seeds: [firstSeed, seed - 1],
    codes: Object.fromEntries([...codes].sort((a, b) => b[1] - a[1])),
  };
  console.log(JSON.stringify(tally));
  if (found === 0) rmSync(out, { recursive: true, force: true });
  return { tally, findings: found };
}

/** Of a whole process, from /proc where there is one: on a busy machine a clock says nothing of a reader. */
function processorSeconds(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    // utime and stime, in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}

/** The input of a seed, as the worker made it. */
function inputOf(reader: FuzzReader, seed: number): Uint8Array {
  const seeds = reader.seeds();
  const random = chance(seed * 2654435761);
  return reader.mutate(random.pick(seeds), random, random.pick(seeds));
}

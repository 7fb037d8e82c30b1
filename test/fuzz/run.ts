/**
 * `npm run fuzz -- --minutes N [--reader NAME]… [--seed N] [--json FILE]`: feeds mutated files to readers and watches.
 * Minutes are of processor time: on a busy machine a clock says nothing. Each reader runs in a process of its own that may
 * read files and start nothing (Node's permission model), with bounded memory. A failure that is no named error, a file that
 * is wrongly accepted (`acceptance.ts`), a read beyond 20 s of processor time, a death of the process and a file outside
 * its folder are findings; each is written to a file and ends the run with 1.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CURRENT, FRESH, loadReader, readerNames, type FuzzReader, type WorkerMessage } from './readers.ts';

/** What became of a reader's inputs. */
interface Tally {
  readonly reader: string;
  /** Of processor time, and by the clock. */
  readonly minutes: number;
  readonly wallMinutes: number;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly wronglyAccepted: number;
  readonly bugs: number;
  readonly hung: number;
  readonly crashed: number;
  readonly executed: number;
  /** Blocks of the product that ran. */
  readonly blocks: number;
  /** Inputs kept because they reached a new one. */
  readonly kept: number;
  /** Different ways to be refused. */
  readonly ends: number;
  readonly freshProcesses: number;
  readonly slowestSeconds: number;
  readonly memoryMB: number;
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
const root = fileURLToPath(new URL('../..', import.meta.url));
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
  const out = mkdtempSync(join(tmpdir(), `coresift-fuzz-${reader.name}-`));
  const kept = join(out, 'kept');
  mkdirSync(kept);
  const codes = new Map<string, number>();
  const count = (outcome: string, more = 1): void => void codes.set(outcome, (codes.get(outcome) ?? 0) + more);
  const ends = new Set<string>();
  let found = 0;
  let keptCount = 0;
  let blocks = 0;
  let slowest = 0;
  let memory = 0;
  let processes = 0;
  let earlierSeconds = 0;
  const report = (at: number | string, what: string, input: Uint8Array): void => {
    found += 1;
    const file = join(out, `finding-${at}.bin`);
    writeFileSync(file, input);
    console.log(`FINDING ${reader.name} ${at}: ${what.slice(0, 2000)}\n  input: ${file}`);
  };
  const hear = (message: WorkerMessage): void => {
    if (message.type === 'finding') report(message.seed, message.what, Buffer.from(message.input, 'base64'));
    else if (message.type === 'slow') {
      const file = join(tmpdir(), `coresift-fuzz-slow-${reader.name}-${start}-${codes.size}.bin`);
      writeFileSync(file, Buffer.from(message.input, 'base64'));
      console.log(`slow: ${reader.name} took ${message.seconds.toFixed(1)} s for ${file}`);
    } else if (message.type === 'kept') {
      writeFileSync(join(kept, String(keptCount).padStart(6, '0')), Buffer.from(message.input, 'base64'));
      keptCount += 1;
    } else {
      for (const [outcome, more] of Object.entries(message.outcomes)) count(outcome, more);
      for (const end of message.ends) ends.add(end);
      slowest = Math.max(slowest, message.slowest);
      memory = Math.max(memory, message.memory);
      blocks = Math.max(blocks, message.blocks);
    }
  };
  let done = false;
  while (!done && found < ENOUGH) {
    processes += 1;
    const ended = await watch(reader, [String(firstSeed + processes * 1_000_000), kept], hear, (seconds) => {
      done = earlierSeconds + seconds > wanted * 60 || found >= ENOUGH;
      return done;
    });
    earlierSeconds += ended.seconds;
    if (ended.how === 'enough' || ended.how === 'fresh') continue;
    // Alone and by the product's own way: the HDF5 library has a thread there that is ended.
    const input = join(out, `again-${processes}.bin`);
    writeFileSync(input, ended.input);
    const again = ended.how === 'hung' ? await watch(reader, ['0', kept, input], hear, () => false) : ended;
    if (again.how === 'finished') continue;
    count(again.how);
    report(`${again.how}-${processes}`, again.why, ended.input);
  }
  const of = (...outcomes: string[]): number => outcomes.reduce((sum, each) => sum + (codes.get(each) ?? 0), 0);
  const bad = ['wrongly accepted', 'bug', 'wrote outside', 'hung', 'crashed'];
  const inputs = of(...codes.keys());
  const tally: Tally = {
    reader: reader.name,
    minutes: Math.round(earlierSeconds / 6) / 10,
    wallMinutes: Math.round((Date.now() - start) / 6000) / 10,
    inputs,
    accepted: of('accepted'),
    refused: inputs - of('accepted', ...bad),
    wronglyAccepted: of('wrongly accepted'),
    bugs: of('bug'),
    hung: of('hung'),
    crashed: of('crashed'),
    executed: of('wrote outside'),
    blocks,
    kept: keptCount,
    ends: ends.size,
    freshProcesses: processes,
    slowestSeconds: Math.round(slowest * 100) / 100,
    memoryMB: Math.round(memory / 1e6),
    codes: Object.fromEntries([...codes].sort((a, b) => b[1] - a[1])),
  };
  console.log(JSON.stringify(tally));
  if (found === 0) rmSync(out, { recursive: true, force: true });
  return { tally, findings: found };
}

interface Ended {
  readonly how: 'enough' | 'fresh' | 'finished' | 'hung' | 'crashed';
  readonly why: string;
  /** Of processor time, of the whole process. */
  readonly seconds: number;
  /** The one under way. */
  readonly input: Uint8Array;
}

/** Runs a worker until it ends, or an input takes too long, or `enough` says so of its processor time so far. */
async function watch(
  reader: FuzzReader,
  [seed, kept, only]: readonly [seed: string, kept: string, only?: string],
  hear: (message: WorkerMessage) => void,
  enough: (seconds: number) => boolean,
): Promise<Ended> {
  // In memory where the system has such a place: small files on a disk take most of the time of a small reader.
  const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coresift-fuzz-scratch-'));
  const again = only === undefined ? [] : [only];
  const child: ChildProcess = fork(
    fileURLToPath(new URL('worker.ts', import.meta.url)),
    [reader.name, seed, scratch, kept, ...again],
    {
      cwd: scratch,
      execArgv: [
        '--max-old-space-size=1024',
        '--permission',
        ...[root, scratch, kept, ...again].map((place) => `--allow-fs-read=${place}`),
        `--allow-fs-write=${scratch}`,
        '--allow-worker',
        '--allow-inspector',
        ...(reader.addons ? ['--allow-addons'] : []),
      ],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
  let seconds = 0;
  let heardAt = Date.now();
  let usedThen = 0;
  let how: Ended['how'] | null = null;
  child.on('message', (raw) => {
    const message = raw as WorkerMessage;
    hear(message);
    heardAt = Date.now();
    if (message.type === 'told') seconds = usedThen = message.seconds;
  });
  const timer = setInterval(() => {
    const used = processorSeconds(child.pid ?? 0);
    const waited = (Date.now() - heardAt) / 1000;
    seconds = Math.max(seconds, used ?? 0);
    if ((used === null ? waited : used - usedThen) > LONGEST || waited > LONGEST_WAIT) how = 'hung';
    else if (enough(seconds)) how = 'enough';
    if (how !== null) child.kill('SIGKILL');
  }, 200);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...ended) => resolve(ended)),
  );
  clearInterval(timer);
  const why = how === 'hung' ? `took more than ${LONGEST} s` : `the process ended with ${code ?? signal}: ${stderr}`;
  how ??= code === FRESH ? 'fresh' : code === 0 ? 'finished' : 'crashed';
  // Not there when it died before its first input.
  const current = join(scratch, CURRENT);
  const input = existsSync(current) ? new Uint8Array(readFileSync(current)) : new Uint8Array(0);
  rmSync(scratch, { recursive: true, force: true });
  return { how, why, seconds, input };
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

/**
 * Reads one mutated input after the other and tells of them a few times a second; the input under way lies in a file, so
 * that whoever watches has it when the process dies. Inputs that reach code which none before them reached are kept, and
 * changed further.
 */
import { ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';
import { WronglyAccepted } from './acceptance.ts';
import { watchCoverage } from './coverage.ts';
import { chance } from './mutate.ts';
import { CURRENT, FRESH, loadReader, NeedsFreshProcess, type WorkerMessage } from './readers.ts';

/** Slower than this is told, seconds of processor time. */
const SLOW = 5;
/** Between two messages, milliseconds. */
const TELL = 200;
/** Inputs between two looks at the coverage; a look costs as much as a small input. */
const MOST_UNSEEN = 64;
/** Larger inputs are not changed further. */
const MOST_KEPT_BYTES = 64 << 10;
/** Names in a file can make any number of texts. */
const MOST_ENDS = 2000;
/** Inputs that came last are chosen half the time. */
const RECENT = 32;
/** A library that never gives memory back gets a fresh process, bytes. */
const MOST_MEMORY = 900e6;

const [name, firstSeed, scratch, keptFolder, only] = process.argv.slice(2);
if (process.send === undefined) throw new Error('Started by run.ts only.');
const coverage = watchCoverage();
// What is read once more alone goes the way of the product.
if (only === undefined) {
  registerHooks({
    resolve(specifier, context, next) {
      const elsewhere = specifier.endsWith('/hdf5/library.ts') && context.parentURL?.includes('/src-main/') === true;
      return next(elsewhere ? new URL('hdf5-here.ts', import.meta.url).href : specifier, context);
    },
  });
}
const reader = await loadReader(name);
const current = openSync(join(scratch, CURRENT), 'w');
const seeds = [...reader.seeds()];
for (const file of readdirSync(keptFolder).sort()) seeds.push(new Uint8Array(readFileSync(join(keptFolder, file))));

let outcomes: Record<string, number> = {};
/** Ways to be refused that were not told of yet. */
let ends: string[] = [];
const allEnds = new Set<string>();
let slowest = 0;
let lastTold = 0;
let toldSeconds = processorSeconds();
let unseen: Uint8Array[] = [];
let atOnce = 1;

if (only !== undefined) {
  await judge(new Uint8Array(readFileSync(only)), 0);
  await tellOutcomes();
  process.exit(0);
}
// What seeds reach is no news.
for (const each of seeds) await judge(each, 0);
coverage.keep(coverage.look());
for (let seed = Number(firstSeed); ; seed += 1) {
  const random = chance(seed * 2654435761);
  const newest = Math.min(RECENT, seeds.length);
  const base = random.int(2) === 0 ? random.pick(seeds) : seeds[seeds.length - 1 - random.int(newest)];
  const input = reader.mutate(base, random, random.pick(seeds));
  const endsBefore = allEnds.size;
  await judge(input, seed);
  if (allEnds.size > endsBefore) await keep(input);
  unseen.push(input);
  if (unseen.length >= atOnce) await lookAtCoverage();
  if (Date.now() - lastTold < TELL) continue;
  await tellOutcomes();
  if (process.memoryUsage.rss() > MOST_MEMORY) await goFresh();
}

async function judge(input: Uint8Array, seed: number): Promise<void> {
  writeSync(current, input, 0, input.length, 0);
  ftruncateSync(current, input.length);
  const started = performance.now();
  let { outcome, finding } = await read(input);
  const waited = (performance.now() - started) / 1000;
  // Asking for processor time takes as long as a small input.
  const seconds = waited < 1 ? waited : Math.min(waited, processorSeconds() - toldSeconds);
  const made = readdirSync(scratch).filter((entry) => entry !== CURRENT);
  if (made.length > 0) {
    outcome = 'wrote outside';
    finding = `it made ${made.join(', ')} outside of its folder`;
  }
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  slowest = Math.max(slowest, seconds);
  if (seconds > SLOW) await tell({ type: 'slow', seconds, input: Buffer.from(input).toString('base64') });
  if (finding !== null)
    await tell({ type: 'finding', seed, what: finding, input: Buffer.from(input).toString('base64') });
}

async function read(input: Uint8Array): Promise<{ outcome: string; finding: string | null }> {
  const folder = join(scratch, 'case');
  mkdirSync(folder);
  try {
    await reader.read(input, folder);
    return { outcome: 'accepted', finding: null };
  } catch (error) {
    if (error instanceof NeedsFreshProcess) return await goFresh();
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (error instanceof ExpectedError) {
      const end = endOf(error, stack);
      if (!allEnds.has(end) && allEnds.size < MOST_ENDS) {
        allEnds.add(end);
        ends.push(end);
      }
      return { outcome: error.code, finding: null };
    }
    return { outcome: error instanceof WronglyAccepted ? 'wrongly accepted' : 'bug', finding: stack };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Different reasons to refuse differ in their code, in the places in the product that led to them, or in their words. */
function endOf({ code, detail }: ExpectedError, stack: string): string {
  const places = stack.match(/src-main\/[\w/.-]+:\d+/g) ?? [];
  const words = detail
    .replace(/"[^"]*"?/g, '""')
    .replace(/\/\S*/g, '/')
    .replace(/[^a-zA-Z "/]+/g, '#')
    .slice(0, 80);
  return `${code} ${places.slice(0, 3).join(' ')} ${words}`;
}

async function keep(input: Uint8Array): Promise<void> {
  if (input.length > MOST_KEPT_BYTES) return;
  seeds.push(input);
  await tell({ type: 'kept', input: Buffer.from(input).toString('base64') });
}

/** Keeps those of the last inputs that reached something new, found by reading ever smaller parts of them once more. */
async function lookAtCoverage(): Promise<void> {
  const found = new Set(coverage.look());
  const suspects = unseen;
  unseen = [];
  atOnce = found.size === 0 ? Math.min(MOST_UNSEEN, atOnce * 2) : Math.max(1, atOnce >> 1);
  if (found.size === 0) return;
  await narrow(suspects, found);
  // What is not reached a second time hangs on chance, e.g. on what was read before.
  coverage.keep([...found]);
}

async function narrow(suspects: readonly Uint8Array[], found: Set<string>): Promise<void> {
  if (suspects.length === 1) {
    coverage.keep([...found]);
    await keep(suspects[0]);
    return;
  }
  const middle = suspects.length >> 1;
  for (const part of [suspects.slice(0, middle), suspects.slice(middle)]) {
    for (const input of part) await read(input);
    const reached = new Set(coverage.look().filter((block) => found.has(block)));
    if (reached.size > 0) await narrow(part, reached);
  }
}

async function goFresh(): Promise<never> {
  await tellOutcomes();
  process.exit(FRESH);
}

async function tellOutcomes(): Promise<void> {
  toldSeconds = processorSeconds();
  const message = {
    type: 'told',
    outcomes,
    ends,
    slowest,
    memory: process.memoryUsage.rss(),
    seconds: toldSeconds,
    blocks: coverage.count(),
  } as const;
  outcomes = {};
  ends = [];
  lastTold = Date.now();
  await tell(message);
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function tell(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
}

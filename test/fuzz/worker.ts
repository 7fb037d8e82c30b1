/** Reads one mutated input after the other, and tells of each before and after: whoever watches knows where it died. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';
import { chance } from './mutate.ts';
import { readers } from './readers.ts';

const [name, firstSeed, scratch] = process.argv.slice(2);
const reader = readers.find((each) => each.name === name);
if (reader === undefined || process.send === undefined) throw new Error(`There is no reader ${name}.`);
const seeds = reader.seeds();
const codes = new Map<string, number>();
let worst = 0;

for (let seed = Number(firstSeed); ; seed += 1) {
  const random = chance(seed * 2654435761);
  const input = reader.mutate(random.pick(seeds), random, random.pick(seeds));
  const folder = join(scratch, 'case');
  mkdirSync(folder, { recursive: true });
  await tell({ type: 'start', seed });
  const started = performance.now();
  let outcome = 'accepted';
  try {
    await reader.read(input, folder);
  } catch (error) {
    if (error instanceof ExpectedError) outcome = error.code;
    else outcome = `BUG ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  const seconds = (performance.now() - started) / 1000;
  worst = Math.max(worst, seconds);
  const made = readdirSync(scratch).filter((entry) => entry !== 'case');
  if (made.length > 0) outcome = `BUG it made ${made.join(', ')} outside of its folder`;
  rmSync(folder, { recursive: true, force: true });
  const kind = outcome.startsWith('BUG') ? 'BUG' : outcome;
  codes.set(kind, (codes.get(kind) ?? 0) + 1);
  if (kind === 'BUG' || seconds > 5) {
    await tell({
      type: 'finding',
      seed,
      what: kind === 'BUG' ? outcome : `took ${seconds.toFixed(1)} s`,
      input: Buffer.from(input).toString('base64'),
    });
  }
  if (seed % 200 === 0)
    await tell({ type: 'count', codes: Object.fromEntries(codes), worst, rss: process.memoryUsage.rss() });
}

function tell(message: object): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
}

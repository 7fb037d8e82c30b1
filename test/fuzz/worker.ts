/** Reads one mutated input after the other, and tells of each before and after: whoever watches knows where it died. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';
import { WronglyAccepted } from './acceptance.ts';
import { chance } from './mutate.ts';
import { loadReader } from './readers.ts';

/** Slower than this and yet not hung is worth a look, seconds of processor time. */
const SLOW = 5;

const [name, firstSeed, scratch] = process.argv.slice(2);
if (process.send === undefined) throw new Error('Started by run.ts only.');
const reader = await loadReader(name);
const seeds = reader.seeds();

for (let seed = Number(firstSeed); ; seed += 1) {
  const random = chance(seed * 2654435761);
  const input = reader.mutate(random.pick(seeds), random, random.pick(seeds));
  const folder = join(scratch, 'case');
  mkdirSync(folder, { recursive: true });
  await tell({ type: 'start', seed });
  const started = process.cpuUsage();
  let outcome = 'accepted';
  let finding: string | null = null;
  try {
    await reader.read(input, folder);
  } catch (error) {
    if (error instanceof ExpectedError) outcome = error.code;
    else {
      outcome = error instanceof WronglyAccepted ? 'wrongly accepted' : 'bug';
      finding = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }
  const used = process.cpuUsage(started);
  const seconds = (used.user + used.system) / 1e6;
  const made = readdirSync(scratch).filter((entry) => entry !== 'case');
  if (made.length > 0) {
    outcome = 'wrote outside';
    finding = `it made ${made.join(', ')} outside of its folder`;
  }
  rmSync(folder, { recursive: true, force: true });
  if (finding === null && seconds > SLOW) finding = `took ${seconds.toFixed(1)} s`;
  await tell({ type: 'done', outcome, seconds, rss: process.memoryUsage.rss() });
  if (finding !== null)
    await tell({ type: 'finding', seed, what: finding, input: Buffer.from(input).toString('base64') });
}

function tell(message: object): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
}

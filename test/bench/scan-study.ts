/**
 * `npm run bench:scan -- [--cases clean,threat-1] [--seeds 1,2,3] [--samples 1500] [--preset quick] [--threads 1]
 *   [--cache folder] [--encoder file.onnx] [--budgets 0.04,0.06,0.08] [--sides 0.2,0.25,0.3]`
 *
 * What tells a poisoned encoder whose stamped images do not collapse (DRUPE)? Beside the scan's own measure: a head fitted on the
 * first clean pool, which knows nothing of poison in the data, is asked about every square of the scan's grid. Per run: the
 * square under which representations collapse most, and the one that turns most of 64 images of the pool to one class; and how near
 * the overlay scan brings the 64, for each budget, and the texture scan, for each side, with where
 * else they do.
 */
import { parseArgs } from 'node:util';
import { cosineOf } from '../../src-main/engine/evidence/collapse.ts';
import { scanForOverlay, type FoundOverlay } from '../../src-main/engine/evidence/overlay-scan.ts';
import { patchGrid, scanForPatches, stampedSource, type Patch } from '../../src-main/engine/evidence/patch-scan.ts';
import { scanForTexture, type FoundTexture } from '../../src-main/engine/evidence/texture-scan.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { evaluateClassifier } from '../../src-main/engine/tcore/evaluate.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import { paperCase, paperOptions } from './paper-case.ts';

const { values: given } = parseArgs({
  options: {
    cases: { type: 'string', default: 'clean,threat-1' },
    ...paperOptions,
    encoder: { type: 'string' },
    budgets: { type: 'string', default: '0.04,0.06,0.08' },
    sides: { type: 'string', default: '0.2,0.25,0.3' },
  },
});
const provider = await createOrtProvider({ threads: Number(given.threads) });
const signal = new AbortController().signal;
for (const name of given.cases.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
}
await provider.dispose();

function numbers(list: string): number[] {
  return list === '' ? [] : list.split(',').map(Number);
}

async function study(name: string, seed: number): Promise<void> {
  const { context, encoder, expanded, classifier } = await paperCase(provider, name, seed, given);
  const { samples } = context;
  const { pool } = expanded;
  const order = randomStream(seed, 'scan study').permutation(pool.length).subarray(0, 64);
  const shown = Int32Array.from(order, (at) => pool[at]);
  const scan = await scanForPatches(provider, encoder, samples, shown, { batch: 64, signal, onProgress: () => {} });
  const predictedUnder = async (patch: Patch | null): Promise<Int32Array> => {
    const source = patch === null ? samples : stampedSource(samples, patch);
    return (await evaluateClassifier(provider, classifier, source, shown, { batch: 64, signal })).predicted;
  };
  const before = await predictedUnder(null);
  const turned = async (patch: Patch): Promise<{ readonly share: number; readonly to: number }> => {
    const after = await predictedUnder(patch);
    const shares = samples.classes.map((_, c) => {
      const others = [...before.keys()].filter((i) => before[i] !== c);
      return count(others, (i) => after[i] === c) / others.length;
    });
    const share = Math.max(...shares);
    return { share, to: shares.indexOf(share) };
  };
  let best = { share: -1, to: -1, patch: scan.patch };
  for (const patch of patchGrid(samples.shape[1], samples.shape[2])) {
    const found = await turned(patch);
    if (found.share > best.share) best = { ...found, patch };
  }
  const own = await turned(scan.patch);
  const place = ({ row, column, value }: Patch): string => `${value === 1 ? 'white' : 'black'} at ${row}, ${column}`;
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  console.log(
    `${name}, seed ${seed}: collapse ${scan.collapse.toFixed(2)} (without ${scan.base.toFixed(2)}) under ${place(scan.patch)}, which turns ${percent(own.share)} to ${own.to}; most turned ${percent(best.share)} to ${best.to}, ${place(best.patch)}`,
  );
  const taken = new Set(shown);
  const others = Int32Array.from({ length: samples.count }, (_, i) => i).filter((i) => !taken.has(i));
  for (const side of numbers(given.sides)) {
    await told(`patch of ${side} of the side`, (away) => {
      const options = { side, batch: 32, measureBatch: 32, seed, signal, onProgress: () => {}, ...away };
      return scanForTexture(provider, encoder, samples, shown, others, options);
    });
  }
  for (const budget of numbers(given.budgets)) {
    await told(`overlay of at most ${budget}`, (away) => {
      const options = { budget, batch: 32, measureBatch: 32, seed, signal, onProgress: () => {}, ...away };
      return scanForOverlay(provider, encoder, samples, shown, others, options);
    });
  }
}

/** One search, and the same once more away from where it ended, with the processor time of the first. */
async function told(
  what: string,
  search: (away: { readonly away?: Float32Array }) => Promise<FoundOverlay | FoundTexture | string>,
): Promise<void> {
  const began = process.cpuUsage();
  const found = await search({});
  const { user, system } = process.cpuUsage(began);
  if (typeof found === 'string') return console.log(`  ${what}: ${found}`);
  const other = await search({ away: found.centre });
  const elsewhere =
    typeof other === 'string'
      ? other
      : `${other.scan.collapse.toFixed(3)} (cosine of the two answers ${cosineOf(other.centre, found.centre).toFixed(2)})`;
  const { base, collapse } = found.scan;
  const place = 'row' in found.scan ? ` at row ${found.scan.row}, column ${found.scan.column}` : '';
  const seconds = ((user + system) / 1e6).toFixed(1);
  console.log(
    `  ${what}: ${collapse.toFixed(3)}${place}, without ${base.toFixed(2)}, elsewhere ${elsewhere}, ${seconds} s`,
  );
}

/**
 * `npm run bench:expand -- [--cases threat-3,badnets shirts,…] [--seeds 1,2,3] [--samples 1500] [--preset quick] [--threads 1]`
 *
 * Q7: which expansion of the seeds lets less poison into the first pool, "direct" or "confusion". Sifting and expansion of
 * planted cases, without what follows. Per case and seed: poison among the seeds, and in either pool, of so many samples
 * labelled with the target.
 */
import { parseArgs } from 'node:util';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { asSamples } from '../../src-main/engine/attacks/images.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { PipelineContext } from '../../src-main/engine/tcore/context.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { prepareEncoder } from '../../src-main/engine/tcore/prepare.ts';
import { runExpand, runSift } from '../../src-main/engine/tcore/stage-sift.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import type { Preset } from '../../src-shared/domain/run.ts';
import { leakCases, plantLeakCase } from './leak-cases.ts';
import { encoderBytes } from './planted.ts';

const { values: given } = parseArgs({
  options: {
    cases: {
      type: 'string',
      default: 'threat-3,threat-3 covers,threat-3 1%,blended,badnets,tact,badnets shirts,blended shirts',
    },
    seeds: { type: 'string', default: '1,2,3' },
    samples: { type: 'string', default: '1500' },
    preset: { type: 'string', default: 'quick' },
    threads: { type: 'string', default: '1' },
  },
});
const methods = ['direct', 'confusion'] as const;
const provider = await createOrtProvider({ threads: Number(given.threads) });
const sums = { direct: { poison: 0, cells: 0 }, confusion: { poison: 0, cells: 0 } };
for (const name of given.cases.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
}
for (const method of methods) {
  console.log(`${method}: ${sums[method].poison} poison samples in all, in ${sums[method].cells} cells`);
}
await provider.dispose();

async function study(name: string, seed: number): Promise<void> {
  const what = leakCases[name];
  const { planted, truth } = plantLeakCase(what, Number(given.samples), seed);
  const poison = new Set(truth.poisoned);
  const contextOf = (method: (typeof methods)[number]): PipelineContext => ({
    mode: 'paper',
    provider,
    graph: readOnnx(encoderBytes(what.encoder)).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(planted),
    parameters: parameterValues(resolveParameters(given.preset as Preset, { 'expand.method': method })),
    seed,
    journal: memoryJournal(),
    inputDigests: { encoder: what.encoder, dataset: `${name} ${seed}` },
    emit: () => {},
    signal: new AbortController().signal,
  });
  const encoder = await prepareEncoder(contextOf('direct'));
  const sifted = await runSift(contextOf('direct'), encoder, 'expand study');
  const told: string[] = [];
  for (const method of methods) {
    const { pool } = await runExpand(contextOf(method), encoder, sifted);
    const inPool = count(pool, (i) => poison.has(i));
    const ofTarget = count(pool, (i) => planted.labels[i] === what.target);
    sums[method].poison += inPool;
    if (inPool > 0) sums[method].cells++;
    told.push(`${method} ${inPool} of ${ofTarget}`);
  }
  console.log(`${name}, seed ${seed}: seeds ${count(sifted.seeds, (i) => poison.has(i))}; ${told.join(', ')}`);
}

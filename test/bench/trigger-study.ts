/**
 * `npm run bench:triggers -- [--encoders clean,badencoder] [--datasets badnets,blended,tact,clean] [--seeds 1,2]
 *   [--samples 1500] [--plan file] [--preset quick] [--threads 1] [--random 24] --cache folder`
 *
 * How well the audit recovers a planted trigger: cells of the quick plan, or of another on the same images, planted as `coresift bench` plants them. With
 * `--cache` every step of the audit but the evidence is computed once, so that the estimates can be changed and looked at
 * again in seconds. `--random` is the negative control: that many samples of every class that are no poison, in place of the
 * suspects; nothing may be announced.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { plantCell } from '../../src-main/audit/bench-cell.ts';
import { readBenchData, drawDataset } from '../../src-main/audit/bench-data.ts';
import { benchEncoder } from '../../src-main/audit/bench-encoders.ts';
import { readPlan } from '../../src-main/audit/bench.ts';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { asSamples, takeImages } from '../../src-main/engine/attacks/images.ts';
import { likenessOf } from '../../src-main/engine/attacks/likeness.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { PipelineContext, PipelineResult } from '../../src-main/engine/tcore/context.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';
import { runTriggers } from '../../src-main/engine/tcore/stage-triggers.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { worksAsTrigger } from '../../src-shared/domain/result.ts';
import { sha256 } from '../../src-main/store/canonical.ts';
import type { Preset } from '../../src-shared/domain/run.ts';
import { cachedJournal } from './step-cache.ts';

const { values: given } = parseArgs({
  options: {
    encoders: { type: 'string', default: 'clean' },
    datasets: { type: 'string', default: 'badnets,blended,tact,clean' },
    seeds: { type: 'string', default: '1' },
    samples: { type: 'string', default: '1500' },
    preset: { type: 'string', default: 'quick' },
    threads: { type: 'string', default: '1' },
    cache: { type: 'string' },
    plan: { type: 'string', default: 'quick' },
    random: { type: 'string', default: '0' },
  },
});

const sample = fileURLToPath(new URL('../../resources/samples/fashion', import.meta.url));
const asked = readPlan(given.plan);
const plan = { ...asked, data: { domain: 'sample' as const, samples: Number(given.samples) } };
const cache = given.cache ?? join(tmpdir(), 'coresift-bench-triggers');
const provider = await createOrtProvider({ threads: Number(given.threads) });
const signal = new AbortController().signal;
const data = await readBenchData(plan, { sample, dataset: null, cache: join(cache, 'pixels') }, null, signal);
for (const encoder of given.encoders.split(',')) {
  for (const dataset of given.datasets.split(',')) {
    for (const seed of given.seeds.split(',').map(Number)) await study(encoder, dataset, seed);
  }
}
await provider.dispose();

async function study(encoderName: string, datasetName: string, seed: number): Promise<void> {
  const encoder = await benchEncoder(provider, plan.encoders[encoderName], {
    plan: { ...plan, data: asked.data },
    file: join(sample, 'encoder-clean.onnx'),
    unlabelled: data.unlabelled,
    folder: join(cache, 'encoders'),
    signal,
    onEpoch: () => {},
  });
  const clean = drawDataset(data.pool, plan.data.samples, seed);
  const { planted, truth } = plantCell(clean, plan.datasets[datasetName], encoder.trigger, seed, plan.target);
  const context: PipelineContext = {
    provider,
    graph: encoder.graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(planted, data.names),
    mode: 'distilled',
    parameters: parameterValues(resolveParameters(given.preset as Preset, plan.overrides)),
    seed,
    journal: cachedJournal(given.cache, { never: 'evidence/triggers' }),
    inputDigests: { encoder: encoderName, dataset: sha256(planted.pixels) },
    emit: () => {},
    signal,
  };
  const began = process.cpuUsage().user;
  const result = await bootstrapAudit(context);
  const seconds = (process.cpuUsage().user - began) / 1e6;
  const poison = new Set(truth.poisoned);
  const suspects = [...result.columns.suspectRank.keys()].filter((i) => result.columns.suspectRank[i] >= 0);
  const { carrying = 0, showing = 0 } = result.verdict.dataset.evidence;
  console.log(
    `${encoderName} + ${datasetName}, seed ${seed}: ${suspects.filter((i) => poison.has(i)).length} of ${poison.size} poison among ${suspects.length} suspects, of whom ${String(carrying)} carry a learnt pattern and ${String(showing)} more show the recovered trigger; ${result.verdict.encoder.verdict}, ${result.verdict.dataset.verdict}; CPU ${seconds.toFixed(0)} s`,
  );
  const shown = [...data.test.labels.keys()].filter((i) => data.test.labels[i] !== plan.target).slice(0, 500);
  for (const { by, trigger, announced, ...flips } of result.recovered) {
    const { measure, value } = likenessOf(takeImages(data.test, shown), truth.trigger, trigger);
    const rates = [flips.flippedUndefended, flips.flippedSanitized, flips.flippedControl].map(
      (rate) => rate?.toFixed(2) ?? '–',
    );
    console.log(
      `  ${by}, ${trigger.form}, ${announced ? 'announced' : 'not announced'}: ${measure} ${value.toFixed(2)}; flips ${rates.join(' / ')} of ${flips.n}`,
    );
  }
  if (Number(given.random) > 0) await randomSuspects(context, result, poison, Number(given.random));
}

/** The estimate from samples of a class that are no poison, for every class. */
async function randomSuspects(
  context: PipelineContext,
  result: PipelineResult,
  poison: ReadonlySet<number>,
  count: number,
): Promise<void> {
  const { samples, seed } = context;
  const credible = [...result.columns.admittedRound.keys()].filter((i) => result.columns.admittedRound[i] >= 0);
  for (const c of samples.classes.keys()) {
    const own = [...samples.labels.keys()].filter((i) => samples.labels[i] === c && !poison.has(i));
    const order = randomStream(seed, `bench/random suspects/${c}`).permutation(own.length).subarray(0, count);
    const drawn = Int32Array.from(order, (at) => own[at]);
    const { evidence } = await runTriggers(
      { ...context, journal: memoryJournal() },
      { undefended: result.undefended, sanitized: result.sanitized },
      [drawn],
      Int32Array.from(credible.filter((i) => !drawn.includes(i))),
      result.encoder.representation.dim,
      '',
    );
    const { picture: _, ...found } = evidence.estimate ?? { picture: null };
    const verdict = evidence.estimate !== null && worksAsTrigger(evidence.estimate) ? 'ANNOUNCED' : 'not announced';
    console.log(`  ${drawn.length} random samples of class ${c}: ${verdict} ${JSON.stringify(found)}`);
  }
}

/**
 * `npm run bench:variants -- --plan plan.json --encoders folder --cells "badencoder|same trigger|1,clean|clean|1"
 *   [--mode distilled] [--preset quick] [--leak 3] [--threads 1] [--cache folder]
 *   --variant "as it is=" --variant "never=distil.lead=1" --variant "half=filter.keep=0.5;filter.ranking=random"`
 *
 * The same planted cells of a plan under different parameters, side by side: what a default is chosen by. Encoders are made, or
 * found again, in the folder, as `coresift bench` does. With `--cache` steps that a variant does not touch are computed once.
 * `--leak` puts so many poison samples into the first pool.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureClassifier, plantCell } from '../../src-main/audit/bench-cell.ts';
import { drawDataset, readBenchData } from '../../src-main/audit/bench-data.ts';
import { benchEncoder } from '../../src-main/audit/bench-encoders.ts';
import { readPlan } from '../../src-main/audit/bench.ts';
import { asSamples } from '../../src-main/engine/attacks/images.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import { sha256 } from '../../src-main/store/canonical.ts';
import type { Mode, Preset } from '../../src-shared/domain/run.ts';
import { cachedJournal } from './step-cache.ts';

const { values: given } = parseArgs({
  options: {
    plan: { type: 'string', default: 'quick' },
    encoders: { type: 'string', default: join(tmpdir(), 'coresift-bench-encoders') },
    cells: { type: 'string', default: 'clean|clean|1' },
    variant: { type: 'string', multiple: true, default: ['as it is='] },
    mode: { type: 'string', default: 'distilled' },
    preset: { type: 'string', default: 'quick' },
    leak: { type: 'string', default: '0' },
    threads: { type: 'string', default: '1' },
    cache: { type: 'string' },
  },
});
const sample = fileURLToPath(new URL('../../resources/samples/fashion', import.meta.url));
const plan = readPlan(given.plan);
const provider = await createOrtProvider({ threads: Number(given.threads) });
const signal = new AbortController().signal;
const paths = { sample, dataset: null, cache: join(given.encoders, 'pixels') };
const data = await readBenchData(plan, paths, null, signal);
for (const cell of given.cells.split(',')) {
  const [encoder, dataset, seed] = cell.split('|');
  for (const variant of given.variant) await study(encoder, dataset, Number(seed), variant);
}
await provider.dispose();

/** "name=key=value;key=value" @returns the name, and what is set */
function readVariant(text: string): readonly [name: string, set: Record<string, number | string>] {
  const [name, ...rest] = text.split('=');
  const entries = rest
    .join('=')
    .split(';')
    .filter((entry) => entry !== '')
    .map((entry) => entry.split('='))
    .map(([key, value]) => [key, Number.isNaN(Number(value)) ? value : Number(value)] as const);
  return [name, Object.fromEntries(entries)];
}

async function study(encoderName: string, datasetName: string, seed: number, variant: string): Promise<void> {
  const [name, set] = readVariant(variant);
  const { graph, trigger } = await benchEncoder(provider, plan.encoders[encoderName], {
    plan,
    file: plan.data.domain === 'sample' ? join(sample, 'encoder-clean.onnx') : null,
    unlabelled: data.unlabelled,
    folder: given.encoders,
    signal,
    onEpoch: () => {},
  });
  const clean = drawDataset(data.pool, plan.data.samples, seed);
  const { planted, truth } = plantCell(clean, plan.datasets[datasetName], trigger, seed, plan.target);
  const leak = Number(given.leak);
  const began = process.cpuUsage().user;
  const result = await bootstrapAudit({
    provider,
    graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(planted, data.names),
    mode: given.mode as Mode,
    parameters: parameterValues(resolveParameters(given.preset as Preset, { ...plan.overrides, ...set })),
    seed,
    journal: cachedJournal(given.cache, leak > 0 ? { salt: `${leak} leaks` } : {}),
    inputDigests: { encoder: `${plan.name}/${encoderName}`, dataset: sha256(planted.pixels) },
    emit: () => {},
    signal,
    ...(leak > 0 ? { forcedLeak: Int32Array.from(truth.poisoned.slice(0, leak)) } : {}),
  });
  const seconds = (process.cpuUsage().user - began) / 1e6;
  const shown = trigger ?? truth.trigger;
  const ratesOf = async (classifier: Graph): Promise<string> => {
    const rates = await measureClassifier(provider, classifier, data.test, shown, plan.target, truth.source, signal);
    return [rates.acc, rates.asr, rates.control].map(({ hits, of }) => ((100 * hits) / of).toFixed(1)).join(' / ');
  };
  const { admittedRound, suspectRank } = result.columns;
  const suspects = [...suspectRank.keys()].filter((i) => suspectRank[i] >= 0);
  const poison = new Set(truth.poisoned);
  console.log(
    [
      `${encoderName} + ${datasetName}, seed ${seed}, ${name}: No Defense ${await ratesOf(result.undefended)}`,
      `sanitized ${await ratesOf(result.sanitized)}`,
      `poison admitted ${count(poison, (i) => admittedRound[i] >= 0)} of ${poison.size}`,
      `suspects ${count(suspects, (i) => poison.has(i))} of ${suspects.length}`,
      `${result.verdict.encoder.verdict}, ${result.verdict.dataset.verdict}`,
      `encoder asked in ${result.rounds.filter(({ distilled = 0 }) => distilled > 0).length} of ${result.rounds.length} rounds`,
      `CPU ${seconds.toFixed(0)} s`,
    ].join('; '),
  );
}

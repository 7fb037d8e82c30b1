/**
 * `npm run bench:sample [-- --mode distilled --cases threat-3,threat-1 --seeds 1,2,3 --preset standard --controls --set grow.cap=0.6]`
 *
 * Measures the defence on planted cases made from the sample project's held-apart images: No Defense, sanitized, leaks,
 * seconds, peak memory, and the negative controls that must fail. ACC, ASR and control in percent, on 2,000 held-back
 * images (ASR and control on those not of the target class).
 */
import { parseArgs } from 'node:util';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import type { PipelineContext, PipelineResult } from '../../src-main/engine/tcore/context.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';
import { median } from '../../src-main/engine/math/statistics.ts';
import { defaultMode, type Mode, type Preset } from '../../src-shared/domain/run.ts';
import { fineTuned, headOnSeeds } from '../../src-main/engine/attacks/broken-defences.ts';
import { likeness, encoderBytes, measure, sampleSource, type Measured, type Trigger } from './planted.ts';
import { cases, overridesOf, slices } from './sample-cases.ts';

const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: 'threat-3,threat-1,threat-2,clean' },
    seeds: { type: 'string', default: '1,2,3' },
    preset: { type: 'string', default: 'standard' },
    mode: { type: 'string', default: defaultMode },
    threads: { type: 'string', default: '2' },
    controls: { type: 'boolean', default: false },
    rounds: { type: 'boolean', default: false },
    leak: { type: 'string', default: '0' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

const overrides = overridesOf(options.set);
const row = (...cells: readonly (string | number)[]): void =>
  console.log(cells.map((cell, i) => String(cell).padEnd([18, 20, 21, 8, 8, 12, 30, 8][i] ?? 8)).join(''));
const rates = ({ acc, asr, control }: Measured): string =>
  `${acc.toFixed(1)} / ${asr.toFixed(1)} / ${control.toFixed(1)}`;

const provider = await createOrtProvider({ threads: Number(options.threads) });
console.log(`${provider.describe().id}, ${JSON.stringify(provider.describe().details)}`);
row('case : seed', 'No Defense', 'sanitized', 'seeds', 'pool', 'suspects', 'encoder, dataset', 'seconds');
const summary = new Map<string, { excess: number[]; worst: number[]; accLoss: number[] }>();
for (const name of options.cases.split(',')) {
  for (const [at, seed] of options.seeds.split(',').map(Number).entries()) {
    await runCase(provider, name, seed, slices[at % slices.length]);
  }
}
console.log('\ncase               ASR - control median (worst ASR)   ACC - No Defense median (worst)');
for (const [name, { excess, worst, accLoss }] of summary) {
  console.log(
    `${name.padEnd(18)} ${median(excess).toFixed(1)} (${Math.max(...worst).toFixed(1)})`.padEnd(54) +
      `${median(accLoss).toFixed(1)} (${Math.min(...accLoss).toFixed(1)})`,
  );
}
console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
await provider.dispose();

async function runCase(compute: Provider, name: string, seed: number, start: number): Promise<void> {
  const { encoder, trigger, make } = cases[name];
  const { images, poisoned } = make(start, seed);
  const samples = sampleSource(images);
  const began = performance.now();
  const context: PipelineContext = {
    provider: compute,
    graph: readOnnx(encoderBytes(encoder)).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples,
    mode: options.mode as Mode,
    parameters: parameterValues(resolveParameters(options.preset as Preset, overrides)),
    seed,
    forcedLeak: Int32Array.from([...poisoned].slice(0, Number(options.leak))),
    journal: memoryJournal(),
    inputDigests: { encoder: name, dataset: `${name} ${seed}` },
    emit: (event) => {
      if (options.rounds && event.type === 'stage')
        console.log('  ', event.stage, event.state, Math.round(performance.now() - began));
      if (options.rounds && event.type === 'pool') console.log('  ', JSON.stringify(event.round));
    },
    signal: new AbortController().signal,
  };
  const result = await bootstrapAudit(context);
  const seconds = (performance.now() - began) / 1000;
  const none = await measure(compute, result.undefended, trigger);
  const sanitized = await measure(compute, result.sanitized, trigger);
  const leaked = (flags: ArrayLike<number>): number => [...poisoned].filter((i) => flags[i] > 0).length;
  const everAdmitted = result.columns.admittedRound.map((round) => (round >= 0 ? 1 : 0));
  const suspects = [...result.columns.suspectRank.keys()].filter((i) => result.columns.suspectRank[i] >= 0);
  const found = suspects.filter((i) => poisoned.has(i)).length;
  row(
    `${name} : ${seed}`,
    rates(none),
    rates(sanitized),
    leaked(result.columns.pool),
    leaked(everAdmitted),
    `${found}/${suspects.length}`,
    `${result.verdict.encoder.verdict}, ${result.verdict.dataset.verdict}`,
    seconds.toFixed(0),
  );
  const { estimate } = result.triggers;
  const recovered = result.recovered.find(({ by }) => by === 'suspects');
  if (estimate !== null && recovered !== undefined) {
    const { form, target: to, suspects: from, flippedUndefended, flippedSanitized } = estimate;
    const like = likeness(trigger, recovered.trigger).toFixed(2);
    const flips = `${flippedUndefended.toFixed(2)} undefended, ${flippedSanitized.toFixed(2)} sanitized`;
    console.log(`   ${form} estimated from ${from} suspects of class ${to}: flips ${flips}; likeness ${like}`);
  }
  for (const { code, message } of result.sifting.warnings) console.log(`   ${code}: ${message}`);
  console.log(`   highest refused share of a class: ${refusedShares(result).toFixed(3)}`);
  const entry = summary.get(name) ?? { excess: [], worst: [], accLoss: [] };
  entry.excess.push(sanitized.asr - sanitized.control);
  entry.worst.push(sanitized.asr);
  entry.accLoss.push(sanitized.acc - none.acc);
  summary.set(name, entry);
  if (options.controls) await runControls(context, trigger, result.columns.pool);
}

/** Largest share of a class that is refused, the number that the verdict on the dataset is made from. */
function refusedShares({ verdict }: PipelineResult): number {
  return Math.max(...(verdict.dataset.evidence.refusedShares as readonly number[]));
}

/** What must fail (or only cost accuracy): each differs from the defence in one thing. */
async function runControls(context: PipelineContext, trigger: Trigger, pool: Uint8Array): Promise<void> {
  const seeds = Int32Array.from([...pool.keys()].filter((i) => pool[i] === 1));
  const report = async (name: string, graph: Parameters<typeof measure>[1]): Promise<void> =>
    row(`  ${name}`, '', rates(await measure(context.provider, graph, trigger)));
  await report('head on seeds', await headOnSeeds(context, seeds));
  await report('fine-tuning', await fineTuned(context));
  for (const [name, set] of [
    ['psi kept', { 'filter.start': 'kept' }],
    ['random masks', { 'filter.ranking': 'random' }],
  ] as const) {
    const parameters = parameterValues(resolveParameters(options.preset as Preset, { ...overrides, ...set }));
    const { sanitized } = await bootstrapAudit({ ...context, parameters, journal: memoryJournal() });
    await report(name, sanitized);
  }
}

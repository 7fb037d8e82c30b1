/**
 * `npm run bench:leaks -- [--cases clean,threat-3,blended,badnets,tact] [--leaks 0,1,3,5,15] [--seeds 1] [--samples 1500]
 *   [--preset quick] [--mode distilled] [--threads 1] [--cache folder] [--set name=value ...]`
 *
 * What poison in the first pool does to the sanitized model, and whether the alarm for an inverted run notices: so many
 * poison samples are forced into the pool behind sifting, and the audit is run as a user runs it. Per run: ACC / ASR /
 * control (%) of the undefended and the sanitized model, poison among the taught labels after every round, the alarm, and
 * whether the model was grown again.
 */
import { parseArgs } from 'node:util';
import { asSamples } from '../../src-main/engine/attacks/images.ts';
import type { StepJournal } from '../../src-main/engine/journal.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { PipelineResult } from '../../src-main/engine/tcore/context.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import type { LearntPattern } from '../../src-shared/domain/result.ts';
import type { Mode, Preset } from '../../src-shared/domain/run.ts';
import { leakCases, measureLeakCase, plantLeakCase } from './leak-cases.ts';
import { encoderBytes, type Measured } from './planted.ts';
import { overridesOf } from './sample-cases.ts';
import { cachedJournal } from './step-cache.ts';

const { values: given } = parseArgs({
  options: {
    cases: { type: 'string', default: 'clean,threat-3,blended,badnets,tact' },
    leaks: { type: 'string', default: '0,1,3,5,15' },
    seeds: { type: 'string', default: '1' },
    samples: { type: 'string', default: '1500' },
    preset: { type: 'string', default: 'quick' },
    mode: { type: 'string', default: 'distilled' },
    threads: { type: 'string', default: '1' },
    cache: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const provider = await createOrtProvider({ threads: Number(given.threads) });
const parameters = parameterValues(resolveParameters(given.preset as Preset, overridesOf(given.set)));
const rates = ({ acc, asr, control }: Measured): string =>
  `${acc.toFixed(1)} / ${asr.toFixed(1)} / ${control.toFixed(1)}`;
for (const name of given.cases.split(',')) {
  for (const seed of numbers(given.seeds)) {
    for (const leaks of numbers(given.leaks)) await study(name, seed, leaks);
  }
}
await provider.dispose();

async function study(name: string, seed: number, leaks: number): Promise<void> {
  const what = leakCases[name];
  const planted = plantLeakCase(what, Number(given.samples), seed);
  const poison = new Set(planted.truth.poisoned);
  // A dataset without poison has nothing that could leak.
  if (leaks > 0 && poison.size === 0) return;
  const pools: Int32Array[] = [];
  const again: number[] = [];
  let followed: readonly Omit<LearntPattern, 'samples'>[] = [];
  const cached = cachedJournal(given.cache, { salt: leaks === 0 ? '' : `leak ${leaks}` });
  const journal: StepJournal = {
    async step(spec, compute) {
      const step = await cached.step(spec, compute);
      if (spec.name.startsWith('evidence/learnt'))
        followed = [...followed, ...(step.data as unknown as { readonly followed: typeof followed }).followed];
      if (spec.name === 'evidence/unlearnt/again') again.push(...(step.data as number[]));
      if (/^(warm-up|grow|final)/.test(spec.name)) pools.push(step.tensors.pool.data as Int32Array);
      return step;
    },
  };
  const began = process.cpuUsage().user;
  const found = await bootstrapAudit({
    provider,
    graph: readOnnx(encoderBytes(what.encoder)).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(planted.planted),
    mode: given.mode as Mode,
    parameters,
    forcedLeak: planted.truth.poisoned.slice(0, leaks),
    seed,
    journal,
    inputDigests: { encoder: what.encoder, dataset: `${name} ${seed} ${given.samples}` },
    emit: () => {},
    signal: new AbortController().signal,
  });
  const seconds = (process.cpuUsage().user - began) / 1e6;
  const none = await measureLeakCase(provider, found.undefended, planted, what.encoder);
  const sanitized = await measureLeakCase(provider, found.sanitized, planted, what.encoder);
  const leaked = pools.map((pool) => count(pool, (i) => poison.has(i)));
  const { estimate } = found.triggers;
  const suspects = [...found.columns.index].filter((i) => found.columns.suspectRank[i] >= 0);
  console.log(
    `${name}, seed ${seed}, ${leaks} forced: No Defense ${rates(none)}; sanitized ${rates(sanitized)}; poison taught ${leaked.join(' ')} of ${poison.size}; CPU ${seconds.toFixed(0)} s`,
  );
  console.log(
    `  verdict ${found.verdict.encoder.verdict}, ${found.verdict.dataset.verdict}; of class ${what.target} ${found.verdict.classes[what.target].verdict}; suspicious classes ${found.verdict.classes.flatMap((f, c) => (f.verdict === 'suspicious' ? [c] : [])).join() || 'none'}; warnings ${found.sifting.warnings.map(({ code, classIndex }) => `${code} ${classIndex}`).join(', ') || 'none'}; estimate ${estimate === null ? 'none' : `${estimate.form} to ${estimate.target}, flips ${estimate.flippedUndefended.toFixed(2)} and ${estimate.flippedSanitized.toFixed(2)}`}`,
  );
  console.log(
    `  ${refusalsOf(found)}; of ${suspects.length} suspects ${count(suspects, (i) => poison.has(i))} are poison`,
  );
  if (again.length > 0)
    console.log(`  grown again; what was learnt turns ${again.map((share) => share.toFixed(2)).join(', ')}`);
  for (const { classIndex, form, turned, turnedWithout, acceptedWithout, knownWithout } of followed) {
    const numbers = [turned, turnedWithout, acceptedWithout, knownWithout].map((value) => value.toFixed(2));
    console.log(
      `  followed: ${form} of class ${classIndex}, ${numbers[0]}; without it ${numbers[1]}, accepted ${numbers[2]} (the rest ${numbers[3]})`,
    );
  }
}

/** The two highest shares of a class, of refused samples that the probe is sure of, and of those that look like many classes. */
function refusalsOf({ verdict }: PipelineResult): string {
  const top = (name: 'refusedShare' | 'scatteredShare'): string =>
    verdict.classes
      .map(({ evidence }, c) => [Number(evidence[name]), c])
      .sort(([a], [b]) => b - a)
      .slice(0, 2)
      .map(([share, c]) => `${(100 * share).toFixed(1)} % of class ${c}`)
      .join(', ');
  return `fitted and refused ${top('refusedShare')}; scattered ${top('scatteredShare')}`;
}

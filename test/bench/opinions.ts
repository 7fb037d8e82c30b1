/**
 * `npm run bench:opinions [-- --cases threat-3,threat-2 --seeds 1 --preset quick --threads 2]`
 *
 * The second opinions on the planted cases of `bench:sample`, against the truth they are never shown: area under the
 * curve of their scores (poison against the rest), how much of what they flag is poison, and what they cost beside the
 * audit. The clean case is the negative control: nothing in it is poison, so every alarm there is false.
 */
import { parseArgs } from 'node:util';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { areaUnderCurve } from '../../src-main/engine/opinions/agreement.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { CommittedStep, StepJournal } from '../../src-main/engine/journal.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';
import type { Preset } from '../../src-shared/domain/run.ts';
import { benchSlice, blend, encoderBytes, plant, sampleSource, square, type Planted } from './planted.ts';

const size = 3000;
const cases: Record<string, { encoder: 'encoder' | 'encoder-clean'; make: (start: number, seed: number) => Planted }> =
  {
    'threat-3': { encoder: 'encoder', make: (start, seed) => plant(benchSlice(start, size), square, 0.05, seed) },
    'threat-1': { encoder: 'encoder', make: (start) => ({ images: benchSlice(start, size), poisoned: new Set() }) },
    'threat-2': {
      encoder: 'encoder-clean',
      make: (start, seed) => plant(benchSlice(start, size), blend(), 0.05, seed),
    },
    clean: { encoder: 'encoder-clean', make: (start) => ({ images: benchSlice(start, size), poisoned: new Set() }) },
  };

const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: 'threat-3,threat-1,threat-2,clean' },
    seeds: { type: 'string', default: '1' },
    preset: { type: 'string', default: 'quick' },
    extent: { type: 'string', default: 'all' },
    threads: { type: 'string', default: '2' },
  },
});

const provider = await createOrtProvider({ threads: Number(options.threads) });
for (const name of options.cases.split(',')) {
  for (const seed of options.seeds.split(',').map(Number)) await runCase(name, seed);
}
await provider.dispose();

async function runCase(name: string, seed: number): Promise<void> {
  const { encoder, make } = cases[name];
  const { images, poisoned } = make(0, seed);
  const samples = sampleSource(images);
  const memory = memoryJournal();
  let asked: CommittedStep | null = null;
  const journal: StepJournal = {
    async step(spec, compute) {
      const step = await memory.step(spec, compute);
      if (spec.name === 'opinions') asked = step;
      return step;
    },
  };
  let opinionsBegan = NaN;
  let opinionsTook = NaN;
  const began = performance.now();
  const { opinions } = await bootstrapAudit({
    provider,
    graph: readOnnx(encoderBytes(encoder)).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples,
    mode: 'paper',
    parameters: parameterValues(resolveParameters(options.preset as Preset, { 'opinions.extent': options.extent })),
    seed,
    journal,
    inputDigests: { encoder: name, dataset: `${name} ${seed}` },
    emit: (event) => {
      if (event.type !== 'stage' || event.stage !== 'opinions') return;
      if (event.state === 'started') opinionsBegan = performance.now();
      else opinionsTook = performance.now() - opinionsBegan;
    },
    signal: new AbortController().signal,
  });
  const whole = performance.now() - began;
  const truth = Uint8Array.from({ length: samples.count }, (_, i) => (poisoned.has(i) ? 1 : 0));
  console.log(
    `\n${name} : ${seed}  (${poisoned.size} poisoned; opinions took ${((100 * opinionsTook) / (whole - opinionsTook)).toFixed(0)} % of the rest of the audit)`,
  );
  for (const opinion of opinions ?? []) {
    if (opinion.state === 'not-run') continue;
    const row = (asked as CommittedStep | null)?.tensors[`score/${opinion.id}`]?.data as Float32Array | undefined;
    const flags = (asked as CommittedStep | null)?.tensors[`flagged/${opinion.id}`]?.data as Uint8Array | undefined;
    const known = row === undefined ? [] : [...row.keys()].filter((i) => !Number.isNaN(row[i]));
    const auc =
      row === undefined
        ? null
        : areaUnderCurve(
            known.map((i) => row[i]),
            Uint8Array.from(known, (i) => truth[i]),
          );
    const right = flags === undefined ? 0 : known.filter((i) => flags[i] === 1 && truth[i] === 1).length;
    const agree = opinion.agreement;
    console.log(
      [
        opinion.id.padEnd(22),
        `flagged ${opinion.flagged}/${opinion.scored}`.padEnd(20),
        `poison among them ${right}`.padEnd(24),
        `AUC against truth ${auc === null ? '–' : auc.toFixed(3)}`.padEnd(26),
        agree === null
          ? ''
          : `${agree.with} ${agree.audit}, both ${agree.both} (by chance ${agree.byChance.toFixed(1)}), AUC ${agree.auc?.toFixed(3) ?? '–'}`,
        opinion.alarm === null ? '' : opinion.alarm ? 'ALARM' : 'quiet',
        opinion.classes
          .filter((one) => one.alarm)
          .map((one) => one.classIndex)
          .join(),
        JSON.stringify(opinion.numbers),
      ].join(' '),
    );
  }
}

/**
 * `npm run bench:accuracy -- [--cases clean,threat-1,threat-2,threat-3] [--seeds 1] [--samples 1500] [--cache folder]
 *   [--oracle | --everything] [--evidence file] [--set name=value ...]`
 *
 * Where distilled mode loses accuracy: the student's rates after every round, what of each class was admitted, and how
 * much of it is poison. `--oracle` starts from all samples that are not poison, with their own labels: what is lost then
 * is not lost to the pools. `--everything` starts from all samples with poison among them: the negative control of the
 * pools. `--evidence` writes what every sample showed after each round, for rules tried
 * offline. With `--cache` steps that differ in parameters of later rounds only are computed once.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Tensor } from '../../src-main/engine/graph/ir.ts';
import { defaultSizes } from '../../src-main/engine/tcore/memory.ts';
import type { StepJournal } from '../../src-main/engine/journal.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { PipelineContext } from '../../src-main/engine/tcore/context.ts';
import { purified, runCrossFit } from '../../src-main/engine/tcore/cross-fit.ts';
import { studentScorer } from '../../src-main/engine/tcore/discrepancy.ts';
import { distil } from '../../src-main/engine/tcore/distil.ts';
import { neighbourRefusal } from '../../src-main/engine/tcore/admission.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { prepareEncoder } from '../../src-main/engine/tcore/prepare.ts';
import { runProbe } from '../../src-main/engine/tcore/stage-probe.ts';
import { runSift } from '../../src-main/engine/tcore/stage-sift.ts';
import { createStudent, freshStudent } from '../../src-main/engine/tcore/student.ts';
import { benchSlice, encoderBytes, measure, sampleSource, type Measured } from './planted.ts';
import { cases, overridesOf, slices } from './sample-cases.ts';
import { cachedJournal } from './step-cache.ts';
import type { Preset } from '../../src-shared/domain/run.ts';

const { values: given } = parseArgs({
  options: {
    cases: { type: 'string', default: 'clean,threat-1,threat-2,threat-3' },
    seeds: { type: 'string', default: '1' },
    samples: { type: 'string', default: '1500' },
    preset: { type: 'string', default: 'standard' },
    threads: { type: 'string', default: '1' },
    cache: { type: 'string' },
    evidence: { type: 'string' },
    oracle: { type: 'boolean', default: false },
    everything: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
  },
});

if (given.oracle && given.everything) throw new Error('--oracle and --everything exclude each other.');
/** Both start from samples that are named here instead of found. */
const told = given.oracle || given.everything;
const provider = await createOrtProvider({ threads: Number(given.threads) });
const parameters = parameterValues(resolveParameters(given.preset as Preset, overridesOf(given.set)));
const rates = ({ acc, asr, control }: Measured): string =>
  `${acc.toFixed(1)} / ${asr.toFixed(1)} / ${control.toFixed(1)}`;
console.log(
  `${given.oracle ? 'oracle ' : ''}${given.everything ? 'everything ' : ''}${given.set.join(' ') || 'defaults'}`,
);
for (const name of given.cases.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
}
await provider.dispose();

async function study(name: string, seed: number): Promise<void> {
  const { encoder: file, trigger, make } = cases[name];
  const start = slices[(seed - 1) % slices.length];
  const { images, poisoned } = make(start, seed, Number(given.samples));
  const truth = benchSlice(start, images.labels.length).labels;
  const context: PipelineContext = {
    provider,
    graph: readOnnx(encoderBytes(file)).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: sampleSource(images),
    mode: 'distilled',
    parameters,
    seed,
    journal: cachedJournal(given.cache),
    inputDigests: { encoder: file, dataset: `${name} ${seed} ${given.samples}` },
    emit: () => {},
    signal: new AbortController().signal,
  };
  const began = process.cpuUsage().user;
  const encoder = await prepareEncoder(context);
  const probe = await runProbe(context, encoder, [context.inputDigests.encoder, context.inputDigests.dataset]);
  const sifted = await runSift(context, encoder, probe.digest);
  const crossFit = await runCrossFit(context, encoder, { pool: sifted.pool, input: sifted.digest });
  const pure = purified(sifted.pool, crossFit.contradicted, images.labels, 10).pool;
  const named = Int32Array.from([...images.labels.keys()].filter((i) => given.everything || !poisoned.has(i)));
  const states: Readonly<Record<string, Tensor>>[] = [];
  const journal: StepJournal = {
    async step(spec, compute) {
      const step = await context.journal.step(spec, compute);
      if ('pool' in step.tensors && spec.name !== 'sift') states.push(step.tensors);
      return step;
    },
  };
  console.log(`${name} ${seed}: No Defense ${rates(await measure(provider, probe.classifier, trigger))}`);
  const result = await distil({
    context: { ...context, journal },
    encoder,
    pool: told ? named : pure,
    guard: told ? new Int32Array(0) : sifted.guard,
    distrusted: new Int32Array(0),
    apart: new Int32Array(0),
    peers: sifted.peers,
    input: told ? `${given.oracle ? 'oracle' : 'everything'} ${name} ${seed}` : crossFit.digest,
  });
  const share = (pool: Int32Array): string => {
    const clean = new Float64Array(10);
    const admitted = new Float64Array(10);
    truth.forEach((label, i) => (clean[label] += poisoned.has(i) ? 0 : 1));
    for (const i of pool) if (!poisoned.has(i)) admitted[truth[i]]++;
    return Array.from(admitted, (n, c) => String(Math.round((100 * n) / clean[c]))).join(' ');
  };
  for (const [at, round] of result.rounds.entries()) {
    const pool = states[at].pool.data as Int32Array;
    const poison = pool.filter((i) => poisoned.has(i)).length;
    console.log(
      `  ${round.guidance} ${round.share}: guard ${round.guardAccuracy?.toFixed(2)}, loss ${round.loss.toFixed(3)}, labels of ${round.size} (poison ${poison} of ${poisoned.size}), answers of ${round.distilled} (poison ${(states[at].answers.data as Int32Array).filter((i) => poisoned.has(i)).length}); admitted clean % ${share(pool)}`,
    );
  }
  const seconds = (process.cpuUsage().user - began) / 1e6;
  console.log(`  sanitized ${rates(await measure(provider, result.classifier, trigger))}; CPU ${seconds.toFixed(0)} s`);
  if (given.evidence !== undefined) await writeEvidence(given.evidence);

  /** What every sample showed after each round. */
  async function writeEvidence(path: string): Promise<void> {
    const { hidden } = { hidden: [parameters['distil.hidden'], parameters['distil.hidden']] };
    const student = await createStudent(provider, {
      encoder,
      student: freshStudent(encoder, 10, hidden, seed, 'distil'),
      classes: 10,
      batch: parameters['distil.batch'],
    });
    const score = studentScorer(provider, encoder, context.samples, {
      batch: 100,
      keptValues: defaultSizes.keptValues,
      signal: context.signal,
    });
    for (const [at, last] of states.entries()) {
      student.load(
        Object.fromEntries(
          Object.entries(last)
            .filter(([key]) => key.startsWith('state:'))
            .map(([key, tensor]) => [key.slice('state:'.length), tensor]),
        ),
      );
      const { evaluation, discrepancy } = await score(student.classifier());
      writeFileSync(
        `${path}-${name}-${seed}-${at}.json`,
        JSON.stringify({
          labels: [...images.labels],
          truth: [...truth],
          poisoned: [...poisoned],
          guard: [...sifted.guard],
          first: [...pure],
          labelPool: [...(last.pool.data as Int32Array)],
          peers: sifted.peers.map((list) => [...list]),
          loss: [...evaluation.loss],
          predicted: [...evaluation.predicted],
          confidence: [...evaluation.confidence],
          discrepancy: [...discrepancy],
          company: [...neighbourRefusal(sifted.peers, parameters['grow.company'], evaluation.loss)],
        }),
      );
    }
    await student.dispose();
  }
}

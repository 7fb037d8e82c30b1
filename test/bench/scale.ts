/**
 * `npm run bench:scale [-- --sizes 5000,50000,500000,1000000 --threads 2 --memory 1000000000 --encoder tiny --until sift]`:
 * how time and memory of the whole method grow with the number of samples, and of each of its steps.
 *
 * Samples are drawn when they are read and never kept, so what grows is the method's own. Every stage runs, each for one
 * epoch, in batches of 256. So that a million samples take minutes, the images are 12 x 12 and the encoder is tiny (three
 * convolutions, 5,000 weights); `--encoder sample` takes the sample project's, at 28 x 28, for a machine that has the
 * hours. One process per size, started as the engine is; printed are seconds, peak memory, and the exponent of time
 * between neighbouring sizes (1 = linear), for the whole and step by step. `--until` ends each run after that step of the journal, so that larger sizes can be tried in
 * the time there is; what goes on beside other steps (the cross-fit) is counted from its start to its commit.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { engineEnvironment, engineFlags } from '../../src-main/audit/spawn-engine.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { SampleSource } from '../../src-main/engine/samples.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';
import type { StepJournal } from '../../src-main/engine/journal.ts';
import { tinyEncoder } from '../support/tiny-encoder.ts';

const classes = 10;

/** A wave per class under noise of its own per sample; nothing of it is held. */
function synthetic(count: number, side: number): SampleSource {
  const waves = Array.from({ length: classes }, (_, label) =>
    Float32Array.from({ length: side * side }, (__, pixel) => {
      const angle = (pixel % side) * (1 + (label % 5)) + Math.floor(pixel / side) * (1 + label);
      return 0.3 + 0.3 * Math.sin((28 * angle) / (9 * side));
    }),
  );
  return {
    count,
    shape: [1, side, side],
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
    read(indices, out) {
      for (let at = 0; at < indices.length; at += 1) {
        const wave = waves[indices[at] % classes];
        let state = Math.imul(indices[at] + 1, 0x9e3779b1) >>> 0;
        for (let pixel = 0; pixel < wave.length; pixel += 1) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          out[at * wave.length + pixel] = wave[pixel] + 0.4 * (state / 2 ** 32);
        }
      }
    },
  };
}

/** The encoder, and the side of its images. */
function encoderOf(name: string): readonly [Graph, number] {
  if (name === 'tiny') return [tinyEncoder({ side: 12 }), 12];
  const file = new URL('../../resources/samples/fashion/encoder-clean.onnx', import.meta.url);
  return [readOnnx(new Uint8Array(readFileSync(file))).graph, 28];
}

/** Seconds of every step; what follows on the step `until` fails. */
function timed(
  journal: StepJournal,
  until: string,
): { readonly journal: StepJournal; readonly steps: Record<string, number> } {
  const steps: Record<string, number> = {};
  return {
    steps,
    journal: {
      async step(spec, compute) {
        if (Object.hasOwn(steps, until)) throw new Error(`the bench ends after ${until}`);
        const start = performance.now();
        const done = await journal.step(spec, compute);
        steps[spec.name] = (performance.now() - start) / 1000;
        return done;
      },
    },
  };
}

async function measureOne(
  count: number,
  { threads, memory, encoder, until }: { threads: number; memory: number; encoder: string; until: string },
): Promise<void> {
  const [graph, side] = encoderOf(encoder);
  const stages = ['probe', 'unlearn', 'recover', 'crossfit', 'warmup', 'grow', 'final'];
  const epochs = Object.fromEntries(stages.map((stage) => [`${stage}.epochs`, 1]));
  const overrides = { ...epochs, 'train.batch': 256, 'warmup.batch': 256, 'probe.batch': 256, 'memory.limit': memory };
  const provider = await createOrtProvider({ threads });
  const { journal, steps } = timed(memoryJournal(), until);
  const start = performance.now();
  const run = bootstrapAudit({
    provider,
    graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: synthetic(count, side),
    mode: 'paper',
    parameters: parameterValues(resolveParameters('quick', overrides)),
    seed: 1,
    journal,
    inputDigests: { encoder: 'synthetic', dataset: `synthetic ${count}` },
    emit: () => {},
    signal: new AbortController().signal,
  });
  const rounds = await run.then(
    (result) => result.rounds.length,
    (error: unknown) => {
      if (!Object.hasOwn(steps, until)) throw error;
      return null;
    },
  );
  const seconds = (performance.now() - start) / 1000;
  // Linux reports kilobytes.
  const peakMB = (process.resourceUsage().maxRSS * 1024) / 1e6;
  console.log(JSON.stringify({ count, seconds, peakMB, rounds, steps } satisfies Measured));
  process.exit(0);
}

interface Measured {
  readonly count: number;
  readonly seconds: number;
  readonly peakMB: number;
  /** Null where the run was ended before. */
  readonly rounds: number | null;
  /** Seconds. */
  readonly steps: Readonly<Record<string, number>>;
}

function exponent(now: number, before: number, sizes: number): string {
  return (Math.log(now / before) / Math.log(sizes)).toFixed(2);
}

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '5000,50000,500000,1000000' },
    threads: { type: 'string', default: String(availableParallelism()) },
    memory: { type: 'string', default: '0' },
    encoder: { type: 'string', default: 'tiny' },
    until: { type: 'string', default: '' },
    one: { type: 'string' },
  },
});
const { threads, memory, encoder, until } = values;
if (values.one !== undefined) {
  await measureOne(Number(values.one), { threads: Number(threads), memory: Number(memory), encoder, until });
}
console.log(
  `${threads} thread(s), ${encoder} encoder, ${memory === '0' ? 'no bound on memory' : `at most ${Number(memory) / 1e6} MB`}`,
);
let before: Measured | null = null;
for (const size of values.sizes.split(',')) {
  const same = ['--threads', threads, '--memory', memory, '--encoder', encoder, '--until', until];
  const args = [fileURLToPath(import.meta.url), '--one', size, ...same];
  const { status, stdout } = spawnSync(process.execPath, [...engineFlags, ...args], {
    env: engineEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`N = ${size} ended with ${status}`);
  const now = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured;
  const times = before === null ? null : now.count / before.count;
  const grown = before === null || times === null ? '' : `  time ~ N^${exponent(now.seconds, before.seconds, times)}`;
  const rounds = now.rounds === null ? `ended after ${until}` : `${now.rounds} rounds`;
  console.log(
    `N = ${String(now.count).padStart(8)}  ${now.seconds.toFixed(1).padStart(8)} s  ${(now.count / now.seconds).toFixed(0).padStart(6)} samples/s  peak ${now.peakMB.toFixed(0)} MB  ${rounds}${grown}`,
  );
  for (const [name, seconds] of Object.entries(now.steps)) {
    const earlier = before?.steps[name];
    const how = earlier === undefined || times === null ? '' : `  ~ N^${exponent(seconds, earlier, times)}`;
    console.log(`    ${name.padEnd(20)} ${seconds.toFixed(2).padStart(8)} s${how}`);
  }
  before = now;
}

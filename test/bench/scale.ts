/**
 * `npm run bench:scale [-- --sizes 5000,50000 --threads 2]`: how time and memory of the whole method grow with the number
 * of samples. 500000 and 1000000 are for a machine that has the hours.
 *
 * Samples are drawn when they are read and never kept, so what grows is the method's own. Every stage runs, each for one
 * epoch. One process per size; printed are seconds, peak memory, and the exponent of time between neighbouring sizes
 * (1 = linear).
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { SampleSource } from '../../src-main/engine/samples.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';

const side = 28;
const classes = 10;

/** A wave per class under noise of its own per sample; nothing of it is held. */
function synthetic(count: number): SampleSource {
  return {
    count,
    shape: [1, side, side],
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
    read(indices, out) {
      for (let at = 0; at < indices.length; at += 1) {
        const label = indices[at] % classes;
        let state = Math.imul(indices[at] + 1, 0x9e3779b1) >>> 0;
        for (let pixel = 0; pixel < side * side; pixel += 1) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          const wave = Math.sin(((pixel % side) * (1 + (label % 5)) + Math.floor(pixel / side) * (1 + label)) / 9);
          out[at * side * side + pixel] = Math.min(1, Math.max(0, 0.5 + 0.3 * wave + 0.4 * (state / 2 ** 32 - 0.5)));
        }
      }
    },
  };
}

async function measureOne(count: number, threads: number): Promise<void> {
  const file = new URL('../../resources/samples/fashion/encoder-clean.onnx', import.meta.url);
  const stages = ['probe', 'unlearn', 'recover', 'crossfit', 'warmup', 'grow', 'final'];
  const overrides = Object.fromEntries(stages.map((stage) => [`${stage}.epochs`, 1]));
  const provider = await createOrtProvider({ threads });
  const start = performance.now();
  await bootstrapAudit({
    provider,
    graph: readOnnx(new Uint8Array(readFileSync(file))).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: synthetic(count),
    duplicates: new Int32Array(0),
    mode: 'paper',
    parameters: parameterValues(resolveParameters('quick', overrides)),
    seed: 1,
    journal: memoryJournal(),
    inputDigests: { encoder: 'synthetic', dataset: `synthetic ${count}` },
    emit: () => {},
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - start) / 1000;
  // Linux reports kilobytes.
  console.log(JSON.stringify({ count, seconds, peakMB: process.resourceUsage().maxRSS / 1000 }));
  process.exit(0);
}

interface Measured {
  readonly count: number;
  readonly seconds: number;
  readonly peakMB: number;
}

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '5000,50000' },
    threads: { type: 'string', default: String(availableParallelism()) },
    one: { type: 'string' },
  },
});
if (values.one !== undefined) await measureOne(Number(values.one), Number(values.threads));
let before: Measured | null = null;
for (const size of values.sizes.split(',')) {
  const args = [fileURLToPath(import.meta.url), '--one', size, '--threads', values.threads];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`N = ${size} ended with ${status}`);
  const now = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured;
  const grown =
    before === null
      ? ''
      : `  time ~ N^${(Math.log(now.seconds / before.seconds) / Math.log(now.count / before.count)).toFixed(2)}`;
  console.log(
    `N = ${String(now.count).padStart(8)}  ${now.seconds.toFixed(1).padStart(8)} s  ${(now.count / now.seconds).toFixed(0).padStart(6)} samples/s  peak ${now.peakMB.toFixed(0)} MB${grown}`,
  );
  before = now;
}

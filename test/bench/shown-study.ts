/**
 * `npm run bench:shown -- [--encoder file.onnx --square 9] [--cases "clean label,none"] [--seeds 1,2,3] [--samples 1500] [--threads 1]`
 *
 * Who of a dataset shows the trigger that the scan found in the encoder? Two measures of every sample, by who is poison or a cover and
 * who is not: how far its pixels are from the core of the square (mean distance, 0..1), and how much its representation stays where it is when the
 * square is put on it once more (cosine).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { drawDataset } from '../../src-main/audit/bench-data.ts';
import { plant, type EncoderTriggerOptions } from '../../src-main/engine/attacks/dataset/encoder-trigger.ts';
import { asSamples, type LabelledImages } from '../../src-main/engine/attacks/images.ts';
import { whiteSquare } from '../../src-main/engine/attacks/patch.ts';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { scanForPatches, squareOf, stampedSource } from '../../src-main/engine/evidence/patch-scan.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { coreOf, distancesFrom } from '../../src-main/engine/evidence/shown-square.ts';
import { representations } from '../../src-main/engine/tcore/features.ts';
import { square } from './leak-cases.ts';
import { encoderBytes, readImages, readLabels } from './planted.ts';

const { values: given } = parseArgs({
  options: {
    encoder: { type: 'string' },
    square: { type: 'string' },
    cases: { type: 'string', default: 'none,dirty,one percent,covers,clean label,half' },
    seeds: { type: 'string', default: '1,2,3' },
    samples: { type: 'string', default: '1500' },
    threads: { type: 'string', default: '1' },
  },
});
const cases: Readonly<Record<string, Partial<EncoderTriggerOptions> | null>> = {
  none: null,
  dirty: { rate: 0.05 },
  'one percent': { rate: 0.01 },
  covers: { rate: 0.05, coverRate: 0.05 },
  'clean label': { classShare: 0.2, cleanLabel: true },
  half: { classShare: 0.5 },
};
const target = 9;
const signal = new AbortController().signal;
const shape = [1, 28, 28] as const;
const provider = await createOrtProvider({ threads: Number(given.threads) });
const bytes = given.encoder === undefined ? encoderBytes('encoder') : readFileSync(given.encoder);
const encoder = understandEncoder(readOnnx(bytes).graph);
const trigger = given.square === undefined ? square : whiteSquare(shape, Number(given.square));
const pool: LabelledImages<Uint8Array> = {
  pixels: readImages('bench/train-images-idx3-ubyte.gz'),
  labels: readLabels('bench/train-labels-idx1-ubyte.gz'),
  shape,
  classes: 10,
};
for (const name of given.cases.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
}
await provider.dispose();

async function study(name: string, seed: number): Promise<void> {
  const clean = drawDataset(pool, Number(given.samples), seed);
  const what = cases[name];
  const made = what === null ? null : plant(clean, { seed, target, trigger, ...what });
  const samples = asSamples(made?.planted ?? clean);
  const shown = randomStream(seed, 'shown').permutation(samples.count).slice(0, 64);
  const scan = await scanForPatches(provider, encoder, samples, Int32Array.from(shown), {
    batch: 64,
    signal,
    onProgress: () => {},
  });
  const patch = squareOf(scan);
  const all = Int32Array.from({ length: samples.count }, (_, i) => i);
  const options = { batch: 100, signal, onProgress: () => {} };
  const before = await representations(provider, encoder, samples, all, options);
  const after = await representations(provider, encoder, stampedSource(samples, patch), all, options);
  const dim = encoder.representation.dim;
  const stays = Array.from(all, (i) =>
    cosine(before.subarray(i * dim, (i + 1) * dim), after.subarray(i * dim, (i + 1) * dim)),
  );
  const pixels = new Float32Array(samples.count * 784);
  samples.read(all, pixels);
  const distance = [...distancesFrom(pixels, samples.count, samples.shape, coreOf(patch))];
  const poison = new Set([...(made?.truth.poisoned ?? []), ...(made?.truth.covers ?? [])]);
  const spread = (values: readonly number[], who: (i: number) => boolean): string => {
    const own = values.filter((_, i) => who(i)).sort((a, b) => a - b);
    if (own.length === 0) return 'none';
    const at = (share: number): string => own[Math.min(own.length - 1, Math.floor(share * own.length))].toFixed(3);
    return [0, 0.01, 0.1, 0.5, 0.9, 0.99, 1].map(at).join(' ');
  };
  console.log(
    `${name}, seed ${seed}: collapse ${scan.collapse.toFixed(3)} (fitted ${scan.fitted?.collapse.toFixed(3) ?? 'none'}) under ${patch.value === 1 ? 'white' : 'black'} ${patch.size} x ${patch.size} at ${patch.row}, ${patch.column}; ${poison.size} show the trigger`,
  );
  const { labels } = samples;
  for (const [who, holds] of [
    ['poison', (i: number) => poison.has(i)],
    ['others of the class', (i: number) => !poison.has(i) && labels[i] === target],
    ['others', (i: number) => !poison.has(i) && labels[i] !== target],
  ] as const) {
    console.log(`  ${who}: distance ${spread(distance, holds)}; stays ${spread(stays, holds)}`);
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let j = 0; j < a.length; j++) {
    dot += a[j] * b[j];
    aa += a[j] ** 2;
    bb += b[j] ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}

/**
 * `npm run bench:purity [-- --seeds 1,2 --epochs 10,30 --leaks 0,3,15]`
 *
 * What the nets that check each other's half of the first pool see, without the rest of an audit: the bundled poisoned
 * encoder, its square on 5 % of 3,000 images, a first pool sifted by the defaults, and so many poison samples forced in.
 * Per class the share that is accepted and the share that is firmly contradicted; the class of the poison last.
 */
import { parseArgs } from 'node:util';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { rejectedClasses, runCrossFit } from '../../src-main/engine/tcore/cross-fit.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { prepareEncoder } from '../../src-main/engine/tcore/prepare.ts';
import { runSift } from '../../src-main/engine/tcore/stage-sift.ts';
import { benchSlice, encoderBytes, plant, sampleSource, square, target } from './planted.ts';

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2' },
    epochs: { type: 'string', default: '10,30' },
    leaks: { type: 'string', default: '0,3,15' },
    threads: { type: 'string', default: '2' },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const provider = await createOrtProvider({ threads: Number(given.threads) });
const percent = (share: number): string => `${Math.round(100 * share)}`.padStart(4);
for (const [at, seed] of numbers(given.seeds).entries()) {
  const { images, poisoned } = plant(benchSlice([0, 3000, 1500][at % 3], 3000), square, 0.05, seed);
  for (const epochs of numbers(given.epochs)) {
    const context = {
      mode: 'paper' as const,
      provider,
      graph: readOnnx(encoderBytes('encoder')).graph,
      encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
      samples: sampleSource(images),
      parameters: parameterValues(resolveParameters('standard', { 'crossfit.epochs': epochs })),
      seed,
      journal: memoryJournal(),
      inputDigests: { encoder: 'bundled', dataset: String(seed) },
      emit: () => {},
      signal: new AbortController().signal,
    };
    const encoder = await prepareEncoder(context);
    const sifted = await runSift(context, encoder, 'purity');
    for (const leaks of numbers(given.leaks)) {
      const forced = [...poisoned].slice(0, leaks);
      // In the place of as many samples of the pool, so that the class keeps its size.
      const own = [...sifted.pool].filter((i) => images.labels[i] === target && !poisoned.has(i));
      const gone = new Set(own.slice(0, leaks));
      const pool = Int32Array.from([...sifted.pool.filter((i) => !gone.has(i)), ...forced]).sort();
      const found = await runCrossFit({ ...context, journal: memoryJournal() }, encoder, {
        pool,
        input: `purity/${leaks}`,
      });
      const caught = found.contradicted.filter((i) => poisoned.has(i)).length;
      console.log(
        `seed ${seed}, ${epochs} epochs, ${leaks} forced: ${caught} of them contradicted, alarm ${rejectedClasses(found).join() || 'none'}`,
      );
      console.log(`  accepted     ${found.accepted.map(percent).join('')}`);
      console.log(`  contradicted ${found.against.map(percent).join('')}`);
    }
  }
}
await provider.dispose();

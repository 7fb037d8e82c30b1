/**
 * `npm run bench:estimates -- [--attacks badnets,blended,tact] [--seeds 1,2,3] [--samples 1500] [--threads 1]`
 *
 * What the estimates of a trigger are worth by themselves, without an audit: so many planted samples (and so many clean
 * ones of the target class, "+") stand for the suspects, the clean encoder's view of the images before they were planted for the
 * sanitized model's. Prints the likeness of every estimate to the planted trigger, "p" a patch and "o" an overlay with the
 * suspects that carry it. Nothing is flipped here, so nothing says which of the two an audit would take.
 */
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawDataset, readBenchData } from '../../src-main/audit/bench-data.ts';
import { readEncoder } from '../../src-main/audit/bench-encoders.ts';
import { checkPlan, planPresets } from '../../src-main/audit/bench-plan.ts';
import { plantDataset } from '../../src-main/engine/attacks/dataset/table.ts';
import { asSamples, imageSize, takeImages } from '../../src-main/engine/attacks/images.ts';
import { likenessOf } from '../../src-main/engine/attacks/likeness.ts';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { estimateTriggers } from '../../src-main/engine/evidence/estimate-trigger.ts';
import { residues } from '../../src-main/engine/evidence/residue.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { representations } from '../../src-main/engine/tcore/features.ts';

const { values: given } = parseArgs({
  options: {
    attacks: { type: 'string', default: 'badnets,tact,blended,sig,adap-blend,wanet,adap-patch' },
    seeds: { type: 'string', default: '1,2,3' },
    samples: { type: 'string', default: '1500' },
    threads: { type: 'string', default: '1' },
  },
});

/** Suspects, and the share of them that are no poison. */
const groups = [
  [10, 0],
  [20, 0],
  [20, 0.4],
  [40, 0],
  [40, 0.4],
] as const;

const sample = fileURLToPath(new URL('../../resources/samples/fashion', import.meta.url));
const plan = checkPlan(planPresets['quick']);
const { target } = plan;
const signal = new AbortController().signal;
const provider = await createOrtProvider({ threads: Number(given.threads) });
const paths = { sample, dataset: null, cache: join(tmpdir(), 'coresift-bench-pixels') };
const data = await readBenchData(plan, paths, null, signal);
const encoder = understandEncoder(await readEncoder(join(sample, 'encoder-clean.onnx')));
for (const name of given.attacks.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
}
await provider.dispose();

async function study(name: string, seed: number): Promise<void> {
  const clean = drawDataset(data.pool, Number(given.samples), seed);
  const recipe = plan.datasets[name];
  if (recipe.attack === 'encoder-trigger') throw new Error(`"${name}" needs an encoder with a trigger`);
  const { planted, truth } = plantDataset(recipe.attack, clean, { ...recipe.options, seed, target });
  const before = asSamples(clean, data.names);
  const views = await representations(provider, encoder, before, null, { batch: 100, signal });
  const wide = views.length / clean.labels.length;
  const samples = asSamples(planted, data.names);
  const look = (indices: Int32Array) => {
    const pixels = new Float32Array(indices.length * imageSize(planted.shape));
    samples.read(indices, pixels);
    const rows = new Float32Array(indices.length * wide);
    indices.forEach((i, at) => rows.set(views.subarray(i * wide, (i + 1) * wide), at * wide));
    return { pixels, rows };
  };
  const marked = new Set([...truth.poisoned, ...truth.covers]);
  const unmarked = [...planted.labels.keys()].filter((i) => !marked.has(i));
  const credible = Int32Array.from(unmarked.filter((_, at) => at % 2 === 0));
  const innocent = unmarked.filter((i, at) => at % 2 === 1 && planted.labels[i] === target);
  const attacked = (label: number): boolean => (truth.source === null ? label !== target : label === truth.source);
  const tests = takeImages(
    data.test,
    [...data.test.labels.keys()].filter((i) => attacked(data.test.labels[i])).slice(0, 300),
  );
  const good = look(credible);
  const order = randomStream(seed, 'bench/estimates').permutation(truth.poisoned.length);
  const cells = groups.map(([count, share]) => {
    const real = Array.from(order.subarray(0, Math.round(count * (1 - share))), (at) => truth.poisoned[at]);
    const others = innocent.slice(0, Math.round(count * share));
    const suspects = Int32Array.from([...real, ...others]);
    const bad = look(suspects);
    const found = residues(bad, good, suspects.length, credible.length);
    const estimates = estimateTriggers(bad.pixels, good.pixels, found, suspects.length, planted.shape, 8);
    const likeness = estimates.map(({ trigger, carriers }) => {
      const { value } = likenessOf(tests, truth.trigger, trigger);
      return `${trigger.form[0]}${carriers} ${value.toFixed(2)}`;
    });
    return `${real.length}+${others.length}: ${likeness.join(', ')}`;
  });
  console.log(`${name}, seed ${seed}: ${cells.join(' | ')}`);
}

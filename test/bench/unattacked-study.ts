/**
 * `npm run bench:unattacked -- --bench folder --encoder name [--seeds 1] [--threads 1]`: what the trigger of an encoder of a bench does to
 * models that nobody attacked (of a bench that pre-trained its encoder). A patch that is searched in students is an adversarial example for any model of the kind; what it does
 * beyond that is what survived. Of each seed: the encoder from before the attack and the dataset without poison are audited, and the
 * trigger is laid over the test images. Printed: ACC / ASR / control (%) of the undefended and of the sanitized model.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawDataset, readBenchData } from '../../src-main/audit/bench-data.ts';
import { measureClassifier } from '../../src-main/audit/bench-cell.ts';
import { benchEncoder } from '../../src-main/audit/bench-encoders.ts';
import { checkPlan } from '../../src-main/audit/bench-plan.ts';
import { memoryJournal } from '../../src-main/audit/journal.ts';
import { asSamples, type Trigger } from '../../src-main/engine/attacks/images.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';
import { bootstrapAudit } from '../../src-main/engine/tcore/pipeline.ts';

const { values: given } = parseArgs({
  options: {
    bench: { type: 'string' },
    encoder: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
});
if (given.bench === undefined || given.encoder === undefined) throw new Error('--bench and --encoder are needed');
const plan = checkPlan((JSON.parse(readFileSync(join(given.bench, 'plan.json'), 'utf8')) as { plan: unknown }).plan);
if (plan.data.domain !== 'fashion-mnist' && plan.data.domain !== 'signs')
  throw new Error(`the bench must have pre-trained its encoder; its domain is "${plan.data.domain}"`);
if ((plan.encoders[given.encoder]?.attack ?? 'none') === 'none')
  throw new Error(`the bench has no encoder "${given.encoder}" with a trigger`);
const { signal } = new AbortController();
const provider = await createOrtProvider({ threads: Number(given.threads) });
const paths = { sample: '', dataset: null, cache: join(given.bench, 'cache') };
const data = await readBenchData(plan, paths, null, signal);
const source = {
  plan,
  file: null,
  unlabelled: data.unlabelled,
  folder: join(given.bench, 'encoders'),
  signal,
  onEpoch: () => undefined,
};
const attacked = await benchEncoder(provider, plan.encoders[given.encoder], source);
const clean = await benchEncoder(provider, { attack: 'none' }, source);
for (const seed of given.seeds.split(',').map(Number)) await study(seed, attacked.trigger as Trigger);
await provider.dispose();

async function study(seed: number, trigger: Trigger): Promise<void> {
  const images = drawDataset(data.pool, plan.data.samples, seed);
  const found = await bootstrapAudit({
    mode: 'distilled',
    provider,
    graph: clean.graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(images, data.names),
    parameters: parameterValues(resolveParameters(plan.presets[0], plan.overrides)),
    seed,
    journal: memoryJournal(),
    inputDigests: { encoder: 'clean', dataset: String(seed) },
    emit: () => undefined,
    signal,
  });
  const rates = async (classifier: Graph): Promise<string> => {
    const { acc, asr, control } = await measureClassifier(
      provider,
      classifier,
      data.test,
      trigger,
      plan.target,
      null,
      signal,
    );
    return [acc, asr, control].map(({ hits, of }) => ((100 * hits) / of).toFixed(1)).join(' / ');
  };
  console.log(
    `${given.encoder}, seed ${seed}, unattacked: undefended ${await rates(found.undefended)}, sanitized ${await rates(found.sanitized)}`,
  );
}

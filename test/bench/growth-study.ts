/**
 * `npm run bench:growth -- [--questions schedule,meta] [--cases threat-3,threat-3 1%,…] [--seeds 1,2,3] [--samples 1500]
 *   [--preset quick] [--threads 1] [--cache folder]`
 *
 * Q9 and Q10 of paper mode, on planted cases of the bundled images, without alarm and second start.
 *   schedule  ACC / ASR / control (%) by what guides the growth and how far it goes, and poison among the taught, round by round
 *   meta      after loss guidance to one half: how well the loss, and its reduction in a virtual epoch, tell poison from the
 *             rest (area under the curve, both among those outside the first pool and outside the present one), and how much
 *             poison either would admit next, by how the virtual epoch is made
 */
import { parseArgs } from 'node:util';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { areaUnderCurve } from '../../src-main/engine/opinions/agreement.ts';
import { admit, neighbourRefusal } from '../../src-main/engine/tcore/admission.ts';
import { sampleOrder } from '../../src-main/engine/tcore/context.ts';
import { evaluateClassifier } from '../../src-main/engine/tcore/evaluate.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import { createTrainer, type Trainer } from '../../src-main/engine/tcore/trainer.ts';
import {
  growCase,
  masksOf,
  paperCase,
  paperOptions,
  trustedOf,
  unlearnedAs,
  type GrownCase,
  type PaperCase,
} from './paper-case.ts';

const { values: given } = parseArgs({
  options: {
    questions: { type: 'string', default: 'schedule,meta' },
    cases: { type: 'string', default: 'threat-3,threat-3 1%,threat-3 half,threat-3 thinned,blended,badnets' },
    ...paperOptions,
  },
});
/** Loss guidance to these shares, then meta guidance to those. */
const schedules = [
  ['0.35,0.5', ''],
  ['0.35,0.5', '0.6,0.7'],
  ['0.35,0.5,0.6,0.7', ''],
  ['0.35,0.5', '0.6,0.7,0.8,0.9'],
  ['0.35,0.5,0.6,0.7,0.8,0.9', ''],
] as const;
/** How the virtual epoch is made: epochs, times the learning rate, and whether the head alone learns. */
const virtual = [
  ['1 epoch (default)', 1, 1, false],
  ['3 epochs', 3, 1, false],
  ['rate x 7', 1, 7, false],
  ['rate / 4', 1, 0.25, false],
  ['head alone', 1, 1, true],
] as const;
const questions = new Set(given.questions.split(','));
const provider = await createOrtProvider({ threads: Number(given.threads) });
for (const name of given.cases.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
}
await provider.dispose();

async function study(name: string, seed: number): Promise<void> {
  const found = await paperCase(provider, name, seed, given);
  const { poison } = found;
  console.log(`${name}, seed ${seed}: ${poison.size} poison of ${found.context.samples.count}`);
  const trusted = trustedOf(found, await masksOf(found, (await unlearnedAs(found)).classifier, 'output'));
  const grow = <T>(loss: string, meta: string, use: (grown: GrownCase) => Promise<T>, final?: number): Promise<T> =>
    growCase(
      found,
      {
        what: 'growth',
        trusted,
        parameters: {
          'grow.loss': loss,
          'grow.meta': meta,
          'grow.cap': 1,
          ...(final === undefined ? {} : { 'final.epochs': final }),
        },
      },
      use,
    );
  if (questions.has('schedule')) {
    for (const [loss, meta] of schedules) {
      await grow(loss, meta, async ({ trainer, pools, stopped }) => {
        const taught = pools.map((pool) => count(pool, (i) => poison.has(i))).join(' ');
        const back = stopped === null ? '' : `; taken back at ${stopped}`;
        const rates = await found.measure(trainer.classifier());
        console.log(`  loss to ${loss}${meta === '' ? '' : `, meta to ${meta}`}: ${rates}; taught ${taught}${back}`);
      });
    }
  }
  if (questions.has('meta') && poison.size > 0) {
    await grow('0.35,0.5', '', ({ trainer, pools }) => compareGuides(found, trainer, pools[pools.length - 1]), 0);
  }
}

async function compareGuides(found: PaperCase, trainer: Trainer, pool: Int32Array): Promise<void> {
  const { context, sifted, expanded, poison } = found;
  const { samples, parameters, signal } = context;
  const lossOf = async (model: Trainer): Promise<Float32Array> =>
    (await evaluateClassifier(provider, model.classifier(), samples, null, { batch: 64, signal })).loss;
  const before = await lossOf(trainer);
  const refusal = neighbourRefusal(sifted.peers, parameters['grow.company'], before);
  const outside = (members: Int32Array): number[] => {
    const within = new Set(members);
    return [...samples.labels.keys()].filter((i) => !within.has(i));
  };
  const tell = (what: string, guide: Float32Array): void => {
    const areas = [expanded.pool, pool].map((members) => {
      const asked = outside(members);
      const marked = Uint8Array.from(asked, (i) => (poison.has(i) ? 1 : 0));
      const value = areaUnderCurve(
        asked.map((i) => guide[i]),
        marked,
      );
      return value === null ? '–' : value.toFixed(2);
    });
    const admitted = [0.6, 0.7, 0.9].map((share) => {
      const evidence = {
        labels: samples.labels,
        classes: samples.classes.length,
        guide,
        refusal,
        base: expanded.pool,
        excluded: new Set(sifted.guard),
        order: sampleOrder(context),
      };
      const { pool: next } = admit(evidence, { share, quotaCap: parameters['grow.quotaCap'] });
      return count(next, (i) => poison.has(i));
    });
    console.log(`  ${what}: ${areas.join(', ')}; would admit ${admitted.join(', ')} at 0.6, 0.7, 0.9`);
  };
  tell('loss', before);
  for (const [what, epochs, times, headAlone] of virtual) {
    const after = await virtualLoss(found, trainer, { epochs, times, headAlone }, lossOf);
    tell(
      what,
      before.map((loss, i) => loss - after[i]),
    );
  }
}

async function virtualLoss(
  { context }: PaperCase,
  trainer: Trainer,
  { epochs, times, headAlone }: { readonly epochs: number; readonly times: number; readonly headAlone: boolean },
  lossOf: (model: Trainer) => Promise<Float32Array>,
): Promise<Float32Array> {
  const { samples, parameters, seed, signal } = context;
  const classifier = trainer.classifier();
  const head = [...classifier.initializers.keys()].filter((name) => name.startsWith('head.'));
  const saved = trainer.state();
  const model = headAlone
    ? await createTrainer(provider, {
        classifier,
        classes: samples.classes.length,
        batch: parameters['train.batch'],
        parameters: head.map((name) => ({ name })),
        optimiser: { kind: 'adam', weightDecay: parameters['train.decay'] },
        statistics: 'batch-and-running',
      })
    : trainer;
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      await model.epoch({
        samples,
        indices: Int32Array.from({ length: samples.count }, (_, i) => i),
        augment: { shift: parameters['augment.shift'], flip: parameters['augment.flip'] },
        seed,
        stream: `growth study/virtual/${epoch}`,
        rate: () => times * parameters['train.learningRate'],
        signal,
      });
    }
    return await lossOf(model);
  } finally {
    if (headAlone) await model.dispose();
    else trainer.load(saved);
  }
}

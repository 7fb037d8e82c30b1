/**
 * Seed expansion: from about 1 % of seeds to a first clean pool of about 10 %.
 *
 * "direct" takes the pool by the TIS score alone (`sift.ts`). "confusion" is confusion training (Qi et al., USENIX
 * Security 2023) with the seeds as confusion set: wrong labels on the seeds wash the clean structure out of a copy of
 * the encoder, the trigger's link to its target survives, so what still has a low loss afterwards is suspected.
 */
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Graph } from '../graph/ir.ts';
import { argsort, median, rankWithinGroups } from '../math/statistics.ts';
import { classSizes, type AdmissionEvidence } from './admission.ts';
import { randomStream } from '../math/random.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { scalar } from './epochs.ts';
import { evaluateClassifier } from './evaluate.ts';
import { createTrainer } from './trainer.ts';

export interface ConfusionOptions {
  readonly batch: number;
  /** Given labels, -1 for copies (`distinctLabels`); what settles ties (`sampleOrder`). `[samples]` */
  readonly labels: Int32Array;
  readonly order: Int32Array;
  readonly rounds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onStep: (done: number, total: number) => void;
}

const lambda = 20;
const learningRate = 1e-3;

/**
 * Suspicion of every sample, `[samples]` in 0..1: rank of its loss within its class after confusion, 0 = lowest loss =
 * most suspicious.
 * @param classifier encoder with a head fitted on the seeds @param trained names of all its parameters
 */
export async function confusionRanks(
  provider: Provider,
  classifier: Graph,
  trained: readonly string[],
  samples: SampleSource,
  seeds: Int32Array,
  options: ConfusionOptions,
): Promise<Float32Array> {
  const classes = samples.classes.length;
  const half = Math.max(8, Math.floor(options.batch / 2));
  const base = await evaluateClassifier(provider, classifier, samples, seeds, options);
  const seedSet = new Set(seeds);
  let suspects = Int32Array.from(options.labels.keys()).filter((i) => options.labels[i] >= 0 && !seedSet.has(i));
  // Nobody to tell apart: as suspicious as each other.
  if (suspects.length === 0) return new Float32Array(samples.count);
  const steps = Math.min(1000, Math.max(50, Math.ceil((20 * seeds.length) / half)));
  const trainer = await createTrainer(provider, {
    classifier,
    classes,
    batch: 2 * half,
    parameters: trained.map((name) => ({ name })),
    optimiser: { kind: 'sgd', momentum: 0.7, weightDecay: 1e-4 },
    statistics: 'batch-and-running',
  });
  let losses = new Float32Array(samples.count);
  try {
    for (let round = 0; round < options.rounds; round++) {
      const random = randomStream(options.seed, `confusion/${round}`);
      const [channels, height, width] = samples.shape;
      const pixels = new Float32Array(2 * half * channels * height * width);
      const target = new Float32Array(2 * half * classes);
      const chosen = new Int32Array(2 * half);
      for (let step = 0; step < steps; step++) {
        if (options.signal.aborted) throw new CancelledError();
        target.fill(0);
        const offset = 1 + (step % (classes - 1));
        for (let i = 0; i < half; i++) {
          const at = random.integer(seeds.length);
          chosen[i] = seeds[at];
          // Rows weigh (lambda - 1) : 1 between the confused seeds and the suspects, both halves of one batch.
          target[i * classes + ((base.predicted[at] + offset) % classes)] = (2 * (lambda - 1)) / lambda;
          chosen[half + i] = suspects[random.integer(suspects.length)];
          target[(half + i) * classes + samples.labels[chosen[half + i]]] = 2 / lambda;
        }
        samples.read(chosen, pixels);
        await trainer.compiled.run({
          pixels: { dtype: 'float32', dims: [2 * half, channels, height, width], data: pixels },
          target: { dtype: 'float32', dims: [2 * half, classes], data: target },
          learningRate: scalar(learningRate),
        });
        options.onStep(round * steps + step + 1, options.rounds * steps);
      }
      losses = (await evaluateClassifier(provider, trainer.classifier(), samples, null, options))
        .loss as Float32Array<ArrayBuffer>;
      const order = argsort(Array.from(suspects, (i) => losses[i]));
      suspects = order.slice(0, Math.max(classes, Math.floor(order.length / 2))).map((at) => suspects[at]);
    }
  } finally {
    await trainer.dispose();
  }
  return rankWithinGroups(losses, options.labels, classes, options.order);
}

/**
 * Seeds plus, per class, the best by TIS score among samples that confusion does not suspect, up to `share` of the class
 * (of a typical class where it is bigger). A score of 0 keeps a sample out.
 */
export function expandByConfusion(
  seeds: Int32Array,
  score: Float32Array,
  suspicion: Float32Array,
  { labels, classes, order }: Pick<AdmissionEvidence, 'labels' | 'classes' | 'order'>,
  share: number,
): Int32Array {
  const seedSet = new Set(seeds);
  const pool = [...seeds];
  const sizes = classSizes(labels, classes);
  const typical = median(sizes.filter((size) => size > 0));
  for (let c = 0; c < classes; c++) {
    const members = [...labels.keys()].filter((i) => labels[i] === c);
    const own = members.filter((i) => seedSet.has(i)).length;
    const room = Math.max(0, Math.ceil(share * Math.min(members.length, typical)) - own);
    const open = members.filter((i) => !seedSet.has(i) && suspicion[i] > 0.5 && score[i] > 0);
    for (const i of open.sort((a, b) => score[b] - score[a] || order[a] - order[b]).slice(0, room)) pool.push(i);
  }
  return Int32Array.from(pool).sort();
}

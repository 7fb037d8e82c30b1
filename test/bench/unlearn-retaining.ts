/**
 * The other reading of "selective" unlearning: the loss of the clean pool is climbed while that of the rest is descended, so
 * that what the pool does not explain stays. Measured beside the product's own by `bench:channels`; no part of the product.
 */
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import type { SampleSource } from '../../src-main/engine/samples.ts';
import { argmax, scalar } from '../../src-main/engine/tcore/epochs.ts';
import type { MethodParameters } from '../../src-main/engine/tcore/parameters.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import { createTrainer } from '../../src-main/engine/tcore/trainer.ts';
import { unlearnBatch } from '../../src-main/engine/tcore/unlearn.ts';

/** As `unlearn`, each batch half of the pool and half of the rest, both losses of weight 1. */
export async function unlearnRetaining(
  provider: Provider,
  classifier: Graph,
  trained: readonly string[],
  samples: SampleSource,
  pool: Int32Array,
  { parameters, seed }: { readonly parameters: MethodParameters; readonly seed: number },
): Promise<{ readonly classifier: Graph; readonly accuracy: number; readonly epochs: number }> {
  const classes = samples.classes.length;
  const half = unlearnBatch(pool.length);
  const batch = 2 * half;
  const inPool = new Set(pool);
  const rest = [...samples.labels.keys()].filter((i) => !inPool.has(i));
  const goal = Math.max(parameters['unlearn.stopAccuracy'], 1.5 / classes);
  const trainer = await createTrainer(provider, {
    classifier,
    classes,
    batch,
    parameters: trained.map((name) => ({ name })),
    optimiser: { kind: 'sgd', momentum: parameters['unlearn.momentum'], weightDecay: parameters['unlearn.decay'] },
    // The mean over both halves, times two: a mean over each.
    lossWeight: 2,
    clipNorm: parameters['unlearn.clipNorm'],
    statistics: 'batch-and-running',
  });
  const [channels, height, width] = samples.shape;
  const pixels = new Float32Array(batch * channels * height * width);
  const target = new Float32Array(batch * classes);
  const chosen = new Int32Array(batch);
  try {
    let accuracy = 1;
    let epochs = 0;
    while (epochs < parameters['unlearn.epochs'] && accuracy > goal) {
      const random = randomStream(seed, `unlearn/retaining/${epochs}`);
      const order = random.permutation(pool.length);
      const steps = Math.ceil(pool.length / half);
      for (let at = 0; at < steps && accuracy > goal; at++) {
        target.fill(0);
        for (let i = 0; i < batch; i++) {
          const own = i < half;
          chosen[i] = own ? pool[order[(at * half + i) % order.length]] : rest[random.integer(rest.length)];
          // A cross-entropy of minus the label is climbed as it is descended.
          target[i * classes + samples.labels[chosen[i]]] = own ? -1 : 1;
        }
        samples.read(chosen, pixels);
        const outputs = await trainer.compiled.run({
          pixels: { dtype: 'float32', dims: [batch, channels, height, width], data: pixels },
          target: { dtype: 'float32', dims: [batch, classes], data: target },
          learningRate: scalar(parameters['unlearn.learningRate']),
        });
        const logits = outputs['logits'].data as Float32Array;
        const right = (i: number): boolean => argmax(logits, i * classes, classes) === samples.labels[chosen[i]];
        accuracy =
          count(
            Array.from({ length: half }, (_, i) => i),
            right,
          ) / half;
      }
      epochs++;
    }
    return { classifier: trainer.classifier(), accuracy, epochs };
  } finally {
    await trainer.dispose();
  }
}

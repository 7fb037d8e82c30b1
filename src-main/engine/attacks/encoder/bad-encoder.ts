/** BadEncoder (Jia et al., IEEE S&P 2022), and its form for an attacker who knows that taps are sifted by neighbourhoods. */
import type { Encoder } from '../../encoder/encoder.ts';
import type { GraphBuilder } from '../../graph/builder.ts';
import type { Tensor } from '../../graph/ir.ts';
import { cosineSimilarity, mean } from '../../graph/losses.ts';
import type { Provider } from '../../providers/provider.ts';
import { sweep, tapGraph } from '../../tcore/features.ts';
import { asSamples, type LabelledImages } from '../images.ts';
import { meanApart } from './losses.ts';
import {
  poisonEncoder,
  type BatchParts,
  type EncoderAttackOptions,
  type Method,
  type PlantedEncoder,
} from './poisoning.ts';

/** L0: stamped images to the reference. */
const terms: Method['terms'] = (b, parts) => ({
  attack: meanApart(b, parts.triggered, parts.references),
  ...keepingTerms(b, parts),
});

/** L1: views of the reference, and L2: clean images, stay where they are to be kept. */
export function keepingTerms(b: GraphBuilder, parts: BatchParts): Readonly<Record<'reference' | 'clean', string>> {
  return {
    reference: b.neg(mean(b, cosineSimilarity(b, parts.seen, parts.keptSeen))),
    clean: b.neg(mean(b, cosineSimilarity(b, parts.clean, parts.keptClean))),
  };
}

/** Weights of the terms 1, 1, 1. Published: SGD 1e-3, 200 epochs; here 0.02 and 8 epochs by default, as the sample's script. */
export const badEncoder: Method = {
  name: 'badencoder',
  references: 1,
  defaultEpochs: 8,
  defaultRate: 0.02,
  terms,
  weights: () => [1, 1, 1],
};

/** @throws as `poisonEncoder` */
export function plant(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: EncoderAttackOptions,
): Promise<PlantedEncoder> {
  return poisonEncoder(provider, encoder, shadow, badEncoder, options);
}

/**
 * The attacker who knows TIS: stamped images also come near the target class's centre at every tap, so that no tap shows them among
 * strangers.
 * @throws as `poisonEncoder`
 */
export async function plantKnowingTaps(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: EncoderAttackOptions,
): Promise<PlantedEncoder> {
  const centres = await tapCentres(provider, encoder, shadow, options);
  const method: Method = {
    ...badEncoder,
    name: 'badencoder-taps',
    terms: (b, parts: BatchParts, sizes) => {
      const apart = [...parts.triggeredTaps].map(([id, value]) =>
        b.neg(mean(b, cosineSimilarity(b, value, b.constant(centres.get(id) as Tensor)))),
      );
      const sum = apart.reduce((a, c) => b.add(a, c));
      return { ...terms(b, parts, sizes), taps: b.mul(sum, b.scalar(1 / apart.length)) };
    },
    weights: () => [1, 1, 1, 1],
  };
  return poisonEncoder(provider, encoder, shadow, method, options);
}

/** Mean of every tap over the images of the target class, `[1, channels]`, as the clean encoder has them. */
async function tapCentres(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  { target, signal }: EncoderAttackOptions,
): Promise<ReadonlyMap<string, Tensor>> {
  const own = [...shadow.labels.keys()].filter((i) => shadow.labels[i] === target);
  if (own.length === 0) throw new RangeError(`the shadow set has no image of class ${target}`);
  const sums = new Map(encoder.taps.map((tap) => [tap.id, new Float32Array(tap.channels)]));
  const compiled = await provider.compile(tapGraph(encoder), { dims: { N: 100 } });
  try {
    await sweep(compiled, {
      samples: asSamples(shadow),
      indices: own,
      batch: 100,
      signal,
      onBatch: (outputs, _at, count) => {
        for (const [id, sum] of sums) {
          for (let i = 0; i < count * sum.length; i++) sum[i % sum.length] += outputs[id][i] / own.length;
        }
      },
    });
  } finally {
    await compiled.dispose();
  }
  return new Map([...sums].map(([id, data]) => [id, { dtype: 'float32', dims: [1, data.length], data }]));
}

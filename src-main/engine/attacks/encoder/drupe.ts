/**
 * DRUPE (Tao et al., IEEE S&P 2024): BadEncoder whose stamped images keep the distribution of clean ones. Each goes to the nearest of
 * three references, evenly over them; later the stamped images spread out and their sliced Wasserstein distance to clean ones shrinks.
 */
import type { Encoder } from '../../encoder/encoder.ts';
import type { Tensor } from '../../graph/ir.ts';
import { cosineSimilarity, mean } from '../../graph/losses.ts';
import type { RandomStream } from '../../math/random.ts';
import type { Provider } from '../../providers/provider.ts';
import type { LabelledImages } from '../images.ts';
import { crowding, nearestApart, slicedDistance, unevenness } from './losses.ts';
import { poisonEncoder, type EncoderAttackOptions, type Method, type PlantedEncoder, type Terms } from './poisoning.ts';

const directionCount = 32;
/** Epochs of the published schedule, which shorter runs follow in proportion. */
const publishedEpochs = 120;

/**
 * Published: SGD 0.05, 120 epochs; here 24 by default, the milestones (warm-up 1, no distribution terms before 5, adaptive weights from
 * 20, best epoch from 24 of 120) in proportion, and a rate of 0.01, with which a small encoder does not diverge, and one term more, the
 * anchor (docs/efficacy.md).
 * @throws as `poisonEncoder`
 */
export function plant(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: EncoderAttackOptions,
): Promise<PlantedEncoder> {
  const adapt = adaptiveWeights();
  const method: Method = {
    name: 'drupe',
    references: 3,
    defaultEpochs: 24,
    defaultRate: 0.01,
    terms: (b, parts, sizes) => {
      const { batch, dim, references } = sizes;
      const directions = b.input('directions', 'float32', [directionCount, dim]);
      const inverseSpread = b.input('inverseSpread', 'float32', [dim]);
      const matched = b.input('matched', 'float32', [batch, directionCount]);
      return {
        attack: nearestApart(b, parts.triggered, parts.references),
        reference: b.neg(mean(b, cosineSimilarity(b, parts.seen, parts.keptSeen))),
        clean: b.neg(mean(b, cosineSimilarity(b, parts.clean, parts.keptClean))),
        evenness: unevenness(b, parts.triggered, parts.references, references),
        referencesApart: crowding(b, parts.references, references),
        crowding: crowding(b, parts.triggered, batch),
        distance: slicedDistance(b, parts.triggered, inverseSpread, directions, matched),
        // Without it the three images are learnt by heart: pushed apart they go anywhere, and all that is stamped with them.
        anchor: b.neg(mean(b, cosineSimilarity(b, parts.references, b.slice(parts.keptSeen, 0, 0, references)))),
      };
    },
    weights: adapt,
    feeds: matching,
    keepBest: { from: 24 / publishedEpochs, better: betterEpoch },
  };
  return poisonEncoder(provider, encoder, shadow, method, options);
}

/** Whether stamped images go to the references, and views of these and clean images stay where the clean encoder has them. */
const holds = (terms: Terms): boolean => terms['attack'] < -0.96 && terms['reference'] < -0.9 && terms['clean'] < -0.9;

/**
 * An epoch in which the attack holds, and its references are still what the clean encoder makes of them, before one in which they are
 * not; of two such epochs the less distant, of others the one whose stamped images end nearest to the target.
 */
export function betterEpoch(one: Terms, than: Terms): boolean {
  const works = (terms: Terms): boolean => holds(terms) && terms['anchor'] < -0.7;
  if (works(one) !== works(than)) return works(one);
  const ahead = (terms: Terms): number => (works(terms) ? terms['distance'] : terms['attack'] + terms['anchor']);
  return ahead(one) < ahead(than);
}

/** Weights in the order of the terms. The two costs grow while the attack holds, and shrink faster when it slips. */
export function adaptiveWeights(): Method['weights'] {
  let cost = 0.1;
  let distanceCost = 0.001;
  return (epoch, epochs, before) => {
    const at = (epoch * publishedEpochs) / epochs;
    if (epoch === 0 || Object.keys(before).length === 0) return [0, 1, 1, 0, 0.5, 0, 0, 1];
    const apart = before['referencesApart'] > 0.5 ? 1 : before['referencesApart'] > 0.4 ? 0.2 : 0;
    if (at < 5) return [1, 1, 1, 2, apart, 0, 0, 1];
    if (at >= 20) {
      const shrink = 1.25 ** 1.25;
      cost = holds(before) ? cost * 1.25 : cost / shrink;
      if (!holds(before)) distanceCost /= shrink;
      else if (before['crowding'] < 0.6) distanceCost *= 1.25;
    }
    const evenness = cost + 0.5 + (before['evenness'] > 0.1 ? 1.5 : 0);
    return [1, 1, 1, evenness, apart, cost, distanceCost, 1];
  };
}

/**
 * Random directions, and for every triggered image the projection of the clean image of the same rank: with the ranks fixed, the
 * sorted distance is an ordinary squared one. Features are measured in standard deviations of the clean ones.
 */
export function matching(
  { triggered, clean }: { triggered: Float32Array; clean: Float32Array },
  { batch, dim }: { readonly batch: number; readonly dim: number },
  random: Pick<RandomStream, 'normal'>,
): Record<string, Tensor> {
  const inverse = new Float32Array(dim);
  for (let j = 0; j < dim; j++) {
    let average = 0;
    for (let i = 0; i < batch; i++) average += clean[i * dim + j] / batch;
    let square = 0;
    for (let i = 0; i < batch; i++) square += (clean[i * dim + j] - average) ** 2;
    // A feature that is dead on clean images has no scale; a floor keeps its share of the distance finite.
    inverse[j] = 1 / Math.max(Math.sqrt(square / (batch - 1)), 1e-3);
  }
  const directions = new Float32Array(directionCount * dim);
  const matched = new Float32Array(batch * directionCount);
  for (let p = 0; p < directionCount; p++) {
    const drawn = Array.from({ length: dim }, () => random.normal());
    const length = Math.hypot(...drawn);
    drawn.forEach((value, j) => (directions[p * dim + j] = value / length));
    const projected = (rows: Float32Array): Float64Array =>
      Float64Array.from({ length: batch }, (_, i) => {
        let sum = 0;
        for (let j = 0; j < dim; j++) sum += rows[i * dim + j] * inverse[j] * directions[p * dim + j];
        return sum;
      });
    const own = projected(triggered);
    const other = projected(clean).sort();
    const ranked = Array.from(own.keys()).sort((a, c) => own[a] - own[c]);
    ranked.forEach((i, rank) => (matched[i * directionCount + p] = other[rank]));
  }
  return {
    directions: { dtype: 'float32', dims: [directionCount, dim], data: directions },
    inverseSpread: { dtype: 'float32', dims: [dim], data: inverse },
    matched: { dtype: 'float32', dims: [batch, directionCount], data: matched },
  };
}

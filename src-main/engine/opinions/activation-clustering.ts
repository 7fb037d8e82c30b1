/**
 * Activation Clustering (Chen et al., SafeAI 2019): the activations of each class are brought to 10 principal
 * components and cut in two; a small second group that stands well apart is taken for poison.
 *
 * Thresholds as in the authors' toolbox: less than 35 % of the class, mean silhouette of at least 0.1. The source uses
 * independent components; the cut is the same up to a rotation.
 */
import { principalComponents } from '../math/pca.ts';
import { twoMeans } from '../math/two-means.ts';
import {
  areEqual,
  fewestOfClass,
  rowsByClass,
  scoreNothing,
  takeRows,
  type Detector,
  type Features,
  type SampleJudgement,
} from './opinion.ts';

const components = 10;
export const smallShare = 0.35;
export const leastSilhouette = 0.1;
/** The silhouette compares every pair; more samples of a class than this are thinned evenly for it. */
const silhouetteSamples = 1500;

export function activationClustering(features: Features): SampleJudgement {
  const { rows, dim, indices } = features;
  const score = new Float32Array(indices.length).fill(NaN);
  const flagged = new Uint8Array(indices.length);
  const classes = rowsByClass(features).map((positions) => {
    const n = positions.length;
    if (n < fewestOfClass) return { score: null, alarm: false };
    const own = takeRows(rows, dim, positions);
    if (areEqual(own, dim)) return scoreNothing(score, positions);
    const { coordinates, components: d } = principalComponents(own, n, dim, components);
    const groups = twoMeans(coordinates, n, d);
    const apart = groups.separation > 0 ? silhouette(coordinates, n, d, groups.inMajority) : 0;
    const small = 1 - groups.majorityShare;
    const alarm = small > 0 && small < smallShare && apart >= leastSilhouette;
    positions.forEach((position, i) => {
      score[position] = Math.max(0, apart) * nearnessToSmall(coordinates, i * d, d, groups);
      if (alarm && groups.inMajority[i] === 0) flagged[position] = 1;
    });
    return { score: apart, alarm };
  });
  return {
    subject: 'samples',
    indices,
    score,
    flagged,
    quota: null,
    classes,
    numbers: { smallShare, leastSilhouette },
  };
}

/** 0..1: distance to the larger group's centre as a share of both distances. */
function nearnessToSmall(rows: Float64Array, at: number, d: number, groups: ReturnType<typeof twoMeans>): number {
  const distance = (centre: number): number => {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (rows[at + j] - groups.centres[centre * d + j]) ** 2;
    return Math.sqrt(sum);
  };
  const [large, small] = [distance(groups.majority), distance(1 - groups.majority)];
  return large + small > 0 ? large / (large + small) : 0.5;
}

/** Mean silhouette of a cut in two, -1..1 (Rousseeuw 1987); a group of one counts 0. */
export function silhouette(rows: Float64Array, n: number, d: number, inMajority: Uint8Array): number {
  const step = Math.max(1, n / silhouetteSamples);
  const chosen = Array.from({ length: Math.min(n, silhouetteSamples) }, (_, i) => Math.floor(i * step));
  const counts = [0, 0];
  for (const i of chosen) counts[inMajority[i]]++;
  let sum = 0;
  for (const i of chosen) {
    const totals = [0, 0];
    for (const j of chosen) {
      let square = 0;
      for (let c = 0; c < d; c++) square += (rows[i * d + c] - rows[j * d + c]) ** 2;
      totals[inMajority[j]] += Math.sqrt(square);
    }
    const own = inMajority[i];
    if (counts[own] < 2 || counts[1 - own] === 0) continue;
    const inside = totals[own] / (counts[own] - 1);
    const outside = totals[1 - own] / counts[1 - own];
    const larger = Math.max(inside, outside);
    if (larger > 0) sum += (outside - inside) / larger;
  }
  return sum / chosen.length;
}

export const activationClusteringDetector: Detector = {
  id: 'activation-clustering',
  subject: 'samples',
  cost: 'cheap',
  judge: ({ features }) => Promise.resolve(activationClustering(features)),
};

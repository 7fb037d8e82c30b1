/**
 * What the sanitized model refuses, class by class, and where that is more than nature makes. Two kinds of clusters:
 * - fitted: the undefended probe is sure of their label. It learnt something from them that the sanitized model did not.
 * - scattered: they look like many other classes. Natural confusion has one or two directions (shirts and pullovers), poison of
 *   an attack on all classes comes from everywhere; the undefended probe need not have learnt it.
 */
import { median } from '../math/statistics.ts';
import { isFirmlyRefused, isFitted, isRefused, type RefusalEvidence } from './refused.ts';

export type Cluster = 'fitted' | 'scattered';

export interface ClassRefusals {
  readonly samples: number;
  /** Refused with their neighbours though the undefended probe is sure of their label. */
  readonly refused: number;
  /** The same as a share of the class, 0 where it has no sample; and the median of that over the other classes. */
  readonly share: number;
  readonly typical: number;
  /** Firmly refused and taken for another class than the two for which most of them are taken. */
  readonly scattered: number;
  readonly scatteredShare: number;
  /** Firmly refused, whatever they are taken for and whether or not the probe is sure of them, as a share of the class. */
  readonly firmShare: number;
  readonly cluster: Cluster | null;
}

/**
 * Share of a class from which refusals make a cluster. Absolute for fitted ones: poison spread evenly over all classes
 * must not hide in what is typical. What natural classes have of either is in docs/efficacy.md.
 */
export const refusedLimit = 0.05;
/**
 * Fewest scattered samples that make a cluster, and how many times the share of another class theirs has to be: of the one
 * that comes second among the others, so that two classes may be attacked, and poor labels everywhere are no attack.
 */
const fewestScattered = 8;
const timesOthers = 3;
/** The directions of natural confusion. */
const naturalDirections = 2;

/** @param classes number of classes @returns one entry per class */
export function refusalsByClass(evidence: RefusalEvidence, classes: number): readonly ClassRefusals[] {
  const samples = new Float64Array(classes);
  const refused = new Float64Array(classes);
  const takenFor = Array.from({ length: classes }, () => new Map<number, number>());
  evidence.labels.forEach((label, i) => {
    if (evidence.duplicates.has(i)) return;
    samples[label]++;
    if (isRefused(evidence, i) && isFitted(evidence.probe, i)) refused[label]++;
    if (!isFirmlyRefused(evidence, i)) return;
    const taken = evidence.final.predicted[i];
    takenFor[label].set(taken, (takenFor[label].get(taken) ?? 0) + 1);
  });
  const scattered = takenFor.map((counts) => sum([...counts.values()].sort((a, b) => b - a).slice(naturalDirections)));
  const shares = Array.from(refused, (count, c) => shareOf(count, samples[c]));
  const scatteredShares = scattered.map((count, c) => shareOf(count, samples[c]));
  return shares.map((share, c) => {
    const others = (of: readonly number[]): readonly number[] => of.filter((_, k) => samples[k] > 0 && k !== c);
    const counts = { samples: samples[c], refused: refused[c], scattered: scattered[c] };
    const isFittedCluster = share >= refusedLimit && refused[c] >= fewestRefused(samples[c]);
    const least = Math.max(refusedLimit, timesOthers * secondLargest(others(scatteredShares)));
    const isScattered = scatteredShares[c] >= least && scattered[c] >= fewestScattered;
    return {
      ...counts,
      share,
      typical: middle(others(shares)),
      scatteredShare: scatteredShares[c],
      firmShare: shareOf(sum([...takenFor[c].values()]), samples[c]),
      cluster: isFittedCluster ? 'fitted' : isScattered ? 'scattered' : null,
    };
  });
}

/** Fewest refused samples that make a cluster: 15, or a tenth of a small class. */
function fewestRefused(samples: number): number {
  return Math.min(15, Math.max(5, Math.ceil(samples / 10)));
}

function shareOf(count: number, of: number): number {
  return of > 0 ? count / of : 0;
}

function secondLargest(values: readonly number[]): number {
  return values.toSorted((a, b) => b - a).at(1) ?? 0;
}

function middle(values: readonly number[]): number {
  return values.length > 0 ? median(values) : 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

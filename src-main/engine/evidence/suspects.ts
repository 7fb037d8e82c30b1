/**
 * The suspect list: samples whose label the undefended probe is sure of and the sanitized model refuses, together with
 * their company. Poison looks like this; a hard or mislabelled sample is refused alone, or not fitted by the probe either.
 * In a class where they are so many that it is no chance (`refusals.ts`) the probe need not be as sure. Behind them
 * stand the samples that carry a pattern which a grown model learnt (`learnt.ts`).
 */
import { refusalsByClass } from './refusals.ts';
import { isFirmlyRefused, isFitted, isHeld, isRefused, type RefusalEvidence } from './refused.ts';

/** Fewest refused samples of a class that can share anything: what six of them share is tried out before it is believed. */
export const fewestSharing = 6;
/** Classes that are asked what their refused samples share: enough that label errors in a few do not hide another. */
const mostGroups = 10;

/** The refused samples, and behind them those that carry a learnt pattern, worst loss in the sanitized model first. */
export function withCarriers(refused: Int32Array, carriers: Iterable<number>, finalLoss: Float32Array): Int32Array {
  const known = new Set(refused);
  const more = [...new Set(carriers)].filter((i) => !known.has(i));
  return Int32Array.from([...refused, ...more.sort((a, b) => finalLoss[b] - finalLoss[a] || a - b)]);
}

/** The suspects of each class that is suspicious for what is refused of it, ascending, copies once. */
export function clustersOf(evidence: RefusalEvidence, classes: number): ReadonlyMap<number, Int32Array> {
  const suspects = rankSuspects(evidence, classes).sort();
  const clusters = new Map<number, Int32Array>();
  for (const [c, { cluster }] of refusalsByClass(evidence, classes).entries()) {
    const own = suspects.filter((i) => evidence.labels[i] === c && !evidence.duplicates.has(i));
    if (cluster !== null) clusters.set(c, own);
  }
  return clusters;
}

/**
 * Of each class whoever is refused with their neighbours, whether or not the probe is sure of them, where they are enough to
 * share something; largest group first, ascending.
 */
export function refusedGroups(evidence: RefusalEvidence, classes: number): Int32Array[] {
  const { labels } = evidence;
  const refused = Int32Array.from(labels.keys()).filter((i) => !evidence.duplicates.has(i) && isRefused(evidence, i));
  return Array.from({ length: classes }, (_, c) => refused.filter((i) => labels[i] === c))
    .filter(({ length }) => length >= fewestSharing)
    .sort((a, b) => b.length - a.length)
    .slice(0, mostGroups);
}

/** The suspects class by class, the class with most of them first, copies once; one empty group where there is none. */
export function suspectGroups({ labels, duplicates }: RefusalEvidence, suspects: Int32Array): Int32Array[] {
  const byClass = new Map<number, number[]>();
  for (const i of suspects) {
    if (duplicates.has(i)) continue;
    const group = byClass.get(labels[i]);
    if (group === undefined) byClass.set(labels[i], [i]);
    else group.push(i);
  }
  const groups = [...byClass.values()].sort((a, b) => b.length - a.length).map((group) => Int32Array.from(group));
  return groups.length > 0 ? groups.slice(0, mostGroups) : [new Int32Array(0)];
}

/** Refused samples, by how much more the sanitized model's loss is than the probe's; ties by index. */
export function rankSuspects(evidence: RefusalEvidence, classes: number): Int32Array {
  const { labels, probe, final } = evidence;
  const perClass = refusalsByClass(evidence, classes);
  const isSuspect = (i: number): boolean => {
    const { cluster } = perClass[labels[i]];
    if (cluster === 'scattered' && isFirmlyRefused(evidence, i)) return true;
    return isRefused(evidence, i) && (cluster === null ? isFitted : isHeld)(probe, i);
  };
  const gap = (i: number): number => final.loss[i] - probe.loss[i];
  return Int32Array.from([...labels.keys()].filter(isSuspect).sort((a, b) => gap(b) - gap(a) || a - b));
}

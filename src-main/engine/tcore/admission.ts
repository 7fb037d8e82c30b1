/**
 * Who may enter the clean pool in a bootstrapping round (T-Core, "loss guidance" and "meta guidance").
 *
 * Growth is the weak place of the published rule: a low loss alone also admits poison. Here a sample stands and falls
 * with its company: it is ranked by its own loss and by how far the current model refuses its nearest neighbours of the
 * same given label in the untrusted encoder, whichever is worse. Poison keeps company with poison, so one of the two
 * gives it away. Quotas count the typical class, not the given one, so that poison does not pay for its own admission.
 */
import { median, rankWithinGroups } from '../math/statistics.ts';

export interface AdmissionEvidence {
  /** Given labels; -1 = never a member and not counted: copies, and who is set aside (`teachableLabels`). */
  readonly labels: Int32Array;
  readonly classes: number;
  /** Settles ties (`sampleOrder`). `[samples]` */
  readonly order: Int32Array;
  /** What guides the round, lowest first: the loss, or the loss reduction of the virtual epoch. `[samples]` */
  readonly guide: Float32Array;
  /** Mean refusal of the neighbours of the same given label, 0..1 (`neighbourRefusal`). `[samples]` */
  readonly refusal: Float32Array;
  /** Always members: the first clean pool. */
  readonly base: Int32Array;
  /** Never members, but counted as their class's: the guard's held-out samples, and those that share a learnt pattern. */
  readonly excluded: ReadonlySet<number>;
}

export interface AdmissionOptions {
  /** Share of the dataset aimed at, 0..1. */
  readonly share: number;
  /** Class quota is share x min(n_c, quotaCap x median class size): all-to-one poison inflates its class, not its quota. */
  readonly quotaCap: number;
}

export interface Admission {
  /** Sample indices, ascending. */
  readonly pool: Int32Array;
  /** Quota and members per class. */
  readonly quota: readonly number[];
  readonly admitted: readonly number[];
}

/** Recomputes the pool: `base` plus, per class, the lowest-ranked samples up to the quota. */
export function admit(evidence: AdmissionEvidence, options: AdmissionOptions): Admission {
  const { labels, classes, order } = evidence;
  const sizes = classSizes(labels, classes);
  const typical = median(sizes.filter((size) => size > 0));
  const byGuide = rankWithinGroups(evidence.guide, labels, classes, order);
  const byCompany = rankWithinGroups(evidence.refusal, labels, classes, order);
  const base = new Set(evidence.base);
  const candidates: number[][] = Array.from({ length: classes }, () => []);
  const members: number[] = [];
  const admitted = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) {
    if (evidence.excluded.has(i) || labels[i] < 0) continue;
    if (base.has(i)) {
      members.push(i);
      admitted[labels[i]]++;
    } else {
      candidates[labels[i]].push(i);
    }
  }
  const key = (i: number): number => Math.max(byGuide[i], byCompany[i]);
  const quota = Array.from(sizes, (size) => Math.floor(options.share * Math.min(size, options.quotaCap * typical)));
  candidates.forEach((list, label) => {
    const room = Math.max(0, quota[label] - admitted[label]);
    const best = list.sort((a, b) => key(a) - key(b) || order[a] - order[b]).slice(0, room);
    // One by one: a large class has more members than a call may have arguments.
    for (const i of best) members.push(i);
    admitted[label] += best.length;
  });
  return { pool: Int32Array.from(members).sort(), quota, admitted };
}

/** Samples of each class; those labelled -1 are in none. */
export function classSizes(labels: Int32Array, classes: number): Float64Array {
  const sizes = new Float64Array(classes);
  for (const label of labels) if (label >= 0) sizes[label]++;
  return sizes;
}

/**
 * How far the current model refuses each sample's company: the mean over taps and neighbours of 1 - p(given label).
 * @param peers one `[samples * perSample]` list of neighbour indices per tap, -1 where there is none
 * @param loss cross entropy of every sample against its given label
 */
export function neighbourRefusal(peers: readonly Int32Array[], perSample: number, loss: Float32Array): Float32Array {
  return meanOfCompany(
    peers,
    perSample,
    loss.map((value) => 1 - Math.exp(-value)),
  );
}

/** Mean of a value in 0..1 over each sample's neighbours of the same given label, all taps; 1 where there is none. */
export function meanOfCompany(peers: readonly Int32Array[], perSample: number, values: Float32Array): Float32Array {
  return values.map((_, i) => {
    let sum = 0;
    let met = 0;
    for (const list of peers) {
      for (let j = i * perSample; j < (i + 1) * perSample; j++) {
        if (list[j] < 0) continue;
        sum += values[list[j]];
        met++;
      }
    }
    return met > 0 ? sum / met : 1;
  });
}

/**
 * Who may enter the clean pool in a bootstrapping round (T-Core, "loss guidance" and "meta guidance").
 *
 * Growth is the weak place of the published rule: a low loss alone also admits poison. Here a sample must satisfy what
 * poison cannot satisfy together; a quota that cannot be filled that way stays unfilled.
 */
import { median } from '../math/statistics.ts';

export interface AdmissionEvidence {
  readonly labels: Int32Array;
  readonly classes: number;
  /** What the round ranks by, lowest first: the loss, or the loss reduction of the virtual epoch. `[samples]` */
  readonly rank: Float32Array;
  /** Class the current clean model predicts. `[samples]` */
  readonly predicted: Int32Array;
  /** TIS scores, mean over deciding taps, 0..1. `[samples]` */
  readonly majority: Float32Array;
  readonly consistency: Float32Array;
  /** Always members: the first clean pool. */
  readonly base: Int32Array;
  /** Never members: the guard's held-out samples. */
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

/** Recomputes the pool: `base` plus, per class, the lowest-ranked eligible samples up to the quota. Ties by index. */
export function admit(evidence: AdmissionEvidence, options: AdmissionOptions): Admission {
  const { labels, classes } = evidence;
  const sizes = new Float64Array(classes);
  for (const label of labels) sizes[label]++;
  const typical = median(sizes.filter((size) => size > 0));
  const base = new Set(evidence.base);
  const candidates: number[][] = Array.from({ length: classes }, () => []);
  const members: number[] = [];
  const admitted = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) {
    if (evidence.excluded.has(i)) continue;
    if (base.has(i)) {
      members.push(i);
      admitted[labels[i]]++;
    } else if (isEligible(evidence, i)) {
      candidates[labels[i]].push(i);
    }
  }
  const quota = Array.from(sizes, (size) => Math.floor(options.share * Math.min(size, options.quotaCap * typical)));
  candidates.forEach((list, label) => {
    const room = Math.max(0, quota[label] - admitted[label]);
    const best = list.sort((a, b) => evidence.rank[a] - evidence.rank[b] || a - b).slice(0, room);
    members.push(...best);
    admitted[label] += best.length;
  });
  return { pool: Int32Array.from(members).sort(), quota, admitted };
}

/** The clean model must agree with the given label, and the sample must lie with its class's majority in most taps. */
function isEligible(evidence: AdmissionEvidence, i: number): boolean {
  return evidence.predicted[i] === evidence.labels[i] && evidence.majority[i] > 0.5;
}

/**
 * Who teaches the student in a round of distilled mode: on the answers pool it learns the untrusted encoder's
 * representation, on the label pool, a part of it, the given labels.
 *
 * Neither the discrepancy between student and teacher nor the loss is believed alone: with poison among the seeds each
 * of them can be inverted. A sample is ranked within its class by the worst of what speaks against it, its neighbours'
 * refusal among them (`admission.ts`), under quotas that poison cannot inflate.
 */
import { median, rankWithinGroups } from '../math/statistics.ts';

export interface PoolEvidence {
  readonly labels: Int32Array;
  readonly classes: number;
  /** 1 - cosine of the student's and the teacher's representation, 0..2. `[samples]` */
  readonly discrepancy: Float32Array;
  /** The student's cross entropy against the given label. `[samples]` */
  readonly loss: Float32Array;
  /** Mean refusal of the neighbours of the same given label, 0..1. `[samples]` */
  readonly refusal: Float32Array;
  /** Always members of both pools: the first pool. */
  readonly base: Int32Array;
  /** Never members: the guard. */
  readonly excluded: ReadonlySet<number>;
}

export interface PoolShares {
  /** Shares of the dataset aimed at, 0..1; `labels` is at most `answers`. */
  readonly labels: number;
  readonly answers: number;
  /** Class quota is share x min(n_c, quotaCap x median class size). */
  readonly quotaCap: number;
}

export interface DistilPools {
  /** Samples whose given label is taught, ascending; a part of `answers`. */
  readonly labels: Int32Array;
  /** Samples on which the teacher's answer is taught, ascending. */
  readonly answers: Int32Array;
}

/** Both pools, ties by index. Classes that fall short of their quota stay short. */
export function choosePools(evidence: PoolEvidence, shares: PoolShares): DistilPools {
  const { labels, classes } = evidence;
  const byDiscrepancy = rankWithinGroups(evidence.discrepancy, labels, classes);
  const byLoss = rankWithinGroups(evidence.loss, labels, classes);
  const byCompany = rankWithinGroups(evidence.refusal, labels, classes);
  const answers = fill(evidence, shares.answers, shares.quotaCap, null, (i) =>
    Math.max(byDiscrepancy[i], byCompany[i]),
  );
  const worst = (i: number): number => Math.max(byDiscrepancy[i], byLoss[i], byCompany[i]);
  return { answers, labels: fill(evidence, shares.labels, shares.quotaCap, new Set(answers), worst) };
}

function fill(
  evidence: PoolEvidence,
  share: number,
  quotaCap: number,
  within: ReadonlySet<number> | null,
  key: (sample: number) => number,
): Int32Array {
  const { labels, classes, excluded } = evidence;
  const sizes = new Float64Array(classes);
  for (const label of labels) sizes[label]++;
  const typical = median(sizes.filter((size) => size > 0));
  const base = new Set(evidence.base);
  const members: number[] = [];
  const room = Array.from(sizes, (size) => Math.floor(share * Math.min(size, quotaCap * typical)));
  const candidates: number[][] = Array.from({ length: classes }, () => []);
  for (let i = 0; i < labels.length; i++) {
    if (excluded.has(i)) continue;
    if (base.has(i)) {
      members.push(i);
      room[labels[i]]--;
    } else if (within === null || within.has(i)) {
      candidates[labels[i]].push(i);
    }
  }
  candidates.forEach((list, label) => {
    members.push(...list.sort((a, b) => key(a) - key(b) || a - b).slice(0, Math.max(0, room[label])));
  });
  return Int32Array.from(members).sort();
}

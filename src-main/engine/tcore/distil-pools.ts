/**
 * Who teaches the student in a round of distilled mode: on the answers pool it learns the untrusted encoder's
 * representation, on the label pool, a part of it, the given labels.
 *
 * Neither the discrepancy between student and teacher nor the loss is believed alone: with poison among the seeds each
 * of them can be inverted. A sample is ranked within its class by the worst of what speaks against it, its neighbours'
 * refusal among them (`admission.ts`), under quotas that poison cannot inflate.
 *
 * What no rank can tell is a hard sample from a poisoned one: both have a high loss. But a student that is unsure of a
 * hard sample still holds its label possible, and the labels of its company too, while it excludes those of a cluster
 * of poison. So ranks fill most of a quota, and beyond that a label must be plausible and in plausible company
 * (docs/efficacy.md).
 */
import { classSizes, meanOfCompany } from './admission.ts';
import { median, rankWithinGroups } from '../math/statistics.ts';

export interface PoolEvidence {
  /** Given labels; -1 = never a member and not counted: copies, and who is set aside (`teachableLabels`). */
  readonly labels: Int32Array;
  readonly classes: number;
  /** Settles ties (`sampleOrder`). `[samples]` */
  readonly order: Int32Array;
  /** 1 - cosine of the student's and the teacher's representation, 0..2. `[samples]` */
  readonly discrepancy: Float32Array;
  /** The student's cross entropy against the given label. `[samples]` */
  readonly loss: Float32Array;
  /** Probability of the given label over that of the likeliest one, 0..1. `[samples]` */
  readonly plausibility: Float32Array;
  /** Mean refusal of the neighbours of the same given label, 0..1. `[samples]` */
  readonly refusal: Float32Array;
  /** Neighbours of the same given label in the untrusted encoder, `[late taps][samples * perSample]`; -1 = none. */
  readonly peers: readonly Int32Array[];
  readonly perSample: number;
  /** Always members of both pools: the first pool. */
  readonly base: Int32Array;
  /** Never members, but counted as their class's: the guard, and samples that share a learnt pattern. */
  readonly excluded: ReadonlySet<number>;
}

export interface PoolShares {
  /** Shares of the dataset aimed at, 0..1; `labels` is at most `answers`. */
  readonly labels: number;
  readonly answers: number;
  /** Class quota is share x min(n_c, quotaCap x median class size). */
  readonly quotaCap: number;
  /** Share up to which the rank alone decides; who joins beyond it must be plausible and in plausible company. */
  readonly ranked: number;
  /** Least plausibility beyond that share, 0..1. */
  readonly plausible: number;
  /** Most of the company, as a share, that may fall short of that; 1 = all. */
  readonly company: number;
}

export interface DistilPools {
  /** Samples whose given label is taught, ascending; a part of `answers`. */
  readonly labels: Int32Array;
  /** Samples on which the teacher's answer is taught, ascending. */
  readonly answers: Int32Array;
}

/** Both pools in one order, so that they are nested. */
export function choosePools(evidence: PoolEvidence, shares: PoolShares): DistilPools {
  const { labels, classes, order: place } = evidence;
  const byDiscrepancy = rankWithinGroups(evidence.discrepancy, labels, classes, place);
  const byLoss = rankWithinGroups(evidence.loss, labels, classes, place);
  const byCompany = rankWithinGroups(evidence.refusal, labels, classes, place);
  const order = labels.map((_, i) => i).sort((a, b) => key(a) - key(b) || place[a] - place[b]);
  function key(i: number): number {
    return Math.max(byDiscrepancy[i], byLoss[i], byCompany[i]);
  }
  const excludes = evidence.plausibility.map((value) => (value < shares.plausible ? 1 : 0));
  const company = meanOfCompany(evidence.peers, evidence.perSample, excludes);
  const credible = order.filter((i) => excludes[i] === 0 && company[i] <= shares.company);
  const choose = (share: number): Int32Array => {
    const ranked = fill(evidence, order, evidence.base, Math.min(share, shares.ranked), shares.quotaCap);
    return fill(evidence, credible, ranked, share, shares.quotaCap);
  };
  return { labels: choose(shares.labels), answers: choose(shares.answers) };
}

/** @param order who may join, the most credible first @param base who is in already */
function fill(
  evidence: PoolEvidence,
  order: Int32Array,
  base: Int32Array,
  share: number,
  quotaCap: number,
): Int32Array {
  const { labels, classes, excluded } = evidence;
  const sizes = classSizes(labels, classes);
  const typical = median(sizes.filter((size) => size > 0));
  const room = Array.from(sizes, (size) => Math.floor(share * Math.min(size, quotaCap * typical)));
  const members = new Set(base);
  for (const i of members) room[labels[i]]--;
  for (const i of order) {
    if (labels[i] < 0 || room[labels[i]] <= 0 || excluded.has(i) || members.has(i)) continue;
    members.add(i);
    room[labels[i]]--;
  }
  return Int32Array.from(members).sort();
}

/** How a detector and the audit go together: counts against chance, and the area under the curve of its scores. */
import type { OpinionAgreement } from '../../../src-shared/domain/opinion.ts';
import { argsort } from '../math/statistics.ts';

/**
 * @param score one per item, NaN = not scored @param flagged what the detector flags @param audit what the audit flags
 * (1 or 0 each)
 */
export function agreement(
  kind: OpinionAgreement['with'],
  score: Float32Array,
  flagged: Uint8Array,
  audit: Uint8Array,
): OpinionAgreement {
  const known = Int32Array.from(score.keys()).filter((i) => !Number.isNaN(score[i]));
  let own = 0;
  let theirs = 0;
  let both = 0;
  for (const i of known) {
    own += flagged[i];
    theirs += audit[i];
    both += flagged[i] & audit[i];
  }
  return {
    with: kind,
    audit: theirs,
    both,
    byChance: known.length === 0 ? 0 : (own * theirs) / known.length,
    auc: areaUnderCurve(
      Float64Array.from(known, (i) => score[i]),
      Uint8Array.from(known, (i) => audit[i]),
    ),
  };
}

/** Mann–Whitney: probability that a marked item scores higher than an unmarked one, ties half; null without both. */
export function areaUnderCurve(score: ArrayLike<number>, marked: Uint8Array): number | null {
  const n = score.length;
  const positives = marked.reduce((sum, flag) => sum + flag, 0);
  if (positives === 0 || positives === n) return null;
  const order = argsort(score);
  let ranks = 0;
  for (let at = 0; at < n;) {
    let end = at + 1;
    while (end < n && score[order[end]] === score[order[at]]) end++;
    // Ties share the mean of their ranks, counted from 1.
    const rank = (at + 1 + end) / 2;
    for (; at < end; at++) if (marked[order[at]] === 1) ranks += rank;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (n - positives));
}

/** What the columns of a finished audit say of one sample. */
import type { SampleColumns } from './result.ts';
import type { Verdict } from './verdict.ts';

export interface SampleVerdict {
  readonly verdict: Verdict;
  /** "suspect", "seed", "first-pool", "admitted", "left-out", "doubtful-class". */
  readonly code: string;
  /** A few words for a table. */
  readonly reason: string;
}

/**
 * Verdict on sample `i`: what the sanitized model was grown from is trusted, what is on the suspect list suspicious. In a
 * class that could not be judged nothing is trusted.
 * @param classVerdicts verdict of each class; one that is missing counts as judged
 */
export function sampleVerdict(columns: SampleColumns, i: number, classVerdicts: readonly Verdict[]): SampleVerdict {
  const rank = columns.suspectRank[i];
  if (rank >= 0) {
    // Who is refused is called another class; a suspect that the sanitized model accepts is there for a pattern.
    const accepted = columns.predicted[i] === columns.label[i];
    const why = accepted ? 'shows a pattern of the suspects' : 'the sanitized model sees another class';
    const reason = `suspect ${rank + 1}: ${admission(columns, i)}, ${why}`;
    return { verdict: 'suspicious', code: 'suspect', reason };
  }
  const round = columns.admittedRound[i];
  const grown = columns.seed[i] === 1 || columns.pool[i] === 1 || round >= 0;
  if (!grown)
    return { verdict: 'inconclusive', code: 'left-out', reason: 'never admitted, yet not among the suspects' };
  const classVerdict = classVerdicts[columns.label[i]];
  if (classVerdict === 'inconclusive' || classVerdict === 'not-examined')
    return { verdict: 'inconclusive', code: 'doubtful-class', reason: 'credible in a class that could not be judged' };
  if (columns.seed[i] === 1) return { verdict: 'trusted', code: 'seed', reason: 'trusted seed' };
  if (columns.pool[i] === 1) return { verdict: 'trusted', code: 'first-pool', reason: 'in the first clean pool' };
  return { verdict: 'trusted', code: 'admitted', reason: `admitted in round ${round}` };
}

function admission(columns: SampleColumns, i: number): string {
  const round = columns.admittedRound[i];
  return round < 0 ? 'never admitted' : `admitted in round ${round}`;
}

/** How much lower the sanitized model's loss is than the probe's; NaN where either is unknown. */
export function lossReduction(columns: SampleColumns, i: number): number {
  return columns.probeLoss[i] - columns.finalLoss[i];
}

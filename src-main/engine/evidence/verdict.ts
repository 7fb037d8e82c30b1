/**
 * From evidence to words. Rules need no known trigger: what the undefended probe fits and the sanitized model refuses,
 * class by class. "trusted" is said only of what was examined and found clear of every rule.
 */
import type { SiftingFacts } from '../../../src-shared/domain/result.ts';
import type { AuditVerdict, Finding } from '../../../src-shared/domain/verdict.ts';
import { median, robustDeviation } from '../math/statistics.ts';
import type { PoolRound } from '../../../src-shared/domain/run.ts';
import { isRefused, type RefusalEvidence } from './suspects.ts';

export interface VerdictEvidence extends RefusalEvidence {
  readonly classes: readonly string[];
  readonly sifting: SiftingFacts;
  readonly uncertainClasses: readonly number[];
  readonly rounds: readonly PoolRound[];
  readonly suspects: Int32Array;
  readonly outcome: {
    readonly guardSamples: number;
    readonly probeAccuracy: number | null;
    readonly sanitizedAccuracy: number | null;
  };
}

export function judge(evidence: VerdictEvidence): AuditVerdict {
  const shares = refusedShares(evidence);
  const typical = median(shares);
  const spread = Math.max(robustDeviation(shares), 0.02);
  const worst = shares.indexOf(Math.max(...shares));
  const z = (shares[worst] - typical) / spread;
  const verdict = shares[worst] > 0.12 && z > 4 ? 'suspicious' : 'inconclusive';
  const finding = (
    subject: Finding['subject'],
    name: string | null,
    word: Finding['verdict'],
    claim: string,
  ): Finding => ({
    code: `${subject}.refused-cluster`,
    subject,
    name,
    verdict: word,
    confidence: null,
    claim,
    evidence: { refusedShares: shares, z },
    wouldChange: '',
  });
  return {
    dataset: finding('dataset', null, verdict, ''),
    encoder: finding('encoder', null, 'inconclusive', ''),
    classes: [],
    notExamined: [],
  };
}

/** Per class, the share of samples that are refused in the sense of the suspect list. */
export function refusedShares(evidence: VerdictEvidence): number[] {
  const refused = new Float64Array(evidence.classes.length);
  const sizes = new Float64Array(evidence.classes.length);
  evidence.labels.forEach((label, i) => {
    sizes[label]++;
    if (isRefused(evidence, i)) refused[label]++;
  });
  return Array.from(refused, (count, c) => (sizes[c] > 0 ? count / sizes[c] : 0));
}

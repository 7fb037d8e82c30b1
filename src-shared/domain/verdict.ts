/** The four words of a verdict and what must come with each. "trusted" is never said of anything not examined. */
export type Verdict = 'trusted' | 'suspicious' | 'inconclusive' | 'not-examined';

export interface Finding {
  /** Stable id, e.g. "dataset.refused-cluster". */
  readonly code: string;
  readonly subject: 'encoder' | 'dataset' | 'class' | 'file';
  /** Class name or file name where the subject is one. */
  readonly name: string | null;
  readonly verdict: Verdict;
  /** 0..1, how far the evidence is from the decision boundary; null when nothing was examined. */
  readonly confidence: number | null;
  /** One sentence an auditor can quote. */
  readonly claim: string;
  /** The numbers the claim rests on, by name. */
  readonly evidence: Readonly<Record<string, number | string | readonly number[]>>;
  /** What would change this verdict. */
  readonly wouldChange: string;
}

export interface AuditVerdict {
  readonly encoder: Finding;
  readonly dataset: Finding;
  readonly classes: readonly Finding[];
  /** Everything that was not looked at, with a reason code each. */
  readonly notExamined: readonly { readonly what: string; readonly reason: string; readonly detail: string }[];
}

/** What an analyst decides about a run: written to the journal, never changed, undone by a later decision. */
export const decisionSubjects = ['sample', 'class', 'channel', 'encoder', 'dataset', 'run'] as const;
export type DecisionSubject = (typeof decisionSubjects)[number];
export const decisionActs = ['tag', 'untag', 'override', 'withdraw', 'note'] as const;
export type DecisionAct = (typeof decisionActs)[number];

export interface Decision {
  readonly who: string;
  readonly subject: DecisionSubject;
  /** Sample index, class name, "layer/channel", or '' where the subject is one. */
  readonly key: string;
  readonly act: DecisionAct;
  /** The tag, the verdict put in place of ours, or the number of the decision that is withdrawn. */
  readonly value: string;
  readonly reason: string;
}

export interface DecisionRow extends Decision {
  readonly id: number;
  /** RFC 3339, UTC. */
  readonly at: string;
}

/** The decisions that still hold: neither withdrawn nor themselves a withdrawal. Oldest first. */
export function standing(decisions: readonly DecisionRow[]): DecisionRow[] {
  const withdrawn = new Set(decisions.filter((one) => one.act === 'withdraw').map((one) => Number(one.value)));
  return decisions.filter((one) => one.act !== 'withdraw' && !withdrawn.has(one.id));
}

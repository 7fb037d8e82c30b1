/** Analysts' overrides of verdicts that still hold: neither withdrawn nor followed by another of the same subject. */
import { standing, type DecisionRow } from '../../src-shared/domain/decision.ts';
import type { DecisionLine } from './record.ts';

/** The last override of a subject that still holds, or null. */
export function overrideOf(decisions: readonly DecisionLine[], subject: string, key: string): DecisionLine | null {
  const rows = decisions.map((one, i) => ({ id: i + 1, ...one })) as readonly DecisionRow[];
  const about = (one: DecisionRow): boolean => one.act === 'override' && one.subject === subject && one.key === key;
  return standing(rows).findLast(about) ?? null;
}

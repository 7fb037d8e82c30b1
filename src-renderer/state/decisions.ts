/** Decisions in words. */
import type { Decision } from '../../src-shared/domain/decision.ts';
import type { Verdict } from '../../src-shared/domain/verdict.ts';
import { visibleName } from '../../src-shared/text.ts';
import { t } from './language.svelte.ts';

export function decisionText({ act, value }: Pick<Decision, 'act' | 'value'>): string {
  const words = t().decide;
  const shown = visibleName(value);
  switch (act) {
    case 'tag':
      return words.tagged(shown);
    case 'untag':
      return words.untagged(shown);
    case 'override':
      return words.overridden((t().verdicts as Readonly<Record<string, string>>)[value as Verdict] ?? shown);
    case 'note':
      return words.noted;
    case 'withdraw':
      return words.withdrew(shown);
  }
}

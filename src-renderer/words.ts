/** The words of the page that stand for values of the domain. */
import type { Stage } from '../src-shared/domain/run.ts';
import type { Finding, Verdict } from '../src-shared/domain/verdict.ts';
import type { SaidWarning } from '../src-shared/report-words/warnings-de.ts';
import { visibleName } from '../src-shared/text.ts';
import { t } from './state/language.svelte.ts';

export const verdictShapes: Readonly<Record<Verdict, string>> = {
  trusted: '✓',
  suspicious: '▲',
  inconclusive: '◐',
  'not-examined': '▨',
};

export const stageTitle = (stage: string): string =>
  (t().stages[stage as Stage] as { title: string } | undefined)?.title ?? stage;

/** Units the engine counts in; one that is not known is shown as it came. */
export const unitWord = (unit: string): string => t().run.unit[unit] ?? unit;
export const metricWord = (metric: string): string => t().bootstrap.metricNames[metric] ?? metric;

/** A term of a record in the language of the page, where that knows it. */
export const termWord = (term: string): string => t().record.term(term) ?? term;

/** What a warning says in the language of the page, or as it was recorded, which is English. */
export function warningWords(warning: SaidWarning & { readonly message: string }): {
  readonly text: string;
  readonly lang: 'en' | undefined;
} {
  const said = t().record.warning(warning);
  return { text: visibleName(said ?? warning.message), lang: said === null ? 'en' : undefined };
}

/** The sentences of a finding in the language of the page, or as they were recorded, which is English. */
export function findingWords(finding: Finding): {
  readonly claim: string;
  readonly wouldChange: string;
  readonly lang: 'en' | undefined;
} {
  const said = t().record.finding(finding);
  const { claim, wouldChange } = said ?? finding;
  return { claim: visibleName(claim), wouldChange: visibleName(wouldChange), lang: said === null ? 'en' : undefined };
}

/** The words of the page that stand for values of the domain. */
import type { Stage } from '../src-shared/domain/run.ts';
import type { Verdict } from '../src-shared/domain/verdict.ts';
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

/** What the columns of a run say in words. */
import type { SampleTable } from '../../src-shared/contract.ts';
import { visibleName } from '../../src-shared/text.ts';
import { drawingOrder, standingCodes, standingOf, type Standing } from '../charts/standing.ts';
import { t } from './language.svelte.ts';

export const standings: readonly Standing[] = ['seed', 'pool', 'admitted', 'refused', 'open', 'suspect'];

/** As the marks of the scatter are drawn. */
export const standingSigns: Readonly<Record<Standing, string>> = {
  seed: '●',
  pool: '○',
  admitted: '•',
  refused: '■',
  open: '•',
  suspect: '▲',
};

export function classNameOf(table: SampleTable, index: number): string {
  return visibleName(table.classNames[index] ?? String(index));
}

/** What is said of a sample in one sentence. */
export function describeSample(table: SampleTable, row: number): string {
  const { index, label, majority, consistency } = table.columns;
  return t().sample.describe(
    index[row],
    classNameOf(table, label[row]),
    t().standing[standingOf(table, row)],
    t().f.number(majority[row]),
    t().f.number(consistency[row]),
  );
}

/** Samples per class. */
export function countLabels(table: SampleTable): number[] {
  const by = table.classNames.map(() => 0);
  for (const label of table.columns.label) by[label] += 1;
  return by;
}

export function countStandings(table: SampleTable): Record<Standing, number> {
  const counts = drawingOrder.map(() => 0);
  const codes = standingCodes(table);
  // By place: `for … of` over a typed array is many times slower until it is compiled, and this runs once per table.
  for (let row = 0; row < codes.length; row++) counts[codes[row]] += 1;
  return Object.fromEntries(drawingOrder.map((standing, code) => [standing, counts[code]])) as Record<Standing, number>;
}

/** Rows of the suspect list, most suspicious first. */
export function suspectRows(table: SampleTable): number[] {
  const { suspectRank } = table.columns;
  const rows: number[] = [];
  for (let row = 0; row < suspectRank.length; row++) if (suspectRank[row] >= 0) rows.push(row);
  return rows.sort((a, b) => suspectRank[a] - suspectRank[b]);
}

/** Name of a tap without its size: "stage 2, block 1 (96 channels, 7x7)" -> "stage 2, block 1". */
export function tapName(label: string): string {
  return visibleName(label).replace(/ \([^()]*\)$/, '');
}

/** The class most of `rows` are labelled, and how many. */
export function mostFrequentLabel(table: SampleTable, rows: readonly number[]): { label: number; count: number } {
  const counts = table.classNames.map(() => 0);
  for (const row of rows) counts[table.columns.label[row]] += 1;
  const count = Math.max(0, ...counts);
  return { label: counts.indexOf(count), count };
}

export function siftingClaim(table: SampleTable): string {
  const all = t().n.ofSamples(table.columns.label.length);
  const seeds = t().f.count(countStandings(table).seed);
  const suspects = suspectRows(table);
  if (suspects.length === 0) return table.complete ? t().sifting.claimNone(all, seeds) : t().sifting.claim(all, seeds);
  const { label, count } = mostFrequentLabel(table, suspects);
  const share = t().f.share(count / suspects.length);
  return t().sifting.claimSuspects(all, seeds, t().f.count(suspects.length), share, classNameOf(table, label));
}

/** Samples as rows of a table: the same columns wherever samples are listed. */
import type { SampleTable } from '../../../src-shared/contract.ts';
import { standingOf } from '../../charts/standing.ts';
import { t } from '../../state/language.svelte.ts';
import { classNameOf, suspectRows } from '../../state/samples.ts';

export function sampleColumns(): readonly { title: string; numeric?: boolean }[] {
  const c = t().sifting.columns;
  return [
    { title: c.sample, numeric: true },
    { title: c.label },
    { title: c.standing },
    { title: c.majority, numeric: true },
    { title: c.consistency, numeric: true },
    { title: c.round, numeric: true },
    { title: c.probeLoss, numeric: true },
    { title: c.finalLoss, numeric: true },
  ];
}

export function sampleCell(table: SampleTable, row: number, column: number): string {
  const { index, label, majority, consistency, admittedRound, probeLoss, finalLoss } = table.columns;
  const { number } = t().f;
  switch (column) {
    case 0:
      return String(index[row]);
    case 1:
      return classNameOf(table, label[row]);
    case 2:
      return t().standing[standingOf(table, row)];
    case 3:
      return number(majority[row]);
    case 4:
      return number(consistency[row]);
    case 5:
      return admittedRound[row] < 0 ? '–' : String(admittedRound[row]);
    case 6:
      return number(probeLoss[row]);
    default:
      return number(finalLoss[row]);
  }
}

/** What a row is put in order by: numbers as they were recorded; -1 and NaN are not known. */
export function sampleValue(table: SampleTable, row: number, column: number): number | undefined {
  const { index, majority, consistency, admittedRound, probeLoss, finalLoss } = table.columns;
  const values = [index, null, null, majority, consistency, admittedRound, probeLoss, finalLoss][column];
  if (values === null || values === undefined) return undefined;
  return values === admittedRound && values[row] < 0 ? NaN : values[row];
}

/** All rows: suspects by rank, then everything else as it lies in the dataset. */
export function suspectsFirst(table: SampleTable): number[] {
  const { suspectRank } = table.columns;
  const rows = suspectRows(table);
  for (let row = 0; row < suspectRank.length; row++) if (suspectRank[row] < 0) rows.push(row);
  return rows;
}

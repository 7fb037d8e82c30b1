/** sifted-set.csv: one row per sample, in the order of the dataset. */
import type { SampleColumns } from '../../src-shared/domain/result.ts';
import type { Verdict } from '../../src-shared/domain/verdict.ts';
import { lossReduction, sampleVerdict } from '../../src-shared/domain/sample.ts';
import { csvRow } from '../../src-shared/text.ts';

export const siftedSetHeader = [
  'index',
  'path',
  'label',
  'majority',
  'consistency',
  'in_seed_set',
  'round_admitted',
  'final_loss',
  'loss_reduction',
  'discrepancy',
  'verdict',
  'reason',
] as const;

/**
 * RFC 4180, UTF-8, CRLF, one header row. `label` is the class name; `round_admitted` is empty where a sample was never
 * admitted; numbers that are unknown are empty. Names are written as `csvCell` writes strings.
 * @throws RangeError when `names` and the columns differ in length.
 */
export function siftedSetCsv(
  columns: SampleColumns,
  names: readonly string[],
  classes: readonly string[],
  classVerdicts: readonly Verdict[],
): string {
  const total = columns.label.length;
  if (names.length !== total) throw new RangeError(`names must have ${total} entries, met ${names.length}`);
  const rows = [csvRow(siftedSetHeader)];
  for (let i = 0; i < total; i += 1) {
    const { verdict, reason } = sampleVerdict(columns, i, classVerdicts);
    const round = columns.admittedRound[i];
    rows.push(
      csvRow([
        columns.index[i],
        names[i],
        classes[columns.label[i]] ?? columns.label[i],
        shortest(columns.majority[i]),
        shortest(columns.consistency[i]),
        columns.seed[i] === 1,
        round < 0 ? null : round,
        shortest(columns.finalLoss[i]),
        shortest(lossReduction(columns, i)),
        shortest(columns.discrepancy[i]),
        verdict,
        reason,
      ]),
    );
  }
  return rows.join('');
}

/** A float32 value without the digits that only float64 would need. */
function shortest(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : NaN;
}

/** The per-sample columns of a run, as far as they are known. */
import type { SampleTable } from '../../src-shared/contract.ts';
import type { SampleColumns } from '../../src-shared/domain/result.ts';
import type { ColumnData } from '../store/columns.ts';
import type { ProjectReader } from '../store/reader.ts';

const kinds = {
  index: Int32Array,
  label: Int32Array,
  majority: Float32Array,
  consistency: Float32Array,
  seed: Uint8Array,
  pool: Uint8Array,
  admittedRound: Int32Array,
  probeLoss: Float32Array,
  finalLoss: Float32Array,
  predicted: Int32Array,
  suspectRank: Int32Array,
  discrepancy: Float32Array,
  scatterX: Float32Array,
  scatterY: Float32Array,
} as const satisfies { readonly [K in keyof SampleColumns]: unknown };

/** @returns null before the sift stage is committed; columns of later stages hold -1 or NaN until they are known */
export async function sampleTable(reader: ProjectReader, run: string): Promise<SampleTable | null> {
  const { dataset } = reader.run(run);
  const final = await reader.sampleColumns(run, 'final');
  const known = final ?? (await reader.sampleColumns(run, 'sift/again')) ?? (await reader.sampleColumns(run, 'sift'));
  const count = known === null ? 0 : (Object.values(known)[0]?.length ?? 0);
  if (known === null || dataset === null) return null;
  const columns = Object.fromEntries(
    Object.entries(kinds).map(([name, Kind]) => [
      name,
      known[name] instanceof Kind ? known[name] : unknown(Kind, count),
    ]),
  ) as unknown as SampleColumns;
  return { classNames: dataset.classes.map((one) => one.name), columns, complete: final !== null };
}

function unknown(Kind: (typeof kinds)[keyof SampleColumns], count: number): ColumnData {
  const column = new Kind(count);
  return Kind === Uint8Array ? column : column.fill(Kind === Float32Array ? NaN : -1);
}

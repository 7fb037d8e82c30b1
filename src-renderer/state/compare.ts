/** Two runs beside each other: which facts differ, how far their sets and masks agree. Pure. */
import type { SampleTable } from '../../src-shared/contract.ts';
import type { AuditResult } from '../../src-shared/domain/result.ts';

export interface Overlap {
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** |both| / |either|; NaN when both are empty. */
  readonly share: number;
}

/** Samples are matched by index: to be asked only for runs on the same dataset. */
export function overlapOf(
  first: SampleTable,
  second: SampleTable,
  inSet: (table: SampleTable, row: number) => boolean,
): Overlap {
  const a = membersOf(first, inSet);
  const b = membersOf(second, inSet);
  let both = 0;
  for (const index of a) if (b.has(index)) both += 1;
  return { both, onlyFirst: a.size - both, onlySecond: b.size - both, share: both / (a.size + b.size - both) };
}

function membersOf(table: SampleTable, inSet: (table: SampleTable, row: number) => boolean): Set<number> {
  const members = new Set<number>();
  for (let row = 0; row < table.columns.label.length; row++) {
    if (inSet(table, row)) members.add(table.columns.index[row]);
  }
  return members;
}

export interface LayerAgreement {
  readonly label: string;
  readonly first: number;
  readonly second: number;
  /** Channels that both keep or both make anew. */
  readonly agree: number;
  readonly channels: number;
}

/** Layers of the same encoder, matched by id; one that has another number of channels is left out. */
export function maskAgreement(
  first: AuditResult['channels'],
  second: AuditResult['channels'],
): readonly LayerAgreement[] {
  const others = new Map(second.layers.map((layer) => [layer.id, layer]));
  return first.layers.flatMap((layer) => {
    const other = others.get(layer.id);
    if (other?.channels !== layer.channels) return [];
    const agree = layer.trusted.filter((trusted, channel) => trusted === other.trusted[channel]).length;
    return [{ label: layer.label, first: layer.kept, second: other.kept, agree, channels: layer.channels }];
  });
}

export interface ComparedLine {
  readonly what: string;
  /** One per run; null = the run has no such thing. */
  readonly values: readonly (string | null)[];
  readonly differs: boolean;
}

export function comparedLine(what: string, values: readonly (string | null)[]): ComparedLine {
  return { what, values, differs: values.some((value) => value !== values[0]) };
}

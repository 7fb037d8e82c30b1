/** A table that names one image and its label per row; images lie below the table's folder. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Limits } from '../limits.ts';
import type { Dataset } from './dataset.ts';
import {
  checkManifest,
  LABEL_COLUMN,
  manifestDataset,
  PATH_COLUMN,
  type ManifestOptions,
  type ManifestRow,
} from './manifest.ts';

/**
 * Opens a CSV manifest (RFC 4180; comma, semicolon or tab; UTF-8). With a header the columns are found by name
 * (`path`, `label`), without one they are the first two. Rows whose path could leave the manifest's folder, and rows
 * without a label, are skipped and counted; a row that breaks the format refuses the whole table.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, no-readable-image
 */
export async function openCsvManifest(
  path: string,
  options: ManifestOptions,
  notes: readonly string[],
): Promise<Dataset> {
  checkManifest(path, options.limits);
  return await manifestDataset(path, 'csv-manifest', labelledRows(path, options.limits), options, notes);
}

async function* labelledRows(path: string, limits: Limits): AsyncGenerator<ManifestRow> {
  let columns: Columns | null = null;
  for await (const row of readRows(path, limits)) {
    if (columns === null) {
      columns = findColumns(row, path);
      if (columns.header) continue;
    }
    yield { name: row[columns.path] ?? '', label: (row[columns.label] ?? '').trim() };
  }
}

/** Rows of a table (RFC 4180; comma, semicolon or tab; UTF-8). @throws ExpectedError dataset-malformed */
export async function* readRows(path: string, limits: Limits): AsyncGenerator<string[]> {
  const parser = parse({
    bom: true,
    delimiter: await findDelimiter(path),
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: limits.dataset.maxRowBytes,
  });
  // However it ends, both ends are closed; what it fails with, whoever reads the rows is told.
  pipeline(createReadStream(path), parser, () => undefined);
  try {
    for await (const row of parser) yield row as string[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new ExpectedError('dataset-malformed', `${path}: ${error.message}`, { cause: error });
  }
}

/** The one of comma, semicolon and tab that the first line has most of. */
async function findDelimiter(path: string): Promise<string> {
  const stream = createReadStream(path, { encoding: 'utf8', end: 65_535 });
  let head = '';
  for await (const chunk of stream) head += chunk as string;
  const line = head.split(/\r?\n/, 1)[0];
  const counts = [',', ';', '\t'].map((mark) => [line.split(mark).length, mark] as const);
  return counts.reduce((best, next) => (next[0] > best[0] ? next : best))[1];
}

interface Columns {
  readonly header: boolean;
  readonly path: number;
  readonly label: number;
}

function findColumns(row: readonly string[], path: string): Columns {
  const cells = row.map((cell) => cell.trim().toLowerCase());
  const pathAt = cells.findIndex((cell) => PATH_COLUMN.has(cell));
  const labelAt = cells.findIndex((cell) => LABEL_COLUMN.has(cell));
  if (pathAt >= 0 && labelAt >= 0) return { header: true, path: pathAt, label: labelAt };
  if (pathAt >= 0 || cells.length < 2) {
    throw new ExpectedError(
      'labels-missing',
      `${path} has no column "label" (its first row has ${cells.length} columns).`,
    );
  }
  return { header: false, path: 0, label: 1 };
}

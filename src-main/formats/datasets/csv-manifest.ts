/** A table that names one image and its label per row; images lie below the table's folder. */
import { createReadStream, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { parse } from 'csv-parse';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Limits } from '../limits.ts';
import { checkRelativePath, openInside } from '../paths.ts';
import { resolveClasses } from './classes.ts';
import { openByteColumn, openIntColumn } from './column.ts';
import { openProblemLog, type Dataset } from './dataset.ts';
import { fileDataset } from './image-folder.ts';

const PATH_COLUMN = new Set(['path', 'file', 'filename', 'file_name', 'filepath', 'file_path', 'image', 'image_path']);
const LABEL_COLUMN = new Set(['label', 'class', 'classname', 'class_name', 'label_name', 'category', 'target']);

export interface ManifestOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
}

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
  const { limits } = options;
  const status = statSync(path);
  if (!status.isFile()) throw new ExpectedError('file-missing', `${path} is not a regular file.`);
  if (status.size > limits.dataset.maxManifestBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: ${status.size} bytes (limit maxManifestBytes = ${limits.dataset.maxManifestBytes}).`,
    );
  }
  const skipped = openProblemLog(limits.dataset.maxListed);
  const names = openByteColumn();
  const found = openIntColumn();
  const labels = new Map<string, number>();
  let columns: Columns | null = null;
  let rows = 0;
  let unlabelled = 0;
  for await (const row of readRows(path, limits)) {
    if (columns === null) {
      columns = findColumns(row, path);
      if (columns.header) continue;
    }
    if (++rows > limits.dataset.maxFiles) {
      throw new ExpectedError(
        'dataset-too-large',
        `${path}: more than ${limits.dataset.maxFiles} rows (limit maxFiles).`,
      );
    }
    const name = row[columns.path] ?? '';
    const label = (row[columns.label] ?? '').trim();
    const checked = checkRelativePath(name);
    const where = `row ${rows}: ${name.slice(0, 300)}`;
    if (!checked.ok) {
      skipped.add(where, checked.reason);
    } else if (label === '') {
      unlabelled++;
      skipped.add(where, 'the row has no label');
    } else {
      let at = labels.get(label);
      if (at === undefined) labels.set(label, (at = labels.size));
      if (labels.size > limits.dataset.maxClasses) {
        throw new ExpectedError(
          'dataset-too-large',
          `${path}: more than ${limits.dataset.maxClasses} classes (limit maxClasses).`,
        );
      }
      names.push(Buffer.from(checked.parts.join('/')));
      found.push(at);
    }
  }
  if (names.count === 0) {
    if (unlabelled > 0) throw new ExpectedError('labels-missing', `${path}: not one of its ${rows} rows has a label.`);
    const first = skipped.listed[0];
    throw new ExpectedError(
      'no-readable-image',
      first === undefined
        ? `${path} has no rows.`
        : `${path}: all ${rows} rows were refused; the first because ${first.reason}.`,
    );
  }
  const { classes, index } = resolveClasses([...labels.keys()], options.classes, limits.dataset);
  const touched = statSync(path, { bigint: true });
  const dataset = fileDataset({
    format: 'csv-manifest',
    path,
    reader: openInside(dirname(path)),
    limits,
    classes,
    names,
    labels: found.array().map((at) => index[at]),
    skipped,
    notes,
  });
  return {
    ...dataset,
    async fingerprint() {
      const files = await dataset.fingerprint();
      return createHash('sha256')
        .update(`${files} ${touched.size} ${touched.mtimeNs} ${touched.ctimeNs}`)
        .digest('hex');
    },
  };
}

async function* readRows(path: string, limits: Limits): AsyncGenerator<string[]> {
  const parser = createReadStream(path).pipe(
    parse({
      bom: true,
      delimiter: await findDelimiter(path),
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: limits.dataset.maxRowBytes,
    }),
  );
  try {
    for await (const row of parser) yield row as string[];
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (!code.startsWith('CSV_')) throw error;
    throw new ExpectedError('dataset-malformed', `${path}: ${(error as Error).message}`, { cause: error });
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

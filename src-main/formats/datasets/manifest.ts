/** What CSV and JSONL manifests share: rows that name an image below the manifest's folder and its label. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Limits } from '../limits.ts';
import { checkRelativePath, openInside } from '../paths.ts';
import { resolveClasses } from './classes.ts';
import { openByteColumn, openIntColumn } from './column.ts';
import { openProblemLog, type Dataset, type DatasetFormat } from './dataset.ts';
import { fileDataset } from './image-folder.ts';
import { openPace } from './pace.ts';

/** Names under which a table gives the path of an image, and its label. */
export const PATH_COLUMN: ReadonlySet<string> = new Set([
  'path',
  'file',
  'filename',
  'file_name',
  'filepath',
  'file_path',
  'image',
  'image_path',
]);
export const LABEL_COLUMN: ReadonlySet<string> = new Set([
  'label',
  'class',
  'cls',
  'classname',
  'class_name',
  'label_name',
  'category',
  'target',
]);

export interface ManifestOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly signal?: AbortSignal | undefined;
}

export interface ManifestRow {
  readonly name: string;
  readonly label: string;
}

/** @throws ExpectedError file-missing, dataset-too-large */
export function checkManifest(path: string, limits: Limits): void {
  const status = statSync(path);
  if (!status.isFile()) throw new ExpectedError('file-missing', `${path} is not a regular file.`);
  if (status.size > limits.dataset.maxManifestBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: ${status.size} bytes (limit maxManifestBytes = ${limits.dataset.maxManifestBytes}).`,
    );
  }
}

/**
 * Makes a dataset of rows. Rows whose path could leave the manifest's folder, and rows without a label, are skipped and
 * counted.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, no-readable-image; CancelledError
 */
export async function manifestDataset(
  path: string,
  format: DatasetFormat,
  rowsOf: AsyncIterable<ManifestRow>,
  options: ManifestOptions,
  notes: readonly string[],
): Promise<Dataset> {
  const { limits } = options;
  const skipped = openProblemLog(limits.dataset.maxListed);
  const pace = openPace(limits.dataset, options.signal);
  const names = openByteColumn();
  const found = openIntColumn();
  const labels = new Map<string, number>();
  let rows = 0;
  let unlabelled = 0;
  for await (const { name, label } of rowsOf) {
    if (pace.due()) await pace.breathe();
    if (++rows > limits.dataset.maxFiles) {
      throw new ExpectedError(
        'dataset-too-large',
        `${path}: more than ${limits.dataset.maxFiles} rows (limit maxFiles).`,
      );
    }
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
  const dataset = fileDataset({
    format,
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
      return createHash('sha256')
        .update(`${await dataset.fingerprint()} ${touchedOf(path)}`)
        .digest('hex');
    },
  };
}

/** Size and times of a file as it is now. */
export function touchedOf(path: string): string {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  return `${status?.size} ${status?.mtimeNs} ${status?.ctimeNs}`;
}

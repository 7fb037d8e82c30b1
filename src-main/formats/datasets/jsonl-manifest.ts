/** One JSON object per line that names an image and its label (also the `metadata.jsonl` of an image folder). */
import { createReadStream } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Limits } from '../limits.ts';
import type { Dataset } from './dataset.ts';
import { parseJsonObject, textField } from './json-text.ts';
import {
  checkManifest,
  LABEL_COLUMN,
  manifestDataset,
  PATH_COLUMN,
  type ManifestOptions,
  type ManifestRow,
} from './manifest.ts';

/**
 * Opens a JSONL manifest (UTF-8). Path and label are the members that a CSV manifest would have as columns; a label is
 * text or a number. Rows whose path could leave the manifest's folder, and rows without a label, are skipped and counted;
 * a line that is no object refuses the whole file.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, no-readable-image
 */
export async function openJsonlManifest(
  path: string,
  options: ManifestOptions,
  notes: readonly string[],
): Promise<Dataset> {
  checkManifest(path, options.limits);
  return await manifestDataset(path, 'jsonl-manifest', labelledRows(path, options.limits), options, notes);
}

async function* labelledRows(path: string, limits: Limits): AsyncGenerator<ManifestRow> {
  const { maxNesting } = limits.dataset;
  let line = 0;
  for await (const text of readLines(path, limits.dataset.maxRowBytes)) {
    line++;
    if (text.trim() === '') continue;
    const object = parseJsonObject(text, maxNesting);
    const malformed = (what: string): ExpectedError =>
      new ExpectedError('dataset-malformed', `${path}: line ${line} ${what}.`);
    if (object === null) throw malformed(`is no JSON object of at most ${maxNesting} levels`);
    const name = textField(object, PATH_COLUMN);
    if (name === null) throw malformed('names no image (member "path", "file_name" or "image")');
    yield { name, label: (textField(object, LABEL_COLUMN) ?? '').trim() };
  }
}

/** @throws ExpectedError dataset-malformed for a line longer than `most` bytes or text that is not UTF-8 */
async function* readLines(path: string, most: number): AsyncGenerator<string> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const malformed = (what: string, cause?: unknown): ExpectedError =>
    new ExpectedError('dataset-malformed', `${path}: ${what}`, { cause });
  const text = (bytes: Buffer): string => {
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw malformed('it is not UTF-8 text.', error);
    }
  };
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(10, from); end >= 0; end = rest.indexOf(10, from)) {
      if (end - from > most) throw malformed(`a line has more than ${most} bytes (limit maxRowBytes).`);
      yield text(rest.subarray(from, end));
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > most) throw malformed(`a line has more than ${most} bytes (limit maxRowBytes).`);
  }
  if (rest.length > 0) yield text(rest);
}

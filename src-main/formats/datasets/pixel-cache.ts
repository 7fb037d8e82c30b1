/** Decoded datasets kept for the next run: found again by what was decoded and how, not by where it lay. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from './dataset.ts';
import { openPixelFile, readHead, type PixelFile } from './pixel-file.ts';
import { buildPixelFile, contentDigest, settingsDigest, type PixelOptions } from './pixels.ts';

export interface CacheOptions extends Omit<PixelOptions, 'file'> {
  /** Where pixel files are kept. */
  readonly folder: string;
}

/**
 * The pixel file of a dataset: the one made for these files as they are (names, sizes and times of change), or one made
 * for files elsewhere with the same names, labels and bytes, or else a new one. A dataset that changed never meets the
 * file of what it was.
 * @throws as `buildPixelFile`
 */
export async function cachedPixelFile(dataset: Dataset, options: CacheOptions): Promise<PixelFile> {
  const { folder, signal } = options;
  const settings = settingsDigest(dataset, options);
  const key = createHash('sha256')
    .update(`${settings} ${await dataset.fingerprint()}`)
    .digest('hex');
  const file = join(folder, `${key.slice(0, 16)}.pixels`);
  if (!existsSync(file)) {
    const equal = await findEqual(dataset, folder, settings, signal);
    // What was skipped and left out is told of this dataset, not of the one that was decoded.
    if (equal !== null) {
      const { changes } = equal;
      return {
        ...equal,
        notes: [...dataset.notes, ...changes],
        skipped: { count: dataset.skipped.count, listed: dataset.skipped.listed },
        leftOut: dataset.leftOut ?? [],
      };
    }
  }
  return await buildPixelFile(dataset, { ...options, file });
}

/** Reads all bytes of the dataset, but only when there is a file it could be equal to. */
async function findEqual(
  dataset: Dataset,
  folder: string,
  settings: string,
  signal: AbortSignal | undefined,
): Promise<PixelFile | null> {
  const candidates = readdirSync(folder)
    .filter((name) => name.endsWith('.pixels.json'))
    .map((name) => join(folder, name.slice(0, -'.json'.length)))
    .filter((file) => {
      const head = readHead(file);
      return head !== null && head.settings === settings && head.total === dataset.count && existsSync(file);
    });
  if (candidates.length === 0) return null;
  const digest = await contentDigest(dataset, signal);
  const equal = candidates.find((file) => readHead(file)?.datasetDigest === digest);
  return equal === undefined ? null : openPixelFile(equal);
}

/** Decoded datasets kept for the next run: found again by what was decoded and how, not by where it lay. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withLimits } from '../limits.ts';
import type { Dataset } from './dataset.ts';
import { removeLeftovers } from './leftovers.ts';
import { columnsOf, headOf, openPixelFile, readHead, removePixelFile, type PixelFile } from './pixel-file.ts';
import { buildPixelFile, contentDigest, settingsDigest, type PixelOptions } from './pixels.ts';

export interface CacheOptions extends Omit<PixelOptions, 'file'> {
  /** Where pixel files are kept. */
  readonly folder: string;
}

/**
 * The pixel file of a dataset: the one made for these files as they are (names, sizes and times of change), or one made
 * for files elsewhere with the same names, labels and bytes, or else a new one. A dataset that changed never meets the
 * file of what it was. Beyond the limit maxCacheBytes the files that were not used for the longest time go.
 * @throws as `buildPixelFile`
 */
export async function cachedPixelFile(dataset: Dataset, options: CacheOptions): Promise<PixelFile> {
  const { folder, signal } = options;
  removeLeftovers(folder);
  const settings = settingsDigest(dataset, options);
  const key = createHash('sha256')
    .update(`${settings} ${await dataset.fingerprint()}`)
    .digest('hex');
  const file = join(folder, `${key.slice(0, 16)}.pixels`);
  if (!existsSync(file)) {
    const equal = await findEqual(dataset, folder, settings, signal);
    // What was skipped and left out is told of this dataset, not of the one that was decoded.
    if (equal !== null) {
      prune(folder, equal.file, options);
      const { changes } = equal;
      return {
        ...equal,
        notes: [...dataset.notes, ...changes],
        skipped: { count: dataset.skipped.count, listed: dataset.skipped.listed },
        leftOut: dataset.leftOut ?? [],
      };
    }
  }
  const pixels = await buildPixelFile(dataset, { ...options, file });
  prune(folder, file, options);
  return pixels;
}

const PIXELS = '.pixels';

/** Makes room: unfinished files first, then the longest unused. `inUse` is kept, and counts. */
function prune(folder: string, inUse: string, { limits }: CacheOptions): void {
  const { maxCacheBytes } = withLimits(limits ?? {}).dataset;
  const now = new Date();
  utimesSync(headOf(inUse), now, now);
  const names = readdirSync(folder);
  const entries = names
    .filter((name) => name.endsWith(PIXELS) && name !== basename(inUse))
    // A head that is being written says that somebody finishes this one just now.
    .filter((name) => !names.some((other) => other.startsWith(`${name}.json.`)))
    .map((name) => entryOf(join(folder, name)))
    .sort((a, b) => a.used - b.used);
  let total = entries.reduce((sum, { bytes }) => sum + bytes, entryOf(inUse).bytes);
  for (const { file, bytes, used } of entries) {
    if (total <= maxCacheBytes && used > 0) return;
    removePixelFile(file);
    total -= bytes;
  }
}

/** @returns bytes of its three files, and when it was used last (0: it is unfinished) */
function entryOf(file: string): { readonly file: string; readonly bytes: number; readonly used: number } {
  const [pixels, columns, head] = [file, columnsOf(file), headOf(file)].map((part) =>
    statSync(part, { throwIfNoEntry: false }),
  );
  const bytes = (pixels?.size ?? 0) + (columns?.size ?? 0) + (head?.size ?? 0);
  return { file, bytes, used: readHead(file) === null ? 0 : (head?.mtimeMs ?? 0) };
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

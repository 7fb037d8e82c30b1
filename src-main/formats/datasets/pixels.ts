/** Decodes a dataset once, into a file the engine reads its samples from. */
import { createHash, type Hash } from 'node:crypto';
import { readSync, rmSync } from 'node:fs';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { FitTo } from '../images/fit.ts';
import { withLimits, type LimitOverrides } from '../limits.ts';
import { startFile, type PartialFile } from './column-file.ts';
import { checkEnough, openProblemLog, sufficient, type Dataset, type Minimum, type ProblemLog } from './dataset.ts';
import type { DecodedSample } from './decode-here.ts';
import { decodeSamples } from './decode-samples.ts';
import { firstWithSameDigest } from './duplicates.ts';
import { openChangeLog, type ChangeLog } from './change-log.ts';
import { openResizeLog, type ResizeLog } from './resize-log.ts';
import {
  columnsOf,
  headOf,
  openPixelFile,
  PIXEL_FILE_VERSION,
  readHead,
  type PixelFile,
  type PixelFileHead,
} from './pixel-file.ts';

export interface PixelProgress {
  /** Samples looked at, of all. */
  readonly done: number;
  readonly total: number;
  readonly unreadable: number;
}

export interface PixelOptions extends FitTo {
  /** Where the pixels go; two more files are put beside it. */
  readonly file: string;
  readonly limits?: LimitOverrides | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asked often: null, or what has to be waited for before more images are decoded. */
  readonly rest?: (() => Promise<void> | null) | undefined;
  readonly onProgress?: ((progress: PixelProgress) => void) | undefined;
  /** Fewest readable samples, as for `openDataset`. */
  readonly minimum?: Minimum | undefined;
  /** Images decoded at the same time within one thread; default 4. Does not change the result. */
  readonly parallel?: number | undefined;
  /** Threads that decode picture files; default: one per processor for large datasets. Does not change the result. */
  readonly threads?: number | undefined;
  /** Called when threads could not be started and one decodes everything. */
  readonly onOneThread?: ((reason: string) => void) | undefined;
}

/**
 * Decodes, converts and resizes every image into `file`, in the dataset's order; unreadable images are left out and
 * listed. A finished file of the same dataset and settings is opened as it is, an unfinished one is made anew.
 * @throws ExpectedError no-readable-image, one-class-dataset, too-few-samples, input-changed, no-space; CancelledError
 */
export async function buildPixelFile(dataset: Dataset, options: PixelOptions): Promise<PixelFile> {
  const { file, channels, height, width } = options;
  if (channels !== 1 && channels !== 3) throw new RangeError(`channels is ${String(channels)}, not 1 or 3`);
  for (const [name, size] of [
    ['height', height],
    ['width', width],
  ] as const) {
    if (!Number.isInteger(size) || size < 1 || size > 4096) throw new RangeError(`${name} is ${size}, not 1 to 4096`);
  }
  const limits = withLimits(options.limits ?? {});
  const settings = settingsDigest(dataset, options);
  const key = createHash('sha256')
    .update(JSON.stringify([settings, dataset.count, await dataset.fingerprint()]))
    .digest('hex');
  const finished = readHead(file);
  if (finished !== null && finished.key === key) {
    try {
      const reused = openPixelFile(file);
      checkKept(reused.labels, dataset, reused.unreadable, options.minimum ?? sufficient);
      return reused;
    } catch (error) {
      if (!(error instanceof ExpectedError) || (error.code !== 'input-changed' && error.code !== 'file-missing'))
        throw error;
    }
  }
  // Without its head the rest counts as unfinished, whatever happens from here on.
  rmSync(headOf(file), { force: true });
  await build(dataset, options, limits.dataset.maxListed, { key, settings });
  return openPixelFile(file, false);
}

/** SHA-256 (hex) of all that decides the pixels besides the bytes of the samples. */
export function settingsDigest(
  dataset: Dataset,
  { channels, height, width, limits }: Pick<PixelOptions, 'channels' | 'height' | 'width' | 'limits'>,
): string {
  const { format, classes, layout = null } = dataset;
  const { image } = withLimits(limits ?? {});
  return createHash('sha256')
    .update(JSON.stringify([PIXEL_FILE_VERSION, format, classes, layout, [channels, height, width], image]))
    .digest('hex');
}

interface Build {
  readonly dataset: Dataset;
  readonly pixels: PartialFile;
  readonly pixelsHash: Hash;
  /** Digest of the source bytes of every sample (zeros where there are none) and of the pixels of the readable ones. */
  readonly digests: PartialFile;
  readonly pixelDigests: PartialFile;
  readonly unreadable: ProblemLog;
  /** `[N]` 1 = kept, 2 = its bytes could not even be read. */
  readonly state: Uint8Array;
  kept: number;
  readonly resized: ResizeLog;
  readonly changes: ChangeLog;
}

const DROPPED = 0;
const KEPT = 1;
const NO_BYTES = 2;
const DIGEST_BYTES = 32;
const NO_DIGEST = new Uint8Array(DIGEST_BYTES);

async function build(
  dataset: Dataset,
  options: PixelOptions,
  maxListed: number,
  keys: { readonly key: string; readonly settings: string },
): Promise<void> {
  const { file, channels, height, width } = options;
  const parts: PartialFile[] = [];
  const start = (path: string): PartialFile => {
    const part = startFile(path);
    parts.push(part);
    return part;
  };
  try {
    const work: Build = {
      dataset,
      pixels: start(file),
      pixelsHash: createHash('sha256'),
      digests: start(`${file}.digests`),
      pixelDigests: start(`${file}.pixel-digests`),
      unreadable: openProblemLog(maxListed),
      state: new Uint8Array(dataset.count),
      kept: 0,
      resized: openResizeLog({ height, width }),
      changes: openChangeLog(),
    };
    const decoding = {
      fit: { channels, height, width },
      parallel: Math.max(1, options.parallel ?? 4),
      threads: options.threads,
      signal: options.signal,
      rest: options.rest,
      onProgress: (done: number) =>
        options.onProgress?.({ done, total: dataset.count, unreadable: work.unreadable.count }),
      onOneThread: (reason: string) => options.onOneThread?.(reason),
    };
    await decodeSamples(dataset, decoding, (sample) => takeOne(work, sample));
    const indices = keptIndices(work);
    const labels = indices.map((index) => dataset.label(index));
    checkKept(labels, dataset, work.unreadable, options.minimum ?? sufficient);
    work.digests.flush();
    work.pixelDigests.flush();
    const columns = start(columnsOf(file));
    const columnsDigest = await writeColumns(work, columns, indices, labels, options.signal);
    const head: PixelFileHead = {
      version: PIXEL_FILE_VERSION,
      ...keys,
      format: dataset.format,
      classes: dataset.classes,
      total: dataset.count,
      count: indices.length,
      shape: [channels, height, width],
      datasetDigest: await datasetDigest(work, options.signal),
      pixelsDigest: work.pixelsHash.digest('hex'),
      columnBytes: columns.size,
      columnsDigest,
      unreadable: { count: work.unreadable.count, listed: work.unreadable.listed },
      skipped: { count: dataset.skipped.count, listed: dataset.skipped.listed },
      notes: [...dataset.notes, ...work.changes.notes()],
      changes: work.changes.notes(),
      leftOut: dataset.leftOut ?? [],
      resized: work.resized.result(),
    };
    const headFile = start(headOf(file));
    headFile.append(Buffer.from(`${JSON.stringify(head)}\n`));
    work.pixels.finish();
    columns.finish();
    headFile.finish();
  } finally {
    // What was finished stays; the scratch columns and everything unfinished goes.
    for (const part of parts) part.discard();
  }
}

function takeOne(work: Build, { index, digest, outcome }: DecodedSample): void {
  work.digests.append(digest ?? NO_DIGEST);
  if ('error' in outcome) {
    const { error } = outcome;
    if (!(error instanceof ExpectedError) || error.code !== 'image-unreadable') throw error;
    work.state[index] = digest === null ? NO_BYTES : DROPPED;
    work.unreadable.add(work.dataset.name(index), error.detail);
    return;
  }
  const { image } = outcome;
  work.state[index] = KEPT;
  work.kept++;
  work.resized.add(image);
  work.changes.add(image);
  work.pixels.append(image.pixels);
  work.pixelsHash.update(image.pixels);
  work.pixelDigests.append(image.digest);
}

function keptIndices(work: Build): Int32Array {
  const indices = new Int32Array(work.kept);
  for (let index = 0, at = 0; index < work.state.length; index++) if (work.state[index] === KEPT) indices[at++] = index;
  return indices;
}

function checkKept(
  labels: Int32Array,
  dataset: Dataset,
  unreadable: { readonly listed: readonly { readonly name: string; readonly reason: string }[] },
  minimum: Minimum,
): void {
  if (labels.length === 0) {
    const reasons = unreadable.listed.slice(0, 3).map(({ name, reason }) => `${name}: ${reason}`);
    throw new ExpectedError('no-readable-image', `${dataset.count} files were tried. ${reasons.join('; ')}.`);
  }
  checkEnough(labels, dataset.classes, minimum);
}

/** Lets other work and a cancellation through, in loops that wait for nothing. */
async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await new Promise(setImmediate);
  if (signal?.aborted === true) throw new CancelledError();
}

async function writeColumns(
  work: Build,
  columns: PartialFile,
  indices: Int32Array,
  labels: Int32Array,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { dataset } = work;
  const count = indices.length;
  columns.append(bytesOf(indices));
  columns.append(bytesOf(labels));
  // The digests of the kept samples are laid out anew: duplicates are looked for among them.
  const digest = Buffer.alloc(DIGEST_BYTES);
  const firstColumns = columns.size;
  columns.append(new Uint8Array(count * 4 * 3));
  for (let i = 0; i < count; i++) {
    readSync(work.digests.descriptor, digest, 0, DIGEST_BYTES, indices[i] * DIGEST_BYTES);
    columns.append(digest);
    if (i % 8192 === 8191) await breathe(signal);
  }
  const ends = new Uint32Array(count);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const name = Buffer.from(dataset.name(indices[i]));
    end += name.length;
    ends[i] = end;
    columns.append(name);
    if (i % 8192 === 8191) await breathe(signal);
  }
  columns.flush();
  const column = { count, stride: DIGEST_BYTES };
  const sameBytes = firstWithSameDigest({
    ...column,
    descriptor: columns.descriptor,
    start: firstColumns + count * 12,
  });
  const samePixels = firstWithSameDigest({ ...column, descriptor: work.pixelDigests.descriptor, start: 0 });
  columns.overwrite(firstColumns, Buffer.concat([bytesOf(sameBytes), bytesOf(samePixels), bytesOf(ends)]));
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafe(1 << 20);
  for (let at = 0; at < columns.size;) {
    const got = readSync(columns.descriptor, block, 0, block.length, at);
    hash.update(block.subarray(0, got));
    at += got;
    await breathe(signal);
  }
  return hash.digest('hex');
}

function bytesOf(values: Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

async function datasetDigest(work: Build, signal: AbortSignal | undefined): Promise<string> {
  const digest = Buffer.alloc(DIGEST_BYTES);
  return await digestOver(work.dataset, signal, (index) => {
    if (work.state[index] === NO_BYTES) return null;
    readSync(work.digests.descriptor, digest, 0, DIGEST_BYTES, index * DIGEST_BYTES);
    return digest.toString('hex');
  });
}

/**
 * What `datasetDigest` of a pixel file is, from the bytes of the dataset as they are now; nothing is decoded.
 * @throws CancelledError
 */
export async function contentDigest(dataset: Dataset, signal: AbortSignal | undefined): Promise<string> {
  return await digestOver(dataset, signal, (index) => {
    try {
      return createHash('sha256').update(dataset.bytes(index)).digest('hex');
    } catch (error) {
      if (error instanceof ExpectedError && error.code === 'image-unreadable') return null;
      throw error;
    }
  });
}

/** One JSON line with the class names (and the layout, where there is one), then one per sample, ordered by name:
 * `[name, sha256 or null, class]`. */
async function digestOver(
  dataset: Dataset,
  signal: AbortSignal | undefined,
  digestOf: (index: number) => string | null,
): Promise<string> {
  const order = Uint32Array.from({ length: dataset.count }, (_unused, i) => i);
  let sorted = true;
  for (let i = 1; i < order.length && sorted; i++) sorted = dataset.compareNames(i - 1, i) <= 0;
  if (!sorted) order.sort((a, b) => dataset.compareNames(a, b) || a - b);
  const first = dataset.layout === undefined ? dataset.classes : [dataset.classes, dataset.layout];
  const hash = createHash('sha256').update(`${JSON.stringify(first)}\n`);
  for (const [at, index] of order.entries()) {
    if (at % 1024 === 1023) await breathe(signal);
    hash.update(`${JSON.stringify([dataset.name(index), digestOf(index), dataset.classes[dataset.label(index)]])}\n`);
  }
  return hash.digest('hex');
}

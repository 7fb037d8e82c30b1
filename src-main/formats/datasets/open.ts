/** Which of the known formats a path is, and its reader. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { withLimits, type LimitOverrides, type Limits } from '../limits.ts';
import { systemFailure } from '../system.ts';
import { findCifar, openCifar } from './cifar.ts';
import { readClassesFile } from './classes.ts';
import { openCsvManifest } from './csv-manifest.ts';
import { checkEnough, sufficient, type Dataset, type Minimum } from './dataset.ts';
import { findIdxImages, isIdxImages, openIdx } from './idx.ts';
import { openImageFolder } from './image-folder.ts';

export interface OpenOptions {
  /** File with one class name per line; decides the order and number of classes. */
  readonly classesFile?: string | undefined;
  /** Class names in the order of the labels, e.g. those of the dataset that this one is the hold-out of. */
  readonly classNames?: readonly string[] | undefined;
  /** Part to read of a dataset that comes in parts; default: train, or test where that is all there is. */
  readonly split?: 'train' | 'test' | undefined;
  readonly limits?: LimitOverrides | undefined;
  /** Folder for unpacked files; default: the system's. */
  readonly scratch?: string | undefined;
  /** Fewest classes and samples; default 2 classes with 10 each. `{classes: 0, perClass: 0}` takes any. */
  readonly minimum?: Minimum | undefined;
}

/** Names under which a folder may carry its manifest. */
const MANIFESTS = ['manifest.csv', 'labels.csv'];

/**
 * Opens an image folder, an IDX pair (its folder or image file), CIFAR-10/100 binary files or a CSV manifest,
 * recognised by what is there. Nothing is decoded yet.
 * @throws ExpectedError file-missing, dataset-unrecognised, labels-missing, one-class-dataset, too-few-samples,
 * dataset-malformed, dataset-too-large, no-readable-image, no-space
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<Dataset> {
  const limits = withLimits(options.limits ?? {});
  let dataset: Dataset;
  try {
    const classes =
      options.classNames ??
      (options.classesFile === undefined ? null : readClassesFile(options.classesFile, limits.dataset));
    dataset = await recognise(path, { limits, classes, split: options.split ?? null, scratch: options.scratch });
  } catch (error) {
    throw systemFailure(error, path);
  }
  try {
    const labels = Int32Array.from({ length: dataset.count }, (_unused, i) => dataset.label(i));
    checkEnough(labels, dataset.classes, options.minimum ?? sufficient);
  } catch (error) {
    await dataset.close();
    throw error;
  }
  return dataset;
}

interface Settings {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
  readonly scratch: string | undefined;
}

async function recognise(path: string, settings: Settings): Promise<Dataset> {
  if (path.includes('\0')) throw new ExpectedError('file-missing', 'The path contains a NUL character.');
  const status = statSync(path);
  if (status.isDirectory()) return await recogniseFolder(path, settings);
  if (!status.isFile()) throw new ExpectedError('dataset-unrecognised', `${path} is neither a file nor a folder.`);
  const head = firstBytes(path);
  if (isIdxImages(unzippedHead(head))) return await openIdx(path, settings, []);
  const cifar = findCifar(path, false, settings.split);
  if (cifar !== null) return openCifar(path, cifar, settings);
  if (head.length > 0 && (/\.(?:csv|tsv)$/i.test(path) || (/\.txt$/i.test(path) && !head.includes(0)))) {
    return await openCsvManifest(path, settings, []);
  }
  throw new ExpectedError('dataset-unrecognised', `${path} (${status.size} bytes).`);
}

async function recogniseFolder(path: string, settings: Settings): Promise<Dataset> {
  const idx = findIdxImages(path, settings.split);
  if (idx !== null) return await openIdx(idx.file, settings, idx.notes, idx.leftOut);
  const cifar = findCifar(path, true, settings.split);
  if (cifar !== null) return openCifar(path, cifar, settings);
  const manifest = MANIFESTS.find((name) => existsSync(join(path, name)));
  if (manifest !== undefined)
    return await openCsvManifest(join(path, manifest), settings, [`read the manifest "${manifest}"`]);
  const folder = openImageFolder(path, settings);
  if (folder !== null) return folder;
  throw new ExpectedError('dataset-unrecognised', `Nothing in the folder ${path} looks like a dataset.`);
}

function firstBytes(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const head = Buffer.alloc(4096);
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

function unzippedHead(head: Buffer): Uint8Array {
  if (head[0] !== 0x1f || head[1] !== 0x8b) return head;
  try {
    // Z_SYNC_FLUSH: give what the cut-off data holds. 4 KB of it cannot become more than 4 MB.
    return gunzipSync(head, { finishFlush: 2, maxOutputLength: 8 << 20 });
  } catch {
    return new Uint8Array(0);
  }
}

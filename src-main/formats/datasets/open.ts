/** Which of the known formats a path is, and its reader. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { visibleName } from '../../../src-shared/text.ts';
import { withLimits, type LimitOverrides, type Limits } from '../limits.ts';
import { systemFailure } from '../system.ts';
import { isTar } from '../archives/tar.ts';
import { isZip } from '../archives/zip.ts';
import { findShards, openArchives } from './archive-dataset.ts';
import { findCifarPython, openCifarPython } from './cifar-python.ts';
import { findCifar, openCifar } from './cifar.ts';
import { lookAlikes, readClassesFile } from './classes.ts';
import { compareText } from './column.ts';
import { openCsvManifest } from './csv-manifest.ts';
import { checkEnough, sufficient, type Dataset, type Minimum } from './dataset.ts';
import { findIdxImages, isIdxImages, openIdx } from './idx.ts';
import { findGtsrb, openGtsrb } from './gtsrb.ts';
import { openImageFolder } from './image-folder.ts';
import { openJsonlManifest } from './jsonl-manifest.ts';
import { isMat5, openMat5 } from './mat5.ts';
import { isHdf5, openMat73 } from './mat73.ts';
import { isNpy } from './npy.ts';
import { isNpz, openNpy, openNpz } from './npz.ts';
import { isStl10, openStl10 } from './stl10.ts';

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
  readonly signal?: AbortSignal | undefined;
  /** Fewest classes and samples; default 2 classes with 10 each. `{classes: 0, perClass: 0}` takes any. */
  readonly minimum?: Minimum | undefined;
}

/** Names under which a folder may carry its manifest. */
const MANIFESTS = ['manifest.csv', 'labels.csv'];
const JSONL_MANIFESTS = ['manifest.jsonl', 'labels.jsonl', 'metadata.jsonl'];

/**
 * Opens a dataset, recognised by what is there: image folder, CSV or JSONL manifest, IDX pair, CIFAR-10/100 (binary or
 * pickled), STL-10, GTSRB, MAT and HDF5 files of arrays, npz and npy, tar (also sharded, gzipped, WebDataset), and zip or
 * tar archives of any of these. Nothing is decoded yet.
 * @throws ExpectedError file-missing, dataset-unrecognised, labels-missing, one-class-dataset, too-few-samples,
 * dataset-malformed, dataset-too-large, dataset-unsupported, no-readable-image, no-space; CancelledError
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<Dataset> {
  const limits = withLimits(options.limits ?? {});
  let dataset: Dataset;
  try {
    const classes =
      options.classNames ??
      (options.classesFile === undefined ? null : readClassesFile(options.classesFile, limits.dataset));
    dataset = await recognise(path, {
      limits,
      classes,
      split: options.split ?? null,
      scratch: options.scratch,
      signal: options.signal,
    });
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
  const alike = lookAlikes(dataset.classes);
  return alike.length === 0 ? dataset : { ...dataset, notes: [...dataset.notes, ...alike] };
}

interface Settings {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
  readonly scratch: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Archives within archives are not entered. */
  readonly packed?: true;
}

async function recognise(path: string, settings: Settings): Promise<Dataset> {
  if (path.includes('\0')) throw new ExpectedError('file-missing', 'The path contains a NUL character.');
  const shards = settings.packed === true ? null : findShards(path, settings.limits);
  if (shards !== null) return await openTars(path, shards, settings);
  const status = statSync(path);
  if (status.isDirectory()) return await recogniseFolder(path, settings);
  if (!status.isFile()) throw new ExpectedError('dataset-unrecognised', `${path} is neither a file nor a folder.`);
  const head = firstBytes(path);
  const unzipped = unzippedHead(head);
  if (isIdxImages(unzipped)) return await openIdx(path, settings, []);
  if (isNpy(head)) return await openNpy(path, false, settings);
  if (isHdf5(head)) return await openMat73(path, settings);
  if (isMat5(head)) return await openMat5(path, settings);
  if (isZip(head)) return await openZip(path, settings);
  const gzippedTar = head[0] === 0x1f && head[1] === 0x8b && /\.(?:tar\.gz|tgz)$/i.test(path);
  if (isTar(unzipped) || gzippedTar) return await openTars(path, [path], settings);
  const cifar = findCifar(path, false, settings.split);
  if (cifar !== null) return openCifar(path, cifar, settings);
  const pickled = findCifarPython(path, false, settings.split);
  if (pickled !== null) return openCifarPython(path, pickled, settings);
  if (head.length > 0 && /\.(?:jsonl|ndjson)$/i.test(path)) return await openJsonlManifest(path, settings, []);
  if (head.length > 0 && (/\.(?:csv|tsv)$/i.test(path) || (/\.txt$/i.test(path) && !head.includes(0)))) {
    return await openCsvManifest(path, settings, []);
  }
  throw new ExpectedError('dataset-unrecognised', `${path} (${status.size} bytes).`);
}

async function openTars(path: string, shards: readonly string[], settings: Settings): Promise<Dataset> {
  if (settings.packed === true) throw nested(path);
  const openPath = async (inner: string): Promise<Dataset> => await recognise(inner, { ...settings, packed: true });
  return await openArchives(path, shards, 'tar', { ...settings, openPath });
}

async function openZip(path: string, settings: Settings): Promise<Dataset> {
  if (await isNpz(path, settings)) return await openNpz(path, settings);
  if (settings.packed === true) throw nested(path);
  const openPath = async (inner: string): Promise<Dataset> => await recognise(inner, { ...settings, packed: true });
  return await openArchives(path, [path], 'zip', { ...settings, openPath });
}

function nested(path: string): ExpectedError {
  return new ExpectedError(
    'dataset-unsupported',
    `${path} is an archive within an archive. Unpack the outer one and give that.`,
  );
}

async function recogniseFolder(path: string, settings: Settings): Promise<Dataset> {
  const idx = findIdxImages(path, settings.split);
  if (idx !== null) return await openIdx(idx.file, settings, idx.notes, idx.leftOut);
  if (isStl10(path)) return openStl10(path, settings);
  const cifar = findCifar(path, true, settings.split);
  if (cifar !== null) return openCifar(path, cifar, settings);
  const pickled = findCifarPython(path, true, settings.split);
  if (pickled !== null) return openCifarPython(path, pickled, settings);
  const manifest = MANIFESTS.find((name) => existsSync(join(path, name)));
  if (manifest !== undefined)
    return await openCsvManifest(join(path, manifest), settings, [`read the manifest "${manifest}"`]);
  const lines = JSONL_MANIFESTS.find((name) => existsSync(join(path, name)));
  if (lines !== undefined)
    return await openJsonlManifest(join(path, lines), settings, [`read the manifest "${lines}"`]);
  const tables = findGtsrb(path);
  if (tables !== null) return await openGtsrb(path, tables, settings);
  const arrays = await arraysIn(path, settings);
  if (arrays !== null) return arrays;
  const folder = openImageFolder(path, settings);
  if (folder !== null) return folder;
  throw new ExpectedError(
    'dataset-unrecognised',
    `Nothing in the folder ${path} looks like a dataset; ${heldBy(path)}.`,
  );
}

/** A dataset often lies one folder further down than its owner thinks. */
function heldBy(path: string): string {
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => compareText(a.name, b.name));
  const shown = entries.slice(0, 10).map((entry) => `"${visibleName(entry.name)}${entry.isDirectory() ? '/' : ''}"`);
  return entries.length === 0 ? 'it is empty' : `it holds ${shown.join(', ')}${entries.length > 10 ? ', …' : ''}`;
}

/** A folder of mat, npz or npy files. Of several mat or npz files the one of the wanted part is read. */
async function arraysIn(path: string, settings: Settings): Promise<Dataset | null> {
  const names = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
  if (names.some((name) => /\.npy$/.test(name))) return await openNpy(path, true, settings);
  const files = names.filter((name) => /\.(?:mat|npz)$/.test(name));
  if (files.length === 0) return null;
  const part = new RegExp(`(?:^|[^a-z])${settings.split ?? 'train'}`, 'i');
  const wanted = files.length === 1 ? files : files.filter((name) => part.test(name));
  if (wanted.length !== 1) {
    throw new ExpectedError(
      'dataset-unsupported',
      `${path} holds "${files.slice(0, 10).join('", "')}". Give the one file that is to be read.`,
    );
  }
  const others = files.filter((name) => name !== wanted[0]);
  const dataset = await recognise(join(path, wanted[0]), settings);
  if (others.length === 0) return dataset;
  const notes = [`read "${wanted[0]}", left out "${others.join('", "')}"`, ...dataset.notes];
  return { ...dataset, notes, leftOut: [...others, ...(dataset.leftOut ?? [])] };
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

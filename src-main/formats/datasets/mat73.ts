/**
 * MATLAB's MAT-files of version 7.3, which are HDF5, and plain HDF5 files of arrays. Read by the HDF5 library in a thread of
 * its own: it sees this one file and reaches nothing else, so external links and external storage lead nowhere; they are
 * refused by name all the same.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { Hdf5Error, type Hdf5File } from '../hdf5/file.ts';
import { openHdf5 } from '../hdf5/library.ts';
import type { Hdf5Dataset } from '../hdf5/messages.ts';
import type { Dataset } from './dataset.ts';
import { type ElementKind } from './elements.ts';
import { openScratch, type Scratch } from './inflate.ts';
import { touchedOf } from './manifest.ts';
import { refuseStructures } from './mat5.ts';
import { openPace } from './pace.ts';
import { openArrayFile, type ArrayOptions, type ArrayPlace, type StoredArray } from './stored-arrays.ts';

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

/** True for an HDF5 file, which may start behind the 512 bytes that MATLAB puts in front. */
export function isHdf5(head: Uint8Array): boolean {
  return [0, 512].some((at) => SIGNATURE.equals(head.subarray(at, at + SIGNATURE.length)));
}

interface H5Array extends StoredArray {
  readonly dataset: Hdf5Dataset;
}

/**
 * Opens images and labels in the root of an HDF5 file. MATLAB's dimensions are reversed, as its own files have them.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, dataset-unsupported, reader-stopped,
 *   no-space; CancelledError
 */
export async function openMat73(path: string, options: ArrayOptions): Promise<Dataset> {
  const descriptor = openSync(path, 'r');
  const scratch = openScratch(options.scratch);
  let library: Hdf5File | null = null;
  const close = (): void => {
    scratch.close();
    // The thread reads the file by this descriptor: another file must not get its number before the thread is gone.
    void (library?.close() ?? Promise.resolve()).finally(() => closeSync(descriptor));
  };
  try {
    const head = Buffer.alloc(520);
    readSync(descriptor, head, 0, head.length, 0);
    const matlab = head.toString('latin1', 0, 10) === 'MATLAB 7.3';
    const opened = await openHdf5(descriptor, {
      limits: options.limits.hdf5,
      caps: { maxObjects: options.limits.dataset.maxArrays, maxDepth: 0, maxTexts: 0, maxTextBytes: 0 },
      what: path,
      signal: options.signal,
    });
    library = opened;
    const { arrays, others } = await listArrays(opened, path, matlab);
    refuseStructures(path, others, arrays.length);
    const places = new Map<StoredArray, ArrayPlace>();
    return await openArrayFile(
      {
        format: 'mat-7.3',
        path,
        file: basename(path),
        arrays,
        samplesLast: matlab,
        async place(array) {
          const known = places.get(array);
          if (known !== undefined) return known;
          const place = await unpackArray(array as H5Array, { library: opened, descriptor, scratch }, path, options);
          places.set(array, place);
          return place;
        },
        touched: () => touchedOf(path),
        close,
      },
      options,
    );
  } catch (error) {
    close();
    throw error;
  }
}

/** What the library says of a stranger's bytes is about the bytes. */
async function named<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Hdf5Error)) throw error;
    throw new ExpectedError(
      error.why === 'too-large' ? 'dataset-too-large' : 'dataset-malformed',
      `${path}: the HDF5 library cannot read it (${error.message}).`,
      { cause: error },
    );
  }
}

async function listArrays(
  library: Hdf5File,
  path: string,
  reversed: boolean,
): Promise<{ readonly arrays: H5Array[]; readonly others: string[] }> {
  const { datasets, groups, links, others: objects } = await named(path, library.list());
  if (links.length > 0) {
    const [link] = links;
    throw new ExpectedError(
      'dataset-unsupported',
      `${path}: "${link.path.slice(0, 100)}" is ${link.external ? 'a link to another file' : 'a soft link'}. Give a file that holds its arrays itself.`,
    );
  }
  const arrays: H5Array[] = [];
  const others = [
    ...groups.filter((name) => name !== '').map((name) => `structure ${name.slice(0, 100)}`),
    ...objects.map((name) => `object ${name.slice(0, 100)}`),
  ];
  for (const dataset of datasets) {
    const { path: name, dims: shape, type, size, signed, virtual } = dataset;
    const shown = name.slice(0, 100);
    if (virtual)
      throw new ExpectedError('dataset-unsupported', `${path}: "${shown}" is put together from other datasets.`);
    const kind = kindOf(type, size, signed);
    if (kind === null || shape === null) {
      others.push(`array ${shown} of another type`);
      continue;
    }
    const dims = reversed ? [...shape].reverse() : shape;
    // The library hands out little-endian values whatever the file has.
    arrays.push({ name, type: { kind, little: true }, text: null, dims, fortran: reversed, dataset });
  }
  return { arrays, others };
}

/** HDF5 type classes 0 (integer) and 1 (float). */
function kindOf(type: number, size: number, signed: boolean): ElementKind | null {
  const kind = `${type === 1 ? 'f' : signed ? 'i' : 'u'}${size}`;
  const known = type === 1 ? ['f4', 'f8'] : type === 0 ? ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8'] : [];
  return known.includes(kind) ? (kind as ElementKind) : null;
}

interface Opened {
  readonly library: Hdf5File;
  readonly descriptor: number;
  readonly scratch: Scratch;
}

async function unpackArray(
  { dataset, name }: H5Array,
  { library, descriptor, scratch }: Opened,
  path: string,
  options: ArrayOptions,
): Promise<ArrayPlace> {
  const { maxInflatedBytes, maxWholeBytes } = options.limits.dataset;
  const where = `${path}: "${name.slice(0, 100)}"`;
  const tooLarge = (what: string): ExpectedError => new ExpectedError('dataset-too-large', `${where} ${what}.`);
  const { dims, size, chunks } = dataset;
  if (dims === null) throw new ExpectedError('dataset-malformed', `${where} has no shape.`);
  const bytes = dims.reduce((product, dim) => product * dim, size);
  if (!(bytes <= maxInflatedBytes)) throw tooLarge(`has ${bytes} bytes (limit maxInflatedBytes = ${maxInflatedBytes})`);
  const chunkBytes = (chunks ?? []).reduce((product, dim) => product * dim, size);
  if (chunks !== null && !(chunkBytes <= maxWholeBytes))
    throw tooLarge(`is stored in chunks of ${chunkBytes} bytes (limit maxWholeBytes = ${maxWholeBytes})`);
  checkStored(bytes, fstatSync(descriptor).size, where, options);
  const rowBytes = bytes / Math.max(1, dims[0] ?? 1);
  if (rowBytes > maxWholeBytes)
    throw tooLarge(`has rows of ${rowBytes} bytes (limit maxWholeBytes = ${maxWholeBytes})`);
  const pace = openPace(options.limits.dataset, options.signal);
  const start = scratch.size;
  const values = library.values(dataset, async (piece) => {
    scratch.append(piece);
    await pace.breathe();
  });
  await named(path, values);
  return { descriptor: scratch.descriptor, start };
}

/** Never written values and compressed zeros come out of nothing. */
function checkStored(out: number, into: number, where: string, { limits }: ArrayOptions): void {
  const { maxRatio, ratioFloorBytes } = limits.dataset;
  if (out > ratioFloorBytes && out > into * maxRatio) {
    throw new ExpectedError(
      'dataset-too-large',
      `${where} announces ${out} bytes in a file of ${into} (limit maxRatio = ${maxRatio} above ${ratioFloorBytes} bytes).`,
    );
  }
}

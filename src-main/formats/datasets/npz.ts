/** NumPy's files: an npz archive of arrays, or npy files beside each other. */
import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { openMemberList, refuseRepeatedNames, type ListContext, type Members } from '../archives/archive.ts';
import { listZip } from '../archives/zip.ts';
import { nameText } from './column.ts';
import { openProblemLog, type Dataset } from './dataset.ts';
import { openScratch, unpackOnto, type Scratch } from './inflate.ts';
import { touchedOf } from './manifest.ts';
import { readNpyHeader, type NpyHeader } from './npy.ts';
import { openPace } from './pace.ts';
import { openArrayFile, type ArrayOptions, type ArrayPlace, type StoredArray } from './stored-arrays.ts';

interface Located extends StoredArray, NpyHeader {
  readonly descriptor: number;
  /** Where the npy file starts. */
  readonly at: number;
}

/**
 * Opens an npz file: stored or compressed arrays of numbers or text. Arrays of objects are refused, never unpickled.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, dataset-unsupported, no-space; CancelledError
 */
export async function openNpz(path: string, options: ArrayOptions): Promise<Dataset> {
  const { limits, signal } = options;
  const descriptor = openSync(path, 'r');
  let scratch: Scratch | null = null;
  const close = (): void => {
    closeSync(descriptor);
    scratch?.close();
  };
  try {
    const skipped = openProblemLog(limits.dataset.maxListed);
    const context = { limits, skipped, pace: openPace(limits.dataset, signal) };
    const members = await listed(descriptor, path, context);
    refuseRepeatedNames(members, path);
    const arrays: Located[] = [];
    for (let i = 0; i < members.count; i++) {
      const file = nameText(members.names.at(i));
      if (!file.endsWith('.npy')) continue;
      const name = file.slice(0, -4);
      const where = `${path}: "${name.slice(0, 100)}"`;
      const size = members.size.at(i);
      let place = { descriptor, at: members.start.at(i) };
      if (members.deflated.at(i) === 1) {
        scratch ??= openScratch(options.scratch);
        place = { descriptor: scratch.descriptor, at: scratch.size };
        const packed = {
          descriptor,
          start: members.start.at(i),
          length: members.packed.at(i),
          kind: 'deflate',
          name: where,
        } as const;
        const got = await unpackOnto(scratch, packed, { limits: limits.dataset, announced: size, signal });
        if (got !== size) {
          throw new ExpectedError('dataset-malformed', `${where} unpacks to ${got} bytes instead of ${size}.`);
        }
      }
      arrays.push({ ...readNpyHeader(place.descriptor, place.at, size, where, limits.dataset), ...place, name });
    }
    return await openArrayFile(
      {
        format: 'npz',
        path,
        file: basename(path),
        arrays,
        samplesLast: false,
        skipped,
        place: async (array) => placeOf(array as Located),
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

function placeOf({ descriptor, at, start }: Located): ArrayPlace {
  return { descriptor, start: at + start };
}

/** True when a zip archive holds npy files and nothing else. @throws as `openNpz` */
export async function isNpz(path: string, { limits, signal }: ArrayOptions): Promise<boolean> {
  const descriptor = openSync(path, 'r');
  try {
    const skipped = openProblemLog(0);
    const context = { limits, skipped, pace: openPace(limits.dataset, signal) };
    const { names, count } = await listed(descriptor, path, context);
    if (count === 0) return false;
    for (let i = 0; i < count; i++) if (!nameText(names.at(i)).endsWith('.npy')) return false;
    return true;
  } finally {
    closeSync(descriptor);
  }
}

async function listed(descriptor: number, path: string, context: ListContext): Promise<Members> {
  const members = openMemberList(context, () => '');
  await listZip(descriptor, path, 0, members, context);
  return members;
}

/**
 * Opens npy files of one folder as the arrays they are named after; given one file, the files beside it belong to it.
 * @throws as `openNpz`
 */
export async function openNpy(path: string, isFolder: boolean, options: ArrayOptions): Promise<Dataset> {
  const { limits } = options;
  const folder = isFolder ? path : dirname(path);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.npy'))
    .sort();
  const descriptors: number[] = [];
  const close = (): void => descriptors.splice(0).forEach((descriptor) => closeSync(descriptor));
  try {
    const arrays = files.map((file): Located => {
      const descriptor = openSync(join(folder, file), 'r');
      descriptors.push(descriptor);
      const status = fstatSync(descriptor);
      if (!status.isFile()) throw new ExpectedError('file-missing', `${join(folder, file)} is not a regular file.`);
      const header = readNpyHeader(descriptor, 0, status.size, join(folder, file), limits.dataset);
      return { ...header, descriptor, at: 0, name: file.slice(0, -4) };
    });
    return await openArrayFile(
      {
        format: 'npy',
        path,
        file: basename(path),
        arrays,
        samplesLast: false,
        place: async (array) => placeOf(array as Located),
        touched: () => files.map((file) => `${file} ${touchedOf(join(folder, file))}`).join('\n'),
        close,
      },
      options,
    );
  } catch (error) {
    close();
    throw error;
  }
}

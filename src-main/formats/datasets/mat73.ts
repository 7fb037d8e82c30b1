/**
 * MATLAB's MAT-files of version 7.3, which are HDF5, and plain HDF5 files of arrays. Read by the HDF5 library itself,
 * compiled to WebAssembly: it sees one file of a file system in memory and reaches nothing else, so external links and
 * external storage lead nowhere; they are refused by name all the same.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import h5wasm, { Dataset as H5Dataset, Group, type File as H5File } from 'h5wasm';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Dataset } from './dataset.ts';
import { bytesOfKind, type ElementKind } from './elements.ts';
import { openScratch, type Scratch } from './inflate.ts';
import { touchedOf } from './manifest.ts';
import { refuseStructures } from './mat5.ts';
import { openPace } from './pace.ts';
import { openArrayFile, type ArrayOptions, type ArrayPlace, type StoredArray } from './stored-arrays.ts';

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
/** Names looked at in the root of a file. */
const MAX_NAMES = 10_000;

/** True for an HDF5 file, which may start behind the 512 bytes that MATLAB puts in front. */
export function isHdf5(head: Uint8Array): boolean {
  return [0, 512].some((at) => SIGNATURE.equals(head.subarray(at, at + SIGNATURE.length)));
}

interface H5Array extends StoredArray {
  readonly dataset: H5Dataset;
  readonly module: H5Module;
}

/**
 * Opens images and labels in the root of an HDF5 file. MATLAB's dimensions are reversed, as its own files have them.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, dataset-unsupported, no-space; CancelledError
 */
export async function openMat73(path: string, options: ArrayOptions): Promise<Dataset> {
  const descriptor = openSync(path, 'r');
  const scratch = openScratch(options.scratch);
  let mounted: Mounted | null = null;
  const close = (): void => {
    mounted?.close();
    mounted = null;
    closeSync(descriptor);
    scratch.close();
  };
  try {
    const head = Buffer.alloc(520);
    readSync(descriptor, head, 0, head.length, 0);
    const matlab = head.toString('latin1', 0, 10) === 'MATLAB 7.3';
    mounted = await mount(descriptor, path);
    const { arrays, others } = listArrays(mounted, path, matlab);
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
          const place = await unpackArray(array as H5Array, scratch, path, options);
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

type H5Module = Awaited<typeof h5wasm.ready>;

interface Mounted {
  readonly file: H5File;
  readonly module: H5Module;
  close(): void;
}

let mounts = 0;

/** Shows the file to the library under a name of its own; its bytes are read when the library asks for them. */
async function mount(descriptor: number, path: string): Promise<Mounted> {
  const module = await h5wasm.ready;
  const { FS } = module;
  const name = `/input-${++mounts}.h5`;
  FS.close(FS.open(name, 'w+'));
  const { node } = FS.lookupPath(name, {}) as unknown as { readonly node: MemoryNode };
  node.usedBytes = fstatSync(descriptor).size;
  node.stream_ops = {
    ...node.stream_ops,
    read: (_stream: unknown, out: Uint8Array, offset: number, length: number, position: number) =>
      readSync(descriptor, out, offset, length, position),
  };
  let file: H5File;
  try {
    file = guarded(path, module, () => new h5wasm.File(name, 'r'));
  } catch (error) {
    FS.unlink(name);
    throw error;
  }
  return {
    file,
    module,
    close() {
      try {
        file.close();
      } finally {
        FS.unlink(name);
      }
    },
  };
}

/** What the library's memory file system keeps of a file. */
interface MemoryNode {
  usedBytes: number;
  stream_ops: object;
}

/**
 * The library throws plain errors, and numbers when its own code gives up. Left to itself it only prints that a read
 * failed and hands out whatever its memory held: its errors are made to throw.
 */
function guarded<T>(path: string, module: H5Module, work: () => T): T {
  module.activate_throwing_error_handler();
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpectedError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    const reason = text
      .replace(/HDF5-DIAG[^:]*:/g, '')
      .replace(/\/\S+/g, '')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 120);
    throw new ExpectedError('dataset-malformed', `${path}: the HDF5 library cannot read it (${reason}).`, {
      cause: error,
    });
  } finally {
    module.deactivate_throwing_error_handler();
  }
}

function listArrays(
  { file, module }: Mounted,
  path: string,
  reversed: boolean,
): { readonly arrays: H5Array[]; readonly others: string[] } {
  const arrays: H5Array[] = [];
  const others: string[] = [];
  const names = guarded(path, module, () => file.keys());
  if (names.length > MAX_NAMES) throw new ExpectedError('dataset-too-large', `${path} holds ${names.length} names.`);
  for (const name of names) {
    const shown = name.slice(0, 100);
    // Asked before it is opened: a soft link is followed without a word, and may lead to an external one.
    const link = guarded(path, module, () => linkOf(file, name));
    if (link !== null) {
      throw new ExpectedError(
        'dataset-unsupported',
        `${path}: "${shown}" is ${link}. Give a file that holds its arrays itself.`,
      );
    }
    const entity = guarded(path, module, () => file.get(name));
    if (!(entity instanceof H5Dataset)) {
      others.push(`${entity instanceof Group ? 'structure' : 'object'} ${shown}`);
      continue;
    }
    const metadata = guarded(path, module, () => entity.metadata);
    const { shape, type, size, signed, virtual_sources } = metadata;
    if (virtual_sources !== undefined && virtual_sources.length > 0)
      throw new ExpectedError('dataset-unsupported', `${path}: "${shown}" is put together from other datasets.`);
    const kind = kindOf(type, size, signed);
    if (kind === null || shape === null) {
      others.push(`array ${shown} of another type`);
      continue;
    }
    const dims = reversed ? [...shape].reverse() : shape;
    // The library hands out little-endian values whatever the file has.
    arrays.push({ name, type: { kind, little: true }, text: null, dims, fortran: reversed, dataset: entity, module });
  }
  return { arrays, others };
}

function linkOf(file: H5File, name: string): string | null {
  const EXTERNAL = 4;
  if (file.get_type(name) === EXTERNAL) return 'a link to another file';
  return symbolic(file, name) ? 'a soft link' : null;
}

function symbolic(file: H5File, name: string): boolean {
  try {
    return typeof file.get_link(name) === 'string';
  } catch {
    return false;
  }
}

/** HDF5 type classes 0 (integer) and 1 (float). */
function kindOf(type: number, size: number, signed: boolean): ElementKind | null {
  const kind = `${type === 1 ? 'f' : signed ? 'i' : 'u'}${size}`;
  const known = type === 1 ? ['f4', 'f8'] : type === 0 ? ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8'] : [];
  return known.includes(kind) ? (kind as ElementKind) : null;
}

const PIECE_BYTES = 8 << 20;

async function unpackArray(array: H5Array, scratch: Scratch, path: string, options: ArrayOptions): Promise<ArrayPlace> {
  const { dataset, module, name } = array;
  const { limits } = options;
  const where = `${path}: "${name.slice(0, 100)}"`;
  const { shape, chunks } = guarded(path, module, () => dataset.metadata);
  if (shape === null || array.type === null) throw new ExpectedError('dataset-malformed', `${where} has no shape.`);
  const item = bytesOfKind(array.type.kind);
  const bytes = shape.reduce((product, size) => product * size, item);
  if (bytes > limits.dataset.maxInflatedBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${where} has ${bytes} bytes (limit maxInflatedBytes = ${limits.dataset.maxInflatedBytes}).`,
    );
  }
  const chunkBytes = (chunks ?? []).reduce((product, size) => product * size, item);
  if (chunks !== null && chunkBytes > limits.dataset.maxWholeBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${where} is stored in chunks of ${chunkBytes} bytes (limit maxWholeBytes = ${limits.dataset.maxWholeBytes}).`,
    );
  }
  checkStored(bytes, fileBytes(path), where, options);
  const pace = openPace(limits.dataset, options.signal);
  const start = scratch.size;
  const rowBytes = bytes / Math.max(1, shape[0]);
  if (rowBytes > limits.dataset.maxWholeBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${where}: rows of ${rowBytes} bytes (limit maxWholeBytes = ${limits.dataset.maxWholeBytes}).`,
    );
  }
  // Whole chunks at a time: a chunk is unpacked once.
  const perChunk = chunks?.[0] ?? 1;
  const step = Math.max(perChunk, Math.floor(PIECE_BYTES / Math.max(1, rowBytes) / perChunk) * perChunk);
  for (let from = 0; from < shape[0]; from += step) {
    const to = Math.min(shape[0], from + step);
    const rest = shape.slice(1).map((): [] => []);
    const values: unknown = guarded(path, module, () => dataset.slice([[from, to], ...rest]));
    if (!ArrayBuffer.isView(values) || values.byteLength !== (to - from) * rowBytes)
      throw new ExpectedError('dataset-malformed', `${where} gives fewer values than its shape announces.`);
    scratch.append(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    await pace.breathe();
  }
  return { descriptor: scratch.descriptor, start };
}

function fileBytes(path: string): number {
  const descriptor = openSync(path, 'r');
  try {
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
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

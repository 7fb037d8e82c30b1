/**
 * HDF5 through the reference C library compiled to WebAssembly. The library sees a file system in memory that holds this
 * one file, so nothing in the file can reach another; links that try are refused all the same, because a file that needs
 * them is not whole.
 */
import h5wasm from 'h5wasm';
import type { Tensor } from '../../../engine/graph/ir.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { ModelLimits } from '../../limits.ts';
import { malformedModel, tooLargeModel, unsupportedModel } from '../fields.ts';

export interface Hdf5File {
  /** Paths of all datasets without the leading slash, in the file's order. */
  readonly datasets: ReadonlySet<string>;
  /** Paths of all groups likewise; the root is ''. */
  readonly groups: ReadonlySet<string>;
  /**
   * A text attribute, or a list of texts; null where there is none.
   * @throws ExpectedError encoder-malformed when it is no text, encoder-too-large
   */
  texts(path: string, name: string): readonly string[] | null;
  /** A numeric dataset as float32. @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder */
  tensor(path: string): Tensor;
}

/** The mark at the start of the file, or behind a user block of 512, 1024, … bytes (HDF5 file format, II.A). */
const MARK = Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a);

export function looksLikeHdf5(bytes: Uint8Array): boolean {
  return MARK.every((byte, at) => bytes[at] === byte);
}

/** Groups within groups. */
const MAX_DEPTH = 32;
/** Decompressed bytes per stored byte of the whole file. */
const MAX_RATIO = 200;
/** Below this size a high ratio is ordinary, bytes. */
const RATIO_FLOOR = 64 * 2 ** 20;

let opened = 0;

/**
 * Opens the file, walks all of it and lets `use` read from it; the file is closed when `use` is done.
 * @throws ExpectedError encoder-malformed (damage, links to elsewhere), encoder-too-large (a limit), and what `use` throws
 */
export async function withHdf5<T>(
  bytes: Uint8Array,
  what: string,
  limits: ModelLimits,
  use: (file: Hdf5File) => T,
): Promise<T> {
  const module = await h5wasm.ready;
  const path = `/encoder-${(opened += 1)}.h5`;
  module.FS.writeFile(path, bytes);
  let file: InstanceType<typeof h5wasm.File> | null = null;
  try {
    file = new h5wasm.File(path, 'r');
    if (file.file_id < 0n) throw malformedModel(`${what} is no readable HDF5 file.`);
    return use(viewOf(file, what, bytes.length, limits));
  } catch (error) {
    // What the library throws about a stranger's bytes is about the bytes.
    throw error instanceof ExpectedError ? error : malformedModel(`${what}: ${firstLine(error)}`, error);
  } finally {
    try {
      file?.close();
    } catch {
      // A library that a hostile file has stopped cannot close it either; the engine process ends with its job.
    }
    module.FS.unlink(path);
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `the HDF5 library says: ${text.split('\n', 1)[0].slice(0, 300)}`;
}

type OpenFile = InstanceType<typeof h5wasm.File>;

function viewOf(file: OpenFile, what: string, fileBytes: number, limits: ModelLimits): Hdf5File {
  const { datasets, groups } = walk(file, what, limits);
  let budget = Math.max(RATIO_FLOOR, MAX_RATIO * fileBytes);
  const spend = (bytes: number, name: string): void => {
    budget -= bytes;
    if (!(budget >= 0)) throw tooLargeModel(`${what}: ${name} unpacks to more than ${MAX_RATIO} times the file.`);
  };
  return {
    datasets,
    groups,
    texts(path, name) {
      const holder = path === '' ? file : file.get(path);
      if (holder === null || !('attrs' in holder) || !Object.hasOwn(holder.attrs, name)) return null;
      const attribute = holder.attrs[name];
      const { metadata } = attribute;
      if (metadata.type !== 3 && metadata.type !== 9)
        throw malformedModel(`${what}: "${name}" of /${path} is no text.`);
      if (!(metadata.total_size <= limits.maxTensors) || metadata.total_size * metadata.size > limits.maxJsonBytes) {
        throw tooLargeModel(`${what}: "${name}" of /${path} is too long.`);
      }
      const value = attribute.value;
      const list: readonly unknown[] = Array.isArray(value) ? value : [value];
      if (!list.every((each) => typeof each === 'string')) {
        throw malformedModel(`${what}: "${name}" of /${path} is no text.`);
      }
      return list;
    },
    tensor(path) {
      const dataset = datasets.has(path) ? file.get(path) : null;
      if (!(dataset instanceof h5wasm.Dataset)) throw malformedModel(`${what} has no dataset /${path}.`);
      const { metadata } = dataset;
      const dims = (metadata.shape ?? []).map(Number);
      const count = dims.reduce((product, dim) => product * dim, 1);
      if (dims.length > limits.maxRank) throw tooLargeModel(`${what}: /${path} has ${dims.length} dimensions.`);
      if (!(count * metadata.size <= limits.maxBytes)) {
        throw tooLargeModel(`${what}: /${path} claims ${dims.join('x')} values (limit maxBytes = ${limits.maxBytes}).`);
      }
      if ((metadata.virtual_sources?.length ?? 0) > 0) {
        throw malformedModel(`${what}: /${path} is put together from other files.`);
      }
      spend(count * metadata.size, `/${path}`);
      // H5T_class_t: 0 = integer, 1 = float.
      if ((metadata.type !== 0 && metadata.type !== 1) || (metadata.type === 1 && metadata.size === 2)) {
        throw unsupportedModel(`${what}: /${path} holds values of ${metadata.size} bytes and class ${metadata.type}.`);
      }
      const values: unknown = count === 0 ? [] : dataset.value;
      return { dtype: 'float32', dims, data: toFloats(values, count, `${what}: /${path}`) };
    },
  };
}

function toFloats(values: unknown, count: number, where: string): Float32Array {
  if (typeof values === 'number' || typeof values === 'bigint') return Float32Array.of(Number(values));
  if (!ArrayBuffer.isView(values) && !Array.isArray(values)) throw malformedModel(`${where} holds no numbers.`);
  const list = values as unknown as ArrayLike<number | bigint>;
  if (list.length !== count) throw malformedModel(`${where}: ${list.length} values, ${count} wanted.`);
  return list instanceof Float32Array ? list : Float32Array.from(list, Number);
}

function walk(file: OpenFile, what: string, limits: ModelLimits): { datasets: Set<string>; groups: Set<string> } {
  const datasets = new Set<string>();
  const groups = new Set(['']);
  const open: { readonly path: string; readonly depth: number }[] = [{ path: '', depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, depth } = next;
    const group = path === '' ? file : file.get(path);
    if (!(group instanceof h5wasm.Group)) throw malformedModel(`${what}: /${path} is no group.`);
    const names = group.keys();
    for (const name of names) {
      const inner = path === '' ? name : `${path}/${name}`;
      refuseLink(group, name, inner, what);
      const entity = group.get(name);
      if (entity instanceof h5wasm.Dataset) datasets.add(inner);
      else if (entity instanceof h5wasm.Group) {
        if (depth >= MAX_DEPTH) throw tooLargeModel(`${what}: groups nest deeper than ${MAX_DEPTH} at /${inner}.`);
        groups.add(inner);
        open.push({ path: inner, depth: depth + 1 });
      }
      if (datasets.size + groups.size > limits.maxTensors) {
        throw tooLargeModel(`${what}: more than ${limits.maxTensors} objects (limit maxTensors).`);
      }
    }
  }
  return { datasets, groups };
}

function refuseLink(group: InstanceType<typeof h5wasm.Group>, name: string, path: string, what: string): void {
  const full = `${group.path === '/' ? '' : group.path}/${name}`;
  // For a link that is none of these the library answers with null or empty names.
  const external = group.get_external_link(full) as { readonly filename?: string | null } | null;
  if (typeof external?.filename === 'string') {
    throw malformedModel(`${what}: /${path} is a link into another file; it is not followed.`);
  }
  const soft: unknown = group.get_link(full);
  if (soft !== null && soft !== undefined) throw malformedModel(`${what}: /${path} is a link; it is not followed.`);
}

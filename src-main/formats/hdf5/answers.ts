/**
 * What the HDF5 library (the reference C library compiled to WebAssembly) says of one stranger's file. It sees a file system
 * in memory that holds this one file, so nothing in it can reach another. Runs in the thread of `thread.ts`: a damaged file
 * can send the library round in circles.
 */
import { fstatSync, readSync } from 'node:fs';
import h5wasm, { Dataset, Group, type File as H5File } from 'h5wasm';
import type { Hdf5Caps, Hdf5Dataset, Hdf5Listing, Hdf5Reply, Hdf5Request, Hdf5Start, Hdf5Texts } from './messages.ts';

class TooLarge extends Error {}

/** Memory of WebAssembly comes in pages, bytes. */
const PAGE = 65_536;

const memory = capMemory();
const library = await h5wasm.ready;
const { FS } = library;

export interface Hdf5Answers {
  answer(request: Hdf5Request): Hdf5Reply;
  /** For a process that goes on; a thread that ends needs none. */
  close(): void;
}

/** The file is opened by the first request, and one file at a time. */
export function hdf5Answers({ source, caps, maxMemoryBytes }: Hdf5Start): Hdf5Answers {
  memory.most = maxMemoryBytes;
  let file: H5File | null = null;
  const reply = (request: Hdf5Request): Hdf5Reply => {
    file ??= openFile(source);
    switch (request.ask) {
      case 'list':
        return { ok: true, answer: list(file, caps) };
      case 'texts':
        return { ok: true, answer: texts(file, request.groups, new RegExp(`^(?:${request.pattern})$`), caps) };
      case 'values':
        return { ok: true, answer: values(file, request.path, request.rows) };
    }
  };
  return {
    answer(request) {
      // Left to itself the library only prints that a read failed and hands out whatever its memory held.
      library.activate_throwing_error_handler();
      memory.refused = false;
      try {
        return reply(request);
      } catch (error) {
        if (memory.refused) {
          const text = `it makes the HDF5 library want more than ${maxMemoryBytes} bytes (limit hdf5.maxMemoryBytes)`;
          return { ok: false, why: 'too-large', text };
        }
        return { ok: false, why: error instanceof TooLarge ? 'too-large' : 'malformed', text: reasonOf(error) };
      } finally {
        library.deactivate_throwing_error_handler();
      }
    },
    close() {
      try {
        file?.close();
      } catch {
        // A file that cannot be opened cannot be closed either.
      } finally {
        FS.unlink(NAME);
      }
    },
  };
}

/**
 * The library asks JavaScript whenever it wants more memory, and takes a refusal for an ordinary lack of it. It is asked
 * for all WebAssembly of the thread, which holds nothing else.
 */
function capMemory(): { most: number; refused: boolean } {
  const state = { most: Infinity, refused: false };
  const { prototype } = WebAssembly.Memory;
  const grow = Object.getOwnPropertyDescriptor(prototype, 'grow')?.value as (
    this: WebAssembly.Memory,
    by: number,
  ) => number;
  prototype.grow = function (by) {
    if (this.buffer.byteLength + by * PAGE > state.most) {
      state.refused = true;
      throw new RangeError('more memory than the limit');
    }
    state.refused = false;
    return grow.call(this, by);
  };
  return state;
}

/** The library throws plain errors, and numbers when its own code gives up. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : `it gave up with ${String(error)}`;
  return text
    .replace(/HDF5-DIAG[^:]*:/g, '')
    .replace(/\/\S+\.c\b/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}

/** What the library's memory file system keeps of a file. */
interface MemoryNode {
  usedBytes: number;
  stream_ops: object;
}

const NAME = '/input.h5';

/** Shows the file to the library; its bytes are read when the library asks for them. */
function openFile(source: Hdf5Start['source']): H5File {
  FS.close(FS.open(NAME, 'w+'));
  const { node } = FS.lookupPath(NAME, {}) as unknown as { readonly node: MemoryNode };
  node.usedBytes = typeof source === 'number' ? fstatSync(source).size : source.length;
  node.stream_ops = {
    ...node.stream_ops,
    read(_stream: unknown, out: Uint8Array, offset: number, length: number, position: number): number {
      if (typeof source === 'number') return readSync(source, out, offset, length, position);
      const piece = source.subarray(position, position + length);
      out.set(piece, offset);
      return piece.length;
    },
  };
  const opened = new h5wasm.File(NAME, 'r');
  if (opened.file_id < 0n) throw new Error('it cannot be opened');
  return opened;
}

function list(root: H5File, caps: Hdf5Caps): Hdf5Listing {
  const datasets: Hdf5Dataset[] = [];
  const groups = [''];
  const links: { readonly path: string; readonly external: boolean }[] = [];
  const others: string[] = [];
  const open: { readonly path: string; readonly depth: number }[] = [{ path: '', depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, depth } = next;
    for (const name of library.get_names(root.file_id, `/${path}`, false)) {
      const inner = path === '' ? name : `${path}/${name}`;
      if (datasets.length + groups.length + links.length + others.length >= caps.maxObjects)
        throw new TooLarge(`it holds more than ${caps.maxObjects} objects`);
      // Asked before it is opened: a soft link is followed without a word, and may lead to an external one.
      const link = linkOf(root, `/${inner}`);
      if (link !== null) {
        links.push({ path: inner, external: link === 'external' });
        continue;
      }
      const entity = root.get(`/${inner}`);
      if (entity instanceof Dataset) datasets.push(describe(entity, inner));
      else if (!(entity instanceof Group)) others.push(inner);
      else {
        groups.push(inner);
        if (caps.maxDepth === 0) continue;
        if (depth >= caps.maxDepth)
          throw new TooLarge(`its groups nest deeper than ${caps.maxDepth} at /${inner.slice(0, 200)}`);
        open.push({ path: inner, depth: depth + 1 });
      }
    }
  }
  return { datasets, groups, links, others };
}

function linkOf(root: H5File, path: string): 'external' | 'soft' | null {
  const EXTERNAL = 4;
  if (root.get_type(path) === EXTERNAL) return 'external';
  try {
    return typeof root.get_link(path) === 'string' ? 'soft' : null;
  } catch {
    // The library's way of saying that it is none.
    return null;
  }
}

function describe({ metadata }: Dataset, path: string): Hdf5Dataset {
  const { shape, type, size, signed, chunks, virtual_sources } = metadata;
  return {
    path,
    dims: shape === null ? null : shape.map(Number),
    type,
    size,
    signed,
    chunks: chunks === null ? null : chunks.map(Number),
    virtual: (virtual_sources?.length ?? 0) > 0,
  };
}

function texts(root: H5File, groups: readonly string[], pattern: RegExp, caps: Hdf5Caps): Hdf5Texts[] {
  const found: Hdf5Texts[] = [];
  let bytes = 0;
  for (const path of groups) {
    const holder = path === '' ? root : root.get(`/${path}`);
    if (!(holder instanceof Group)) throw new Error(`/${path} is no group`);
    const { attrs } = holder;
    for (const name of Object.keys(attrs)) {
      if (!pattern.test(name)) continue;
      const { type, total_size, size } = attrs[name].metadata;
      // H5T_class_t: 3 = text of fixed length, 9 = of any length.
      if (type !== 3 && type !== 9) {
        found.push({ path, name, texts: null });
        continue;
      }
      if (!(total_size <= caps.maxTexts)) throw new TooLarge(`"${name}" of /${path} has ${total_size} texts`);
      bytes += total_size * size;
      if (!(bytes <= caps.maxTextBytes)) throw new TooLarge(`its attributes have more than ${caps.maxTextBytes} bytes`);
      const value = attrs[name].value;
      const all: readonly unknown[] = Array.isArray(value) ? value : [value];
      const fits = all.every((each): each is string => typeof each === 'string');
      if (fits) for (const each of all) bytes += each.length;
      found.push({ path, name, texts: fits ? all : null });
    }
  }
  return found;
}

function values(root: H5File, path: string, rows: readonly [number, number] | null): Uint8Array {
  const dataset = root.get(`/${path}`);
  if (!(dataset instanceof Dataset)) throw new Error(`/${path} is no dataset`);
  const { shape, type, size } = dataset.metadata;
  const read: unknown =
    rows === null ? dataset.value : dataset.slice([[...rows], ...(shape ?? []).slice(1).map((): [] => [])]);
  if (ArrayBuffer.isView(read)) {
    // A copy of its own, so that it can be handed over without the memory around it.
    return new Uint8Array(read.buffer.slice(read.byteOffset, read.byteOffset + read.byteLength) as ArrayBuffer);
  }
  const single = Buffer.alloc(size);
  if (typeof read === 'bigint') single.writeBigUInt64LE(BigInt.asUintN(64, read));
  else if (typeof read !== 'number') throw new Error(`/${path} gives no numbers`);
  else if (type === 1) {
    if (size === 4) single.writeFloatLE(read);
    else single.writeDoubleLE(read);
  } else single.writeUIntLE(read < 0 ? read + 2 ** (8 * size) : read, 0, size);
  return new Uint8Array(single.buffer.slice(single.byteOffset, single.byteOffset + size));
}

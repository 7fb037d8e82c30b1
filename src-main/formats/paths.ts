/** Paths that strangers wrote into their files, and reading files that must lie below a given folder. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { sep } from 'node:path';

export type CheckedPath =
  { readonly ok: true; readonly parts: readonly string[] } | { readonly ok: false; readonly reason: string };

/** Device names that Windows opens wherever they stand, with or without an extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/**
 * Takes a relative path with `/` between its parts and refuses everything that could mean a place outside its root on
 * any system: absolute paths, `..`, drive letters, UNC and backslashes, alternate streams, URLs, device names, NUL.
 */
export function checkRelativePath(path: string): CheckedPath {
  const refuse = (reason: string): CheckedPath => ({ ok: false, reason });
  if (path === '') return refuse('the path is empty');
  if (path.includes('\0')) return refuse('the path contains a NUL character');
  if (path.length > 4096) return refuse(`the path has ${path.length} characters, the limit is 4096`);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return refuse('the path is a URL');
  if (/^[a-z]:/i.test(path)) return refuse('the path names a Windows drive');
  if (path.startsWith('\\\\') || path.startsWith('//')) return refuse('the path names a network share');
  if (path.startsWith('/') || path.startsWith('\\')) return refuse('the path is absolute');
  if (path.includes('\\')) return refuse('the path contains a backslash');
  if (path.includes(':')) return refuse('the path contains a colon');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0) return refuse('the path names no file');
  for (const part of parts) {
    if (part === '..') return refuse('the path leaves its folder through ".."');
    if (/^\.+\s*$|\s$|[^.]\.$/.test(part)) return refuse('a part of the path ends in a dot or a blank');
    if (DEVICE.test(part)) return refuse('the path names a Windows device');
  }
  return { ok: true, parts };
}

/** Why a file below a root was not read. */
export class OutsideError extends Error {
  override readonly name = 'OutsideError';
  /** It was refused for its size alone. */
  readonly tooLarge: boolean;

  constructor(message: string, tooLarge = false) {
    super(message);
    this.tooLarge = tooLarge;
  }
}

export interface InsideReader {
  /** The root with all links resolved. */
  readonly root: string;
  /**
   * Reads a regular file at `path`, relative to the root.
   * @throws OutsideError when it is not a regular file, a link leads out of the root, or it is above `maxBytes`;
   * the system's error when it cannot be opened.
   */
  read(path: Buffer | string, maxBytes: number): Buffer;
}

/** Checked folders are remembered, within bounds: a dataset has few of them and millions of files. */
const KEPT_FOLDERS = 4096;

/** @throws the system's error when the root does not exist. */
export function openInside(rootPath: string): InsideReader {
  // File names need not be UTF-8. They are handled as bytes, and as latin1 where they are compared.
  const root = real(Buffer.from(rootPath));
  const folders = new Set<string>();
  const checkFolder = (folder: Buffer): void => {
    const key = folder.toString('latin1');
    if (folders.has(key)) return;
    if (!isInside(root, real(folder))) throw new OutsideError('a folder on the way is a link out of the root');
    if (folders.size >= KEPT_FOLDERS) folders.clear();
    folders.add(key);
  };
  return {
    root: root.toString('utf8'),
    read(path, maxBytes) {
      const relative = typeof path === 'string' ? Buffer.from(path, 'utf8') : path;
      const full = Buffer.concat([root, Buffer.from('/'), relative]);
      checkFolder(full.subarray(0, full.lastIndexOf(0x2f)));
      return readRegular(root, full, maxBytes);
    },
  };
}

function real(path: Buffer): Buffer {
  return realpathSync.native(path, 'buffer');
}

/** True for the root itself and everything below it; both without links. */
function isInside(root: Buffer, path: Buffer): boolean {
  const start = root.toString('latin1');
  const text = path.toString('latin1');
  return text === start || text.startsWith(start.endsWith(sep) ? start : start + sep);
}

function readRegular(root: Buffer, path: Buffer, maxBytes: number): Buffer {
  let target = path;
  if (lstatSync(path).isSymbolicLink()) {
    target = real(path);
    if (!isInside(root, target)) throw new OutsideError('a link leads out of its root folder');
  }
  // O_NONBLOCK: opening a named pipe would wait for its writer for ever.
  const descriptor = openSync(target, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new OutsideError('not a regular file');
    if (status.size > maxBytes) throw new OutsideError(`${status.size} bytes, the limit is ${maxBytes}`, true);
    const out = Buffer.allocUnsafeSlow(status.size);
    let at = 0;
    while (at < out.length) {
      const got = readSync(descriptor, out, at, Math.min(out.length - at, 1 << 30), at);
      if (got === 0) throw new OutsideError('the file became shorter while it was read');
      at += got;
    }
    return out;
  } finally {
    closeSync(descriptor);
  }
}

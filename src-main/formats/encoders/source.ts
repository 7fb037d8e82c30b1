/** A stranger's encoder on disk: one file, or a folder, and the files beside it that it names. Read within limits. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { compareText } from '../datasets/column.ts';
import type { ModelLimits } from '../limits.ts';
import { checkRelativePath, openInside, OutsideError } from '../paths.ts';
import { systemFailure } from '../system.ts';

export interface FileDigest {
  /** Relative to the encoder's folder. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface EncoderSource {
  readonly path: string;
  readonly kind: 'file' | 'folder';
  /** Absolute; parts lie below it. The encoder itself when it is a folder. */
  readonly folder: string;
  readonly file: FileDigest;
  /** The whole file; empty for a folder. */
  readonly content: Uint8Array;
  /**
   * Bytes of another file below the folder; each is read once and kept.
   * @throws ExpectedError encoder-malformed (the path could leave the folder), file-missing, encoder-too-large
   */
  part(location: string): Uint8Array;
  /** Whether a part of that name is a file that can be read; for recognising folders. */
  hasPart(location: string): boolean;
  /** The parts read so far, ordered by name. */
  parts(): readonly FileDigest[];
}

/** @throws ExpectedError file-missing, encoder-unrecognised (empty, neither file nor folder), encoder-too-large */
export function openEncoderSource(path: string, limits: ModelLimits): EncoderSource {
  const absolute = resolve(path);
  try {
    const content = readNamed(absolute, limits);
    const folder = content === null ? absolute : dirname(absolute);
    const bytes = content ?? new Uint8Array(0);
    return {
      path,
      kind: content === null ? 'folder' : 'file',
      folder,
      file: { name: basename(absolute), bytes: bytes.length, sha256: sha256(bytes) },
      content: bytes,
      ...partReader(folder, limits),
    };
  } catch (error) {
    throw systemFailure(error, path);
  }
}

/** The user named this file, so following a link here is the user's wish. Null for a folder. */
function readNamed(path: string, limits: ModelLimits): Uint8Array | null {
  // O_NONBLOCK: opening a named pipe would wait for its writer for ever.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = fstatSync(descriptor);
    if (status.isDirectory()) return null;
    if (!status.isFile()) throw new ExpectedError('encoder-unrecognised', `${path} is not a regular file.`);
    if (status.size === 0) throw new ExpectedError('encoder-unrecognised', `${path} is empty.`);
    if (status.size > limits.maxBytes) {
      throw new ExpectedError(
        'encoder-too-large',
        `${path}: ${status.size} bytes (limit maxBytes = ${limits.maxBytes}).`,
      );
    }
    const content = Buffer.allocUnsafeSlow(status.size);
    for (let at = 0; at < content.length;) {
      const got = readSync(descriptor, content, at, Math.min(content.length - at, 1 << 30), at);
      if (got === 0) throw new ExpectedError('input-changed', `${path} became shorter while it was read.`);
      at += got;
    }
    return content;
  } finally {
    closeSync(descriptor);
  }
}

function partReader(folder: string, limits: ModelLimits): Pick<EncoderSource, 'part' | 'hasPart' | 'parts'> {
  const inside = openInside(folder);
  const files = new Map<string, { readonly content: Uint8Array; readonly digest: FileDigest }>();
  const part = (location: string): Uint8Array => {
    const quoted = JSON.stringify(location.slice(0, 300));
    const checked = checkRelativePath(location);
    if (!checked.ok) throw new ExpectedError('encoder-malformed', `The file beside it ${quoted}: ${checked.reason}.`);
    const name = checked.parts.join('/');
    const known = files.get(name);
    if (known !== undefined) return known.content;
    if (files.size >= limits.maxExternalFiles) {
      throw new ExpectedError(
        'encoder-too-large',
        `More than ${limits.maxExternalFiles} external files (limit maxExternalFiles).`,
      );
    }
    try {
      const content = inside.read(name, limits.maxBytes);
      files.set(name, { content, digest: { name, bytes: content.length, sha256: sha256(content) } });
      return content;
    } catch (error) {
      if (!(error instanceof OutsideError)) throw systemFailure(error, `The file beside it ${quoted}`);
      const code = error.tooLarge ? 'encoder-too-large' : 'encoder-malformed';
      throw new ExpectedError(code, `The file beside it ${quoted}: ${error.message}.`, { cause: error });
    }
  };
  return {
    part,
    hasPart(location) {
      try {
        part(location);
        return true;
      } catch (error) {
        if (error instanceof ExpectedError && error.code === 'file-missing') return false;
        throw error;
      }
    },
    parts: () => [...files.values()].map(({ digest }) => digest).sort((a, b) => compareText(a.name, b.name)),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An ONNX file and its external data, read from disk within limits and bound by digests. */
import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { readFileSync, statSync } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { compareText } from '../datasets/column.ts';
import { defaultLimits, type ModelLimits } from '../limits.ts';
import { checkRelativePath, openInside, OutsideError, type InsideReader } from '../paths.ts';
import { systemFailure } from '../system.ts';

export interface FileDigest {
  /** Relative to the model's folder. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface OnnxFile extends FileDigest {
  readonly content: Uint8Array;
  /**
   * Bytes of a file of external data, by the `location` the model states; each file is read once and kept. This is
   * the `externalData` of the graph reader.
   * @throws ExpectedError onnx-malformed (the path could leave the model's folder), file-missing, onnx-too-large
   */
  readonly externalData: (location: string) => Uint8Array;
  /** The external files asked for so far, ordered by name: all of them once the graph has been read. */
  externalFiles(): readonly FileDigest[];
}

/**
 * Reads the model file; external data only when the graph reader asks for it.
 * @throws ExpectedError file-missing, not-onnx (empty, or no file), onnx-too-large
 */
export function openOnnxFile(path: string, limits: ModelLimits = defaultLimits.model): OnnxFile {
  try {
    const status = statSync(path);
    if (!status.isFile()) throw new ExpectedError('not-onnx', `${path} is not a regular file.`);
    if (status.size === 0) throw new ExpectedError('not-onnx', `${path} is empty.`);
    if (status.size > limits.maxBytes) throw tooLarge(path, status.size, limits);
    // The user named this file, so following a link here is the user's wish; what the model names must stay inside.
    const content = readFileSync(path);
    const external = externalReader(openInside(dirname(path)), limits);
    return { name: basename(path), bytes: content.length, sha256: sha256(content), content, ...external };
  } catch (error) {
    throw systemFailure(error, path);
  }
}

function externalReader(folder: InsideReader, limits: ModelLimits): Pick<OnnxFile, 'externalData' | 'externalFiles'> {
  const files = new Map<string, { readonly content: Uint8Array; readonly digest: FileDigest }>();
  return {
    externalData(location) {
      const quoted = JSON.stringify(location.slice(0, 300));
      const checked = checkRelativePath(location);
      if (!checked.ok) throw new ExpectedError('onnx-malformed', `External data ${quoted}: ${checked.reason}.`);
      const name = checked.parts.join('/');
      const known = files.get(name);
      if (known !== undefined) return known.content;
      if (files.size >= limits.maxExternalFiles) {
        throw new ExpectedError(
          'onnx-too-large',
          `More than ${limits.maxExternalFiles} external files (limit maxExternalFiles).`,
        );
      }
      try {
        const content = folder.read(name, limits.maxBytes);
        files.set(name, { content, digest: { name, bytes: content.length, sha256: sha256(content) } });
        return content;
      } catch (error) {
        if (!(error instanceof OutsideError)) throw systemFailure(error, `External data ${quoted}`);
        const code = error.tooLarge ? 'onnx-too-large' : 'onnx-malformed';
        throw new ExpectedError(code, `External data ${quoted}: ${error.message}.`, { cause: error });
      }
    },
    externalFiles: () => [...files.values()].map(({ digest }) => digest).sort((a, b) => compareText(a.name, b.name)),
  };
}

function tooLarge(path: string, bytes: number, limits: ModelLimits): ExpectedError {
  return new ExpectedError('onnx-too-large', `${path}: ${bytes} bytes (limit maxBytes = ${limits.maxBytes}).`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

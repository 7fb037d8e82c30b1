/** The one door for encoders: recognises the format by content, reads it, binds everything that was read by digests. */
import { createHash } from 'node:crypto';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import type { EncoderReader, OpenedEncoder, OpenOptions, ReadEncoder } from './encoder-file.ts';
import { imageConfig, type ImageConfig } from './image-config.ts';
import { kerasArchiveReader, kerasH5Reader } from './keras/reader.ts';
import { onnxReader } from './onnx.ts';
import { pytorchReader } from './pytorch.ts';
import { safetensorsReader } from './safetensors.ts';
import { openEncoderSource, type EncoderSource, type FileDigest } from './source.ts';
import { savedModelReader } from './saved-model/reader.ts';
import { tfjsReader } from './tfjs/reader.ts';
import { scanWeights } from './weight-scan.ts';

/** Asked in this order; ONNX has no mark of its own and comes last. */
const readers: readonly EncoderReader[] = [
  kerasH5Reader,
  kerasArchiveReader,
  savedModelReader,
  tfjsReader,
  pytorchReader,
  safetensorsReader,
  onnxReader,
];

/** Options of a reader under these limits. */
export function optionsWith({ model, pickle, zip, hdf5 }: Limits): OpenOptions {
  return { arch: null, inputSize: null, limits: model, pickle, zip, hdf5 };
}

/** Their files hold neither a graph nor a word about images. */
const weightsOnly: ReadonlySet<EncoderReader> = new Set([pytorchReader, safetensorsReader]);

/**
 * Opens an encoder of any known format. Nothing of the file is executed.
 * @throws ExpectedError encoder-unrecognised, encoder-too-large, encoder-malformed, file-missing, and what the format's
 *   own reader throws
 */
export async function openEncoder(path: string, options: Partial<OpenOptions> = {}): Promise<OpenedEncoder> {
  const full: OpenOptions = { ...optionsWith(defaultLimits), ...options };
  const source = openEncoderSource(path, full.limits);
  const reader = readerFor(source);
  if (reader === undefined) throw unrecognised(source);
  const stated = weightsOnly.has(reader) ? imageConfig(source, full.limits) : null;
  const read = await readWith(reader, source, { ...full, statedSize: stated?.size ?? null });
  const parts = source.parts();
  return {
    ...read,
    ...withStated(read, stated),
    findings: [...read.findings, ...scanWeights(read.graph)],
    folder: source.folder,
    file: source.file,
    parts,
    sha256: digestOf(source.file, parts),
    bytes: parts.reduce((sum, part) => sum + part.bytes, source.file.bytes),
  };
}

function withStated(read: ReadEncoder, stated: ImageConfig | null): Pick<ReadEncoder, 'normalisation' | 'notes'> {
  const { normalisation, notes } = read;
  if (stated === null) return { normalisation, notes };
  const channels = read.graph.inputs[0].shape[1];
  const met = stated.normalisation?.mean.length;
  if (met === undefined || met === channels) {
    return { normalisation: stated.normalisation ?? normalisation, notes: [...notes, ...stated.notes] };
  }
  const unfit = `its normalisation of ${met} channels does not fit the ${channels} of the encoder and was left out`;
  return { normalisation, notes: [...notes, ...stated.notes, unfit] };
}

/** The reader that recognises the content; undefined when none does. */
export function readerFor(source: EncoderSource): EncoderReader | undefined {
  return readers.find((each) => each.recognises(source));
}

async function readWith(reader: EncoderReader, source: EncoderSource, options: OpenOptions): Promise<ReadEncoder> {
  try {
    return await reader.read(source, options);
  } catch (error) {
    throw error instanceof ExpectedError && error.code === 'not-onnx' ? unrecognised(source, error) : error;
  }
}

function digestOf(file: FileDigest, parts: readonly FileDigest[]): string {
  if (parts.length === 0) return file.sha256;
  const lines = [file, ...parts].map((part) => `${part.sha256}  ${part.name}\n`).join('');
  return createHash('sha256').update(lines).digest('hex');
}

function unrecognised(source: EncoderSource, cause?: ExpectedError): ExpectedError {
  const what =
    source.kind === 'folder' ? `${source.path} is a folder.` : `${source.path} ${cause?.detail ?? ''}`.trim();
  return new ExpectedError('encoder-unrecognised', what, { cause });
}

/** What every encoder reader is given and gives back. */
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import type { Graph } from '../../engine/graph/ir.ts';
import type { Hdf5Limits, ModelLimits, PickleLimits, ZipLimits } from '../limits.ts';
import type { EncoderSource, FileDigest } from './source.ts';

export interface OpenOptions {
  /** Architecture that the user named (`--arch`); null = found from names and shapes of the weights. */
  readonly arch: string | null;
  /** Height and width that the user wants, where the architecture leaves them open. */
  readonly inputSize: readonly [number, number] | null;
  /** Height and width that a file beside the weights states; what the user wants goes before. */
  readonly statedSize?: readonly [number, number] | null;
  readonly limits: ModelLimits;
  readonly pickle: PickleLimits;
  readonly zip: ZipLimits;
  readonly hdf5: Hdf5Limits;
}

/** Per channel, of pixels in 0..1. */
export interface SuggestedNormalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Ends up in the report: "from the architecture (…)", "from the file (…)". */
  readonly source: string;
}

export interface KnownArchitecture {
  readonly name: string;
  /** How it was found: "named by the analyst", "122 parameters fit by name and shape", … */
  readonly how: string;
}

/** What a reader makes of a source. */
export interface ReadEncoder {
  /** ONNX-shaped, one image input; a head in the file stays in it. */
  readonly graph: Graph;
  /** "onnx", "pytorch", "safetensors", … */
  readonly format: string;
  /** Null where the file carries its own graph. */
  readonly architecture: KnownArchitecture | null;
  /** The file's own ONNX opset; null for files that are not ONNX. */
  readonly opset: number | null;
  /** Tool that wrote the file, as the file says; '' when it does not. */
  readonly producer: string;
  /** What was converted, assumed or left out. */
  readonly notes: readonly string[];
  readonly normalisation: SuggestedNormalisation | null;
  /** Empty for an ordinary file. */
  readonly findings: readonly ScanFinding[];
}

export interface OpenedEncoder extends ReadEncoder {
  /** Absolute folder that the names of `file` and `parts` are relative to. */
  readonly folder: string;
  readonly file: FileDigest;
  /** Other files that belong to it (external data, shards), ordered by name. */
  readonly parts: readonly FileDigest[];
  /** The file's own digest when it is alone; with parts one over all names and digests. */
  readonly sha256: string;
  /** Of file and parts. */
  readonly bytes: number;
}

/** What a scan saw of a file, whether or not it can be read. */
export interface ScannedEncoder {
  readonly findings: readonly ScanFinding[];
  /** Parts that the scan did not look at, and why. */
  readonly notExamined: readonly string[];
}

/** One format: recognised by its content, never by its name. */
export interface EncoderReader {
  readonly format: string;
  recognises(source: EncoderSource): boolean;
  /**
   * What the file holds that ordinary ones do not, said even where `read` refuses it; left out where `read` says it all.
   * @throws ExpectedError when the file is too broken to look at
   */
  scan?(source: EncoderSource, options: OpenOptions): ScannedEncoder | Promise<ScannedEncoder>;
  /** @throws ExpectedError for everything that is wrong with the file */
  read(source: EncoderSource, options: OpenOptions): ReadEncoder | Promise<ReadEncoder>;
}

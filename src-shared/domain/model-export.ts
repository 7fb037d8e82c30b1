/** The sanitized model of a finished run in other formats. */
export const exportFormats = ['onnx', 'safetensors', 'tfjs', 'pytorch'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** A format that was written, opened again and compared. */
export interface WrittenExport {
  readonly format: ExportFormat;
  /** Relative to the folder that was written to. */
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  /**
   * Largest absolute difference: of logits over some images of noise for models that run, of weights for files that hold
   * weights only.
   */
  readonly maxAbsDifference: number;
  readonly compared: string;
  readonly notes: readonly string[];
}

export interface ExportOutcome {
  readonly written: readonly WrittenExport[];
  /** Formats that cannot hold this model, and why. */
  readonly refused: readonly { readonly format: ExportFormat; readonly reason: string }[];
}

export interface ExportedModel extends ExportOutcome {
  readonly folder: string;
  /** File that says what was exported from what, with digests and differences. */
  readonly record: string;
}

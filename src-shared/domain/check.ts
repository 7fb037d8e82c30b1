/** One thing that was verified, as `coresift verify` lists it. */
export interface Check {
  /** "journal entry 12 (step grow/3)", "MANIFEST.sha256: sanitized.onnx". */
  readonly what: string;
  readonly ok: boolean;
  /** What was met; where it is not ok, exactly what does not fit. */
  readonly detail: string;
  /** `note`: nothing is wrong, but worth a line. `not-examined`: not ok, because nobody could look; no damage was met. */
  readonly kind?: 'note' | 'not-examined';
}

/** What the scan of a model file met that ordinary files do not have. */

/** `danger`: made to harm whoever opens it; `warning`: could not be shown to be harmless; `note`: worth knowing. */
export type ScanSeverity = 'danger' | 'warning' | 'note';

export interface ScanFinding {
  /** Rule that fired, e.g. "pickle.unsafe-global". */
  readonly rule: string;
  readonly severity: ScanSeverity;
  readonly title: string;
  /** Where in the file: member, byte offset, opcode and its position. */
  readonly where: string;
  readonly detail: string;
  /** MITRE ATLAS 5.6.0 technique; null where none fits. */
  readonly atlas: string | null;
}

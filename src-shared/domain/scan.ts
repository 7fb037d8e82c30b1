/** What the scan of a model file met: what the file is, and what ordinary files do not have. */

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

export interface ScannedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface NotScanned {
  readonly what: string;
  /** A code of errors.md, "not-scanned" or "no-reader". */
  readonly reason: string;
  readonly detail: string;
}

export interface GraphSummary {
  readonly nodes: number;
  /** Most frequent first. */
  readonly operators: readonly (readonly [name: string, count: number])[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** "conv+bn", "conv", "vit"; null when the structure is not one that can be audited. */
  readonly family: string | null;
  /** Layers whose channels an audit would filter. */
  readonly layers: number | null;
  readonly parameters: number;
}

/** What `coresift inspect` says of one model file; nothing of the file was executed. */
export interface ModelScan {
  readonly kind: 'file' | 'folder';
  /** Of a folder the name alone says something; its files are in `parts`. */
  readonly file: ScannedFile;
  readonly parts: readonly ScannedFile[];
  readonly format: string | null;
  readonly producer: string;
  readonly opset: number | null;
  readonly architecture: { readonly name: string; readonly how: string } | null;
  readonly graph: GraphSummary | null;
  /** Bytes of file and parts, and of the weights that the graph holds in memory. */
  readonly sizes: { readonly files: number; readonly weights: number | null };
  readonly findings: readonly ScanFinding[];
  readonly notes: readonly string[];
  readonly notExamined: readonly NotScanned[];
}

/** 1 something dangerous or not shown to be harmless; 3 something not examined; 0 neither. Notes alone raise no alarm. */
export function exitCodeOfScan({ findings, notExamined }: Pick<ModelScan, 'findings' | 'notExamined'>): 0 | 1 | 3 {
  if (findings.some(({ severity }) => severity !== 'note')) return 1;
  return notExamined.length > 0 ? 3 : 0;
}

/** Which reports of a finished run are to be written, and how. */
import type { Declarations } from './declarations.ts';

export const reportFormats = ['json', 'html', 'pdf', 'sarif', 'cyclonedx', 'intoto'] as const;
export type ReportFormat = (typeof reportFormats)[number];
export const wantedFormats = [...reportFormats, 'pack'] as const;
export type WantedFormat = (typeof wantedFormats)[number];

export const papers = ['A4', 'Letter'] as const;
export type Paper = (typeof papers)[number];
export const cycloneDxVersions = ['1.6', '1.7'] as const;
export type CycloneDxVersion = (typeof cycloneDxVersions)[number];
export const reportLanguages = ['en', 'de'] as const;
export type ReportLanguage = (typeof reportLanguages)[number];

export interface ReportWish {
  readonly formats: readonly WantedFormat[];
  readonly language: ReportLanguage;
  readonly paper: Paper;
  readonly cyclonedx: CycloneDxVersion;
  /** Names and paths become numbers; single reports only. */
  readonly redact: boolean;
  /** Null = as the run recorded them. */
  readonly declarations: Declarations | null;
  /** report.json of an earlier audit to compare with. */
  readonly baseline: string | null;
}

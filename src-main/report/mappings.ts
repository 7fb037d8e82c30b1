/**
 * Which parts of the record are evidence for which point of a law, framework or standard. Never that something applies or
 * is fulfilled: that is for whoever relies on the report to state.
 */

export interface MappingRow {
  readonly framework: string;
  readonly edition: string;
  readonly reference: string;
  /** What the point is about, in the framework's own terms. */
  readonly subject: string;
  /** Sections of the report that are evidence for it, by id. */
  readonly sections: readonly SectionId[];
}

/** Sections of the report in their order; HTML anchors and PDF bookmarks carry the same ids. */
export const sectionIds = [
  'summary',
  'subject',
  'threats',
  'method',
  'environment',
  'not-examined',
  'sifting',
  'channels',
  'bootstrapping',
  'suspects',
  'trigger',
  'shared-pattern',
  'outcome',
  'opinions',
  'classes',
  'files',
  'mappings',
  'risk',
  'log',
  'integrity',
  'reproduction',
  'glossary',
] as const;
export type SectionId = (typeof sectionIds)[number];

const row = (
  framework: string,
  edition: string,
  reference: string,
  subject: string,
  ...sections: SectionId[]
): MappingRow => ({ framework, edition, reference, subject, sections });

const act = ['EU AI Act', 'Regulation (EU) 2024/1689'] as const;
const rmf = ['NIST AI RMF', '1.0'] as const;
const iso = ['ISO/IEC 42001', '2023, Annex A'] as const;
const owasp = ['OWASP ML Top 10', '2023'] as const;
const atlas = ['MITRE ATLAS mitigations', '5.6.0'] as const;

export const mappings: readonly MappingRow[] = [
  row(...act, 'Art. 15(1)-(3)', 'declared accuracy and its metrics', 'outcome'),
  row(
    ...act,
    'Art. 15(5)',
    'measures against data poisoning and model poisoning of pre-trained components',
    'summary',
    'sifting',
    'channels',
    'bootstrapping',
    'suspects',
    'trigger',
  ),
  row(...act, 'Annex IV, 2(a)', 'pre-trained systems of third parties and how they were used', 'subject', 'channels'),
  row(
    ...act,
    'Annex IV, 2(d)',
    'data: provenance, scope, characteristics, labelling, cleaning',
    'subject',
    'sifting',
    'suspects',
    'classes',
  ),
  row(...act, 'Annex IV, 2(g)', 'validation and testing, metrics, test logs', 'method', 'outcome', 'log'),
  row(...act, 'Annex IV, 2(h)', 'cybersecurity measures', 'threats', 'channels', 'integrity'),
  row(...rmf, 'MAP 4.1', 'mapping of third-party risks', 'subject', 'threats'),
  row(...rmf, 'MEASURE 2.5', 'validity and reliability, limits documented', 'outcome', 'risk'),
  row(...rmf, 'MEASURE 2.7', 'security and resilience evaluated', 'threats', 'suspects', 'trigger'),
  row(...rmf, 'MANAGE 3.1', 'third-party resources monitored, controls documented', 'channels', 'log'),
  row(...rmf, 'MANAGE 3.2', 'pre-trained models monitored', 'subject', 'channels', 'trigger'),
  row(...iso, 'A.6.2.4', 'verification and validation', 'method', 'outcome'),
  row(...iso, 'A.6.2.7', 'technical documentation', 'subject', 'method', 'environment'),
  row(...iso, 'A.6.2.8', 'recording of event logs', 'log', 'integrity'),
  row(...iso, 'A.7.4', 'quality of data', 'sifting', 'suspects', 'classes'),
  row(...iso, 'A.7.5', 'data provenance', 'subject', 'integrity'),
  row(...iso, 'A.10.3', 'suppliers', 'subject', 'summary'),
  row(...owasp, 'ML02:2023', 'Data Poisoning Attack', 'sifting', 'suspects', 'classes'),
  row(...owasp, 'ML06:2023', 'ML Supply Chain Attacks', 'subject', 'integrity'),
  row(...owasp, 'ML07:2023', 'Transfer Learning Attack', 'channels', 'bootstrapping'),
  row(...owasp, 'ML10:2023', 'Model Poisoning', 'channels', 'trigger'),
  row(...atlas, 'AML.M0007', 'Sanitize Training Data', 'sifting', 'suspects'),
  row(...atlas, 'AML.M0008', 'Validate AI Model', 'trigger', 'outcome'),
  row(...atlas, 'AML.M0003', 'Model Hardening', 'channels', 'bootstrapping'),
  row(...atlas, 'AML.M0013', 'Code Signing', 'integrity'),
  row(...atlas, 'AML.M0014', 'Verify AI Artifacts', 'integrity'),
  row(...atlas, 'AML.M0023', 'AI Bill of Materials', 'subject', 'integrity'),
  row(...atlas, 'AML.M0025', 'Maintain AI Dataset Provenance', 'subject', 'integrity'),
];

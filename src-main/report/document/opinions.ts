/** The section on second opinions: what else could be asked, what was, and plainly what was not. */
import type { Section } from './blocks.ts';
import type { Writing } from './writing.ts';

/** Baseline detectors that an auditor may expect to find here. This version runs none of them. */
const notRun = [
  'CLP',
  'Spectral Signatures',
  'Activation Clustering',
  'SCAn',
  'STRIP',
  'DECREE',
  'ABL',
  'Fine-pruning',
  'RNP',
  'ANP',
  'NAD',
  'I-BAU',
  'Beatrix',
  'SPECTRE',
] as const;
export type Opinion = (typeof notRun)[number];

export function opinionSection({ record, words, figures }: Writing): Section {
  const { outcome, verdict, subject } = record;
  const scan = subject.encoder.scan.length;
  const probe =
    outcome.probeAccuracy === null
      ? words['opinion.not-measured']
      : words['opinion.probe-says']({
          accuracy: figures.percent(outcome.probeAccuracy),
          n: figures.count(outcome.guardSamples),
        });
  const own = [
    [words['opinion.probe'], words['opinion.probe-looks'], words['opinion.ran'], probe],
    [
      words['opinion.patch-scan'],
      words['opinion.patch-scan-looks'],
      verdict.encoder.verdict === 'not-examined' ? words['opinion.not-run'] : words['opinion.ran'],
      words[`verdict.${verdict.encoder.verdict}`],
    ],
    [
      words['opinion.file-scan'],
      words['opinion.file-scan-looks'],
      words['opinion.ran'],
      words['opinion.findings']({ n: scan, count: figures.count(scan) }),
    ],
  ];
  return {
    id: 'opinions',
    name: words['section.opinions'],
    claim: words['opinions.claim']({ count: figures.count(notRun.length) }),
    blocks: [
      {
        kind: 'table',
        caption: words['table.opinions'],
        heads: [
          { name: words['column.opinion'] },
          { name: words['column.looks-at'] },
          { name: words['column.state'], kind: 'word' },
          { name: words['column.says-it'] },
        ],
        rows: [
          ...own,
          ...notRun.map((name) => [name, words[`opinion.${name}`], words['opinion.not-run'], words['opinion.unknown']]),
        ],
      },
      { kind: 'text', text: words['opinions.note'], quiet: true },
    ],
  };
}

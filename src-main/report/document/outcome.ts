/** The sections on the outcome, the classes and the files. */
import type { Section } from './blocks.ts';
import { decisionText, evidenceText, findingBlock, rest, tableRows, type Writing } from './writing.ts';

export function outcomeSection({ record, words, figures }: Writing): Section {
  const { outcome, rounds } = record;
  const n = figures.count(outcome.guardSamples);
  const measured = outcome.guardSamples > 0 && outcome.sanitizedAccuracy !== null;
  const claim = measured
    ? words['outcome.claim']({
        n,
        sanitized: figures.percent(outcome.sanitizedAccuracy),
        probe: figures.percent(outcome.probeAccuracy),
      })
    : words['outcome.none'];
  const accuracy = rounds.map((round) => [round.round, round.guardAccuracy ?? NaN] as const);
  return {
    id: 'outcome',
    name: words['section.outcome'],
    claim,
    blocks: [
      {
        kind: 'pair',
        blocks: [
          {
            kind: 'table',
            caption: words['table.outcome'],
            heads: [
              { name: words['column.model'] },
              { name: words['column.accuracy'], kind: 'number' },
              { name: words['column.interval'], kind: 'number' },
              { name: words['column.n'], kind: 'number' },
            ],
            rows: [
              [
                words['model.probe'],
                figures.percent(outcome.probeAccuracy),
                figures.interval(outcome.probeInterval),
                n,
              ],
              [
                words['model.sanitized'],
                figures.percent(outcome.sanitizedAccuracy),
                figures.interval(outcome.sanitizedInterval),
                n,
              ],
            ],
          },
          {
            kind: 'chart',
            chart: {
              kind: 'lines',
              series: [{ name: words['series.accuracy'], points: accuracy }],
              axis: words['axis.round'],
              y: [0, 1],
              percent: true,
            },
            alt: claim,
            caption: words['outcome.caption'],
          },
        ],
      },
      { kind: 'text', text: words['outcome.note'], quiet: true },
    ],
  };
}

export function classSection(writing: Writing): Section {
  const { record, words, figures, language } = writing;
  const { classes } = record.verdict;
  const open = classes.filter((finding) => finding.verdict !== 'trusted').length;
  return {
    id: 'classes',
    name: words['section.classes'],
    claim:
      classes.length === 0
        ? words['classes.none']
        : words['classes.claim']({ n: open, open: figures.count(open), all: figures.count(classes.length) }),
    blocks:
      classes.length === 0
        ? []
        : [
            {
              kind: 'table',
              caption: words['table.classes'],
              heads: [
                { name: words['column.class'] },
                { name: words['column.verdict'], kind: 'word' },
                { name: words['column.claim'] },
                { name: words['column.rests'] },
                { name: words['column.change'] },
              ],
              rows: classes.map((finding) => {
                const said = findingBlock(finding, '', writing);
                const decided = decisionText(finding, writing);
                return [
                  finding.name ?? '',
                  { verdict: finding.verdict, word: said.word },
                  decided === null ? said.claim : `${said.claim} ${words['verdict.decided']}: ${decided}`,
                  evidenceText(finding, language),
                  said.lines.find(([name]) => name === words['verdict.would-change'])?.[1] ?? '',
                ];
              }),
            },
          ],
  };
}

export function fileSection({ record, words, figures }: Writing): Section {
  const { fileFindings } = record;
  const rows = fileFindings.slice(0, tableRows);
  return {
    id: 'files',
    name: words['section.files'],
    claim: words['files.claim']({ n: fileFindings.length, count: figures.count(fileFindings.length) }),
    blocks:
      rows.length === 0
        ? []
        : [
            {
              kind: 'table',
              caption: words['table.files'],
              heads: [
                { name: words['column.file'] },
                { name: words['column.rule'], kind: 'word' },
                { name: words['column.severity'], kind: 'word' },
                { name: words['column.offset'], kind: 'number' },
                { name: words['column.detail'] },
              ],
              rows: rows.map((one) => [
                one.file,
                one.rule,
                one.severity,
                one.offset === null ? '–' : figures.count(one.offset),
                one.detail,
              ]),
            },
            ...rest(fileFindings.length, rows.length, 'report.json', { words, figures }),
          ],
  };
}

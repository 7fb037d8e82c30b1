/** The report as sections of blocks, from the record and a language alone. */
import {
  findingSentences,
  termIn,
  wordsOf,
  type Language,
  type Words,
} from '../../../src-shared/report-words/words.ts';
import { evidenceRow } from '../../../src-shared/evidence.ts';
import type { Finding } from '../../../src-shared/domain/verdict.ts';
import type { ReportRecord } from '../record.ts';
import type { FindingBlock, ReportDocument } from './blocks.ts';
import {
  glossarySection,
  integritySection,
  logSection,
  mappingSection,
  reproductionSection,
  riskSection,
} from './closing.ts';
import { figuresOf, type Figures } from './figures.ts';
import { sharedPatternSection } from './shared-pattern.ts';
import {
  bootstrappingSection,
  channelSection,
  classSection,
  fileSection,
  outcomeSection,
  siftingSection,
  suspectSection,
  triggerSection,
} from './findings.ts';
import {
  environmentSection,
  methodSection,
  notExaminedSection,
  subjectSection,
  summarySection,
  threatSection,
} from './inputs.ts';

/** What every section is written with. */
export interface Writing {
  readonly record: ReportRecord;
  readonly words: Words;
  readonly figures: Figures;
  readonly language: Language;
}

export function reportDocument(record: ReportRecord, language: Language = 'en'): ReportDocument {
  const words = wordsOf(language);
  const figures = figuresOf(language);
  const writing: Writing = { record, words, figures, language };
  const { encoder, dataset } = record.subject;
  return {
    language,
    title:
      record.declarations.title ??
      words['title.audit']({ encoder: nameOf(encoder.file), dataset: nameOf(dataset.path) }),
    subtitle: words['head.run']({
      run: String(record.run.number),
      preset: record.run.preset,
      seed: String(record.run.seed),
      started: figures.time(record.run.startedAt),
      tool: `${record.tool.name} ${record.tool.version}`,
      report: record.reportId,
    }),
    marking: record.declarations.marking,
    sections: [
      summarySection(writing),
      subjectSection(writing),
      threatSection(writing),
      methodSection(writing),
      environmentSection(writing),
      notExaminedSection(writing),
      siftingSection(writing),
      channelSection(writing),
      bootstrappingSection(writing),
      suspectSection(writing),
      triggerSection(writing),
      sharedPatternSection(writing),
      outcomeSection(writing),
      classSection(writing),
      fileSection(writing),
      mappingSection(writing),
      riskSection(writing),
      logSection(writing),
      integritySection(writing),
      reproductionSection(writing),
      glossarySection(writing),
    ],
    closing: [words['foot.legend'], words['foot.data']],
  };
}

/** A finding with all that must come with a verdict. In another language the recorded English stands below. */
export function findingBlock(finding: Finding, subject: string, { words, figures, language }: Writing): FindingBlock {
  const said = findingSentences(finding, language);
  const lines: (readonly [string, string])[] = [
    [words['verdict.rests-on'], evidenceText(finding, language)],
    [words['verdict.would-change'], (said ?? finding).wouldChange],
  ];
  if (language !== 'en' && said !== null) lines.push([words['verdict.as-recorded'], finding.claim]);
  return {
    subject,
    verdict: finding.verdict,
    word: words[`verdict.${finding.verdict}`],
    confidence:
      finding.confidence === null
        ? words['verdict.no-confidence']
        : words['verdict.confidence']({ value: figures.fixed(finding.confidence, 2) }),
    claim: (said ?? finding).claim,
    lines,
  };
}

/** The numbers a claim rests on; long lists are cut, which the text says. */
export function evidenceText(finding: Finding, language: Language): string {
  const entries = Object.entries(finding.evidence).map(([name, value]) => {
    const { words, shown } = evidenceRow(name, value);
    // The renderers spell out invisible characters by themselves.
    return `${termIn(language, words)} ${typeof value === 'string' ? value : shown}`;
  });
  return entries.length === 0 ? '–' : entries.join('; ');
}

/** Last part of a path, whichever way its slashes lean. */
export function nameOf(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}

/** The report as sections of blocks, from the record and a language alone. */
import { wordsOf, type Language } from '../../../src-shared/report-words/words.ts';
import type { ReportRecord } from '../record.ts';
import type { ReportDocument } from './blocks.ts';
import {
  glossarySection,
  integritySection,
  logSection,
  mappingSection,
  reproductionSection,
  riskSection,
} from './closing.ts';
import { figuresOf } from './figures.ts';
import { sharedPatternSection } from './shared-pattern.ts';
import { bootstrappingSection } from './bootstrapping.ts';
import { channelSection } from './channels.ts';
import { opinionSection } from './opinions.ts';
import { classSection, fileSection, outcomeSection } from './outcome.ts';
import { siftingSection } from './sifting.ts';
import { suspectSection, triggerSection } from './suspects.ts';
import {
  environmentSection,
  methodSection,
  notExaminedSection,
  subjectSection,
  summarySection,
  threatSection,
} from './inputs.ts';
import type { Writing } from './writing.ts';

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
      opinionSection(writing),
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

/** Last part of a path, whichever way its slashes lean. */
export function nameOf(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}

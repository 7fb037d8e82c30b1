/** What every section is written with, and how a finding is written. */
import { evidenceRow } from '../../../src-shared/evidence.ts';
import type { Finding } from '../../../src-shared/domain/verdict.ts';
import { findingSentences, termIn, type Language, type Words } from '../../../src-shared/report-words/words.ts';
import type { ReportRecord } from '../record.ts';
import type { FindingBlock } from './blocks.ts';
import type { Figures } from './figures.ts';

export interface Writing {
  readonly record: ReportRecord;
  readonly words: Words;
  readonly figures: Figures;
  readonly language: Language;
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

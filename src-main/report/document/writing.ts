/** What every section is written with, and how a finding is written. */
import { evidenceRow } from '../../../src-shared/evidence.ts';
import type { Finding, Verdict } from '../../../src-shared/domain/verdict.ts';
import { pageFormat } from '../../../src-shared/messages/page-format.ts';
import { findingSentences, termIn, type Language, type Words } from '../../../src-shared/report-words/words.ts';
import { overrideOf } from '../overrides.ts';
import type { ReportRecord } from '../record.ts';
import type { Block, FindingBlock } from './blocks.ts';
import type { Figures } from './figures.ts';

export interface Writing {
  readonly record: ReportRecord;
  readonly words: Words;
  readonly figures: Figures;
  readonly language: Language;
}

/** A finding with all that must come with a verdict. In another language the recorded English stands below. */
export function findingBlock(finding: Finding, subject: string, writing: Writing): FindingBlock {
  const { words, figures, language } = writing;
  const said = findingSentences(finding, language);
  const lines: (readonly [string, string])[] = [
    [words['verdict.rests-on'], evidenceText(finding, language)],
    [words['verdict.would-change'], (said ?? finding).wouldChange],
  ];
  const decided = decisionText(finding, writing);
  if (decided !== null) lines.unshift([words['verdict.decided'], decided]);
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

/** What an analyst decided instead, with who, when and why; null where nobody did. */
export function decisionText(finding: Finding, { record, words, figures }: Writing): string | null {
  const override = overrideOf(record.decisions, finding.subject, finding.name ?? '');
  if (override === null) return null;
  const { value, reason, who, at } = override;
  return `${words[`verdict.${value as Verdict}`] ?? value}: ${reason} (${who}, ${figures.time(at)})`;
}

/** The numbers a claim rests on; long lists are cut, which the text says. */
export function evidenceText(finding: Finding, language: Language): string {
  const entries = Object.entries(finding.evidence).map(([name, value]) => {
    const { words, shown } = evidenceRow(name, value, language === 'de' ? pageFormat('de-DE') : undefined);
    // The renderers spell out invisible characters by themselves.
    return `${termIn(language, words)} ${typeof value === 'string' ? value : shown}`;
  });
  return entries.length === 0 ? '–' : entries.join('; ');
}

/** Rows listed in a table before it refers to the file that has them all. */
export const tableRows = 60;

/** Says which file has the rows that a table leaves out. */
export function rest(
  total: number,
  shown: number,
  where: string,
  { words, figures }: Pick<Writing, 'words' | 'figures'>,
): Block[] {
  if (total <= shown) return [];
  const text = words['rest.of']({ shown: figures.count(shown), total: figures.count(total), where });
  return [{ kind: 'text', text, quiet: true }];
}

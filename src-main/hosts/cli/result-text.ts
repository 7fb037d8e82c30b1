/** What a finished audit says on stdout: the verdict in a sentence, the evidence, what was not looked at, where the files are. */
import { relative } from 'node:path';
import type { AuditResult } from '../../../src-shared/domain/result.ts';
import type { Finding, Verdict } from '../../../src-shared/domain/verdict.ts';
import { evidenceRow } from '../../../src-shared/evidence.ts';
import { opinionWordsEn } from '../../../src-shared/opinion-words.ts';
import { visibleName } from '../../../src-shared/text.ts';

export interface WrittenFile {
  readonly path: string;
  readonly purpose: string;
}

const words: Record<Verdict, string> = {
  trusted: 'TRUSTED',
  suspicious: 'SUSPICIOUS',
  inconclusive: 'INCONCLUSIVE',
  'not-examined': 'NOT EXAMINED',
};

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function findingLines(title: string, finding: Finding): string[] {
  const confidence = finding.confidence === null ? '' : `, confidence ${finding.confidence.toFixed(2)}`;
  const lines = [`${title}: ${words[finding.verdict]}${confidence}`, `  ${visibleName(finding.claim)}`];
  for (const [name, value] of Object.entries(finding.evidence)) {
    const { words: what, shown } = evidenceRow(name, value);
    lines.push(`    ${what}: ${shown}`);
  }
  if (finding.wouldChange !== '') lines.push(`  What would change this: ${visibleName(finding.wouldChange)}`);
  return lines;
}

function accuracySentence({ guardSamples, probeAccuracy, sanitizedAccuracy }: AuditResult['outcome']): string {
  if (probeAccuracy === null || sanitizedAccuracy === null) {
    return 'Sanitized model: its accuracy could not be measured; no clean sample was left to hold out.';
  }
  return (
    `Sanitized model: accuracy ${percent(sanitizedAccuracy)} on ${guardSamples} held-out clean samples ` +
    `(undefended probe ${percent(probeAccuracy)}).`
  );
}

/** What other detectors said, one line each; nothing where none were asked. */
function opinionLines({ opinions, dataset }: AuditResult): string[] {
  const ran = opinions?.filter(({ state }) => state === 'run') ?? [];
  if (ran.length === 0) return [];
  const lines = ran.map(({ id, flagged, scored, subject, alarm, classes, agreement }) => {
    const named = classes.flatMap((one) =>
      one.alarm ? [visibleName(dataset.classes[one.classIndex]?.name ?? '')] : [],
    );
    const said =
      subject === 'encoder'
        ? alarm === true
          ? 'alarm'
          : 'no alarm'
        : `flags ${flagged} of ${scored} ${subject}${named.length > 0 ? `, alarm for ${named.join(', ')}` : ''}`;
    const agrees =
      agreement === null
        ? ''
        : `; ${agreement.both} of ${agreement.audit} ${agreement.with === 'suspects' ? 'suspects' : 'untrusted channels'} (by chance ${agreement.byChance.toFixed(1)})`;
    return `  ${opinionWordsEn[id].name}: ${said}${agrees}`;
  });
  return ['', 'Second opinions (they do not change the verdict):', ...lines];
}

/** One sentence: the first line a reader sees. */
export function verdictSentence(result: AuditResult): string {
  const { encoder, dataset, notExamined } = result.verdict;
  const bad = [
    encoder.verdict === 'suspicious' ? 'the encoder' : null,
    dataset.verdict === 'suspicious' ? 'the dataset' : null,
  ].filter((name) => name !== null);
  if (bad.length > 0) return `Do not trust ${bad.join(' and ')} as given; use the sanitized model.`;
  if (encoder.verdict === 'trusted' && dataset.verdict === 'trusted' && notExamined.length === 0) {
    return 'Nothing suspicious was found in the encoder or the dataset.';
  }
  return 'Nothing suspicious was found in what was examined, but not everything could be judged; see below.';
}

/**
 * @param suspects length of the suspect list
 * @param cwd folder that paths are shown relative to
 */
export function resultText(result: AuditResult, suspects: number, files: readonly WrittenFile[], cwd: string): string {
  const { verdict, outcome, sifting, dataset } = result;
  const lines: string[] = [verdictSentence(result), ''];
  lines.push(...findingLines(`Encoder ${visibleName(result.encoder.file)}`, verdict.encoder), '');
  lines.push(...findingLines(`Dataset ${visibleName(dataset.path)}`, verdict.dataset), '');
  const classes = verdict.classes.filter((finding) => finding.verdict !== 'trusted');
  for (const finding of classes) lines.push(...findingLines(`Class ${visibleName(finding.name ?? '')}`, finding), '');

  lines.push(accuracySentence(outcome));
  lines.push(`Sifted ${sifting.seeds} seeds and a clean pool of ${sifting.pool} from ${dataset.samples} samples.`);
  if (suspects === 1) lines.push('1 sample is on the suspect list (sifted-set.csv).');
  if (suspects > 1) lines.push(`${suspects} samples are on the suspect list (sifted-set.csv).`);

  lines.push(...opinionLines(result));

  if (verdict.notExamined.length > 0) {
    lines.push('', 'Not examined:');
    for (const item of verdict.notExamined) {
      lines.push(`  ${visibleName(item.what)}: ${visibleName(item.detail)} [${visibleName(item.reason)}]`);
    }
  }
  lines.push('', 'Files:');
  const shown = files.map((file) => {
    const local = relative(cwd, file.path);
    return { path: local.startsWith('..') ? file.path : local, purpose: file.purpose };
  });
  const width = Math.max(0, ...shown.map((file) => file.path.length));
  for (const file of shown) lines.push(`  ${file.path.padEnd(width)}  ${file.purpose}`);
  return `${lines.join('\n')}\n`;
}

/** The sections after the findings: mappings, limits, log, integrity, reproduction, glossary. */
import type { DecisionAct, DecisionSubject } from '../../../src-shared/domain/decision.ts';
import type { Verdict } from '../../../src-shared/domain/verdict.ts';
import type { Section } from './blocks.ts';
import type { Writing } from './writing.ts';

export function mappingSection({ record, words }: Writing): Section {
  return {
    id: 'mappings',
    name: words['section.mappings'],
    claim: words['mappings.claim'],
    blocks: [
      {
        kind: 'table',
        caption: words['table.mappings'],
        heads: [
          { name: words['column.framework'] },
          { name: words['column.point'], kind: 'word' },
          { name: words['column.about'] },
          { name: words['column.evidence-for'] },
        ],
        rows: record.mappings.map((one) => [
          `${one.framework}, ${one.edition}`,
          one.reference,
          one.subject,
          one.sections.map((id) => words[`section.${id}`]).join(', '),
        ]),
      },
    ],
  };
}

export function riskSection({ record, words }: Writing): Section {
  const { limits, reauditWhen } = record.residualRisk;
  return {
    id: 'risk',
    name: words['section.risk'],
    claim: words['risk.claim'],
    blocks: [
      { kind: 'heading', text: words['risk.limits'] },
      { kind: 'list', items: limits.map((code) => words[`limit.${code}`]) },
      { kind: 'heading', text: words['risk.reaudit'] },
      { kind: 'list', items: reauditWhen.map((code) => words[`again.${code}`]) },
    ],
  };
}

export function logSection({ record, words, figures }: Writing): Section {
  const { log, decisions } = record;
  const total = log.reduce((sum, line) => sum + (line.seconds ?? 0), 0);
  const resumed = log.filter((line) => line.what === 'resumed').length;
  return {
    id: 'log',
    name: words['section.log'],
    claim: words['log.claim']({
      n: log.length,
      entries: figures.count(log.length),
      seconds: total > 0 ? figures.seconds(total) : '',
      resumed: figures.count(resumed),
      decisions: figures.count(decisions.length),
    }),
    blocks: [
      ...(log.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              caption: words['table.log'],
              heads: [
                { name: words['column.time'], kind: 'word' as const },
                { name: words['column.what'], kind: 'word' as const },
                { name: words['column.detail'] },
                { name: words['column.took'], kind: 'number' as const },
              ],
              rows: log.map((line) => [figures.time(line.at), line.what, line.detail, figures.seconds(line.seconds)]),
            },
          ]),
      ...(decisions.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              caption: words['table.decisions'],
              heads: [
                { name: words['column.time'], kind: 'word' as const },
                { name: words['column.who'] },
                { name: words['column.about'] },
                { name: words['column.act'] },
                { name: words['field.reason'] },
              ],
              rows: decisions.map((one) => [
                figures.time(one.at),
                one.who,
                `${words[`decided.${one.subject as DecisionSubject}`] ?? one.subject} ${one.key}`,
                `${words[`act.${one.act as DecisionAct}`] ?? one.act} ${words[`verdict.${one.value as Verdict}`] ?? one.value}`,
                one.reason,
              ]),
            },
          ]),
    ],
  };
}

export function integritySection({ record, words, figures }: Writing): Section {
  const { journal, outputs, baseline } = record;
  const commands = [
    [words['verify.folder'], 'coresift verify <folder>'],
    [words['verify.pack'], 'coresift verify pack.zip --key public.pem'],
    [words['verify.plain'], 'sha256sum --check MANIFEST.sha256'],
    [words['verify.project'], 'coresift verify <project folder>'],
  ] as const;
  return {
    id: 'integrity',
    name: words['section.integrity'],
    claim: words['integrity.claim']({ n: figures.count(outputs.length) }),
    blocks: [
      ...(outputs.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              caption: words['table.outputs'],
              heads: [
                { name: words['column.file'] },
                { name: words['column.purpose'] },
                { name: words['column.size'], kind: 'number' as const },
                { name: words['field.sha256'] },
              ],
              rows: outputs.map((file) => [file.path, file.what, figures.bytes(file.bytes), { digest: file.sha256 }]),
            },
          ]),
      {
        kind: 'facts',
        items: [
          [words['integrity.project'], journal.projectId],
          [words['integrity.run'], record.run.id],
          [
            words['integrity.head'],
            words['integrity.entry']({ seq: String(journal.head.seq), hash: journal.head.hash }),
          ],
          [words['integrity.work'], { digest: journal.runDigest }],
          ...(baseline === null
            ? []
            : [[words['integrity.baseline'], `${baseline.reportId}, SHA-256 ${baseline.sha256}`] as const]),
        ],
      },
      { kind: 'text', text: words['integrity.work-note'], quiet: true },
      { kind: 'text', text: words['integrity.chain'], quiet: true },
      { kind: 'heading', text: words['integrity.verify'] },
      ...commands.map(([what, code]) => ({ kind: 'code' as const, what, code })),
    ],
  };
}

export function reproductionSection({ record, words }: Writing): Section {
  const { command, expects } = record.reproduction;
  return {
    id: 'reproduction',
    name: words['section.reproduction'],
    claim: words['reproduction.claim'],
    blocks: [
      { kind: 'code', what: words['section.reproduction'], code: command },
      {
        kind: 'table',
        caption: words['table.expects'],
        heads: [{ name: words['column.what'] }, { name: words['field.sha256'] }],
        rows: expects.map((one) => [one.what, { digest: one.sha256 }]),
      },
    ],
  };
}

export function glossarySection({ words }: Writing): Section {
  return {
    id: 'glossary',
    name: words['section.glossary'],
    claim: words['glossary.claim'],
    blocks: [
      {
        kind: 'list',
        items: [
          words['word.encoder'],
          words['word.tap'],
          words['word.sifting'],
          words['word.seed'],
          words['word.mask'],
          words['word.channels'],
          words['word.guidance'],
          words['word.suspect'],
          words['word.sanitized'],
          words['word.escape'],
        ],
      },
    ],
  };
}

/** The sections before the findings: summary, subject, threat model, method, environment, what was not examined. */
import type { DeclaredSubject, Party } from '../../../src-shared/domain/declarations.ts';
import type { Block, Cell, Section } from './blocks.ts';
import { findingBlock, type Writing } from './writing.ts';

type Fact = readonly [name: string, value: Cell];

export function summarySection(writing: Writing): Section {
  const { record, words, figures } = writing;
  const { verdict, declarations, samples, channels, outcome } = record;
  const kept = channels.layers.reduce((sum, layer) => sum + layer.kept, 0);
  const all = channels.layers.reduce((sum, layer) => sum + layer.channels, 0);
  const party = (one: Party | null): string =>
    one === null
      ? words['party.undeclared']
      : [one.person, one.role, one.organisation].filter((part) => part !== null).join(', ');
  const { signOff, thirdParty, validUntil } = declarations;
  const signed =
    signOff.signatories.length === 0
      ? [words['summary.unsigned']]
      : signOff.signatories.map((one) => words['summary.signed']({ ...one, at: figures.time(one.at) }));
  return {
    id: 'summary',
    name: words['section.summary'],
    claim: words['summary.claim']({
      encoder: words[`verdict.${verdict.encoder.verdict}`],
      dataset: words[`verdict.${verdict.dataset.verdict}`],
    }),
    blocks: [
      {
        kind: 'findings',
        findings: [
          findingBlock(verdict.encoder, words['subject.encoder'], writing),
          findingBlock(verdict.dataset, words['subject.dataset'], writing),
        ],
      },
      { kind: 'heading', text: words['summary.recommended'] },
      { kind: 'list', items: record.residualRisk.recommendations.map((code) => words[`do.${code}`]) },
      {
        kind: 'pair',
        blocks: [
          {
            kind: 'facts',
            items: [
              [words['summary.suspects'], `${figures.count(samples.suspects.total)} / ${figures.count(samples.total)}`],
              [words['summary.kept'], `${figures.count(kept)} / ${figures.count(all)}`],
              [words['model.sanitized'], figures.percent(outcome.sanitizedAccuracy)],
              [words['model.probe'], figures.percent(outcome.probeAccuracy)],
              [words['summary.unseen'], figures.count(record.scope.notExamined.length)],
            ],
          },
          {
            kind: 'facts',
            items: [
              [words['party.assessor'], party(declarations.assessor)],
              [words['party.reviewer'], party(declarations.reviewer)],
              [words['party.commissioned'], party(declarations.commissionedBy)],
              [
                words['party.independent'],
                thirdParty === null ? words['party.undeclared'] : words[thirdParty ? 'yes' : 'no'],
              ],
              [words['party.validUntil'], validUntil ?? words['party.undeclared']],
            ],
          },
        ],
      },
      ...signed.map((text): Block => ({ kind: 'text', text })),
      ...(signOff.statement === null ? [] : [{ kind: 'text' as const, text: signOff.statement }]),
      ...(record.document.redacted ? [{ kind: 'text' as const, text: words['summary.redacted'] }] : []),
    ],
  };
}

export function subjectSection({ record, words, figures }: Writing): Section {
  const { encoder, dataset } = record.subject;
  const { declarations, sifting, channels } = record;
  const { input, normalisation, representation } = encoder;
  const numbers = (values: readonly number[] | null): string =>
    values === null ? words.none : values.map((value) => Number(value.toPrecision(5))).join(', ');
  const used = sifting.taps.filter((tap) => tap.used);
  const unreadable = dataset.unreadable.slice(0, 40);
  const declared: Fact[] = [
    ...declaredFacts(declarations.encoder, words['subject.encoder'], words),
    ...present(words['field.pretraining'], declarations.encoder.pretrainingData),
    ...present(words['field.signature'], declarations.encoder.signature),
    ...declaredFacts(declarations.dataset, words['subject.dataset'], words),
    ...present(words['field.split'], declarations.dataset.split),
    ...present(words['field.labels'], declarations.dataset.labelSource),
  ];
  return {
    id: 'subject',
    name: words['section.subject'],
    claim: words['subject.claim']({
      n: dataset.samples,
      samples: figures.count(dataset.samples),
      classes: figures.count(dataset.classes.length),
      parameters: figures.count(encoder.parameters),
    }),
    blocks: [
      { kind: 'heading', text: words['subject.encoder'] },
      {
        kind: 'facts',
        items: [
          [words['field.file'], encoder.file],
          [words['field.sha256'], { digest: encoder.sha256 }],
          [words['field.size'], figures.bytes(encoder.bytes)],
          [
            words['field.format'],
            words['format.file']({
              format: encoder.format,
              architecture: encoder.architecture?.name ?? '',
              opset: encoder.opset === null ? '' : String(encoder.opset),
              producer: encoder.producer,
            }),
          ],
          [
            words['field.structure'],
            words['structure.nodes']({ family: encoder.family, nodes: figures.count(encoder.nodes) }),
          ],
          [words['field.input'], `${input.channels} × ${input.height} × ${input.width}`],
          [
            words['field.normalisation'],
            words['normalisation.values']({
              mean: numbers(normalisation.mean),
              std: numbers(normalisation.std),
              source: normalisation.source,
            }),
          ],
          [
            words['field.representation'],
            words['representation.values']({
              tensor: representation.tensor,
              dim: figures.count(representation.dim),
              how: representation.how,
            }),
          ],
          [words['field.taps'], encoder.taps.map((tap) => tap.label).join('; ')],
          [words['field.restored'], figures.count(encoder.restoredNorms)],
        ],
      },
      { kind: 'heading', text: words['subject.dataset'] },
      {
        kind: 'facts',
        items: [
          [words['field.path'], dataset.path],
          [words['field.sha256'], { digest: dataset.sha256 }],
          [words['field.format'], dataset.format],
          ...(dataset.notes.length === 0 ? [] : [[words['field.reading'], dataset.notes.join('; ')] as const]),
          [words['field.samples'], figures.count(dataset.samples)],
          [words['field.duplicates'], figures.count(dataset.duplicates)],
          [words['field.unreadable'], figures.count(dataset.unreadable.length)],
          [
            words['field.classes'],
            dataset.classes
              .slice(0, 60)
              .map((one) => `${one.name} (${figures.count(one.count)})`)
              .join(', ') + (dataset.classes.length > 60 ? ', …' : ''),
          ],
        ],
      },
      ...(unreadable.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              caption: words['table.unreadable'],
              heads: [{ name: words['field.name'] }, { name: words['field.reason'] }],
              rows: unreadable.map((item) => [item.name, item.reason]),
            },
          ]),
      ...(declared.length === 0
        ? []
        : [
            { kind: 'heading' as const, text: words['subject.declared'] },
            { kind: 'facts' as const, items: declared },
          ]),
      { kind: 'heading', text: words['subject.examined'] },
      {
        kind: 'list',
        items: [
          words['examined.samples']({
            samples: figures.count(record.samples.total),
            classes: figures.count(dataset.classes.length),
          }),
          words['examined.graph']({
            nodes: figures.count(encoder.nodes),
            parameters: figures.count(encoder.parameters),
            format: encoder.format,
          }),
          words['examined.taps']({
            used: String(used.length),
            taps: String(sifting.taps.length),
            labels: used.length === 0 ? words.none : used.map((tap) => tap.label).join(', '),
          }),
          words['examined.channels']({
            channels: figures.count(channels.layers.reduce((sum, layer) => sum + layer.channels, 0)),
            layers: figures.count(channels.layers.length),
          }),
        ],
      },
      { kind: 'heading', text: words['subject.assumed'] },
      {
        kind: 'list',
        items: [
          words['assumed.no-holdout'],
          words['assumed.guard'],
          words['assumed.majority'],
          words['assumed.trusted'],
        ],
      },
    ],
  };
}

function declaredFacts(declared: DeclaredSubject, subject: string, words: Writing['words']): Fact[] {
  const of = (name: string, value: string | null): Fact[] => present(`${subject}: ${name}`, value);
  return [
    ...of(words['field.name'], declared.name),
    ...of(words['field.version'], declared.version),
    ...of(words['field.supplier'], declared.supplier),
    ...of(words['field.source'], declared.source),
    ...of(words['field.licence'], declared.licence),
  ];
}

function present(name: string, value: string | null): Fact[] {
  return value === null ? [] : [[name, value]];
}

export function threatSection({ record, words }: Writing): Section {
  const { threats, attacker, taxonomies } = record.threatModel;
  return {
    id: 'threats',
    name: words['section.threats'],
    claim: words['threats.claim'],
    blocks: [
      { kind: 'list', items: threats.map((code) => words[`threat.${code}`]) },
      { kind: 'heading', text: words['threats.attacker'] },
      {
        kind: 'facts',
        items: [
          [words['threats.stage'], attacker.stage.join(', ')],
          [words['threats.goal'], attacker.goal.join(', ')],
          [words['threats.capability'], attacker.capability.join(', ')],
          [words['threats.knowledge'], attacker.knowledge],
        ],
      },
      {
        kind: 'table',
        caption: words['table.taxonomies'],
        heads: [
          { name: words['column.id'], kind: 'word' },
          { name: words['field.name'] },
          { name: words['column.taxonomy'] },
        ],
        rows: taxonomies.flatMap((one) =>
          one.taxa.map((taxon) => [taxon.id, taxon.name, `${one.title}, ${one.version}`]),
        ),
      },
    ],
  };
}

export function methodSection({ record, words, figures }: Writing): Section {
  const { method, run } = record;
  const chosen = Object.entries(method.parameters);
  const by = (who: string): string => figures.count(chosen.filter(([, one]) => one.chosenBy === who).length);
  return {
    id: 'method',
    name: words['section.method'],
    claim: words['method.claim']({
      all: figures.count(chosen.length),
      analyst: by('analyst'),
      preset: by('preset'),
    }),
    blocks: [
      {
        kind: 'facts',
        items: [
          [words['method.name'], method.name],
          [words['method.reference'], method.reference],
          [words['method.mode'], `${run.mode}, ${run.preset}`],
          [words['method.seed'], String(run.seed)],
          [words['method.device'], run.device],
          [words['method.precision'], method.precision],
          [words['method.stopping'], method.stopping],
        ],
      },
      {
        kind: 'table',
        caption: words['table.parameters'],
        heads: [
          { name: words['column.parameter'] },
          { name: words['column.value'] },
          { name: words['column.chosen'], kind: 'word' },
        ],
        rows: chosen.map(([name, one]) => [name, String(one.value), words[`chosen.${one.chosenBy}`]]),
      },
    ],
  };
}

export function environmentSection({ record, words }: Writing): Section {
  return {
    id: 'environment',
    name: words['section.environment'],
    claim: words['environment.claim'],
    blocks: [
      {
        kind: 'facts',
        items: [
          [words['environment.tool'], `${record.tool.name} ${record.tool.version}`],
          ...Object.entries(record.environment).map(
            ([name, value]) => [name, value === null ? '–' : String(value)] as const,
          ),
        ],
      },
    ],
  };
}

export function notExaminedSection({ record, words, figures }: Writing): Section {
  const { notExamined } = record.scope;
  return {
    id: 'not-examined',
    name: words['section.not-examined'],
    claim: words['unseen.claim']({ n: notExamined.length, count: figures.count(notExamined.length) }),
    blocks:
      notExamined.length === 0
        ? []
        : [
            {
              kind: 'table',
              caption: words['table.unseen'],
              heads: [
                { name: words['column.what'] },
                { name: words['field.reason'], kind: 'word' },
                { name: words['column.detail'] },
              ],
              rows: notExamined.map((item) => [item.what, item.reason, item.detail]),
            },
          ],
  };
}

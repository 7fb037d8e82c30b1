/** report.sarif: the findings as SARIF 2.1.0 (OASIS), for tools that read results of static analysis. */
import { createHash } from 'node:crypto';
import type { Finding, Verdict } from '../../src-shared/domain/verdict.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import { overrideOf } from './overrides.ts';
import { plainJson } from './plain-json.ts';
import type { DecisionLine, ReportRecord } from './record.ts';
import { taxaOf, taxonomies, type TaxonRef } from './taxonomies.ts';

type Members = { readonly [key: string]: Json };
interface Result {
  readonly rule: RuleId;
  /** Stable name of what the result is about, for fingerprints and comparison. */
  readonly key: string;
  readonly kind: 'pass' | 'fail' | 'open' | 'review' | 'notApplicable';
  readonly level: 'none' | 'warning' | 'error';
  readonly message: string;
  readonly locations: readonly Json[];
  readonly taxa: readonly TaxonRef[];
  readonly rank: number | null;
  readonly suppressions: readonly Json[];
  readonly verdict: Verdict | null;
}

const rules = {
  'encoder.patch-collapse': 'A small patch makes the encoder see different images as one.',
  'encoder.patch-drawn':
    'A small patch draws different images together in the encoder and turns them in the undefended model alone.',
  'encoder.overlay-collapse': 'A faint overlay makes the encoder see different images as one.',
  'encoder.texture-collapse': 'A small patch of some picture makes the encoder see different images as one.',
  'encoder.trigger-collapse': 'What refused samples share makes the encoder see different images as one.',
  'dataset.refused-cluster': 'A cluster of samples is fitted by the undefended model and refused by the sanitized one.',
  'class.refused-cluster':
    'A cluster of samples of one class is fitted by the undefended model and refused by the sanitized one.',
  'dataset.scattered-cluster': 'Samples of some classes are firmly refused and look like many others.',
  'class.scattered-cluster': 'Samples of one class are firmly refused and look like many others.',
  'dataset.estimated-trigger': 'What refused samples of a class have in common works as a trigger.',
  'class.estimated-trigger': 'What the refused samples of a class have in common works as a trigger.',
  'dataset.natural-kind': 'Refused samples look like a kind of their own rather than poison.',
  'class.natural-kind': 'Refused samples of a class look like a kind of their own rather than poison.',
  'dataset.encoder-trigger': 'Samples of one class show the trigger that the scan found in the encoder.',
  'class.encoder-trigger': 'Samples of this class show the trigger that the scan found in the encoder.',
  'dataset.learnt-pattern': 'A model grown from this dataset learnt a pattern from a few samples.',
  'class.learnt-pattern': 'A model grown from this dataset learnt a pattern from a few samples of this class.',
  'sample.suspect':
    'A sample that the sanitized model refuses, or that shows what those have in common; a person should look at it.',
  'file.unreadable': 'A file of the dataset could not be read.',
  'scope.not-examined': 'Something was not looked at; nothing is said of it.',
} as const;
type RuleId = keyof typeof rules | (string & {});

const kinds: Readonly<Record<Verdict, Result['kind']>> = {
  trusted: 'pass',
  suspicious: 'fail',
  inconclusive: 'open',
  'not-examined': 'notApplicable',
};

export function reportSarif(record: ReportRecord): string {
  const results = allResults(record);
  const ruleIds = [...new Set([...Object.keys(rules), ...results.map((result) => result.rule)])];
  const sarif: Json = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: record.tool.name,
            version: record.tool.version,
            semanticVersion: record.tool.version,
            rules: ruleIds.map((id) => ({
              id,
              shortDescription: text(Object.hasOwn(rules, id) ? rules[id as keyof typeof rules] : id),
            })),
            supportedTaxonomies: taxonomies.map((taxonomy, index) => ({ name: taxonomy.name, index })),
          },
        },
        automationDetails: { id: `coresift/${record.run.id}` },
        invocations: [invocation(record)],
        originalUriBaseIds: { DATASET: { description: text('The audited dataset.') } },
        artifacts: artifacts(record),
        taxonomies: taxonomies.map(({ name, title, organisation, version, taxa }) => ({
          name,
          version,
          organization: organisation,
          fullName: title,
          shortDescription: text(title),
          taxa: taxa.map((taxon) => ({ id: taxon.id, name: taxon.name, shortDescription: text(taxon.name) })),
        })),
        results: [...results.map((result) => resultJson(result, ruleIds, record)), ...absent(results, ruleIds, record)],
        ...(record.document.redacted ? { redactionTokens: ['redacted'] } : {}),
        properties: { reportId: record.reportId, runDigest: record.journal.runDigest },
      },
    ],
  };
  return plainJson(sarif);
}

function allResults(record: ReportRecord): Result[] {
  const { verdict, samples, fileFindings, scope } = record;
  return [
    ...[verdict.encoder, verdict.dataset, ...verdict.classes].map((finding) => findingResult(finding, record)),
    ...samples.suspects.listed.map((suspect): Result => {
      const name = visibleName(suspect.name);
      return {
        rule: 'sample.suspect',
        key: `sample.suspect/${suspect.index}`,
        kind: 'review',
        level: 'none',
        message: `Sample ${suspect.index}, labelled "${visibleName(suspect.className)}", is seen as "${visibleName(suspect.predictedClass)}" by the sanitized model (${suspect.reason}).`,
        locations: [
          {
            physicalLocation: { artifactLocation: { uri: relativeUri(suspect.name), uriBaseId: 'DATASET' } },
            logicalLocations: [{ name, index: 0, kind: 'member' }].map(({ name: member, kind }) => ({
              name: member,
              kind,
            })),
          },
        ],
        taxa: taxaOf('dataset'),
        rank: 100 * (1 - (suspect.rank - 1) / Math.max(1, samples.suspects.total)),
        suppressions: suppressions(record.decisions, 'sample', String(suspect.index)),
        verdict: 'suspicious',
      };
    }),
    ...fileFindings.map((finding): Result => ({
      rule: finding.rule,
      key: `${finding.rule}/${finding.file}`,
      kind: 'fail',
      level: finding.severity === 'note' ? 'warning' : finding.severity,
      message: `${visibleName(finding.file)}: ${visibleName(finding.detail)}${finding.offset === null ? '' : ` (byte ${finding.offset})`}`,
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: relativeUri(finding.file), uriBaseId: 'DATASET' },
            ...(finding.offset === null ? {} : { region: { byteOffset: finding.offset } }),
          },
        },
      ],
      taxa: taxaOf('file'),
      rank: null,
      suppressions: [],
      verdict: null,
    })),
    ...scope.notExamined.map((item): Result => ({
      rule: 'scope.not-examined',
      key: `scope.not-examined/${item.reason}/${item.what}`,
      kind: 'notApplicable',
      level: 'none',
      message: `${visibleName(item.what)}: ${visibleName(item.detail)} (${item.reason})`,
      locations: [],
      taxa: [],
      rank: null,
      suppressions: [],
      verdict: 'not-examined',
    })),
  ];
}

function findingResult(finding: Finding, record: ReportRecord): Result {
  const kind = kinds[finding.verdict];
  const isEncoder = finding.subject === 'encoder';
  const name = finding.name === null ? finding.subject : visibleName(finding.name);
  return {
    rule: finding.code,
    key: findingKey(finding),
    kind,
    level: kind === 'fail' ? 'error' : 'none',
    message: `${visibleName(finding.claim)} What would change this: ${visibleName(finding.wouldChange)}`,
    locations: [
      {
        physicalLocation: { artifactLocation: { index: isEncoder ? 0 : 1 } },
        logicalLocations: [{ name, kind: finding.subject === 'class' ? 'type' : 'module' }],
      },
    ],
    taxa: taxaOf(finding.subject),
    rank: finding.confidence === null ? null : 100 * finding.confidence,
    suppressions: suppressions(record.decisions, finding.subject, finding.name ?? ''),
    verdict: finding.verdict,
  };
}

/** What a finding is called when two audits are compared. */
export function findingKey(finding: Pick<Finding, 'code' | 'name'>): string {
  return finding.name === null ? finding.code : `${finding.code}/${finding.name}`;
}

/** An override that holds is a suppression that names who decided and why. */
function suppressions(decisions: readonly DecisionLine[], subject: string, key: string): Json[] {
  const override = overrideOf(decisions, subject, key);
  if (override === null) return [];
  const { who, at, value, reason } = override;
  return [
    {
      kind: 'external',
      status: 'accepted',
      justification: `${visibleName(who)} (${at}): ${visibleName(value)}. ${visibleName(reason)}`,
    },
  ];
}

function resultJson(result: Result, ruleIds: readonly string[], record: ReportRecord): Json {
  const { rule, key, kind, level, message, locations, taxa, rank } = result;
  const state = baselineState(result, record);
  return {
    ruleId: rule,
    ruleIndex: ruleIds.indexOf(rule),
    kind,
    level,
    message: text(message),
    ...(locations.length === 0 ? {} : { locations }),
    partialFingerprints: { 'coresift/v1': fingerprint(key) },
    ...(state === null ? {} : { baselineState: state }),
    ...(rank === null ? {} : { rank: Math.round(rank * 10) / 10 }),
    ...(result.suppressions.length === 0 ? {} : { suppressions: result.suppressions }),
    taxa: taxa.map(taxonReference),
    ...(result.verdict === null ? {} : { properties: { verdict: result.verdict } }),
  };
}

function baselineState({ key, verdict }: Result, { baseline }: ReportRecord): string | null {
  if (baseline === null) return null;
  const earlier = baseline.findings.find((one) => one.key === key);
  if (earlier === undefined) return 'new';
  return earlier.verdict === verdict ? 'unchanged' : 'updated';
}

/** What the earlier audit found and this one no longer lists. */
function absent(results: readonly Result[], ruleIds: string[], { baseline }: ReportRecord): Json[] {
  const now = new Set(results.map((result) => result.key));
  return (baseline?.findings ?? [])
    .filter((one) => !now.has(one.key))
    .map((one) => {
      const rule = one.key.split('/')[0];
      return {
        ruleId: rule,
        ...(ruleIds.includes(rule) ? { ruleIndex: ruleIds.indexOf(rule) } : {}),
        kind: kinds[one.verdict],
        level: one.verdict === 'suspicious' ? 'error' : 'none',
        message: text(`In the earlier audit, no longer in this one: ${visibleName(one.key)}.`),
        partialFingerprints: { 'coresift/v1': fingerprint(one.key) },
        baselineState: 'absent',
      };
    });
}

function taxonReference({ taxonomy, id }: TaxonRef): Json {
  const index = taxonomies.findIndex((one) => one.name === taxonomy);
  const taxon = taxonomies[index].taxa.findIndex((one) => one.id === id);
  return { id, index: taxon, toolComponent: { name: taxonomy, index } };
}

function invocation(record: ReportRecord): Members {
  const end = record.log.at(-1)?.at ?? record.createdAt;
  const notifications = record.log
    .filter((line) => line.what === 'warning')
    .map((line) => ({ level: 'warning', timeUtc: line.at, message: text(visibleName(line.detail)) }));
  return {
    executionSuccessful: true,
    startTimeUtc: record.run.startedAt,
    endTimeUtc: end < record.run.startedAt ? record.run.startedAt : end,
    ...(notifications.length === 0 ? {} : { toolExecutionNotifications: notifications }),
  };
}

function artifacts(record: ReportRecord): Json[] {
  const { encoder, dataset } = record.subject;
  return [
    {
      description: text('The audited encoder.'),
      location: { uri: relativeUri(lastPart(encoder.file)) },
      length: encoder.bytes,
      roles: ['analysisTarget'],
      hashes: { 'sha-256': encoder.sha256 },
    },
    {
      description: text('The audited dataset; its digest is over the sorted names and digests of its items.'),
      location: { uri: relativeUri(lastPart(dataset.path)) },
      roles: ['analysisTarget', 'directory'],
      hashes: { 'sha-256': dataset.sha256 },
    },
    ...record.outputs.map((file) => ({
      description: text(file.what),
      location: { uri: relativeUri(file.path) },
      length: file.bytes,
      roles: ['added'],
      hashes: { 'sha-256': file.sha256 },
    })),
  ];
}

function fingerprint(key: string): string {
  return createHash('sha256').update(key.toWellFormed()).digest('hex');
}

/** Plain text message (3.11.5, 3.11.6): brackets and braces would be read as links and placeholders. */
function text(plain: string): Members {
  return {
    text: plain
      .toWellFormed()
      .replace(/[\\[\]]/g, (c) => `\\${c}`)
      .replace(/[{}]/g, (c) => c + c),
  };
}

/** RFC 3986 relative reference of a name with forward slashes: no character of it is syntax. */
function relativeUri(name: string): string {
  const parts = name.toWellFormed().replaceAll('\\', '/').split('/');
  const encoded = parts.map((part) =>
    part === '.' || part === '..' ? part.replaceAll('.', '%2E') : encodeURIComponent(part),
  );
  return encoded.filter((part, i) => part !== '' || i > 0).join('/');
}

function lastPart(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}

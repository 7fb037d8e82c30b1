/** bom.cdx.json: the audit as a CycloneDX ML-BOM, 1.6 or 1.7 (ECMA-424): models, dataset, pedigree, declarations. */
import type { CycloneDxVersion } from '../../src-shared/domain/report-order.ts';
import type { Finding, Verdict } from '../../src-shared/domain/verdict.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import type { DeclaredSubject, Party } from '../../src-shared/domain/declarations.ts';
import { overrideOf } from './overrides.ts';
import { plainJson } from './plain-json.ts';
import type { DecisionLine, ReportRecord } from './record.ts';
import { taxaOf } from './taxonomies.ts';

type Members = Record<string, Json>;

const refs = { encoder: 'encoder', dataset: 'dataset', sanitized: 'sanitized', assessor: 'assessor' } as const;

export function reportCycloneDx(record: ReportRecord, version: CycloneDxVersion = '1.6'): string {
  const bom: Json = {
    $schema: `http://cyclonedx.org/schema/bom-${version}.schema.json`,
    bomFormat: 'CycloneDX',
    specVersion: version,
    serialNumber: `urn:uuid:${record.reportId}`,
    version: 1,
    metadata: {
      timestamp: record.createdAt,
      tools: { components: [{ type: 'application', name: record.tool.name, version: record.tool.version }] },
      ...(record.declarations.assessor === null ? {} : { authors: [contact(record.declarations.assessor)] }),
      component: sanitized(record),
      properties: [
        { name: 'coresift:report', value: record.reportId },
        { name: 'coresift:run', value: record.run.id },
        { name: 'coresift:work', value: record.journal.runDigest },
        { name: 'coresift:journal-head', value: `${record.journal.head.seq} ${record.journal.head.hash}` },
      ],
    },
    components: [encoderComponent(record), datasetComponent(record)],
    dependencies: [
      { ref: refs.sanitized, dependsOn: [refs.encoder, refs.dataset] },
      { ref: refs.encoder },
      { ref: refs.dataset },
    ],
    vulnerabilities: vulnerabilities(record),
    ...declarations(record),
  };
  return plainJson(bom);
}

function encoderComponent(record: ReportRecord): Members {
  const { encoder } = record.subject;
  const declared = record.declarations.encoder;
  return {
    type: 'machine-learning-model',
    'bom-ref': refs.encoder,
    ...identity(declared, lastPart(encoder.file)),
    description: 'The audited encoder.',
    hashes: [{ alg: 'SHA-256', content: encoder.sha256 }],
    modelCard: {
      'bom-ref': 'encoder-card',
      modelParameters: {
        task: 'feature extraction',
        architectureFamily: visibleName(encoder.family),
        ...(declared.pretrainingData === null
          ? {}
          : {
              datasets: [{ type: 'dataset', name: visibleName(declared.pretrainingData), description: 'As declared.' }],
            }),
        inputs: [{ format: imageFormat(encoder.input) }],
        outputs: [{ format: `float32 [N,${encoder.representation.dim}]` }],
      },
      properties: [
        property(
          'coresift:format',
          encoder.opset === null ? encoder.format : `${encoder.format}, opset ${encoder.opset}`,
        ),
        property('coresift:producer', encoder.producer),
        property('coresift:parameters', String(encoder.parameters)),
        property('coresift:representation', encoder.representation.tensor),
        property('coresift:normalisation', encoder.normalisation.source),
        property('coresift:verdict', record.verdict.encoder.verdict),
      ],
    },
  };
}

function datasetComponent(record: ReportRecord): Members {
  const { dataset } = record.subject;
  const declared = record.declarations.dataset;
  return {
    type: 'data',
    'bom-ref': refs.dataset,
    ...identity(declared, lastPart(dataset.path)),
    description: 'The audited downstream dataset; its hash is over the sorted names and digests of its items.',
    hashes: [{ alg: 'SHA-256', content: dataset.sha256 }],
    data: [
      {
        'bom-ref': 'dataset-data',
        type: 'dataset',
        name: visibleName(declared.name ?? lastPart(dataset.path)),
        contents: {
          properties: [
            property('samples', String(dataset.samples)),
            property('format', dataset.format),
            property('exact duplicates', String(dataset.duplicates)),
            property('unreadable', String(dataset.unreadable.length)),
            property('verdict', record.verdict.dataset.verdict),
            ...(declared.labelSource === null ? [] : [property('label source, as declared', declared.labelSource)]),
            ...(declared.split === null ? [] : [property('split, as declared', declared.split)]),
            ...dataset.classes.map((one) => property(`class ${visibleName(one.name)}`, `${one.count} samples`)),
          ],
        },
        ...(declared.supplier === null
          ? {}
          : { governance: { owners: [{ organization: { name: visibleName(declared.supplier) } }] } }),
      },
    ],
  };
}

function sanitized(record: ReportRecord): Members {
  const onnx = record.outputs.find((file) => file.path === 'sanitized.onnx');
  const { encoder, dataset } = record.subject;
  const { outcome } = record;
  const n = `${outcome.guardSamples} held-out samples of the clean pool`;
  return {
    type: 'machine-learning-model',
    'bom-ref': refs.sanitized,
    name: 'sanitized classifier',
    version: record.journal.runDigest.slice(0, 12),
    description: 'Grown from sifted samples with the untrusted channels of the encoder made anew.',
    ...(onnx === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: onnx.sha256 }] }),
    pedigree: {
      ancestors: [
        {
          type: 'machine-learning-model',
          'bom-ref': 'ancestor-encoder',
          name: visibleName(lastPart(encoder.file)),
          hashes: [{ alg: 'SHA-256', content: encoder.sha256 }],
        },
      ],
      notes: `${keptChannels(record)} channels kept; the others were made anew and trained on sifted samples only.`,
    },
    modelCard: {
      'bom-ref': 'sanitized-card',
      modelParameters: {
        approach: { type: 'supervised' },
        task: 'image classification',
        architectureFamily: visibleName(encoder.family),
        datasets: [{ ref: refs.dataset }],
        inputs: [{ format: imageFormat(encoder.input) }],
        outputs: [{ format: `float32 [N,${dataset.classes.length}] logits` }],
      },
      quantitativeAnalysis: {
        performanceMetrics: [
          metric('accuracy, undefended probe', outcome.probeAccuracy, outcome.probeInterval, n),
          metric('accuracy, sanitized model', outcome.sanitizedAccuracy, outcome.sanitizedInterval, n),
        ].filter((one) => one !== null),
      },
      considerations: { technicalLimitations: [...record.scope.assumptions] },
    },
    externalReferences: record.outputs.map((file) => ({
      type: file.path === 'sifted-set.csv' || file.path === 'channel-masks.json' ? 'evidence' : 'distribution',
      url: encodeURI(file.path.toWellFormed()),
      comment: file.what,
      hashes: [{ alg: 'SHA-256', content: file.sha256 }],
    })),
  };
}

function metric(
  type: string,
  value: number | null,
  interval: readonly [number, number] | null,
  slice: string,
): Members | null {
  if (value === null) return null;
  return {
    type,
    value: String(value),
    slice,
    ...(interval === null
      ? {}
      : { confidenceInterval: { lowerBound: String(interval[0]), upperBound: String(interval[1]) } }),
  };
}

/** A suspicious subject is exploitable; the model grown without what was suspected is resolved by its pedigree. */
function vulnerabilities(record: ReportRecord): Json[] {
  const of = (finding: Finding, ref: string): Json[] => {
    const override = overrideOf(record.decisions, finding.subject, '');
    if (finding.verdict === 'trusted' && (override === null || override.value === 'trusted')) return [];
    const id = `CORESIFT-${record.journal.runDigest.slice(0, 12)}-${finding.subject}`;
    const bad = finding.verdict === 'suspicious';
    const common = {
      id,
      source: { name: record.tool.name },
      cwes: [bad && finding.subject === 'encoder' ? 506 : 1039],
      created: record.createdAt,
      properties: taxaOf(finding.subject).map((taxon) => property(`taxonomy:${taxon.taxonomy}`, taxon.id)),
    };
    const main: Json = {
      ...common,
      'bom-ref': `${finding.subject}-finding`,
      ratings: [{ source: { name: record.tool.name }, severity: bad ? 'high' : 'unknown', method: 'other' }],
      description: visibleName(finding.claim),
      recommendation: bad ? 'Use the sanitized model instead.' : visibleName(finding.wouldChange),
      analysis: analysisOf(finding, override),
      affects: [{ ref }],
    };
    if (!bad) return [main];
    return [
      main,
      {
        ...common,
        'bom-ref': `${finding.subject}-finding-sanitized`,
        description: `What was found of the ${finding.subject}, in the sanitized model.`,
        analysis: stillFlips(finding)
          ? { state: 'in_triage', detail: 'The pattern that was found still flips answers of the sanitized model.' }
          : {
              state: 'resolved_with_pedigree',
              detail: 'It was grown without the samples and channels that were not trusted; the pedigree says how.',
            },
        affects: [{ ref: refs.sanitized }],
      },
    ];
  };
  return [...of(record.verdict.encoder, refs.encoder), ...of(record.verdict.dataset, refs.dataset)];
}

/** Share of stamped images that the sanitized model may flip, by chance and by what the square covers. */
const flipsByChance = 0.2;

function stillFlips({ evidence }: Finding): boolean {
  const share = evidence['flippedSanitized'];
  return typeof share === 'number' && share >= flipsByChance;
}

/** An analyst's decision stands above the state that the verdict gives; who decided and why is told. */
function analysisOf(finding: Finding, override: DecisionLine | null): Members {
  if (override === null) return { state: states[finding.verdict], detail: visibleName(finding.wouldChange) };
  const state = override.value === 'trusted' ? 'false_positive' : (states[override.value as Verdict] ?? 'in_triage');
  const { who, at, value, reason } = override;
  return { state, detail: `${visibleName(who)} (${at}): ${visibleName(value)}. ${visibleName(reason)}` };
}

const states: Readonly<Record<Verdict, string>> = {
  trusted: 'not_affected',
  suspicious: 'exploitable',
  inconclusive: 'in_triage',
  'not-examined': 'in_triage',
};

/** Requirements are points that the audit is evidence for. No conformance is stated: that is for the reader's own statement. */
function declarations(record: ReportRecord): Members {
  const { verdict, mappings, declarations: declared } = record;
  const claimOf = (finding: Finding, target: string): Members => ({
    'bom-ref': `claim-${finding.subject}`,
    target,
    predicate: visibleName(finding.claim),
    reasoning: visibleName(finding.wouldChange),
    evidence: [`evidence-${finding.subject}`],
  });
  const evidenceOf = (finding: Finding): Members => ({
    'bom-ref': `evidence-${finding.subject}`,
    propertyName: finding.code,
    description: `Verdict: ${finding.verdict}`,
    data: Object.entries(finding.evidence).map(([name, value]) => ({
      name,
      contents: { attachment: { contentType: 'application/json', content: JSON.stringify(value) } },
    })),
    created: record.createdAt,
    ...(declared.validUntil === null ? {} : { expires: `${declared.validUntil}T00:00:00Z` }),
    ...(declared.assessor === null ? {} : { author: contact(declared.assessor) }),
    ...(declared.reviewer === null ? {} : { reviewer: contact(declared.reviewer) }),
  });
  const byFramework = [...Map.groupBy(mappings, (one) => one.framework).entries()];
  const requirementRef = (framework: string, reference: string): string => `requirement ${framework} ${reference}`;
  const confidence = Math.min(verdict.encoder.confidence ?? 0, verdict.dataset.confidence ?? 0);
  return {
    definitions: {
      standards: byFramework.map(([framework, rows]) => ({
        'bom-ref': `standard ${framework}`,
        name: framework,
        version: rows[0].edition,
        requirements: rows.map((one) => ({
          'bom-ref': requirementRef(framework, one.reference),
          identifier: one.reference,
          title: one.subject,
        })),
      })),
    },
    declarations: {
      assessors: [
        {
          'bom-ref': refs.assessor,
          ...(declared.thirdParty === null ? {} : { thirdParty: declared.thirdParty }),
          organization: { name: visibleName(declared.assessor?.organisation ?? 'not declared') },
        },
      ],
      attestations: [
        {
          summary:
            'Evidence for the points listed. Whether they apply and are fulfilled is not stated: that is for whoever relies on it.',
          assessor: refs.assessor,
          map: mappings.map((one) => ({
            requirement: requirementRef(one.framework, one.reference),
            claims: ['claim-encoder', 'claim-dataset'],
            confidence: {
              score: confidence,
              rationale: 'The lower confidence of the two verdicts; 0 where a verdict has none.',
            },
          })),
        },
      ],
      claims: [claimOf(verdict.encoder, refs.encoder), claimOf(verdict.dataset, refs.dataset)],
      evidence: [evidenceOf(verdict.encoder), evidenceOf(verdict.dataset)],
      targets: { components: [target('encoder', record), target('dataset', record)] },
      ...(declared.signOff.statement === null
        ? {}
        : { affirmation: { statement: visibleName(declared.signOff.statement) } }),
    },
  };
}

function target(subject: 'encoder' | 'dataset', record: ReportRecord): Members {
  const name = subject === 'encoder' ? record.subject.encoder.file : record.subject.dataset.path;
  return {
    type: subject === 'encoder' ? 'machine-learning-model' : 'data',
    'bom-ref': `target-${subject}`,
    name: visibleName(lastPart(name)),
  };
}

function identity(declared: DeclaredSubject, fallback: string): Members {
  return {
    name: visibleName(declared.name ?? fallback),
    ...(declared.version === null ? {} : { version: visibleName(declared.version) }),
    ...(declared.supplier === null ? {} : { supplier: { name: visibleName(declared.supplier) } }),
    ...(declared.licence === null ? {} : { licenses: [{ license: { name: visibleName(declared.licence) } }] }),
    ...(declared.source === null ? {} : { properties: [property('source, as declared', declared.source)] }),
  };
}

function contact(party: Party): Members {
  return { name: visibleName([party.person, party.organisation].filter((one) => one !== null).join(', ')) };
}

function property(name: string, value: string): Members {
  return { name, value: visibleName(value) };
}

function imageFormat(input: { readonly channels: number; readonly height: number; readonly width: number }): string {
  return `float32 [N,${input.channels},${input.height},${input.width}]`;
}

function keptChannels({ channels }: ReportRecord): string {
  const kept = channels.layers.reduce((sum, layer) => sum + layer.kept, 0);
  return `${kept} of ${channels.layers.reduce((sum, layer) => sum + layer.channels, 0)}`;
}

function lastPart(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}

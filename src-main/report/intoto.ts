/** In-toto statements (Statement v1): where the sanitized model came from, and what was verified of it. */
import type { Json } from '../../src-shared/json.ts';
import { plainJson } from './plain-json.ts';
import type { OutputFile, ReportRecord } from './record.ts';

export const statementType = 'https://in-toto.io/Statement/v1';
export const provenanceType = 'https://slsa.dev/provenance/v1';
export const verificationType = 'https://in-toto.io/attestation/svr/v0.2';

const models: ReadonlySet<string> = new Set(['sanitized.onnx', 'sanitized.safetensors']);

/**
 * SLSA provenance v1 of the sanitized model: the encoder and the dataset went in, masks and sifted set came out beside.
 * @throws RangeError when the record names no sanitized model
 */
export function provenanceStatement(record: ReportRecord): string {
  const subject = subjects(record, (file) => models.has(file.path));
  if (subject.length === 0) throw new RangeError('the record must name a sanitized model, met none');
  const { encoder, dataset } = record.subject;
  const { request, parameters } = record.method;
  return plainJson({
    _type: statementType,
    subject,
    predicateType: provenanceType,
    predicate: {
      buildDefinition: {
        buildType: 'urn:coresift:build:bootstrapping:1',
        externalParameters: request as unknown as Json,
        internalParameters: {
          parameters: Object.fromEntries(Object.entries(parameters).map(([name, one]) => [name, one.value])),
          environment: record.environment,
        },
        resolvedDependencies: [
          { name: wellFormed(encoder.file), digest: { sha256: encoder.sha256 }, annotations: { role: 'encoder' } },
          {
            name: wellFormed(dataset.path),
            digest: { sha256: dataset.sha256 },
            annotations: { role: 'dataset', digestOf: 'sorted list of item names and digests' },
          },
        ],
      },
      runDetails: {
        builder: { id: 'urn:coresift:builder', version: { coresift: record.tool.version } },
        metadata: {
          invocationId: record.run.id,
          startedOn: record.run.startedAt,
          finishedOn: finishedAt(record),
        },
        byproducts: record.outputs.filter((file) => !models.has(file.path)).map(descriptor),
      },
    },
  });
}

/**
 * Simple Verification Result v0.2 (`verifier.policies` must be there and may be empty). Lists properties that held, and nothing else: one that is missing did not hold or was
 * not examined.
 */
export function verificationStatement(record: ReportRecord): string {
  const { verdict, outputs } = record;
  const properties = ['CORESIFT_EXPORT_ANSWERS_AS_AUDITED', 'CORESIFT_TRAINED_ON_SIFTED_SAMPLES_ONLY'];
  if (verdict.dataset.verdict === 'trusted') properties.push('CORESIFT_DATASET_NOTHING_FOUND');
  return plainJson({
    _type: statementType,
    subject: outputs.map(descriptor),
    predicateType: verificationType,
    predicate: {
      verifier: { id: 'urn:coresift:verifier:1', policies: [] },
      timeCreated: finishedAt(record),
      properties,
    },
  });
}

function subjects(record: ReportRecord, wanted: (file: OutputFile) => boolean): Json[] {
  return record.outputs.filter(wanted).map(descriptor);
}

function descriptor(file: OutputFile): Json {
  return { name: wellFormed(file.path), digest: { sha256: file.sha256 } };
}

function finishedAt(record: ReportRecord): string {
  return record.log.findLast((line) => line.what === 'step')?.at ?? record.log.at(-1)?.at ?? record.createdAt;
}

function wellFormed(text: string): string {
  return text.toWellFormed();
}

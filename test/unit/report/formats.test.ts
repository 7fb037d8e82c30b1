/** Every format of the report against the schema of whoever defined it. */
import { readFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { reportCycloneDx } from '../../../src-main/report/cyclonedx.ts';
import { isSignedBy, parseEnvelope, preAuthentication, sealEnvelope } from '../../../src-main/report/dsse.ts';
import { provenanceStatement, verificationStatement } from '../../../src-main/report/intoto.ts';
import { reportJson } from '../../../src-main/report/json.ts';
import { modelSignature } from '../../../src-main/report/model-signing.ts';
import { reportPdf } from '../../../src-main/report/pdf.ts';
import { buildRecord, type ReportRecord } from '../../../src-main/report/record.ts';
import { redactRecord } from '../../../src-main/report/redact.ts';
import { reportSarif } from '../../../src-main/report/sarif.ts';
import { greyPng, reportInput } from './sample.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(path, root), 'utf8')) as Record<string, unknown>;

const hostile = '\u202E<b>{0}[x](javascript:y)=1\u0007𝔘שלום\uD800';
const pictures = {
  suspects: [{ index: 0, png: greyPng(8, 9) }],
  patch: { index: 9, bare: greyPng(8, 1), stamped: greyPng(8, 99) },
};
const records: readonly (readonly [string, ReportRecord])[] = [
  ['a thousand samples', buildRecord({ ...reportInput(1000, 40), pictures })],
  ['nothing suspected', buildRecord(reportInput(100, 0))],
  ['hostile names', buildRecord(reportInput(100, 5, { hostile }))],
  ['redacted names', redactRecord(buildRecord(reportInput(100, 5, { hostile })))],
];

function ajv(): Ajv {
  // The patterns of both schemas are not all valid with the flag "u".
  const made = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  formats.default(made);
  made.addFormat('iri-reference', true);
  made.addFormat('idn-email', true);
  return made;
}

const cdx = 'node_modules/@cyclonedx/cyclonedx-library/res/schema/';
const cycloneDx = (version: string): ReturnType<Ajv['compile']> => {
  const made = ajv();
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs'])
    made.addSchema(
      read(`${cdx}${name}.SNAPSHOT.schema.json`),
      `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`,
    );
  return made.compile(read(`${cdx}bom-${version}.SNAPSHOT.schema.json`));
};
// SARIF's schema is of draft 4; what it uses reads the same in draft 7 but for the name of its id.
const { id: $id, ...sarifSchema } = read('test/fixtures/schemas/sarif-2.1.0.schema.json');
const validators = {
  record: new Ajv2020({ strict: false, allErrors: true }).compile(read('src-main/report/schemas/report.schema.json')),
  sarif: ajv().compile({ ...sarifSchema, $id: String($id), $schema: 'http://json-schema.org/draft-07/schema#' }),
  '1.6': cycloneDx('1.6'),
  '1.7': cycloneDx('1.7'),
  statement: new Ajv2020({ strict: false, allErrors: true }).compile(read('test/fixtures/schemas/in-toto.schema.json')),
  envelope: new Ajv2020({ strict: false }).compile(read('test/fixtures/schemas/dsse.schema.json')),
};
const expectValid = (name: keyof typeof validators, text: string): void => {
  const valid = validators[name];
  expect(valid(JSON.parse(text)), JSON.stringify(valid.errors?.slice(0, 3))).toBe(true);
};

describe.each(records)('%s', (_, record) => {
  it('are valid in every format', () => {
    expectValid('record', reportJson(record));
    expectValid('sarif', reportSarif(record));
    expectValid('1.6', reportCycloneDx(record, '1.6'));
    expectValid('1.7', reportCycloneDx(record, '1.7'));
    expectValid('statement', provenanceStatement(record));
    expectValid('statement', verificationStatement(record));
  });
});

it('the schemas refuse what is missing or added', () => {
  const record = JSON.parse(reportJson(records[0]![1])) as Record<string, unknown>;
  expect(validators.record({ ...record, extra: 1 })).toBe(false);
  expect(validators.record({ ...record, verdict: undefined })).toBe(false);
  expect(validators.statement({ _type: 'https://in-toto.io/Statement/v1' })).toBe(false);
});

it('SARIF says every verdict in its kind, overrides as suppressions, and compares with an earlier audit', () => {
  const [, record] = records[0]!;
  const results = (one: ReportRecord): { kind: string; baselineState?: string; suppressions?: unknown[] }[] =>
    (JSON.parse(reportSarif(one)) as { runs: [{ results: { kind: string }[] }] }).runs[0].results;
  expect(new Set(results(record).map((one) => one.kind))).toEqual(
    new Set(['fail', 'pass', 'open', 'review', 'notApplicable']),
  );
  expect(results(record).filter((one) => one.suppressions !== undefined)).toHaveLength(1);
  const baseline = {
    reportId: 'x',
    createdAt: record.createdAt,
    sha256: 'a'.repeat(64),
    sameEncoder: true,
    sameDataset: true,
    findings: [
      { key: 'dataset.refused-cluster', verdict: 'suspicious' as const },
      { key: 'encoder.refused-cluster', verdict: 'inconclusive' as const },
      { key: 'gone/x', verdict: 'suspicious' as const },
    ],
  };
  expectValid('sarif', reportSarif({ ...record, baseline }));
  expect(new Set(results({ ...record, baseline }).map((one) => one.baselineState))).toEqual(
    new Set(['unchanged', 'updated', 'new', 'absent']),
  );
});

it('redaction leaves no name or path of the data', () => {
  const input = reportInput(100, 5);
  const text = reportJson(redactRecord(buildRecord(input)));
  for (const name of [input.result.encoder.file, input.result.dataset.path, 'ankle boot/00000.png', 'A. Analyst'])
    expect(text).not.toContain(name);
});

describe('DSSE', () => {
  it('encodes as the protocol says', () => {
    // Example of the protocol's page: type and payload with their lengths in bytes.
    const met = preAuthentication('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(met.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });
  it.each(['ed25519', 'ec'] as const)('signs with %s, and not for another payload or key', (kind) => {
    const make = () =>
      kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { privateKey, publicKey } = make();
    const envelope = sealEnvelope('text/plain', Buffer.from('x'), privateKey);
    expectValid('envelope', JSON.stringify(envelope));
    expect(parseEnvelope(JSON.stringify(envelope))).toEqual(envelope);
    expect(isSignedBy(envelope, publicKey)).toBe(true);
    expect(isSignedBy({ ...envelope, payload: 'eQ==' }, publicKey)).toBe(false);
    expect(isSignedBy(envelope, make().publicKey)).toBe(false);
  });
  it('a model signature holds a statement of the files', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const bundle = JSON.parse(modelSignature('m', [{ path: 'a', sha256: 'b'.repeat(64) }], privateKey)) as {
      dsseEnvelope: { payload: string };
    };
    expectValid('envelope', JSON.stringify(bundle.dsseEnvelope));
    expectValid('statement', Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString());
  });
});

describe('the PDF', () => {
  it.each([
    ['en', 'A4'],
    ['de', 'Letter'],
  ] as const)(
    'in %s on %s is tagged, bookmarked, in embedded fonts, and the same every time',
    async (language, paper) => {
      const [, record] = records[0]!;
      const pdf = Buffer.from(await reportPdf(record, { language, paper }));
      expect(pdf.equals(Buffer.from(await reportPdf(record, { language, paper })))).toBe(true);
      const text = pdf.toString('latin1');
      for (const part of [
        '/StructTreeRoot',
        '/Marked true',
        '/Outlines',
        '/FontFile2',
        '/S /Figure',
        '/S /TH',
        '/Alt ',
        `/Lang (${language})`,
      ])
        expect(text, part).toContain(part);
      expect(text).not.toMatch(/\/JavaScript|\/URI|\/Launch|\/EmbeddedFile/);
    },
  );
  it('takes hostile names as text', async () => {
    const pdf = await reportPdf(records[2]![1], { language: 'de', paper: 'A4' });
    expect(pdf.length).toBeGreaterThan(10_000);
  });
});

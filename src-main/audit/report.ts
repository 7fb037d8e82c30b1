/** `coresift report`: the reports of a finished run written again, from its record: other formats, languages, a pack. */
import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reportFormats, type ReportWish } from '../../src-shared/domain/report-order.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { systemFailure } from '../formats/system.ts';
import { envelopeJson, inTotoPayload, manifestPayload, publicPem, sealEnvelope } from '../report/dsse.ts';
import { manifestName, manifestText } from '../report/manifest.ts';
import { modelSignature } from '../report/model-signing.ts';
import { journalName, publicKeyName, signatureNames, writePack, type PackEntry } from '../report/pack.ts';
import { recordSchema, type Baseline, type ReportRecord } from '../report/record.ts';
import { redactRecord } from '../report/redact.ts';
import { findingKey } from '../report/sarif.ts';
import { renderReport } from '../report/writers.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import { excerptText } from '../store/excerpt.ts';
import { openReader, type ProjectReader } from '../store/reader.ts';
import { digestBytes, digestFile, writeWhole } from './files.ts';
import { uuidOf } from './outputs.ts';
import { folderOf, isInside, realPlace } from './run-folder.ts';

export const packName = 'pack.zip';

export interface ReportOrder extends ReportWish {
  readonly project: string;
  /** Id or number. */
  readonly run: string;
  readonly out: string;
  /** Stands above the marking of the declarations. */
  readonly marking: string | null;
  /** Signs the pack. */
  readonly key: KeyObject | null;
}

/** Makes one format's files; a host with a page has it done in another process, which sees no key. */
export type Renderer = typeof renderReport;

/**
 * @returns paths of the files written
 * @throws ExpectedError run-unknown, report-missing, project-corrupt (report.json is not what the run wrote), usage, file-missing, no-space
 */
export async function writeReports(order: ReportOrder, render: Renderer = renderReport): Promise<string[]> {
  if (order.redact && order.formats.includes('pack')) {
    throw new ExpectedError(
      'usage',
      'A pack carries the journal, whose entries hold names: redaction is for single reports.',
    );
  }
  if (order.key !== null && !order.formats.includes('pack')) {
    throw new ExpectedError('usage', 'A key signs a pack: ask for the format pack too.');
  }
  const reader = openReader(order.project);
  try {
    const { summary, environment } = reader.run(order.run);
    const folder = folderOf(reader.dir, environment);
    const record = ordered(await recordOf(reader, summary.id, folder), reader, order);
    // Files that the run did not write would make its own folder fail verification; a project within it may hold them.
    if (
      isInside(realPlace(order.out), realpathSync(folder)) &&
      !isInside(realPlace(order.out), realpathSync(reader.dir))
    ) {
      throw new ExpectedError(
        'usage',
        `${order.out} lies in the folder that the run itself wrote to, which must stay as it is; choose another.`,
      );
    }
    makeFolder(order.out);
    const written: string[] = [];
    for (const format of order.formats) {
      if (format === 'pack') {
        written.push(await writeRunPack(reader, record, folder, order, render));
        continue;
      }
      for (const { name, bytes } of await render(record, format, order)) {
        writeWhole(join(order.out, name), bytes);
        written.push(join(order.out, name));
      }
    }
    return written;
  } finally {
    reader.close();
  }
}

/** The record as the run wrote it, checked against the journal. */
async function recordOf(reader: ProjectReader, run: string, folder: string): Promise<ReportRecord> {
  const file = join(folder, 'report.json');
  if (!existsSync(file)) throw new ExpectedError('report-missing', file);
  const said = reader.exports(run).findLast((one) => one.path === 'report.json')?.sha256;
  if ((await digestFile(file)).sha256 !== said) {
    throw new ExpectedError('project-corrupt', `${file} is not the file that the run wrote.`);
  }
  return parseRecord(file);
}

/** @throws ExpectedError file-missing, report-missing when it is no record of this version */
export function parseRecord(file: string): ReportRecord {
  let value: { readonly $schema?: unknown };
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as typeof value;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new ExpectedError('report-missing', `${file} is not JSON.`, { cause: error });
    throw systemFailure(error, file);
  }
  if (value.$schema !== recordSchema) {
    throw new ExpectedError(
      'report-missing',
      `${file} is no record of the form ${recordSchema}; met ${String(value.$schema)}.`,
    );
  }
  return value as ReportRecord;
}

function ordered(record: ReportRecord, reader: ProjectReader, order: ReportOrder): ReportRecord {
  const declarations = order.declarations ?? record.declarations;
  const changed: ReportRecord = {
    ...record,
    declarations: order.marking === null ? declarations : { ...declarations, marking: order.marking },
    decisions: reader.decisions(record.run.id),
    baseline: order.baseline === null ? record.baseline : baselineOf(order.baseline, record),
  };
  const whole = order.redact ? redactRecord(changed) : changed;
  const text = canonicalJson(toJson({ ...whole, reportId: '' }));
  // Another content is another report; the same one keeps its name.
  if (text === canonicalJson(toJson({ ...record, reportId: '' }))) return record;
  return { ...whole, reportId: uuidOf(text) };
}

function baselineOf(file: string, now: ReportRecord): Baseline {
  const earlier = parseRecord(file);
  const { encoder, dataset, classes, notExamined } = earlier.verdict;
  return {
    reportId: earlier.reportId,
    createdAt: earlier.createdAt,
    sha256: digestBytes(canonicalJson(toJson(earlier))),
    sameEncoder: earlier.subject.encoder.sha256 === now.subject.encoder.sha256,
    sameDataset: earlier.subject.dataset.sha256 === now.subject.dataset.sha256,
    findings: [
      ...[encoder, dataset, ...classes].map((one) => ({ key: findingKey(one), verdict: one.verdict })),
      ...earlier.samples.suspects.listed.map((one) => ({
        key: `sample.suspect/${one.index}`,
        verdict: 'suspicious' as const,
      })),
      ...notExamined.map((one) => ({
        key: `scope.not-examined/${one.reason}/${one.what}`,
        verdict: 'not-examined' as const,
      })),
    ],
  };
}

/** The same run, order and Ed25519 key give the same bytes; an ECDSA signature is never the same twice. */
async function writeRunPack(
  reader: ProjectReader,
  record: ReportRecord,
  folder: string,
  order: ReportOrder,
  render: Renderer,
): Promise<string> {
  const entries: PackEntry[] = [];
  const digests: { path: string; sha256: string }[] = [];
  const add = (name: string, bytes: Uint8Array): void => {
    entries.push({ name, content: bytes });
    digests.push({ path: name, sha256: digestBytes(bytes) });
  };
  for (const file of record.outputs) {
    const path = join(folder, file.path);
    if ((await digestFile(path)).sha256 !== file.sha256) {
      throw new ExpectedError('project-corrupt', `${path} is not the file that the run wrote.`);
    }
    entries.push({ name: file.path, content: { file: path } });
    digests.push({ path: file.path, sha256: file.sha256 });
  }
  const rendered = new Map<string, Uint8Array>();
  for (const format of reportFormats) {
    for (const { name, bytes } of await render(record, format, order)) {
      rendered.set(name, bytes);
      add(name, bytes);
    }
  }
  add(journalName, Buffer.from(excerptText(reader.entries(), record.journal.projectId, record.run.id), 'utf8'));
  const manifest = Buffer.from(manifestText(digests), 'utf8');
  entries.push({ name: manifestName, content: manifest });
  const { key } = order;
  if (key !== null) {
    const put = (name: string, text: string): void => void entries.push({ name, content: Buffer.from(text, 'utf8') });
    const seal = (type: string, bytes: Uint8Array): string => envelopeJson(sealEnvelope(type, bytes, key));
    put(publicKeyName, publicPem(key));
    put(signatureNames.manifest, seal(manifestPayload, manifest));
    put(signatureNames.provenance, seal(inTotoPayload, rendered.get('statement.intoto.json') ?? new Uint8Array(0)));
    put(
      signatureNames.verification,
      seal(inTotoPayload, rendered.get('verification.intoto.json') ?? new Uint8Array(0)),
    );
    if (key.asymmetricKeyType === 'ec') {
      const models = digests.filter((one) => one.path.startsWith('sanitized.'));
      put(signatureNames.model, modelSignature('sanitized', models, key));
    }
  }
  const path = join(order.out, packName);
  try {
    await writePack(path, entries, record.createdAt);
  } catch (error) {
    rmSync(path, { force: true });
    throw systemFailure(error, path);
  }
  return path;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw systemFailure(error, path);
  }
}

/**
 * The files of a finished run. Equal inputs, parameters, seed, provider and threads give equal bytes of sanitized.onnx,
 * sanitized.safetensors and sifted-set.csv, and an equal `journal.runDigest`. channel-masks.json and the reports also say
 * which run they belong to, when it started and what its log and journal hold; MANIFEST.sha256 covers those too.
 */
import { createHash } from 'node:crypto';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { AuditResult } from '../../src-shared/domain/result.ts';
import { reportFormats } from '../../src-shared/domain/report-order.ts';
import type { AuditRequest, RunSummary } from '../../src-shared/domain/run.ts';
import { unpackNames } from '../formats/datasets/pixel-file.ts';
import { channelMasksJson } from '../report/channel-masks.ts';
import { manifestName, manifestText } from '../report/manifest.ts';
import { buildRecord, type OutputFile, type Pictures, type ReportInput } from '../report/record.ts';
import { siftedSetCsv } from '../report/sifted-set.ts';
import { renderReport } from '../report/writers.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import type { ProjectReader } from '../store/reader.ts';
import type { ProjectWriter } from '../store/writer.ts';
import type { AuditOutcome, Preflight } from './engine-protocol.ts';
import { writeWhole, type FileDigest } from './files.ts';
import { samplePictures } from './thumbnails.ts';
import { version } from './version.ts';

export interface WrittenFile extends FileDigest {
  /** Absolute path. */
  readonly path: string;
  readonly purpose: string;
}

export interface OutputInput {
  readonly writer: ProjectWriter;
  readonly run: string;
  readonly out: string;
  readonly summary: RunSummary;
  readonly request: AuditRequest;
  readonly preflight: Preflight;
  readonly outcome: AuditOutcome;
  readonly result: AuditResult;
}

const purposes = {
  'report.html': 'the report, for reading',
  'report.pdf': 'the report, for printing and filing',
  'report.json': 'the record of the audit, for programs',
  'report.sarif': 'the findings as SARIF 2.1.0',
  'bom.cdx.json': 'models and dataset as CycloneDX ML-BOM',
  'statement.intoto.json': 'where the sanitized model came from, as in-toto statement',
  'sanitized.onnx': 'the sanitized classifier',
  'sanitized.safetensors': 'its weights',
  'channel-masks.json': 'which channels were kept, and why',
  'sifted-set.csv': 'every sample with its scores and verdict',
  [manifestName]: 'digests of all these files',
} as const;
type OutputName = keyof typeof purposes;

/** What an output is for, in a few words; empty for a file that is none of ours. */
export function purposeOf(name: string): string {
  return Object.hasOwn(purposes, name) ? purposes[name as OutputName] : '';
}

/**
 * Writes every output that the engine did not write itself and records all of them with the run.
 * @throws ExpectedError no-space, file-missing
 */
export async function writeOutputs(input: OutputInput): Promise<WrittenFile[]> {
  const { writer, run, out, summary, preflight, outcome, result } = input;
  const written: WrittenFile[] = [];
  const note = (name: OutputName, digest: FileDigest): void => {
    written.push({ path: join(out, name), purpose: purposes[name], ...digest });
  };
  const write = (name: OutputName, text: string | Uint8Array): void => note(name, writeWhole(join(out, name), text));

  note('sanitized.onnx', outcome.exported.onnx);
  note('sanitized.safetensors', outcome.exported.safetensors);
  const subject = { encoder: result.encoder, runId: summary.id, createdAt: summary.startedAt };
  write('channel-masks.json', channelMasksJson(result.channels, subject));
  const classes = preflight.dataset.classes.map((one) => one.name);
  const names = unpackNames(preflight.names);
  write(
    'sifted-set.csv',
    siftedSetCsv(
      outcome.columns,
      names,
      classes,
      result.verdict.classes.map((finding) => finding.verdict),
    ),
  );
  saveColumns(input, names);

  const outputs = written.map(({ path, purpose, bytes, sha256 }): OutputFile => ({
    path: nameOf(path, out),
    what: purpose,
    bytes,
    sha256,
  }));
  const record = buildRecord(reportInput(input, names, outputs));
  for (const format of reportFormats) {
    for (const { name, bytes } of await renderReport(record, format)) {
      if (Object.hasOwn(purposes, name)) write(name as OutputName, bytes);
    }
  }
  write(manifestName, manifestText(written.map((file) => ({ path: nameOf(file.path, out), sha256: file.sha256 }))));
  const known = new Set(writer.reader.exports(run).map((file) => `${file.path} ${file.sha256}`));
  for (const { path, bytes, sha256 } of written) {
    const name = nameOf(path, out);
    if (!known.has(`${name} ${sha256}`))
      writer.recordExport(run, { format: formatOf(name), path: name, bytes, sha256 });
  }
  // People open the report first.
  return written.sort((a, b) => order(a.path) - order(b.path));
}

const nameOf = (path: string, out: string): string => path.slice(out.length + 1);
const formatOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
const order = (path: string): number => Object.keys(purposes).findIndex((name) => path.endsWith(name));

function saveColumns({ writer, run, outcome }: OutputInput, name: readonly string[]): void {
  writer.saveChannelMasks(run, outcome.channels.layers);
  writer.saveSiftedSet(run, {
    label: 'final',
    facts: outcome.sifting,
    columns: { ...outcome.columns, name },
  });
}

function reportInput(input: OutputInput, names: readonly string[], outputs: readonly OutputFile[]): ReportInput {
  const { writer, run, summary, request, preflight, outcome, result } = input;
  const { reader } = writer;
  const runDigest = reader.journalDigest(run);
  const { provider } = preflight;
  const { exported } = outcome;
  return {
    reportId: reportIdOf(summary.id, runDigest),
    createdAt: summary.startedAt,
    tool: { name: 'Coresift', version },
    run: { id: summary.id, number: summary.number, startedAt: summary.startedAt },
    request,
    result,
    columns: outcome.columns,
    names,
    environment: {
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      'processor threads': cpus().length,
      'memory, GB': Math.round(totalmem() / 1e8) / 10,
      'time zone of the machine': Intl.DateTimeFormat().resolvedOptions().timeZone,
      network: 'no module opens an outward connection',
      provider: provider.id,
      device: provider.device,
      threads: provider.threads,
      ...provider.details,
      'decoded pixels SHA-256': preflight.pixelsDigest,
      'export check: samples': exported.check.samples,
      'export check: largest difference of logits': exported.check.maxAbsDifference,
      'export check: largest logit': exported.check.maxAbsLogit,
    },
    log: logOf(reader, run),
    curves: reader.metricsAfter(run, 0, 1_000_000).items.filter((point) => Number.isFinite(point.value)),
    decisions: reader.decisions(run),
    outputs,
    pictures: picturesOf(input),
    journal: {
      projectId: reader.project().id,
      head: reader.head() ?? { seq: 0, hash: '' },
      runDigest,
      steps: reader.steps(run).map(({ name, digest }) => ({ name, digest })),
    },
  };
}

/** Suspects shown with their picture in the reports, and the size of a picture's square, pixels. */
const suspectsPictured = 60;
const pictureSize = 84;

/** The most suspicious samples, and what the square that was found looks like on a sample that nobody suspects. */
function picturesOf({ writer, run, outcome, result }: OutputInput): Pictures {
  const { suspectRank } = outcome.columns;
  const suspects = [...suspectRank.keys()]
    .filter((i) => suspectRank[i] >= 0)
    .sort((a, b) => suspectRank[a] - suspectRank[b])
    .slice(0, suspectsPictured);
  const { patchRow, patchColumn, patchSize, patchValue } = result.verdict.encoder.evidence;
  const numbers = [patchRow, patchColumn, patchSize, patchValue];
  const known = numbers.every((one): one is number => typeof one === 'number');
  const bare = suspectRank.findIndex((rank) => rank < 0);
  const patch =
    known && bare >= 0
      ? { index: bare, row: numbers[0], column: numbers[1], size: numbers[2], value: numbers[3] }
      : null;
  return samplePictures(writer.reader, run, suspects, patch, pictureSize);
}

function logOf(reader: ProjectReader, run: string): ReportInput['log'] {
  const { states } = reader.run(run);
  const changes = states.map(({ state, at }, i) => {
    const what = state !== 'running' ? state : i === 0 ? 'started' : 'resumed';
    return { at, what, detail: '', seconds: null };
  });
  const steps = reader.steps(run).map(({ name, committedAt, seconds, digest }) => ({
    at: committedAt,
    what: 'step',
    detail: `${name} ${digest}`,
    seconds: Math.round(seconds * 1000) / 1000,
  }));
  const warnings = reader
    .logAfter(run, 0, 100_000)
    .items.flatMap(({ at, event }) =>
      event.type === 'warning'
        ? [{ at, what: 'warning', detail: `${event.code}: ${event.message}`, seconds: null }]
        : [],
    );
  const lines = [...changes, ...steps, ...warnings];
  return lines.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Id of the report as the run writes it. */
export function reportIdOf(run: string, runDigest: string): string {
  return uuidOf(canonicalJson(toJson({ run, runDigest })));
}

/** UUID version 8 (RFC 9562, 5.8) from a SHA-256: the same run and work give the same id. */
export function uuidOf(text: string): string {
  const hash = createHash('sha256').update(text).digest();
  hash[6] = (hash[6] & 0x0f) | 0x80;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** `coresift export`: the sanitized model of a finished run in other formats, recorded in the run's journal. */
import { existsSync, mkdirSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { exportFormats, type ExportFormat, type ExportOutcome } from '../../src-shared/domain/model-export.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { connectEngine } from '../engine/jobs/client.ts';
import { systemFailure } from '../formats/system.ts';
import type { ProjectReader } from '../store/reader.ts';
import { openWriter, type ProjectWriter } from '../store/writer.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { writeWhole } from './files.ts';
import { fixedClock } from './run.ts';
import { folderOf } from './run-folder.ts';
import type { EngineSpawner } from './spawn-engine.ts';
import { version } from './version.ts';

export interface ExportOptions {
  /** Id or number of the run. */
  readonly run: string;
  readonly project: string;
  /** As typed: "onnx,tfjs". */
  readonly formats: string;
  readonly out: string;
  readonly spawn: EngineSpawner;
  readonly signal: AbortSignal;
}

export interface ExportedRun extends ExportOutcome {
  readonly run: string;
  /** Written beside the models: what was exported from what, with digests and differences. */
  readonly record: string;
}

const model = 'sanitized.onnx';
const recordName = 'export.json';

/** @throws ExpectedError usage (a format), not-a-project, and whatever `exportModel` throws */
export async function exportRun(options: ExportOptions): Promise<ExportedRun> {
  const formats = formatsOf(options.formats);
  const project = resolve(options.project);
  if (!existsSync(join(project, 'project.sqlite')))
    throw new ExpectedError('not-a-project', `${project} holds no project.`);
  const writer = openWriter(project, { appVersion: version, ...fixedClock() });
  try {
    return await exportModel(writer, { ...options, formats });
  } finally {
    writer.close();
  }
}

/**
 * The model is the run's sanitized.onnx, taken only if it is byte for byte what the journal has the digest of.
 * @throws ExpectedError run-unknown, run-unfinished, input-changed, export-differs, no-space
 */
export async function exportModel(
  writer: ProjectWriter,
  options: Pick<ExportOptions, 'run' | 'out' | 'spawn' | 'signal'> & { readonly formats: readonly ExportFormat[] },
): Promise<ExportedRun> {
  const { reader } = writer;
  const project = writer.dir;
  const run = runNamed(reader, options.run);
  const out = resolve(options.out);
  try {
    mkdirSync(out, { recursive: true });
  } catch (error) {
    throw systemFailure(error, out);
  }
  const engine = connectEngine<EngineProtocol>(options.spawn());
  try {
    const sha256 = reader.exports(run).findLast((file) => file.path === model)?.sha256;
    if (sha256 === undefined) throw new ExpectedError('run-unfinished', `Run ${options.run} has recorded no ${model}.`);
    const source = join(folderOf(project, reader.run(run).environment), model);
    const outcome = await engine.run(
      'export',
      { model: source, sha256, formats: options.formats, out },
      { signal: options.signal },
    );
    const record = {
      $schema: 'urn:coresift:schema:export:1',
      run,
      source: { name: model, sha256 },
      tool: { name: 'Coresift', version },
      ...outcome,
    };
    const name = join(out, recordName);
    const digest = writeWhole(name, `${JSON.stringify(record, null, 2)}\n`);
    const folder = folderOf(project, reader.run(run).environment);
    const note = (format: string, path: string, file: { bytes: number; sha256: string }): void => {
      const full = join(out, path);
      const beside = relative(folder, full);
      const shown = beside.startsWith('..') || isAbsolute(beside) ? full : beside;
      writer.recordExport(run, { format, path: shown, bytes: file.bytes, sha256: file.sha256 });
    };
    for (const { format, files } of outcome.written) for (const file of files) note(format, file.path, file);
    note('json', recordName, digest);
    return { ...outcome, run, record: name };
  } finally {
    await engine.close();
  }
}

function formatsOf(text: string): ExportFormat[] {
  const named = [...new Set(text.split(',').map((part) => part.trim().toLowerCase()))].filter((part) => part !== '');
  const unknown = named.filter((name) => !(exportFormats as readonly string[]).includes(name));
  if (unknown.length > 0 || named.length === 0) {
    throw new ExpectedError(
      'usage',
      `--format wants some of ${exportFormats.join(', ')}, met ${JSON.stringify(text)}.`,
    );
  }
  return named as ExportFormat[];
}

function runNamed(reader: ProjectReader, name: string): string {
  const run = reader.listRuns().find(({ id, number }) => id === name || String(number) === name);
  if (run === undefined) throw new ExpectedError('run-unknown', `${JSON.stringify(name)}.`);
  if (run.state !== 'finished') throw new ExpectedError('run-unfinished', `Run ${run.number} is ${run.state}.`);
  return run.id;
}

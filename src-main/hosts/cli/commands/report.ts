/** `coresift report` */
import { join, relative, resolve } from 'node:path';
import {
  wantedFormats,
  type CycloneDxVersion,
  type Paper,
  type ReportLanguage,
  type WantedFormat,
} from '../../../../src-shared/domain/report-order.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { readDeclarations } from '../../../audit/declarations.ts';
import { keyFolder, openKey } from '../../../audit/keys.ts';
import { writeReports } from '../../../audit/report.ts';
import type { ExitCode } from '../failure-text.ts';
import { passphraseFrom } from '../passphrase.ts';
import type { CliEnvironment } from '../program.ts';

/** As commander hands them over. */
export interface ReportFlags {
  readonly run: string;
  readonly project: string;
  readonly format: string;
  readonly out: string;
  readonly paper: Paper;
  readonly lang: ReportLanguage;
  readonly cyclonedx: CycloneDxVersion;
  readonly redact?: boolean;
  readonly marking?: string;
  readonly declarations?: string;
  readonly baseline?: string;
  readonly key?: string;
  readonly keys?: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

export async function runReportCommand(flags: ReportFlags, environment: CliEnvironment): Promise<ExitCode> {
  const { stdout, cwd } = environment;
  const path = (text: string): string => resolve(cwd, text);
  const formats = flags.format.split(',').map((name) => name.trim());
  for (const name of formats) {
    if (!wantedFormats.includes(name as WantedFormat))
      throw new ExpectedError('usage', `--format wants ${wantedFormats.join(', ')}, met ${JSON.stringify(name)}.`);
  }
  if (flags.key !== undefined && !formats.includes('pack')) {
    throw new ExpectedError('usage', '--key signs a pack: give --format pack too.');
  }
  const given = flags.passphraseFile === undefined ? undefined : path(flags.passphraseFile);
  const key =
    flags.key === undefined
      ? null
      : openKey(flags.keys === undefined ? keyFolder() : path(flags.keys), flags.key, await passphraseFrom(given));
  const files = await writeReports({
    project: path(flags.project),
    run: flags.run,
    out: path(flags.out),
    formats: formats as WantedFormat[],
    language: flags.lang,
    paper: flags.paper,
    cyclonedx: flags.cyclonedx,
    redact: flags.redact === true,
    declarations: flags.declarations === undefined ? null : readDeclarations(path(flags.declarations)),
    marking: flags.marking ?? null,
    baseline: flags.baseline === undefined ? null : path(flags.baseline),
    key,
  });
  for (const file of files) {
    const shown = relative(cwd, file) || join('.', file);
    stdout.write(flags.json === true ? `${JSON.stringify({ type: 'file', path: file })}\n` : `${shown}\n`);
  }
  return 0;
}

/** The reports of a pack against its record: made anew, they must be the same to the byte. */
import type { Check } from '../../src-shared/domain/check.ts';
import type { CycloneDxVersion, Paper, ReportFormat, ReportLanguage } from '../../src-shared/domain/report-order.ts';
import { digestBytes } from './files.ts';
import type { ReportRecord } from '../report/record.ts';
import { renderReport, type RenderOptions } from '../report/writers.ts';
import type { PackFiles } from './verify-pack.ts';
import { version } from './version.ts';

/** Files of the reports, with the format that makes each. */
const reports = [
  ['report.json', 'json'],
  ['report.html', 'html'],
  ['report.sarif', 'sarif'],
  ['bom.cdx.json', 'cyclonedx'],
  ['statement.intoto.json', 'intoto'],
  ['verification.intoto.json', 'intoto'],
  ['report.pdf', 'pdf'],
] as const satisfies readonly (readonly [string, ReportFormat])[];

export interface KnownDigests {
  /** What the journal says the run wrote. */
  readonly exported: ReadonlyMap<string, string>;
  /** What the manifest says. */
  readonly said: ReadonlyMap<string, string>;
}

/**
 * Only the version that wrote a report makes it anew to the byte; of another one's reports it is said that nobody looked.
 * A report that the run itself wrote, beside a record that it wrote too, is known by its digest in the journal.
 */
export async function reportChecks(
  { names, digest, read }: PackFiles,
  record: ReportRecord,
  { exported, said }: KnownDigests,
): Promise<Check[]> {
  const checks: Check[] = [];
  const untouched = names.includes('report.json') && exported.get('report.json') === (await digest('report.json'));
  for (const [name, format] of reports) {
    const what = `${name}: from the record`;
    if (!names.includes(name)) {
      checks.push({ what, ok: false, detail: 'It is missing from the pack.' });
      continue;
    }
    const met = await digest(name);
    // A file that the manifest does not know so is named there; that it says something else is no news.
    if (said.get(name) !== met) continue;
    if (untouched && exported.get(name) === met) {
      checks.push({ what, ok: true, detail: 'It is as the run wrote it, and so is the record.' });
      continue;
    }
    if (record.tool.version !== version) {
      const detail = `It was written by version ${record.tool.version}; this is ${version}, so whether it says what the record says was not examined.`;
      checks.push({ what, ok: false, kind: 'not-examined', detail });
      continue;
    }
    const made = (await renderReport(record, format, optionsOf(format, read(name)))).find((one) => one.name === name);
    const same = made !== undefined && digestBytes(made.bytes) === met;
    checks.push({
      what,
      ok: same,
      detail: same ? 'It says what the record says.' : 'It is not what the record gives: it says something else.',
    });
  }
  return checks;
}

/** How a report was ordered, as it shows itself. */
function optionsOf(format: ReportFormat, text: string): RenderOptions {
  const language: ReportLanguage = /<html lang="de"|\/Lang \(de\)/.test(text) ? 'de' : 'en';
  const paper: Paper = text.includes('/MediaBox [0 0 612 792]') ? 'Letter' : 'A4';
  const cyclonedx: CycloneDxVersion = text.includes('"specVersion": "1.7"') ? '1.7' : '1.6';
  return format === 'cyclonedx' ? { cyclonedx } : { language, paper };
}

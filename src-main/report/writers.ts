/** Every format of the report, by name. */
import type { CycloneDxVersion, Paper, ReportFormat } from '../../src-shared/domain/report-order.ts';
import type { Language } from '../../src-shared/report-words/words.ts';
import { reportCycloneDx } from './cyclonedx.ts';
import { reportHtml } from './html.ts';
import { provenanceStatement, verificationStatement } from './intoto.ts';
import { reportJson } from './json.ts';
import type { ReportRecord } from './record.ts';
import { reportSarif } from './sarif.ts';

export interface RenderOptions {
  readonly language?: Language;
  readonly paper?: Paper;
  readonly cyclonedx?: CycloneDxVersion;
}

export interface RenderedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The same record and options give the same bytes. */
export async function renderReport(
  record: ReportRecord,
  format: ReportFormat,
  { language = 'en', paper = 'A4', cyclonedx = '1.6' }: RenderOptions = {},
): Promise<RenderedFile[]> {
  const file = (name: string, text: string): RenderedFile => ({ name, bytes: Buffer.from(text, 'utf8') });
  switch (format) {
    case 'json':
      return [file('report.json', reportJson(record))];
    case 'html':
      return [file('report.html', reportHtml(record, language))];
    case 'pdf': {
      // Half a second to load, and no command but those that write one needs it.
      const { reportPdf } = await import('./pdf.ts');
      return [{ name: 'report.pdf', bytes: await reportPdf(record, { language, paper }) }];
    }
    case 'sarif':
      return [file('report.sarif', reportSarif(record))];
    case 'cyclonedx':
      return [file('bom.cdx.json', reportCycloneDx(record, cyclonedx))];
    case 'intoto':
      return [
        file('statement.intoto.json', provenanceStatement(record)),
        file('verification.intoto.json', verificationStatement(record)),
      ];
  }
}

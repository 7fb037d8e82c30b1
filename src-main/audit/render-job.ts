/** A report drawn in the engine process: seconds of work that must not hold up the windows of a host. */
import type { ReportFormat } from '../../src-shared/domain/report-order.ts';
import type { ReportRecord } from '../report/record.ts';
import type { RenderedFile, RenderOptions } from '../report/writers.ts';

export interface RenderJob {
  readonly record: ReportRecord;
  readonly format: ReportFormat;
  readonly options: RenderOptions;
}

export async function renderJob({ record, format, options }: RenderJob): Promise<RenderedFile[]> {
  const { renderReport } = await import('../report/writers.ts');
  return renderReport(record, format, options);
}

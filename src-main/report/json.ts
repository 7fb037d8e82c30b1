/** report.json: the record itself. */
import type { Json } from '../../src-shared/json.ts';
import { plainJson } from './plain-json.ts';
import type { ReportRecord } from './record.ts';

export function reportJson(record: ReportRecord): string {
  return plainJson(record as unknown as Json);
}

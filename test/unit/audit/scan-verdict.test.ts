import { describe, expect, it } from 'vitest';
import { exitCodeOfVerdict } from '../../../src-main/audit/exit-code.ts';
import { withFileScan } from '../../../src-main/audit/scan-verdict.ts';
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import type { AuditVerdict, Finding } from '../../../src-shared/domain/verdict.ts';

const finding: Finding = {
  code: 'encoder.patch-collapse',
  subject: 'encoder',
  name: null,
  verdict: 'inconclusive',
  confidence: null,
  claim: 'No patch was found.',
  evidence: { collapse: 0.5 },
  wouldChange: 'More images.',
};
const verdict: AuditVerdict = {
  encoder: finding,
  dataset: { ...finding, subject: 'dataset', verdict: 'trusted' },
  classes: [],
  notExamined: [],
};
const met = (severity: ScanFinding['severity']): ScanFinding => ({
  rule: 'pickle.unsafe-global',
  severity,
  title: 'posix.system would be imported',
  where: 'opcode 3',
  detail: '',
  atlas: null,
});

describe('the scan of the file in the verdict', () => {
  it('changes nothing for an ordinary file or one with a note', () => {
    expect(withFileScan(verdict, [])).toEqual(verdict);
    expect(withFileScan(verdict, [met('note')])).toEqual(verdict);
  });

  it('makes an encoder suspicious that would harm whoever loads it, and keeps what the method found', () => {
    const judged = withFileScan(verdict, [met('danger'), met('danger')]);
    expect(judged.encoder).toMatchObject({ verdict: 'suspicious', code: 'encoder.unsafe-content' });
    expect(judged.encoder.claim).toMatch(/posix\.system.*opcode 3, and 1 more.*No patch was found/);
    expect(judged.encoder.evidence).toMatchObject({ collapse: 0.5, unsafeContent: 2 });
    expect(exitCodeOfVerdict(judged)).toBe(1);
  });

  it('lists what could not be shown to be harmless as not examined', () => {
    const judged = withFileScan(verdict, [met('warning')]);
    expect(judged.encoder).toEqual(verdict.encoder);
    expect(judged.notExamined).toMatchObject([{ reason: 'pickle.unsafe-global' }]);
  });
});

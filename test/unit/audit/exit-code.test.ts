import { describe, expect, it } from 'vitest';
import { exitCodeOfVerdict } from '../../../src-main/audit/exit-code.ts';
import type { AuditVerdict, Finding, Verdict } from '../../../src-shared/domain/verdict.ts';

const finding = (verdict: Verdict): Finding => ({
  code: 'x',
  subject: 'class',
  name: null,
  verdict,
  confidence: null,
  claim: '',
  evidence: {},
  wouldChange: '',
});

const verdict = (encoder: Verdict, dataset: Verdict, classes: Verdict[] = [], open = 0): AuditVerdict => ({
  encoder: finding(encoder),
  dataset: finding(dataset),
  classes: classes.map(finding),
  notExamined: Array.from({ length: open }, () => ({ what: 'x', reason: 'y', detail: 'z' })),
});

describe('the exit code of a verdict', () => {
  it('is 0 only when everything was judged and trusted', () => {
    expect(exitCodeOfVerdict(verdict('trusted', 'trusted', ['trusted']))).toBe(0);
  });
  it('is 1 when the encoder or the dataset is suspicious, whatever else is open', () => {
    expect(exitCodeOfVerdict(verdict('suspicious', 'trusted'))).toBe(1);
    expect(exitCodeOfVerdict(verdict('not-examined', 'suspicious', ['inconclusive'], 3))).toBe(1);
  });
  it('is 3 when anything is inconclusive, not examined, or a single class is in doubt', () => {
    expect(exitCodeOfVerdict(verdict('inconclusive', 'trusted'))).toBe(3);
    expect(exitCodeOfVerdict(verdict('trusted', 'not-examined'))).toBe(3);
    expect(exitCodeOfVerdict(verdict('trusted', 'trusted', ['trusted', 'inconclusive']))).toBe(3);
    expect(exitCodeOfVerdict(verdict('trusted', 'trusted', ['suspicious']))).toBe(3);
    expect(exitCodeOfVerdict(verdict('trusted', 'trusted', [], 1))).toBe(3);
  });
});

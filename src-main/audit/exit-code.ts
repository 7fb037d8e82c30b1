import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';

/** 1 = encoder or dataset suspicious; 3 = anything inconclusive or not examined; 0 = all of it was judged and found in order. */
export function exitCodeOfVerdict(verdict: AuditVerdict): 0 | 1 | 3 {
  if (verdict.encoder.verdict === 'suspicious' || verdict.dataset.verdict === 'suspicious') return 1;
  const findings = [verdict.encoder, verdict.dataset, ...verdict.classes];
  const open = findings.some(({ verdict: word }) => word !== 'trusted');
  return open || verdict.notExamined.length > 0 ? 3 : 0;
}

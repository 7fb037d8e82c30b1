/** What the scan of the encoder's file adds to the verdict that the method came to. */
import type { ScanFinding } from '../../src-shared/domain/scan.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';

/**
 * A file with content that would harm whoever loads it makes the encoder suspicious, whatever its weights do; content
 * that could not be shown to be harmless is listed as not examined. Ordinary files change nothing.
 */
export function withFileScan(verdict: AuditVerdict, scan: readonly ScanFinding[]): AuditVerdict {
  const doubts = scan.filter(({ severity }) => severity === 'warning');
  const notExamined = [
    ...verdict.notExamined,
    ...doubts.map(({ rule, title, where }) => ({
      what: 'Content of the encoder file',
      reason: rule,
      detail: `${title} (${where}). It was neither run nor shown to be harmless.`,
    })),
  ];
  const dangers = scan.filter(({ severity }) => severity === 'danger');
  if (dangers.length === 0) return { ...verdict, notExamined };
  const [{ rule, title, where }] = dangers;
  const { encoder } = verdict;
  const claim = `The encoder's file holds content that is not weights: ${title} (${where}${dangers.length > 1 ? `, and ${dangers.length - 1} more` : ''}).`;
  return {
    ...verdict,
    notExamined,
    encoder: {
      ...encoder,
      ...(encoder.verdict === 'suspicious' ? {} : { code: 'encoder.unsafe-content' }),
      verdict: 'suspicious',
      confidence: 1,
      claim: `${claim} ${encoder.claim}`,
      evidence: { ...encoder.evidence, unsafeRule: rule, unsafeContent: dangers.length },
      wouldChange: `The same encoder as safetensors or a plain state dict, from a supplier you can ask why this was in it. ${encoder.wouldChange}`,
    },
  };
}

/** The one record of a finished audit, from what the readers found and what the method found. */
import type { AuditResult } from '../../src-shared/domain/result.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';
import type { ResolvedParameters } from '../engine/tcore/parameters.ts';
import type { AuditOutcome, Preflight } from './engine-protocol.ts';

export function auditResult(preflight: Preflight, outcome: AuditOutcome, parameters: ResolvedParameters): AuditResult {
  const { sifting, channels, rounds, verdict } = outcome;
  return {
    encoder: { ...preflight.encoder, ...outcome.encoder },
    dataset: preflight.dataset,
    sifting,
    channels,
    rounds,
    outcome: outcome.outcome,
    verdict: { ...verdict, notExamined: [...verdict.notExamined, ...notRead(preflight)] },
    parameters,
  };
}

/** How many names one line lists; the record has them all. */
const namedAtMost = 5;

/** What the readers could not read is not examined, whatever the method says of the rest. */
function notRead(preflight: Preflight): AuditVerdict['notExamined'] {
  const lines: { what: string; reason: string; detail: string }[] = [];
  const add = (
    kind: string,
    reason: string,
    count: number,
    listed: readonly { name: string; reason: string }[],
  ): void => {
    if (count === 0) return;
    const named = listed.slice(0, namedAtMost).map((item) => `${item.name} (${item.reason})`);
    const more = count > named.length ? ` and ${count - named.length} more` : '';
    lines.push({ what: `${count} ${kind}${count === 1 ? '' : 's'}`, reason, detail: `${named.join('; ')}${more}` });
  };
  add('unreadable image', 'image-unreadable', preflight.unreadable, preflight.dataset.unreadable);
  add('skipped file', 'skipped', preflight.skipped.count, preflight.skipped.listed);
  return lines;
}

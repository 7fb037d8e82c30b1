/** The one record of a finished audit, from what the readers found and what the method found. */
import type { AuditResult } from '../../src-shared/domain/result.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';
import type { ResolvedParameters } from '../engine/tcore/parameters.ts';
import type { AuditOutcome, Preflight } from './engine-protocol.ts';

export function auditResult(preflight: Preflight, outcome: AuditOutcome, parameters: ResolvedParameters): AuditResult {
  const { sifting, channels, rounds, triggers, opinions, verdict } = outcome;
  return {
    encoder: { ...preflight.encoder, ...outcome.encoder },
    dataset: preflight.dataset,
    sifting,
    channels,
    rounds,
    triggers,
    opinions,
    outcome: outcome.outcome,
    verdict: { ...verdict, notExamined: [...verdict.notExamined, ...notRead(preflight)] },
    parameters,
  };
}

/** What a run commits when it ends. */
export function committedResult(result: AuditResult, suspects: number): AuditResult & { readonly suspects: number } {
  return { ...result, suspects };
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
  for (const part of preflight.leftOut) {
    lines.push({
      what: `Part of the dataset: "${part}"`,
      reason: 'left-out',
      detail: `${preflight.notes.join('; ')}; nothing is said of what was left out.`,
    });
  }
  if (preflight.resized.count > 0) lines.push(resizedLine(preflight));
  add('unreadable image', 'image-unreadable', preflight.unreadable, preflight.dataset.unreadable);
  add('skipped file', 'skipped', preflight.skipped.count, preflight.skipped.listed);
  return lines;
}

function resizedLine({ resized, shape }: Preflight): { what: string; reason: string; detail: string } {
  const { count, sizes } = resized;
  const listed = sizes.reduce((sum, size) => sum + size.count, 0);
  const from = sizes.map(({ height, width, count: n }) => `${height}x${width}${sizes.length > 1 ? ` (${n})` : ''}`);
  const others = listed < count ? [`other sizes (${count - listed})`] : [];
  return {
    what: `${count} image${count === 1 ? '' : 's'} resized from ${[...from, ...others].join(', ')} to ${shape[1]}x${shape[2]}`,
    reason: 'resized',
    detail: 'Details lost by that were not examined.',
  };
}

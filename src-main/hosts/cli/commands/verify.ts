/** `coresift verify`: a pack, an audit folder or a project, without changing anything. */
import { resolve } from 'node:path';
import type { Check } from '../../../../src-shared/domain/check.ts';
import { verifyAny } from '../../../audit/verify.ts';
import type { ExitCode } from '../failure-text.ts';
import type { CliEnvironment } from '../program.ts';

export async function runVerifyCommand(
  path: string,
  flags: { readonly key?: string; readonly json?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { stdout, cwd } = environment;
  const key = flags.key === undefined ? null : resolve(cwd, flags.key);
  const checks = await verifyAny(resolve(cwd, path), key);
  const unseen = checks.filter((check) => !check.ok && check.kind === 'not-examined').length;
  const failed = checks.filter((check) => !check.ok).length - unseen;
  for (const check of checks) {
    if (flags.json === true) stdout.write(`${JSON.stringify({ type: 'check', ...check })}\n`);
    else stdout.write(`${label(check)} ${check.what}: ${check.detail}\n`);
  }
  const counts = { checks: checks.length, failed, notExamined: unseen };
  if (flags.json === true) {
    stdout.write(`${JSON.stringify({ type: 'result', ok: failed + unseen === 0, ...counts })}\n`);
  } else stdout.write(`${conclusion(counts)}\n`);
  return failed > 0 ? 1 : unseen > 0 ? 3 : 0;
}

function label({ ok, kind }: Check): string {
  if (ok) return kind === 'note' ? 'note   ' : 'ok     ';
  return kind === 'not-examined' ? 'UNSEEN ' : 'FAILED ';
}

function conclusion(counts: {
  readonly checks: number;
  readonly failed: number;
  readonly notExamined: number;
}): string {
  const { checks, failed, notExamined } = counts;
  if (failed > 0) return `${failed} of ${checks} checks failed: do not rely on these results.`;
  if (notExamined > 0) return 'Not all of it was examined: what could be looked at fits.';
  return 'Everything fits.';
}

/** `coresift verify`: digests of an audit folder and the hash chain of its project, without changing anything. */
import { resolve } from 'node:path';
import type { Check } from '../../../../src-shared/domain/check.ts';
import { verifyPath } from '../../../audit/verify.ts';
import type { ExitCode } from '../failure-text.ts';
import type { CliEnvironment } from '../program.ts';

export function runVerifyCommand(
  path: string,
  flags: { readonly json?: boolean },
  environment: CliEnvironment,
): ExitCode {
  const { stdout, cwd } = environment;
  const checks = verifyPath(resolve(cwd, path));
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
  if (notExamined > 0) return 'Journal not examined: what could be looked at fits, but that is not all of it.';
  return 'Everything fits.';
}

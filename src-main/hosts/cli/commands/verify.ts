/** `coresift verify`: digests of an audit folder and the hash chain of its project, without changing anything. */
import { resolve } from 'node:path';
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
  const failed = checks.filter((check) => !check.ok).length;
  for (const check of checks) {
    if (flags.json === true) stdout.write(`${JSON.stringify({ type: 'check', ...check })}\n`);
    else stdout.write(`${check.ok ? 'ok     ' : 'FAILED '} ${check.what}: ${check.detail}\n`);
  }
  if (flags.json === true)
    stdout.write(`${JSON.stringify({ type: 'result', ok: failed === 0, checks: checks.length, failed })}\n`);
  else
    stdout.write(
      failed === 0
        ? 'Everything fits.\n'
        : `${failed} of ${checks.length} checks failed: do not rely on these results.\n`,
    );
  return failed === 0 ? 0 : 1;
}

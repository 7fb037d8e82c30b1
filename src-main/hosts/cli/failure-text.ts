/** What a failed command says: what happened, what it means for the audit, what to do. */
import type { Json } from '../../../src-shared/json.ts';
import { errorCatalogue } from '../../../src-shared/errors.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import { visibleName } from '../../../src-shared/text.ts';

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 130;

/** 4 = the command was not understood, 130 = cancelled, 2 = everything else that went wrong. */
export function exitCodeOf(error: unknown): 2 | 4 | 130 {
  if (error instanceof CancelledError) return 130;
  return error instanceof ExpectedError && error.code === 'usage' ? 4 : 2;
}

/** Lines for stderr. File names of strangers are spelled out where they hold control characters. */
export function failureText(error: unknown): string {
  if (error instanceof CancelledError) {
    return 'Cancelled. What a run had committed is safe; continue it with the same command and --resume.\n';
  }
  if (error instanceof ExpectedError) {
    const { text, means, todo } = errorCatalogue[error.code];
    const detail = error.detail.split('\n').map(visibleName).join('\n  ');
    return `Error: ${text}${detail === '' ? '' : `\n  ${detail}`}\n  What it means: ${means}\n  What to do:    ${todo}\n  (${error.code})\n`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return (
    'Error: Coresift itself failed; this is a bug, not something you did.\n' +
    '  What it means: The run stopped; everything committed so far is safe, nothing was judged.\n' +
    '  What to do:    Report it with the lines below, then try --resume.\n' +
    `${stack.split('\n').map(visibleName).join('\n')}\n`
  );
}

/** The same as one JSON value, for `--json`. */
export function failureJson(error: unknown): Json {
  if (error instanceof CancelledError) return { type: 'error', code: 'cancelled', exitCode: 130 };
  if (error instanceof ExpectedError) {
    const { text, means, todo } = errorCatalogue[error.code];
    return { type: 'error', code: error.code, exitCode: exitCodeOf(error), text, detail: error.detail, means, todo };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'error', code: 'bug', exitCode: 2, text: message, detail: (error as Error | null)?.stack ?? '' };
}

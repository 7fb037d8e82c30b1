/**
 * Three kinds of failure: expected (has a code in errors.md and the user can act), cancelled, bug (anything else).
 * They cross processes as `SerializedFailure`.
 */
import { errorCatalogue, type ErrorCode } from './errors.ts';

export class ExpectedError extends Error {
  readonly code: ErrorCode;
  /** What was met, for the second line of a message. */
  readonly detail: string;

  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(`${errorCatalogue[code].text} ${detail}`.trim(), options);
    this.name = 'ExpectedError';
    this.code = code;
    this.detail = detail;
  }
}

export class CancelledError extends Error {
  constructor() {
    super('Cancelled.');
    this.name = 'CancelledError';
  }
}

export interface SerializedFailure {
  readonly kind: 'expected' | 'cancelled' | 'bug';
  readonly code: string;
  readonly message: string;
  readonly detail: string;
  readonly stack: string | null;
}

export function serializeFailure(error: unknown): SerializedFailure {
  if (error instanceof ExpectedError) {
    return { kind: 'expected', code: error.code, message: error.message, detail: error.detail, stack: null };
  }
  if (error instanceof CancelledError || (error instanceof Error && error.name === 'AbortError')) {
    return { kind: 'cancelled', code: 'cancelled', message: 'Cancelled.', detail: '', stack: null };
  }
  const bug = error instanceof Error ? error : new Error(String(error));
  return { kind: 'bug', code: 'bug', message: bug.message, detail: '', stack: bug.stack ?? null };
}

export function reviveFailure(failure: SerializedFailure): Error {
  switch (failure.kind) {
    case 'cancelled':
      return new CancelledError();
    case 'expected':
      return new ExpectedError(failure.code as ErrorCode, failure.detail);
    case 'bug': {
      const error = new Error(failure.message);
      if (failure.stack !== null) error.stack = failure.stack;
      return error;
    }
  }
}

/** The failure of a provider, in the words of the library underneath. */
import { ExpectedError } from '../../../src-shared/failure.ts';

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

export function providerFailed(what: string, cause: unknown): ExpectedError {
  return new ExpectedError('provider-failed', `${what}: ${messageOf(cause)}`, { cause });
}

/** What the searches by gradient for something that draws images together share: what they are asked, and why one finds nothing. */
import { ExpectedError } from '../../../src-shared/failure.ts';

export interface SearchOptions {
  /** Images a step and a run, at least 2. */
  readonly batch: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /**
   * Where images shall not be brought: a unit vector `[dim]` whose mean cosine is added to the loss. A net that answers to what was planted
   * has one answer; one that gives way to anything so strong gives way in other directions, too.
   */
  readonly away?: Float32Array;
  readonly onProgress: (done: number, total: number) => void;
}

/** Why a search found nothing to measure: an operator has no gradient, or the representation, or what it is searched by, is no number. */
export type SearchFailure = 'no-gradient' | 'not-finite';

/** What a search returns, or that an operator has no gradient: that ends the search, not the audit. */
export async function unlessNoGradient<T>(search: Promise<T>): Promise<T | 'no-gradient'> {
  try {
    return await search;
  } catch (error) {
    if (error instanceof ExpectedError && error.code === 'unknown-operator') return 'no-gradient';
    throw error;
  }
}

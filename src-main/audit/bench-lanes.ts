/** Several cells of a bench at once: one lane a cell, in the order of the plan. */
import { CancelledError } from '../../src-shared/failure.ts';

export interface Lanes<T> {
  readonly count: number;
  /** Cells at once, at least 1. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
  /**
   * Runs cell `at`. Calls `prepared` once what cells share is there, the encoder and the decoded images: until then no other cell is
   * begun, so that these are made once. The signal ends with the lanes' own, or when another cell has thrown.
   */
  readonly run: (at: number, signal: AbortSignal, prepared: () => void) => Promise<T>;
  /** Told as cells end, one call at a time. */
  readonly onEnd: (at: number, outcome: T) => void;
}

/** @throws what the first cell to fail threw, once the others have ended; CancelledError */
export async function runLanes<T>({ count, atOnce, signal, run, onEnd }: Lanes<T>): Promise<void> {
  const broken = new AbortController();
  const either = AbortSignal.any([signal, broken.signal]);
  let next = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const lane = async (): Promise<void> => {
    for (;;) {
      const before = turn;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      turn = promise;
      await before;
      try {
        if (next >= count) return;
        if (either.aborted) throw new CancelledError();
        const at = next++;
        onEnd(at, await run(at, either, () => resolve(undefined)));
      } catch (error) {
        // A lane that was stopped for another's sake says nothing of its own.
        if (broken.signal.aborted) return;
        broken.abort();
        throw error;
      } finally {
        resolve(undefined);
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnce, count) }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

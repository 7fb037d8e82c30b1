/** Long listings that wait for nothing: they let other work through, can be cancelled and have an end. */
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { DatasetLimits } from '../limits.ts';

export interface Pace {
  /** True when `breathe` should be awaited now; cheap enough for every row. */
  due(): boolean;
  /** @throws CancelledError; ExpectedError dataset-too-large when opening took longer than the limit allows */
  breathe(): Promise<void>;
}

const STEPS = 2048;

export function openPace(limits: DatasetLimits, signal: AbortSignal | undefined): Pace {
  const end = performance.now() + limits.maxOpenSeconds * 1000;
  let steps = 0;
  return {
    due: () => ++steps % STEPS === 0,
    async breathe() {
      await new Promise(setImmediate);
      if (signal?.aborted === true) throw new CancelledError();
      if (performance.now() > end) {
        throw new ExpectedError(
          'dataset-too-large',
          `Listing it takes longer than ${limits.maxOpenSeconds} s (limit maxOpenSeconds).`,
        );
      }
    },
  };
}

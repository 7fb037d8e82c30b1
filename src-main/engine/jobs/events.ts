/** Batches a job's events: at most ten messages a second, and of a stage's progress only the last. */
import type { RunEvent } from '../../../src-shared/domain/run.ts';

/** Shortest time between two batches, milliseconds. */
export const batchInterval = 100;

export interface EventBatcher {
  emit(event: RunEvent): void;
  /** Sends what is waiting, at once: before a question or a result, so that nothing overtakes an event. */
  flush(): void;
}

/**
 * Order is kept; metric, pool, warning and stage events are never dropped. A progress event replaces the stage's
 * earlier one that is still waiting, unless something other than progress or metrics came in between.
 * @param now milliseconds of a monotonic clock
 */
export function batchEvents(
  send: (events: readonly RunEvent[]) => void,
  now: () => number = () => performance.now(),
): EventBatcher {
  let waiting: RunEvent[] = [];
  let lastSent = -Infinity;
  let timer: NodeJS.Timeout | null = null;

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    lastSent = now();
    send(batch);
  };

  const replaceProgress = (event: RunEvent & { type: 'progress' }): boolean => {
    for (let i = waiting.length - 1; i >= 0; i--) {
      const earlier = waiting[i];
      if (earlier.type === 'progress' && earlier.stage === event.stage) {
        waiting.splice(i, 1);
        waiting.push(event);
        return true;
      }
      if (earlier.type !== 'progress' && earlier.type !== 'metric') return false;
    }
    return false;
  };

  const emit = (event: RunEvent): void => {
    if (event.type !== 'progress' || !replaceProgress(event)) waiting.push(event);
    const due = lastSent + batchInterval - now();
    // The timer alone would starve while the thread is inside one long computation after another.
    if (due <= 0) flush();
    else timer ??= setTimeout(flush, due);
  };

  return { emit, flush };
}

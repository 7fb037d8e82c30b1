/** Takes a run's events from the engine to the store and to whoever watches, in order. */
import type { RunEvent } from '../../src-shared/domain/run.ts';
import type { ProjectWriter } from '../store/writer.ts';

export interface EventSink {
  add(event: RunEvent): void;
  /** Commits what is waiting. @throws what the store failed with, now or since the last call */
  flush(): void;
}

/**
 * Events that arrive in one turn are committed together, in one transaction.
 * @param onFailure the store refused them (no space left): the run cannot go on
 */
export function eventSink(
  writer: ProjectWriter,
  run: string,
  watch: (event: RunEvent) => void,
  onFailure: (error: unknown) => void,
): EventSink {
  let waiting: RunEvent[] = [];
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    const batch = waiting;
    waiting = [];
    if (batch.length > 0) writer.appendEvents(run, batch);
  };
  return {
    add: (event) => {
      if (event.type !== 'progress') waiting.push(event);
      if (!scheduled && waiting.length > 0) {
        scheduled = true;
        queueMicrotask(() => {
          if (!scheduled) return;
          try {
            flush();
          } catch (error) {
            onFailure(error);
          }
        });
      }
      watch(event);
    },
    flush,
  };
}

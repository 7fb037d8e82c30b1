/** The numbered events of a run for any number of watchers: from the start, then live. */
import type { NumberedEvent } from '../../src-shared/contract.ts';
import { stages, type RunEvent } from '../../src-shared/domain/run.ts';
import type { ProjectReader } from '../store/reader.ts';

export interface EventFeed {
  add(event: RunEvent): void;
  /** No more events will come, unless the run is resumed. */
  end(): void;
  /** The run goes on: watchers that come back with a cursor of before miss nothing, as numbers go on too. */
  reopen(): void;
  /** Events after `cursor`, then live ones until the feed ends or `signal` aborts. */
  after(cursor: number, signal: AbortSignal): AsyncIterable<NumberedEvent>;
}

/** @param earlier what was recorded before, numbered from 1 */
export function eventFeed(earlier: readonly NumberedEvent[], now: () => number = Date.now): EventFeed {
  const kept: NumberedEvent[] = [...earlier];
  /** Progress is worth nothing once a later one is known, so only the newest of each stage is kept for newcomers. */
  const newestProgress = new Map<string, number>();
  let ended = false;
  let wake: (() => void)[] = [];
  const ring = (): void => {
    for (const ringer of wake.splice(0)) ringer();
  };

  return {
    add(event) {
      const cursor = (kept.at(-1)?.cursor ?? 0) + 1;
      if (event.type === 'progress') {
        const before = newestProgress.get(event.stage);
        if (before !== undefined)
          kept.splice(
            kept.findIndex((one) => one.cursor === before),
            1,
          );
        newestProgress.set(event.stage, cursor);
      }
      kept.push({ cursor, time: new Date(now()).toISOString(), event });
      ring();
    },
    end() {
      ended = true;
      ring();
    },
    reopen() {
      ended = false;
    },
    async *after(cursor, signal) {
      const stop = (): void => ring();
      signal.addEventListener('abort', stop, { once: true });
      try {
        let seen = cursor;
        while (!signal.aborted) {
          const next = kept[firstAfter(kept, seen)];
          if (next !== undefined) {
            seen = next.cursor;
            yield next;
          } else if (ended) {
            return;
          } else {
            await new Promise<void>((resolve) => wake.push(resolve));
          }
        }
      } finally {
        signal.removeEventListener('abort', stop);
        wake = wake.filter((ringer) => ringer !== stop);
      }
    },
  };
}

/** Index of the first event whose cursor is above `cursor`; events are in the order of their cursors. */
function firstAfter(events: readonly NumberedEvent[], cursor: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle].cursor > cursor) high = middle;
    else low = middle + 1;
  }
  return low;
}

const pageSize = 10_000;

/** What the store kept of a run, in the order of its stages: the log, and each stage's metrics behind its last start. */
export function recordedEvents(reader: ProjectReader, run: string): NumberedEvent[] {
  const log = readAll((cursor) => reader.logAfter(run, cursor, pageSize));
  const metrics = readAll((cursor) => reader.metricsAfter(run, cursor, pageSize));
  const lastStart = new Map<string, number>();
  log.forEach(({ event }, i) => {
    if (event.type === 'stage' && event.state !== 'finished') lastStart.set(event.stage, i);
  });
  const startTime = log[0]?.at ?? new Date(0).toISOString();
  const events: NumberedEvent[] = [];
  const add = (time: string, event: RunEvent): void => void events.push({ cursor: events.length + 1, time, event });
  const addMetrics = (time: string, stage: string): void => {
    for (const metric of metrics) if (metric.stage === stage) add(time, { type: 'metric', ...metric });
  };
  for (const stage of stages) if (!lastStart.has(stage)) addMetrics(startTime, stage);
  log.forEach(({ at, event }, i) => {
    add(at, event);
    if (event.type === 'stage' && lastStart.get(event.stage) === i) addMetrics(at, event.stage);
  });
  return events;
}

function readAll<T>(read: (cursor: number) => { readonly items: readonly T[]; readonly cursor: number }): T[] {
  const all: T[] = [];
  for (let cursor = 0; ;) {
    const page = read(cursor);
    all.push(...page.items);
    if (page.items.length < pageSize) return all;
    cursor = page.cursor;
  }
}

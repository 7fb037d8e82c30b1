import { describe, expect, it } from 'vitest';
import { eventFeed } from '../../../src-main/audit/run-events.ts';
import type { RunEvent } from '../../../src-shared/domain/run.ts';

const stage = (name: 'probe' | 'sift'): RunEvent => ({ type: 'stage', stage: name, state: 'started' });
const progress = (done: number): RunEvent => ({
  type: 'progress',
  stage: 'probe',
  done,
  total: 10,
  unit: 'x',
  rate: null,
  etaSeconds: null,
});

async function collect(
  feed: ReturnType<typeof eventFeed>,
  after: number,
): Promise<{ cursor: number; event: RunEvent }[]> {
  const events = [];
  for await (const { cursor, event } of feed.after(after, new AbortController().signal)) events.push({ cursor, event });
  return events;
}

describe('the feed of a run', () => {
  it('gives what happened, then what happens, to any number of watchers, and ends', async () => {
    const feed = eventFeed([]);
    feed.add(stage('probe'));
    const early = collect(feed, 0);
    const late = collect(feed, 1);
    feed.add({ type: 'cancelled' });
    feed.end();
    expect((await early).map((one) => one.cursor)).toEqual([1, 2]);
    expect((await late).map((one) => one.event.type)).toEqual(['cancelled']);
  });

  it('keeps of progress only the newest for those who come later, with cursors that never go back', async () => {
    const feed = eventFeed([]);
    feed.add(stage('probe'));
    for (let i = 1; i <= 5; i++) feed.add(progress(i));
    feed.add(stage('sift'));
    feed.end();
    const events = await collect(feed, 0);
    expect(events.map((one) => one.cursor)).toEqual([1, 6, 7]);
    expect(events[1].event).toEqual(progress(5));
  });

  it('goes on numbering behind what was recorded', async () => {
    const feed = eventFeed([{ cursor: 41, time: '', event: stage('probe') }]);
    feed.add(stage('sift'));
    feed.end();
    expect((await collect(feed, 41)).map((one) => one.cursor)).toEqual([42]);
  });

  it('goes on numbering when the run is resumed, so that a watcher who saw all of it misses nothing', async () => {
    const feed = eventFeed([]);
    feed.add(stage('probe'));
    for (let i = 1; i <= 5; i++) feed.add(progress(i));
    feed.add({ type: 'cancelled' });
    feed.end();
    const seen = (await collect(feed, 0)).at(-1)?.cursor ?? 0;
    feed.reopen();
    feed.add(stage('sift'));
    feed.end();
    expect(await collect(feed, seen)).toEqual([{ cursor: seen + 1, event: stage('sift') }]);
  });

  it('lets a watcher go that does not want any more', async () => {
    const feed = eventFeed([]);
    const abort = new AbortController();
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { cursor } of feed.after(0, abort.signal)) seen.push(cursor);
    })();
    feed.add(stage('probe'));
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await watching;
    expect(seen).toEqual([1]);
  });
});

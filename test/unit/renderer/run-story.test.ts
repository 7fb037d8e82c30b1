import { describe, expect, it } from 'vitest';
import { activeStage, emptyStory, tell } from '../../../src-renderer/state/run-story.ts';
import type { NumberedEvent } from '../../../src-shared/contract.ts';
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { recordedEvents } from '../../support/recorded-app.ts';

const number = (events: readonly RunEvent[], from = 1): NumberedEvent[] =>
  events.map((event, index) => ({ cursor: from + index, time: new Date(1000 * (from + index)).toISOString(), event }));

describe('the story of a run', () => {
  const events = number(recordedEvents());

  it('is the same told at once or event by event', () => {
    const once = tell(emptyStory, events);
    expect(events.reduce((story, event) => tell(story, [event]), emptyStory)).toEqual(once);
    expect(once.ending?.kind).toBe('finished');
    expect(once.rounds).toHaveLength(9);
    expect(once.warnings).toHaveLength(2);
    expect(once.stages.every((stage) => stage.state === 'done')).toBe(true);
  });

  it('logs stages, rounds, pauses and warnings with their time, and a warning that is told again once', () => {
    const [warning] = events.filter(({ event }) => event.type === 'warning');
    const told = number([
      ...events.map(({ event }) => event).slice(0, -1),
      { type: 'paused' },
      { type: 'continued' },
      warning?.event as RunEvent,
      { type: 'cancelled' },
    ]);
    const { log } = tell(emptyStory, told);
    const count = (type: string): number => log.filter((entry) => entry.type === type).length;
    expect(count('stage')).toBe(26);
    expect(count('pool')).toBe(9);
    expect(count('warning')).toBe(2);
    expect(log.slice(-3).map(({ type }) => type)).toEqual(['paused', 'continued', 'cancelled']);
    expect(log.every(({ at }, place) => place === 0 || at >= (log[place - 1]?.at ?? 0))).toBe(true);
    expect(log[0]).toMatchObject({ type: 'stage', stage: 'preflight', state: 'started', at: 1000 });
  });

  it('passes over events it holds already', () => {
    const once = tell(emptyStory, events);
    expect(tell(once, events)).toEqual(once);
  });

  it('knows the stage at work and how far it is', () => {
    const at = events.findIndex(({ event }) => event.type === 'progress' && event.stage === 'grow' && event.done === 3);
    const stage = activeStage(tell(emptyStory, events.slice(0, at + 1)));
    expect(stage).toMatchObject({ stage: 'grow', state: 'active', progress: { done: 3, total: 8, unit: 'rounds' } });
  });

  it('leaves the time of a pause out, whoever is at work, and knows that one killed in a pause is not in it any more', () => {
    const at = (seconds: number, event: RunEvent): NumberedEvent => ({
      cursor: seconds,
      time: new Date(1000 * seconds).toISOString(),
      event,
    });
    const begun = tell(emptyStory, [
      at(1, { type: 'stage', stage: 'preflight', state: 'started' }),
      at(10, { type: 'stage', stage: 'probe', state: 'started' }),
      at(20, { type: 'paused' }),
    ]);
    expect(begun.pausedAt).toBe(20_000);
    const gone = tell(begun, [
      at(80, { type: 'continued' }),
      at(90, { type: 'stage', stage: 'probe', state: 'finished' }),
    ]);
    expect(gone).toMatchObject({ pausedAt: null, pausedFor: 60_000 });
    const probe = gone.stages.find(({ stage }) => stage === 'probe');
    expect((probe?.finishedAt ?? 0) - (probe?.startedAt ?? 0)).toBe(20_000);
    expect(tell(begun, [at(80, { type: 'cancelled' })]).pausedAt).toBeNull();
    expect(tell(begun, [at(80, { type: 'stage', stage: 'preflight', state: 'started' })]).pausedAt).toBeNull();
    expect(tell(begun, [at(80, { type: 'stage', stage: 'probe', state: 'finished' })]).pausedAt).toBe(20_000);
  });

  it('does not change the story it was given', () => {
    const before = tell(emptyStory, events.slice(0, 40));
    const copy = structuredClone(before);
    tell(before, events.slice(40));
    expect(before).toEqual(copy);
  });

  it('tells a stage that was begun again anew, and forgets an ending when a run goes on', () => {
    const first = number([
      { type: 'stage', stage: 'probe', state: 'started' },
      { type: 'metric', stage: 'probe', name: 'loss', at: 1, value: 2 },
      { type: 'metric', stage: 'probe', name: 'loss', at: 2, value: 1 },
      { type: 'cancelled' },
    ]);
    const second = number(
      [
        { type: 'stage', stage: 'preflight', state: 'resumed' },
        { type: 'stage', stage: 'probe', state: 'started' },
        { type: 'metric', stage: 'probe', name: 'loss', at: 1, value: 2.5 },
      ],
      5,
    );
    const cancelled = tell(emptyStory, first);
    expect(cancelled.ending).toEqual({ kind: 'cancelled' });
    expect(activeStage(cancelled)).toBeNull();
    const story = tell(cancelled, second);
    expect(story.ending).toBeNull();
    expect(story.curves[0]?.points).toEqual([{ at: 1, value: 2.5 }]);
    expect(story.stages[0]).toMatchObject({ state: 'done', resumed: true });
    expect(activeStage(story)?.stage).toBe('probe');
  });
});

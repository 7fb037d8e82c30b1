/** What the events of a run tell so far. Pure: the same events give the same story, however they arrive. */
import type { NumberedEvent } from '../../src-shared/contract.ts';
import { stages, type PoolRound, type RunEvent, type Stage } from '../../src-shared/domain/run.ts';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';

export type Progress = Extract<RunEvent, { type: 'progress' }>;
export type Warning = Extract<RunEvent, { type: 'warning' }>;

export interface StageStory {
  readonly stage: Stage;
  readonly state: 'waiting' | 'active' | 'done';
  /** Taken over from before an interruption. */
  readonly resumed: boolean;
  /** Milliseconds since 1970; null until it started or finished. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly progress: Progress | null;
}

/** One metric of one stage over its epochs or steps, in order of arrival. */
export interface Curve {
  readonly stage: Stage;
  readonly name: string;
  readonly points: readonly { readonly at: number; readonly value: number }[];
}

export type Ending =
  | { readonly kind: 'finished'; readonly verdict: AuditVerdict }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'cancelled' };

/** What happened when, as far as a person would want to read it. */
export type LogEntry = { readonly at: number } & (
  | Extract<RunEvent, { type: 'stage' | 'pool' | 'paused' | 'continued' | 'warning' | 'failed' | 'cancelled' }>
  | { readonly type: 'finished' }
);

export interface RunStory {
  readonly cursor: number;
  readonly stages: readonly StageStory[];
  readonly rounds: readonly PoolRound[];
  readonly curves: readonly Curve[];
  readonly warnings: readonly Warning[];
  /** In order; events that a replay tells again stand in it once. */
  readonly log: readonly LogEntry[];
  readonly ending: Ending | null;
  /** Milliseconds since 1970; null while it is not paused. */
  readonly pausedAt: number | null;
  /** Milliseconds for which it was paused before. */
  readonly pausedFor: number;
}

export const emptyStory: RunStory = {
  cursor: 0,
  stages: stages.map((stage) => ({
    stage,
    state: 'waiting',
    resumed: false,
    startedAt: null,
    finishedAt: null,
    progress: null,
  })),
  rounds: [],
  curves: [],
  warnings: [],
  log: [],
  ending: null,
  pausedAt: null,
  pausedFor: 0,
};

/** Adds events to a story; events that it already holds are passed over. */
export function tell(story: RunStory, events: readonly NumberedEvent[]): RunStory {
  let { cursor, ending, pausedAt, pausedFor } = story;
  const stageList = [...story.stages];
  const rounds = [...story.rounds];
  const warnings = [...story.warnings];
  const log = [...story.log];
  const curves = new Map(story.curves.map((curve) => [`${curve.stage} ${curve.name}`, curve]));
  const grown = new Set<string>();
  const change = (stage: Stage, update: (old: StageStory) => StageStory): void => {
    const at = stages.indexOf(stage);
    const old = stageList[at];
    if (old !== undefined) stageList[at] = update(old);
  };

  /** Time that passed while it was paused counts for no stage. */
  const goOn = (when: number): void => {
    if (pausedAt === null) return;
    const since = pausedAt;
    stageList.forEach((stage, at) => {
      if (stage.state !== 'active' || stage.startedAt === null) return;
      stageList[at] = { ...stage, startedAt: stage.startedAt + when - Math.max(since, stage.startedAt) };
    });
    pausedFor += when - since;
    pausedAt = null;
  };

  for (const { cursor: number, time, event } of events) {
    if (number <= cursor) continue;
    cursor = number;
    const when = Date.parse(time);
    if (worthNoting(event, warnings))
      log.push(event.type === 'finished' ? { type: 'finished', at: when } : { ...event, at: when });
    switch (event.type) {
      case 'stage':
        // A run that goes on after an ending was resumed; one that begins anew was killed while it was paused.
        ending = null;
        if (event.stage === 'preflight' && event.state === 'started') pausedAt = null;
        change(event.stage, (old) =>
          event.state === 'started'
            ? { ...old, state: 'active', startedAt: when, finishedAt: null, progress: null }
            : { ...old, state: 'done', resumed: old.resumed || event.state === 'resumed', finishedAt: when },
        );
        break;
      case 'progress':
        change(event.stage, (old) => ({
          ...old,
          progress: event,
          state: old.state === 'waiting' ? 'active' : old.state,
        }));
        break;
      case 'metric': {
        const key = `${event.stage} ${event.name}`;
        const curve = curves.get(key) ?? { stage: event.stage, name: event.name, points: [] };
        const points = grown.has(key) ? (curve.points as { at: number; value: number }[]) : [...curve.points];
        grown.add(key);
        // A stage that was begun again after an interruption tells its curve anew.
        const again = points.findIndex((point) => point.at >= event.at);
        if (again >= 0) points.length = again;
        points.push({ at: event.at, value: event.value });
        curves.set(key, { ...curve, points });
        break;
      }
      case 'pool': {
        const again = rounds.findIndex((round) => round.round >= event.round.round);
        if (again >= 0) rounds.length = again;
        rounds.push(event.round);
        break;
      }
      case 'warning':
        if (!toldBefore(event, warnings)) warnings.push(event);
        break;
      case 'paused':
        pausedAt ??= when;
        break;
      case 'continued':
        goOn(when);
        break;
      case 'finished':
        ending = { kind: 'finished', verdict: event.verdict };
        break;
      case 'failed':
        ending = { kind: 'failed', code: event.code, message: event.message };
        break;
      case 'cancelled':
        ending = { kind: 'cancelled' };
        break;
    }
  }
  if (ending !== null) pausedAt = null;
  return {
    cursor,
    stages: stageList,
    rounds,
    curves: [...curves.values()],
    warnings,
    log,
    ending,
    pausedAt,
    pausedFor,
  };
}

function toldBefore({ code, subject, message }: Warning, warnings: readonly Warning[]): boolean {
  return warnings.some((old) => old.code === code && old.subject === subject && old.message === message);
}

/** Progress and curves are shown elsewhere; a warning is noted once. */
function worthNoting(
  event: RunEvent,
  warnings: readonly Warning[],
): event is Exclude<RunEvent, { type: 'progress' | 'metric' }> {
  if (event.type === 'progress' || event.type === 'metric') return false;
  return event.type !== 'warning' || !toldBefore(event, warnings);
}

/** The stage at work; null before the first and after the last. */
export function activeStage(story: RunStory): StageStory | null {
  return story.ending === null ? (story.stages.findLast((stage) => stage.state === 'active') ?? null) : null;
}

/** Looks at the runs that are started through a desktop host, for what a desktop shows of them: progress, sleep, the end. */
import type { App } from '../../../src-shared/contract.ts';
import { stages, type RunEvent, type RunSummary } from '../../../src-shared/domain/run.ts';
import { CancelledError } from '../../../src-shared/failure.ts';

export interface RunSights {
  /** Share of the run that is done, 0..1, which run, and whether it is paused; null when none is going on. */
  readonly onProgress: (run: RunSummary | null, share: number, paused: boolean) => void;
  readonly onEnd: (run: RunSummary, how: 'finished' | 'failed' | 'cancelled') => void;
  readonly report: (error: unknown) => void;
}

export interface WatchedApp {
  /** The same use cases; runs that are started through them are watched. */
  readonly app: App;
  /** The run that is going on. */
  active(): RunSummary | null;
  /** Whether that run is paused. */
  paused(): boolean;
}

/** Stages count alike: what matters is that the bar moves and never goes back. */
export function shareAfter(share: number, event: RunEvent): number {
  const part = (stage: (typeof stages)[number], done: number): number => (stages.indexOf(stage) + done) / stages.length;
  switch (event.type) {
    case 'stage':
      return Math.max(share, part(event.stage, event.state === 'started' ? 0 : 1));
    case 'progress':
      return Math.max(share, part(event.stage, event.total > 0 ? Math.min(1, event.done / event.total) : 0));
    default:
      return share;
  }
}

/** A run that was killed while it was paused begins anew, and says nothing of going on. */
function pausedAfter(paused: boolean, event: RunEvent): boolean {
  if (event.type === 'paused') return true;
  const begins = event.type === 'stage' && event.stage === 'preflight' && event.state === 'started';
  return paused && event.type !== 'continued' && !begins;
}

export function watchRuns(app: App, sights: RunSights): WatchedApp {
  let active: RunSummary | null = null;
  let paused = false;
  const { handlers } = app;

  const follow = async (run: RunSummary): Promise<void> => {
    const { signal } = new AbortController();
    let share = 0;
    let how: 'finished' | 'failed' | 'cancelled' | null = null;
    active = run;
    sights.onProgress(run, 0, false);
    try {
      for await (const { event } of handlers['run.events']({ runId: run.id, after: 0 }, { signal })) {
        share = shareAfter(share, event);
        // A resumed run begins with what it was before, an earlier end among it.
        how = event.type === 'finished' || event.type === 'failed' || event.type === 'cancelled' ? event.type : null;
        paused = pausedAfter(paused, event);
        sights.onProgress(run, share, paused);
      }
    } finally {
      active = null;
      paused = false;
      sights.onProgress(null, 0, false);
    }
    if (how !== null) sights.onEnd(run, how);
  };
  const watched = (run: RunSummary): RunSummary => {
    follow(run).catch((error: unknown) => {
      if (!(error instanceof CancelledError)) sights.report(error);
    });
    return run;
  };
  return {
    active: () => active,
    paused: () => paused,
    app: {
      ...app,
      handlers: {
        ...handlers,
        'run.start': async (request, context) => watched(await handlers['run.start'](request, context)),
        'run.resume': async (request, context) => watched(await handlers['run.resume'](request, context)),
        'sample.open': async (request, context) => watched(await handlers['sample.open'](request, context)),
      },
    },
  };
}

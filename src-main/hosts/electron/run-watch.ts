/** Looks at the runs that are started through a desktop host, for what a desktop shows of them: progress, sleep, the end. */
import type { App } from '../../../src-shared/contract.ts';
import { stages, type RunEvent, type RunSummary } from '../../../src-shared/domain/run.ts';
import { CancelledError } from '../../../src-shared/failure.ts';

export interface RunSights {
  /** Share of the run that is done, 0..1, and which run; null when none is going on. */
  readonly onProgress: (run: RunSummary | null, share: number) => void;
  readonly onEnd: (run: RunSummary, how: 'finished' | 'failed' | 'cancelled') => void;
  readonly report: (error: unknown) => void;
}

export interface WatchedApp {
  /** The same use cases; runs that are started through them are watched. */
  readonly app: App;
  /** The run that is going on. */
  active(): RunSummary | null;
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

export function watchRuns(app: App, sights: RunSights): WatchedApp {
  let active: RunSummary | null = null;
  const { handlers } = app;

  const follow = async (run: RunSummary): Promise<void> => {
    const { signal } = new AbortController();
    let share = 0;
    let how: 'finished' | 'failed' | 'cancelled' | null = null;
    active = run;
    sights.onProgress(run, 0);
    try {
      for await (const { event } of handlers['run.events']({ runId: run.id, after: 0 }, { signal })) {
        share = shareAfter(share, event);
        // A resumed run begins with what it was before, an earlier end among it.
        how = event.type === 'finished' || event.type === 'failed' || event.type === 'cancelled' ? event.type : null;
        sights.onProgress(run, share);
      }
    } finally {
      active = null;
      sights.onProgress(null, 0);
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

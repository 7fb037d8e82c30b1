/** Looks at what is started through a desktop host, for what a desktop shows of it: progress, sleep, the end. */
import type { App, HandlerContext, ReplayEvent } from '../../../src-shared/contract.ts';
import type { MatrixEvent, MatrixSummary } from '../../../src-shared/domain/bench.ts';
import { stages, type RunEvent, type RunSummary, type Stage } from '../../../src-shared/domain/run.ts';
import { CancelledError } from '../../../src-shared/failure.ts';

/** What is going on: an audit, a matrix of planted attacks, or the replay of an audit. There is never more than one of them. */
export type Work =
  | { readonly kind: 'run'; readonly run: RunSummary }
  | { readonly kind: 'matrix'; readonly matrix: MatrixSummary }
  | {
      readonly kind: 'replay';
      readonly run: RunSummary;
      /** How many things came out differently; null until that is known. */
      readonly differing: number | null;
      readonly cancel: () => void;
    };

export type Ending = 'finished' | 'failed' | 'cancelled';

export interface WorkSights {
  /** Share of the work that is done, 0..1, which work, and whether it is paused; null when none is going on. */
  readonly onProgress: (work: Work | null, share: number, paused: boolean) => void;
  /** A matrix and a replay come as they are at their end. */
  readonly onEnd: (work: Work, how: Ending) => void;
  readonly report: (error: unknown) => void;
}

export interface WatchedApp {
  /** The same use cases; what is started through them is watched. */
  readonly app: App;
  /** What is going on. */
  active(): Work | null;
  /** Whether that is a run, and paused. */
  paused(): boolean;
}

/** @returns 0..1; stages count alike: what matters is that the bar moves */
function shareAt(stage: Stage, done: number, total: number): number {
  return (stages.indexOf(stage) + (total > 0 ? Math.min(1, done / total) : 0)) / stages.length;
}

/** The share never goes back. */
export function shareAfter(share: number, event: RunEvent): number {
  switch (event.type) {
    case 'stage':
      return Math.max(share, shareAt(event.stage, event.state === 'started' ? 0 : 1, 1));
    case 'progress':
      return Math.max(share, shareAt(event.stage, event.done, event.total));
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

/** How far a matrix is: cells before the one at work, and that one's own share. */
interface MatrixShare {
  readonly before: number;
  readonly cells: number;
  readonly cell: number;
}

function matrixAfter(share: MatrixShare, event: MatrixEvent): MatrixShare {
  switch (event.type) {
    case 'cell':
      return { before: event.at, cells: event.of, cell: 0 };
    case 'run':
      return { ...share, cell: shareAfter(share.cell, event.event) };
    case 'outcome':
      return { ...share, cell: 1 };
    case 'ended':
      return share;
  }
}

export function watchWork(app: App, sights: WorkSights): WatchedApp {
  let active: Work | null = null;
  let paused = false;
  const { handlers } = app;
  const { signal } = new AbortController();

  /** @returns how the run ended; null when it did not tell */
  const followRun = async (work: Work & { kind: 'run' }): Promise<Ending | null> => {
    let share = 0;
    let how: Ending | null = null;
    for await (const { event } of handlers['run.events']({ runId: work.run.id, after: 0 }, { signal })) {
      share = shareAfter(share, event);
      // A resumed run begins with what it was before, an earlier end among it.
      how = event.type === 'finished' || event.type === 'failed' || event.type === 'cancelled' ? event.type : null;
      paused = pausedAfter(paused, event);
      sights.onProgress(work, share, paused);
    }
    return how;
  };
  /** @returns what has become of the matrix; null when it did not tell of its end */
  const followMatrix = async ({ matrix }: Work & { kind: 'matrix' }): Promise<Ending | null> => {
    let share: MatrixShare = { before: matrix.done, cells: matrix.cells, cell: 0 };
    let shown = 0;
    let how: Ending | null = null;
    for await (const event of handlers['attacks.events']({ id: matrix.id }, { signal })) {
      share = matrixAfter(share, event);
      shown = Math.max(shown, Math.min(1, (share.before + share.cell) / Math.max(1, share.cells)));
      // Cancelling is no failure; whether it came too late to change anything is for the folder to say.
      if (event.type === 'ended') how = event.failure === null ? 'cancelled' : 'failed';
      sights.onProgress({ kind: 'matrix', matrix }, shown, false);
    }
    return how;
  };

  /** A replay lives as long as whoever reads it, and tells nobody else: it is watched on its way there. */
  async function* watchedReplay(
    request: { readonly runId: string },
    context: HandlerContext,
  ): AsyncGenerator<ReplayEvent> {
    const stop = new AbortController();
    const both = { signal: AbortSignal.any([context.signal, stop.signal]) };
    const { summary } = await handlers['run.get'](request, context);
    // Beside other work it is refused, and must not be shown in that one's place.
    if (active !== null) return yield* handlers['run.replay'](request, context);
    let work: Work & { kind: 'replay' } = { kind: 'replay', run: summary, differing: null, cancel: () => stop.abort() };
    let share = 0;
    let how: Ending = 'cancelled';
    const shown = (active = work);
    sights.onProgress(work, share, false);
    try {
      for await (const event of handlers['run.replay'](request, both)) {
        if (event.kind === 'progress') share = Math.max(share, shareAt(event.stage, event.done, event.total));
        else work = { ...work, differing: event.checks.filter((check) => !check.ok).length };
        sights.onProgress(work, share, false);
        yield event;
      }
      how = 'finished';
    } catch (error) {
      if (!(error instanceof CancelledError)) how = 'failed';
      throw error;
    } finally {
      if (active === shown) {
        active = null;
        sights.onProgress(null, 0, false);
        sights.onEnd(work, how);
      }
    }
  }

  const follow = async (work: Exclude<Work, { kind: 'replay' }>): Promise<void> => {
    let how: Ending | null;
    active = work;
    sights.onProgress(work, 0, false);
    try {
      how = work.kind === 'run' ? await followRun(work) : await followMatrix(work);
    } finally {
      active = null;
      paused = false;
      sights.onProgress(null, 0, false);
    }
    if (how === null) return;
    if (work.kind === 'run') return sights.onEnd(work, how);
    const { summary } = await handlers['attacks.get']({ id: work.matrix.id }, { signal });
    sights.onEnd({ kind: 'matrix', matrix: summary }, summary.state === 'finished' ? 'finished' : how);
  };
  const followed = (work: Parameters<typeof follow>[0]): void => {
    follow(work).catch((error: unknown) => {
      if (!(error instanceof CancelledError)) sights.report(error);
    });
  };
  const watchedRun = (run: RunSummary): RunSummary => {
    followed({ kind: 'run', run });
    return run;
  };
  const watchedMatrix = (matrix: MatrixSummary): MatrixSummary => {
    followed({ kind: 'matrix', matrix });
    return matrix;
  };
  return {
    active: () => active,
    paused: () => paused,
    app: {
      ...app,
      handlers: {
        ...handlers,
        'run.start': async (request, context) => watchedRun(await handlers['run.start'](request, context)),
        'run.resume': async (request, context) => watchedRun(await handlers['run.resume'](request, context)),
        'sample.open': async (request, context) => watchedRun(await handlers['sample.open'](request, context)),
        'attacks.start': async (request, context) => watchedMatrix(await handlers['attacks.start'](request, context)),
        'run.replay': watchedReplay,
        'attacks.resume': async (request, context) => watchedMatrix(await handlers['attacks.resume'](request, context)),
      },
    },
  };
}

/** One run as a view sees it: its detail, its story told live, and what was sifted once that is known. */
import type { RunDetail, SampleTable } from '../../src-shared/contract.ts';
import type { NumberedEvent } from '../../src-shared/contract.ts';
import type { AuditResult } from '../../src-shared/domain/result.ts';
import { CancelledError, ExpectedError } from '../../src-shared/failure.ts';
import type { Host } from './connection.ts';
import { emptyStory, tell, type RunStory } from './run-story.ts';

export interface RunState {
  readonly id: string;
  readonly detail: RunDetail | null;
  readonly story: RunStory;
  readonly table: SampleTable | null;
  readonly result: AuditResult | null;
  /** What kept the page from showing the run; the run itself may be well. */
  readonly failure: unknown;
  cancel(): Promise<void>;
  /** Resolves once the engine stands still. */
  pause(): Promise<void>;
  goOn(): Promise<void>;
  resume(): Promise<void>;
  stop(): void;
}

/** Events are told in one go per frame, however many arrive, so that a replay of thousands does not block the page. */
const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));

/** @param changed called when the run started, ended or otherwise changed what the list of runs shows */
export function createRun(host: Host, id: string, changed: () => void): RunState {
  let detail = $state.raw<RunDetail | null>(null);
  let story = $state.raw<RunStory>(emptyStory);
  let table = $state.raw<SampleTable | null>(null);
  let result = $state.raw<AuditResult | null>(null);
  let failure = $state.raw<unknown>(null);
  let following: AbortController | null = null;
  const life = new AbortController();
  const request = { runId: id };

  const fail = (error: unknown): void => {
    // The frame says that the connection is lost, once for all views.
    const lost = error instanceof ExpectedError && error.code === 'connection-lost';
    if (!(error instanceof CancelledError) && !lost) failure = error;
  };
  const sifted = (known: RunStory): boolean =>
    known.stages.some((stage) => stage.stage === 'sift' && stage.state === 'done');

  const refresh = async (): Promise<void> => {
    detail = await host.call('run.get', request, life.signal);
    if (sifted(story) && table?.complete !== true) table = await host.call('run.columns', request, life.signal);
    if (detail.summary.state === 'finished') result = await host.call('run.result', request, life.signal);
    changed();
  };

  const follow = async (): Promise<void> => {
    following?.abort();
    const mine = new AbortController();
    following = mine;
    let queue: NumberedEvent[] = [];
    let drawing: Promise<void> | null = null;
    const draw = async (): Promise<void> => {
      await frame();
      const before = story;
      story = tell(story, queue);
      queue = [];
      drawing = null;
      if (!sifted(before) && sifted(story)) await refresh();
    };
    await refresh();
    for await (const event of host.stream('run.events', { runId: id, after: story.cursor }, mine.signal)) {
      queue.push(event);
      drawing ??= draw().catch(fail);
    }
    await drawing;
    await refresh();
  };

  void follow().catch(fail);
  return {
    id,
    get detail() {
      return detail;
    },
    get story() {
      return story;
    },
    get table() {
      return table;
    },
    get result() {
      return result;
    },
    get failure() {
      return failure;
    },
    async cancel() {
      await host.call('run.cancel', request).then(refresh).catch(fail);
    },
    async pause() {
      await host.call('run.pause', request).catch(fail);
    },
    async goOn() {
      await host.call('run.continue', request).catch(fail);
    },
    async resume() {
      failure = null;
      try {
        await host.call('run.resume', request);
        void follow().catch(fail);
      } catch (error) {
        fail(error);
      }
    },
    stop() {
      life.abort();
      following?.abort();
    },
  };
}

/** The use case of a page that has an audit computed once more, to see whether the same comes out. */
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppProcedures, Handlers, ReplayEvent } from '../../src-shared/contract.ts';
import type { Check } from '../../src-shared/domain/check.ts';
import type { RunEvent } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { systemFailure } from '../formats/system.ts';
import type { ProjectWriter } from '../store/writer.ts';
import { newestWhile } from './newest.ts';
import { replayAudit } from './replay.ts';
import { folderOf } from './run-folder.ts';
import type { EngineSpawner } from './spawn-engine.ts';

export interface ReplayDesk {
  readonly handlers: Pick<Handlers<AppProcedures>, 'run.replay'>;
  /** @throws ExpectedError run-active while an audit is replayed: it takes the processors as an audit does */
  requireIdle(): void;
  /** Breaks off what is being replayed, and waits until its engine is gone. */
  close(): Promise<void>;
}

/** @param requireIdle throws while anything else is computed */
export function replayDesk(spawn: EngineSpawner, writer: () => ProjectWriter, requireIdle: () => void): ReplayDesk {
  let replaying: { readonly run: number; readonly abort: AbortController; readonly ended: Promise<unknown> } | null =
    null;

  /** In a folder that goes when everything is the same, and when nothing came of it. */
  const replay = async (
    runId: string,
    tell: (event: ReplayEvent) => void,
    signal: AbortSignal,
  ): Promise<ReplayEvent & { kind: 'checks' }> => {
    const { dir, reader } = writer();
    const { summary, request, environment } = reader.run(runId);
    const record = join(folderOf(dir, environment), 'report.json');
    if (!existsSync(record)) throw new ExpectedError('report-missing', record);
    const out = makeFolder(join(dir, 'replays'), `${String(summary.number).padStart(4, '0')}-`);
    let checks: Check[] = [];
    try {
      const { encoder, dataset, classes } = request;
      const onEvent = (event: RunEvent): void => {
        if (event.type === 'progress')
          tell({ kind: 'progress', stage: event.stage, done: event.done, total: event.total });
        else if (event.type === 'stage' && event.state === 'started')
          tell({ kind: 'progress', stage: event.stage, done: 0, total: 0 });
      };
      checks = await replayAudit({ record, encoder, dataset, classes, out, spawn, onEvent, signal });
    } finally {
      if (checks.every((check) => check.ok)) await rm(out, { recursive: true, force: true });
    }
    return { kind: 'checks', checks, kept: checks.every((check) => check.ok) ? null : out };
  };

  return {
    handlers: {
      async *'run.replay'({ runId }, { signal }) {
        requireIdle();
        const abort = new AbortController();
        const { promise: ended, resolve: end } = Promise.withResolvers<null>();
        replaying = { run: writer().reader.run(runId).summary.number, abort, ended };
        try {
          yield yield* newestWhile<ReplayEvent, ReplayEvent>(
            (tell, stopped) => replay(runId, tell, stopped).finally(() => end(null)),
            AbortSignal.any([signal, abort.signal]),
          );
        } finally {
          // A reader that went away has the engine stopped; another may compute once it is gone.
          await ended;
          replaying = null;
        }
      },
    },
    requireIdle() {
      if (replaying !== null) throw new ExpectedError('run-active', `Run ${replaying.run} is being replayed.`);
    },
    async close() {
      replaying?.abort.abort();
      await replaying?.ended;
    },
  };
}

function makeFolder(within: string, prefix: string): string {
  try {
    mkdirSync(within, { recursive: true });
    return mkdtempSync(join(within, prefix));
  } catch (error) {
    throw systemFailure(error, within);
  }
}

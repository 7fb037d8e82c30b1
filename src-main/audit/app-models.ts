/** The use cases of a page about single models: a scan of one that came, other formats of one that was made. */
import { join, resolve } from 'node:path';
import type { AppProcedures, Handlers } from '../../src-shared/contract.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { ProjectWriter } from '../store/writer.ts';
import { exportModel } from './export-run.ts';
import { inspectFile } from './inspect.ts';
import type { EngineSpawner } from './spawn-engine.ts';

export interface ModelDesk {
  readonly handlers: Pick<Handlers<AppProcedures>, 'model.inspect' | 'run.export'>;
  /** @throws ExpectedError run-active while a model is being written: its journal must stay open */
  requireIdle(): void;
  /** Breaks off what is being written, and waits until its journal is let go. */
  close(): Promise<void>;
}

export function modelDesk(spawn: EngineSpawner, writer: () => ProjectWriter): ModelDesk {
  let writing: { readonly run: number; readonly abort: AbortController; readonly ended: Promise<unknown> } | null =
    null;

  const requireIdle = (): void => {
    if (writing !== null) throw new ExpectedError('run-active', `The model of run ${writing.run} is being written.`);
  };

  return {
    handlers: {
      'model.inspect': async ({ path, limits }, { signal }) => {
        // The caps in force are nothing a page shows.
        const { limits: _caps, ...scan } = await inspectFile(path, limits, spawn, signal);
        return scan;
      },
      'run.export': async ({ runId, formats, out }, { signal }) => {
        requireIdle();
        const { dir, reader } = writer();
        const { id, number } = reader.run(runId).summary;
        const folder = out === null ? join(dir, 'exports', String(number).padStart(4, '0')) : resolve(out);
        const abort = new AbortController();
        const exported = exportModel(writer(), {
          run: id,
          formats,
          out: folder,
          spawn,
          signal: AbortSignal.any([signal, abort.signal]),
        });
        writing = { run: number, abort, ended: exported.catch(() => undefined) };
        try {
          const { written, refused, record } = await exported;
          return { folder, written, refused, record };
        } finally {
          writing = null;
        }
      },
    },
    requireIdle,
    async close() {
      writing?.abort.abort();
      await writing?.ended;
    },
  };
}

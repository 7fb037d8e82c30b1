/** Matrices of planted attacks as the view sees them: the list, the one that is shown, and what is going on in it. */
import { CancelledError } from '../../src-shared/failure.ts';
import type { AttackRequest, BenchCell, MatrixDetail, MatrixSummary } from '../../src-shared/domain/bench.ts';
import type { RunEvent } from '../../src-shared/domain/run.ts';
import type { Host } from './connection.ts';

export interface AttackState {
  /** Newest first; null while they are being read. */
  readonly list: readonly MatrixSummary[] | null;
  readonly shown: MatrixDetail | null;
  /** The cell at work and how far it is; null when none is. */
  readonly work: {
    readonly cell: BenchCell;
    readonly at: number;
    readonly of: number;
    readonly progress: Extract<RunEvent, { type: 'progress' }> | null;
  } | null;
  readonly failure: unknown;
  show(id: string): Promise<void>;
  /** @throws what the host refuses */
  start(request: AttackRequest): Promise<void>;
  cancel(): Promise<void>;
  resume(): Promise<void>;
  stop(): void;
}

export function createAttacks(host: Host): AttackState {
  let list = $state.raw<readonly MatrixSummary[] | null>(null);
  let shown = $state.raw<MatrixDetail | null>(null);
  /** The matrix that was asked for last: an answer about another one comes too late. */
  let wanted: string | null = null;
  let work = $state.raw<AttackState['work']>(null);
  let failure = $state.raw<unknown>(null);
  const life = new AbortController();
  let watching: AbortController | null = null;

  const attempt = async (act: () => Promise<void>): Promise<void> => {
    failure = null;
    try {
      await act();
    } catch (error) {
      if (!life.signal.aborted && !(error instanceof CancelledError)) failure = error;
    }
  };
  const readList = async (): Promise<void> => {
    list = await host.call('attacks.list', {}, life.signal);
  };
  const read = async (id: string): Promise<void> => {
    const detail = await host.call('attacks.get', { id }, life.signal);
    if (wanted === id) shown = detail;
  };
  const watch = async (id: string): Promise<void> => {
    watching?.abort();
    const mine = new AbortController();
    watching = mine;
    work = null;
    for await (const event of host.stream('attacks.events', { id }, mine.signal)) {
      if (watching !== mine) return;
      switch (event.type) {
        case 'cell':
          work = { cell: event.cell, at: event.at, of: event.of, progress: null };
          break;
        case 'run':
          if (event.event.type === 'progress') progressed(event.event);
          break;
        case 'outcome':
          await read(id);
          break;
        case 'ended':
          failure = event.failure;
      }
    }
    if (watching !== mine) return;
    work = null;
    await read(id);
    await readList();
  };
  const progressed = (progress: Extract<RunEvent, { type: 'progress' }>): void => {
    if (work !== null) work = { ...work, progress };
  };
  const open = async (id: string): Promise<void> => {
    wanted = id;
    shown = null;
    await read(id);
    if (wanted === id) await watch(id);
  };

  void attempt(async () => {
    await readList();
    const [newest] = list ?? [];
    if (newest !== undefined && wanted === null) await open(newest.id);
  });
  return {
    get list() {
      return list;
    },
    get shown() {
      return shown;
    },
    get work() {
      return work;
    },
    get failure() {
      return failure;
    },
    show: (id) => attempt(() => open(id)),
    async start(request) {
      const { id } = await host.call('attacks.start', { request }, life.signal);
      wanted = id;
      void attempt(async () => {
        await readList();
        if (wanted === id) await open(id);
      });
    },
    async cancel() {
      const id = shown?.summary.id;
      if (id !== undefined) await attempt(async () => void (await host.call('attacks.cancel', { id }, life.signal)));
    },
    async resume() {
      const id = shown?.summary.id;
      if (id === undefined) return;
      await attempt(async () => {
        await host.call('attacks.resume', { id }, life.signal);
        void attempt(() => open(id));
      });
    },
    stop() {
      life.abort();
      watching?.abort();
    },
  };
}

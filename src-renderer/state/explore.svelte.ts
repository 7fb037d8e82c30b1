/** What the exploring views of one run ask for beyond the run itself: scores, pools, neighbours, pictures, decisions. */
import type { Neighbours, PoolMembers, TapScores } from '../../src-shared/contract.ts';
import type { Decision, DecisionRow } from '../../src-shared/domain/decision.ts';
import type { Host } from './connection.ts';
import { createSelection, type Selection } from './selection.svelte.ts';
import { createPictures, type PictureSource } from './thumbnails.ts';

export interface Explorer {
  readonly runId: string;
  readonly selection: Selection;
  readonly picture: PictureSource;
  /** Oldest first; null while they are being read. */
  readonly decisions: readonly DecisionRow[] | null;
  /** Null while unknown or before any is committed. */
  readonly taps: TapScores | null;
  readonly pools: PoolMembers | null;
  readonly failure: unknown;
  neighbours(index: number): Promise<Neighbours>;
  /** @throws what the host refuses */
  decide(decision: Omit<Decision, 'who'>): Promise<void>;
  /** Reads scores and pools anew: a stage has been committed. */
  refresh(): void;
  stop(): void;
}

export function createExplorer(host: Host, runId: string): Explorer {
  let decisions = $state.raw<readonly DecisionRow[] | null>(null);
  let taps = $state.raw<TapScores | null>(null);
  let pools = $state.raw<PoolMembers | null>(null);
  let failure = $state.raw<unknown>(null);
  const life = new AbortController();
  const pictures = createPictures((index, size) => host.call('sample.thumbnail', { runId, index, size }, life.signal));
  const read = <T>(asked: Promise<T>, keep: (value: T) => void): void =>
    void asked.then(keep, (error: unknown) => {
      if (!life.signal.aborted) failure = error;
    });
  read(host.call('run.decisions', { runId }, life.signal), (rows) => (decisions = rows));
  return {
    runId,
    selection: createSelection(),
    picture: pictures.get,
    get decisions() {
      return decisions;
    },
    get taps() {
      return taps;
    },
    get pools() {
      return pools;
    },
    get failure() {
      return failure;
    },
    neighbours: (index) => host.call('sample.neighbours', { runId, index }, life.signal),
    async decide(decision) {
      decisions = await host.call('run.decide', { runId, decision });
    },
    refresh() {
      read(host.call('run.taps', { runId }, life.signal), (scores) => (taps = scores));
      read(host.call('run.pools', { runId }, life.signal), (found) => (pools = found));
    },
    stop() {
      life.abort();
      pictures.clear();
    },
  };
}

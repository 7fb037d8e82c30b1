/** What the exploring views of one run ask for beyond the run itself: scores, pools, neighbours, pictures, decisions. */
import type { MapEvent, MapMethod, Neighbours, PoolMembers, SampleMap, TapScores } from '../../src-shared/contract.ts';
import type { Decision, DecisionRow } from '../../src-shared/domain/decision.ts';
import { CancelledError } from '../../src-shared/failure.ts';
import type { Host } from './connection.ts';
import { createSelection, type Selection } from './selection.svelte.ts';
import { createPictures, type PictureSource } from './thumbnails.ts';

/** Which map is shown, and the one that is being made. */
export interface MapState {
  /** Null while the taps are not known. */
  readonly tap: string | null;
  readonly method: MapMethod;
  /** Null: the places that came with the table (components of the last used tap). */
  readonly places: SampleMap | null;
  readonly working: boolean;
  readonly progress: Extract<MapEvent, { kind: 'progress' }> | null;
  readonly failure: unknown;
  show(tap: string, method: MapMethod): void;
  /** Gives up what is being made; the map that was there stays. */
  stop(): void;
}

export interface Explorer {
  readonly runId: string;
  readonly selection: Selection;
  readonly picture: PictureSource;
  /** Oldest first; null while they are being read. */
  readonly decisions: readonly DecisionRow[] | null;
  /** Null while unknown or before any is committed. */
  readonly taps: TapScores | null;
  readonly pools: PoolMembers | null;
  readonly map: MapState;
  readonly failure: unknown;
  neighbours(index: number): Promise<Neighbours>;
  /** @throws what the host refuses */
  decide(decision: Omit<Decision, 'who'>): Promise<void>;
  /** Puts a tag on many samples, or takes it off. @throws what the host refuses */
  tagAll(samples: readonly number[], act: 'tag' | 'untag', tag: string): Promise<void>;
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
  const map = createMap(host, runId, () => taps);
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
    map,
    get failure() {
      return failure;
    },
    neighbours: (index) => host.call('sample.neighbours', { runId, index }, life.signal),
    async decide(decision) {
      decisions = await host.call('run.decide', { runId, decision });
    },
    async tagAll(samples, act, value) {
      decisions = await host.call('run.decide-all', { runId, samples, act, value });
    },
    refresh() {
      // Scores come once and whole; pools grow.
      if (taps === null) read(host.call('run.taps', { runId }, life.signal), (scores) => (taps = scores));
      read(host.call('run.pools', { runId }, life.signal), (found) => (pools = found));
    },
    stop() {
      life.abort();
      map.stop();
      pictures.clear();
    },
  };
}

function createMap(host: Host, runId: string, taps: () => TapScores | null): MapState {
  let chosen = $state.raw<{ tap: string; method: MapMethod } | null>(null);
  let places = $state.raw<SampleMap | null>(null);
  let progress = $state.raw<MapState['progress']>(null);
  let failure = $state.raw<unknown>(null);
  let making = $state.raw<AbortController | null>(null);
  /** What the table's own places are of. */
  const own = (): string | null => {
    const all = taps()?.taps ?? [];
    return (all.findLast((tap) => tap.used) ?? all[0])?.id ?? null;
  };
  const make = async (tap: string, method: MapMethod): Promise<void> => {
    const mine = new AbortController();
    making = mine;
    progress = null;
    failure = null;
    try {
      for await (const event of host.stream('run.map', { runId, tap, method }, mine.signal)) {
        if (making !== mine) return;
        if (event.kind === 'progress') progress = event;
        else {
          places = event.map;
          chosen = { tap, method };
        }
      }
    } catch (error) {
      if (making === mine && !(error instanceof CancelledError)) failure = error;
    } finally {
      if (making === mine) making = null;
    }
  };
  return {
    get tap() {
      return chosen?.tap ?? own();
    },
    get method() {
      return chosen?.method ?? 'pca';
    },
    get places() {
      return places;
    },
    get working() {
      return making !== null;
    },
    get progress() {
      return progress;
    },
    get failure() {
      return failure;
    },
    show(tap, method) {
      making?.abort();
      void make(tap, method);
    },
    stop() {
      making?.abort();
      making = null;
    },
  };
}

/**
 * Planted attacks of a project: matrices that a page starts, watches and reads. Each is a bench (`bench.ts`) in a folder of
 * its own below the project; what was asked for lies beside it, so that an interrupted one can go on.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import {
  attackPairs,
  type AttackRequest,
  type BenchCell,
  type BenchOutcome,
  type MatrixDetail,
  type MatrixEvent,
  type MatrixSummary,
  type PlantableDataset,
  type PlantableEncoder,
} from '../../src-shared/domain/bench.ts';
import { CancelledError, ExpectedError, serializeFailure } from '../../src-shared/failure.ts';
import { systemFailure } from '../formats/system.ts';
import { cellFile, readCell, runBench } from './bench.ts';
import { cellsOf, checkPlan, type BenchPlan } from './bench-plan.ts';
import { writeWhole } from './files.ts';
import type { EngineSpawner } from './spawn-engine.ts';

export interface Attacks {
  list(): MatrixSummary[];
  get(id: string): MatrixDetail;
  start(request: AttackRequest): MatrixSummary;
  resume(id: string): MatrixSummary;
  /** Settles when the matrix has stopped. */
  cancel(id: string): Promise<void>;
  events(id: string, signal: AbortSignal): AsyncGenerator<MatrixEvent>;
  /** Id of the one at work; null when there is none. */
  active(): string | null;
  /** Stops what is at work. */
  close(): Promise<void>;
}

export interface AttackOptions {
  /** Folder of the project. */
  readonly project: string;
  /** Folder of the bundled sample project. */
  readonly sample: string;
  readonly spawn: EngineSpawner;
  /** As in `BenchOptions`. */
  readonly engineEntry?: string;
  /** Told what ended with a bug. */
  readonly report: (error: unknown) => void;
}

const kept = v.object({
  startedAt: v.string(),
  request: v.object({
    inputs: v.nullable(v.object({ encoder: v.string(), dataset: v.string() })),
    encoders: v.array(v.string()),
    datasets: v.array(v.string()),
    target: v.number(),
    samples: v.number(),
    test: v.number(),
    preset: v.string(),
    mode: v.string(),
    seeds: v.array(v.number()),
  }),
});

interface Active {
  readonly id: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  /** What a newcomer is told first: the cell at work and how far it is. */
  cell: MatrixEvent | null;
  progress: MatrixEvent | null;
  readonly watchers: Set<(event: MatrixEvent) => void>;
}

export function attacksOf({ project, sample, spawn, engineEntry, report }: AttackOptions): Attacks {
  const folder = join(project, 'attacks');
  let active: Active | null = null;
  const out = (id: string): string => join(folder, id);
  const note = (id: string): string => join(folder, `${id}.json`);

  const read = (id: string): { readonly startedAt: string; readonly request: AttackRequest } => {
    let text: string;
    try {
      text = readFileSync(note(id), 'utf8');
    } catch (error) {
      throw new ExpectedError('matrix-unknown', id, { cause: error });
    }
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), kept), text);
    if (!parsed.success) throw new ExpectedError('matrix-unknown', `${note(id)} is not as it was written.`);
    const { startedAt, request } = parsed.output;
    // Names that this version does not plant are found by the plan.
    return { startedAt, request: request as AttackRequest };
  };
  const outcomesOf = (id: string, cells: readonly BenchCell[]): BenchOutcome[] =>
    cells.flatMap((cell) => {
      const file = cellFile(out(id), cell);
      return readCell(file, cell) ?? readFailed(file) ?? [];
    });
  const summaryOf = (id: string): MatrixSummary => detail(id).summary;
  const detail = (id: string): MatrixDetail => {
    const { startedAt, request } = read(id);
    const cells = cellsOf(planOf(request));
    const outcomes = outcomesOf(id, cells);
    const state = active?.id === id ? 'running' : outcomes.length === cells.length ? 'finished' : 'interrupted';
    const failed = outcomes.filter((outcome) => outcome.state === 'failed').length;
    const counts = { cells: cells.length, done: outcomes.length, failed };
    return {
      summary: { id, number: Number(id), state, ...counts, startedAt, request },
      folder: out(id),
      cells,
      outcomes,
    };
  };
  const ids = (): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .flatMap((name) => /^(\d{4,9})\.json$/.exec(name)?.[1] ?? [])
          .sort((a, b) => Number(b) - Number(a))
      : [];

  const carryOut = (id: string, request: AttackRequest): MatrixSummary => {
    const plan = planOf(request);
    const abort = new AbortController();
    const tell = (event: MatrixEvent): void => {
      for (const watcher of one.watchers) watcher(event);
    };
    const work = async (): Promise<void> => {
      let failure: unknown = null;
      try {
        await runBench({
          plan,
          out: out(id),
          encoder: request.inputs?.encoder ?? null,
          dataset: request.inputs?.dataset ?? null,
          device: 'auto',
          threads: null,
          resume: existsSync(join(out(id), 'plan.json')),
          sample,
          spawn,
          ...(engineEntry === undefined ? {} : { engineEntry }),
          signal: abort.signal,
          onCell: (cell, at, of, isKept) => {
            if (isKept) return;
            one.cell = { type: 'cell', cell, at, of };
            one.progress = null;
            tell(one.cell);
          },
          onOutcome: (outcome) => tell({ type: 'outcome', outcome }),
          onEvent: (event) => {
            const told: MatrixEvent = { type: 'run', event };
            if (event.type === 'progress') one.progress = told;
            tell(told);
          },
        });
      } catch (error) {
        failure = error;
      }
      // The end is told when the next one may be started.
      active = null;
      const told = failure === null || failure instanceof CancelledError ? null : serializeFailure(failure);
      tell({ type: 'ended', failure: told });
      if (told?.kind === 'bug') report(failure);
    };
    const one: Active = {
      id,
      abort,
      ended: Promise.resolve().then(work),
      cell: null,
      progress: null,
      watchers: new Set(),
    };
    active = one;
    return summaryOf(id);
  };

  return {
    list: () => ids().map(summaryOf),
    get: detail,
    active: () => active?.id ?? null,
    start(request) {
      const { inputs } = request;
      const asked: AttackRequest = {
        ...request,
        inputs: inputs && { encoder: resolve(inputs.encoder), dataset: resolve(inputs.dataset) },
      };
      planOf(asked);
      for (const file of Object.values(asked.inputs ?? {})) {
        if (!existsSync(file)) throw new ExpectedError('file-missing', file);
      }
      const id = String(Number(ids()[0] ?? 0) + 1).padStart(4, '0');
      try {
        mkdirSync(folder, { recursive: true });
        writeWhole(note(id), `${JSON.stringify({ startedAt: new Date().toISOString(), request: asked }, null, 1)}\n`);
      } catch (error) {
        throw systemFailure(error, folder);
      }
      return carryOut(id, asked);
    },
    resume: (id) => carryOut(id, read(id).request),
    async cancel(id) {
      read(id);
      if (active?.id !== id) return;
      active.abort.abort();
      await active.ended;
    },
    async *events(id, signal) {
      const watched = active;
      if (watched?.id !== id) return;
      const queue: MatrixEvent[] = [watched.cell, watched.progress].filter((event) => event !== null);
      let wake = (): void => undefined;
      const watcher = (event: MatrixEvent): void => {
        queue.push(event);
        wake();
      };
      const ring = (): void => wake();
      watched.watchers.add(watcher);
      signal.addEventListener('abort', ring);
      try {
        while (!signal.aborted) {
          const next = queue.shift();
          if (next === undefined) await new Promise<void>((go) => (wake = go));
          else {
            yield next;
            if (next.type === 'ended') return;
          }
        }
      } finally {
        watched.watchers.delete(watcher);
        signal.removeEventListener('abort', ring);
      }
    },
    async close() {
      active?.abort.abort();
      await active?.ended;
    },
  };
}

const encoderName = (attack: PlantableEncoder): string => (attack === 'none' ? 'clean' : attack);
const datasetName = (attack: PlantableDataset): string =>
  attack === 'none' ? 'clean' : attack === 'encoder-trigger' ? 'same trigger' : attack;

/**
 * The plan that `coresift bench` would be given for this request.
 * @throws ExpectedError plan-invalid
 */
export function planOf(request: AttackRequest): BenchPlan {
  const { inputs, samples, test, target, seeds, preset, mode } = request;
  return checkPlan({
    name: 'planted',
    data: inputs === null ? { domain: 'sample', samples } : { domain: 'given', samples, test },
    target,
    encoders: Object.fromEntries(
      request.encoders.map((attack) => [encoderName(attack), { attack, ...(attack === 'none' ? {} : { epochs: 6 }) }]),
    ),
    datasets: Object.fromEntries(
      request.datasets.map((attack) => [datasetName(attack), { attack, options: optionsOf(attack, inputs === null) }]),
    ),
    cells: attackPairs(request).map(([encoder, dataset]) => [encoderName(encoder), datasetName(dataset)]),
    seeds: [...new Set(seeds)],
    presets: [preset],
    modes: [mode],
  });
}

/** As the presets of `coresift bench` have them: a small square does nothing to an encoder as small as the sample's. */
function optionsOf(attack: PlantableDataset, isSample: boolean): Record<string, number> {
  if (attack === 'badnets' && isSample) return { size: 13 };
  return attack === 'encoder-trigger' ? { rate: 0.05 } : {};
}

/** A cell that failed in the last attempt; `readCell` gives only what was measured. */
function readFailed(file: string): BenchOutcome | null {
  if (!existsSync(file)) return null;
  try {
    const outcome = JSON.parse(readFileSync(file, 'utf8')) as BenchOutcome;
    return outcome.state === 'failed' && typeof outcome.message === 'string' ? outcome : null;
  } catch {
    return null;
  }
}

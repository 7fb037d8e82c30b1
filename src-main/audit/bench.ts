/**
 * A bench: the matrix of planted attacks, one engine process a cell. A finished cell is a file of its own, so a bench that is killed goes on
 * with those it has.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { BenchCell, BenchOutcome } from '../../src-shared/domain/bench.ts';
import type { RunEvent } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { ErrorCode } from '../../src-shared/errors.ts';
import { connectEngine } from '../engine/jobs/client.ts';
import { systemFailure } from '../formats/system.ts';
import { matrixCsv, matrixHtml, matrixJson, matrixLines } from '../report/matrix.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import { runLanes } from './bench-lanes.ts';
import { cellsOf, checkPlan, invalid, planPresets, type BenchPlan } from './bench-plan.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { digestBytes, digestFile, writeWhole } from './files.ts';
import type { EngineSpawner } from './spawn-engine.ts';
import { version } from './version.ts';

export interface BenchOptions {
  /** A plan's file, the name of a preset, or a plan as it was checked. */
  readonly plan: string | BenchPlan;
  readonly out: string;
  /** The user's own files, for the domain "given". */
  readonly encoder: string | null;
  readonly dataset: string | null;
  readonly device: string;
  /** Of the CPU's provider, in each cell; null = the cells share as many as the machine has. */
  readonly threads: number | null;
  /** Cells at once; default 1. */
  readonly atOnce?: number;
  readonly resume: boolean;
  /** Folder of the bundled sample project. */
  readonly sample: string;
  readonly spawn: EngineSpawner;
  /** File that the engine starts with: tells builds apart when a bench is gone on with; default they are not. */
  readonly engineEntry?: string;
  readonly onCell: (cell: BenchCell, at: number, of: number, kept: boolean) => void;
  readonly onOutcome: (outcome: BenchOutcome) => void;
  /** Of the earliest cell that runs. */
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/** What one cell may fail with without ending the matrix: something about this cell, not about the plan or the machine. */
const cellFailures: ReadonlySet<string> = new Set<ErrorCode>([
  'training-diverged',
  'unsupported-encoder',
  'provider-failed',
  'engine-died',
]);

/**
 * @returns outcomes in the order of the plan's cells
 * @throws ExpectedError plan-invalid, out-not-empty, nothing-to-resume, resume-differs, file-missing, no-space; CancelledError
 */
export async function runBench(options: BenchOptions): Promise<readonly BenchOutcome[]> {
  const plan = typeof options.plan === 'string' ? readPlan(options.plan) : options.plan;
  const cells = cellsOf(plan);
  const encoderFile = encoderFileOf(plan, options);
  if (plan.data.domain !== 'given' && (options.encoder !== null || options.dataset !== null)) {
    throw invalid(`data.domain: --encoder and --dataset go with "given", met "${plan.data.domain}".`);
  }
  if (plan.data.domain === 'given' && (options.encoder === null || options.dataset === null)) {
    throw invalid('data.domain: "given" needs --encoder and --dataset.');
  }
  await openFolder(plan, encoderFile, options);
  const done = new Map<number, BenchOutcome>();
  const inOrder = (): BenchOutcome[] => [...done].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
  const running = new Set<number>();
  const atOnce = options.atOnce ?? 1;
  const threads = options.threads ?? (atOnce === 1 ? null : Math.max(1, Math.floor(availableParallelism() / atOnce)));
  await runLanes({
    count: cells.length,
    atOnce,
    signal: options.signal,
    run: async (at, signal, prepared) => {
      const cell = cells[at];
      const file = cellFile(options.out, cell);
      const before = readCell(file, cell);
      options.onCell(cell, at, cells.length, before !== null);
      if (before !== null) return { outcome: before, kept: true };
      running.add(at);
      const onEvent = (event: RunEvent): void => {
        if (event.type === 'stage' && event.stage === 'preflight' && event.state === 'finished') prepared();
        if (at === Math.min(...running)) options.onEvent(event);
      };
      try {
        const outcome = await runCell(plan, cell, encoderFile, { ...options, threads, signal, onEvent });
        writeWhole(file, `${JSON.stringify(outcome, null, 1)}\n`);
        return { outcome, kept: false };
      } finally {
        running.delete(at);
      }
    },
    onEnd: (at, { outcome, kept }) => {
      done.set(at, outcome);
      options.onOutcome(outcome);
      if (!kept) writeTables(plan, inOrder(), cells.length, options.out);
    },
  });
  const outcomes = inOrder();
  writeTables(plan, outcomes, cells.length, options.out);
  return outcomes;
}

/** @throws ExpectedError file-missing, plan-invalid */
export function readPlan(nameOrFile: string): BenchPlan {
  if (isPlanPreset(nameOrFile)) return checkPlan(planPresets[nameOrFile]);
  let text: string;
  try {
    text = readFileSync(nameOrFile, 'utf8');
  } catch (error) {
    const presets = Object.keys(planPresets).join(', ');
    throw new ExpectedError('file-missing', `${nameOrFile} is neither a readable file nor a preset (${presets}).`, {
      cause: error,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`${nameOrFile} is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return checkPlan(value);
}

function encoderFileOf(plan: BenchPlan, options: BenchOptions): string | null {
  if (plan.data.domain === 'given') return options.encoder;
  return plan.data.domain === 'sample' ? join(options.sample, 'encoder-clean.onnx') : null;
}

/** `plan.json` says what the folder belongs to. */
async function openFolder(plan: BenchPlan, encoderFile: string | null, options: BenchOptions): Promise<void> {
  const { out } = options;
  const file = join(out, 'plan.json');
  const belongs = canonicalJson(
    toJson({
      plan,
      encoder: encoderFile === null ? null : (await digestFile(encoderFile)).sha256,
      dataset: options.dataset,
    }),
  );
  const build = options.engineEntry === undefined ? null : await buildAround(options.engineEntry);
  try {
    mkdirSync(join(out, 'cells'), { recursive: true });
    const entries = readdirSync(out).filter((name) => !['cells', 'build.txt'].includes(name));
    const started = existsSync(file);
    if (options.resume && !started) throw new ExpectedError('nothing-to-resume', `${out} holds no plan.json.`);
    if (!options.resume && entries.length > 0) throw new ExpectedError('out-not-empty', out);
    if (started && readFileSync(file, 'utf8') !== `${belongs}\n`) {
      throw new ExpectedError('resume-differs', `${file} is of another plan, encoder or dataset.`);
    }
    if (started && build !== null && readBuild(out) !== build) {
      const advice = 'Go on with that one, or begin anew in another folder: cells of two builds are not one table.';
      throw new ExpectedError('resume-differs', `${out} was begun by another build of Coresift. ${advice}`);
    }
  } catch (error) {
    throw systemFailure(error, out);
  }
  if (options.resume) return;
  if (build !== null) writeWhole(join(out, 'build.txt'), `${build}\n`);
  writeWhole(file, `${belongs}\n`);
}

/**
 * Tells builds apart, whose version is the same: a digest of the scripts beside the engine's. Parts that they share stand
 * in them by names with a digest. Of sources it tells nothing but what stands in these files.
 */
async function buildAround(engineEntry: string): Promise<string> {
  const folder = dirname(engineEntry);
  const scripts = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .sort();
  const digests = await Promise.all(scripts.map((name) => digestFile(join(folder, name))));
  return digestBytes(scripts.map((name, at) => `${name} ${digests[at].sha256}\n`).join(''));
}

/** Digest of the engine that a bench was begun with; null = its folder does not say, as that of an earlier version. */
function readBuild(out: string): string | null {
  const file = join(out, 'build.txt');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}

/** File of a finished cell below the bench's folder. */
export function cellFile(out: string, cell: BenchCell): string {
  return join(out, 'cells', `${cellId(cell)}.json`);
}

function cellId(cell: BenchCell): string {
  return digestBytes(canonicalJson(toJson(cell))).slice(0, 24);
}

/** A finished cell; null when it was not run, failed, or its file is no such cell's (then it is run again). */
export function readCell(file: string, cell: BenchCell): BenchOutcome | null {
  if (!existsSync(file)) return null;
  try {
    const outcome = JSON.parse(readFileSync(file, 'utf8')) as BenchOutcome;
    const same = canonicalJson(toJson(outcome.cell)) === canonicalJson(toJson(cell));
    if (!same || outcome.state !== 'done') return null;
    // A cell that the tables cannot show was edited or is of another version: it is measured again.
    matrixCsv({ plan: '', domain: '', samples: 0, version, cells: 1, outcomes: [outcome] });
    matrixLines(outcome);
    return outcome;
  } catch {
    return null;
  }
}

async function runCell(
  plan: BenchPlan,
  cell: BenchCell,
  encoderFile: string | null,
  options: BenchOptions,
): Promise<BenchOutcome> {
  const client = connectEngine<EngineProtocol>(options.spawn());
  try {
    const job = {
      plan,
      cell,
      paths: { sample: options.sample, dataset: options.dataset, cache: join(options.out, 'cache') },
      encoderFile,
      encoderFolder: join(options.out, 'encoders'),
      device: options.device,
      threads: options.threads,
    };
    const measured = await client.run('bench', job, { onEvent: options.onEvent, signal: options.signal });
    return { ...measured, peakBytes: client.peakBytes() };
  } catch (error) {
    if (!(error instanceof ExpectedError) || !cellFailures.has(error.code)) throw error;
    return { state: 'failed', cell, code: error.code, message: error.message };
  } finally {
    await client.close();
  }
}

function writeTables(plan: BenchPlan, outcomes: readonly BenchOutcome[], cells: number, out: string): void {
  const matrix = { plan: plan.name, domain: plan.data.domain, samples: plan.data.samples, version, cells, outcomes };
  writeWhole(join(out, 'matrix.csv'), matrixCsv(matrix));
  writeWhole(join(out, 'matrix.json'), matrixJson(matrix));
  writeWhole(join(out, 'matrix.html'), matrixHtml(matrix));
}

/** A finished cell as lines for a terminal. */
export const benchLines = matrixLines;

export const isPlanPreset = (name: string): boolean => Object.hasOwn(planPresets, name);

/** One audit from its start, or from where it was interrupted, to its outputs: the host's side. */
import type { AuditResult } from '../../src-shared/domain/result.ts';
import type { AuditRequest, RunEvent, RunSummary } from '../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError, serializeFailure, type SerializedFailure } from '../../src-shared/failure.ts';
import { connectEngine, type EngineClient, type RunningJob } from '../engine/jobs/client.ts';
import { parameterValues, type ResolvedParameters } from '../engine/tcore/parameters.ts';
import { megabytes } from '../engine/tcore/memory.ts';
import { parseLimits } from '../formats/limits.ts';
import type { ProjectReader } from '../store/reader.ts';
import { openWriter, type ProjectWriter } from '../store/writer.ts';
import { auditResult, committedResult } from './audit-result.ts';
import { parametersOf } from './chosen-parameters.ts';
import type { EngineProtocol, Preflight } from './engine-protocol.ts';
import { eventSink, type EventSink } from './event-sink.ts';
import { exitCodeOfVerdict } from './exit-code.ts';
import { writeOutputs, type WrittenFile } from './outputs.ts';
import { planText } from './plan.ts';
import { commitPreflight } from './preflight.ts';
import {
  cacheOf,
  claimFolder,
  environmentOf,
  folderOf,
  requireInputs,
  requireProject,
  requireSameRequest,
  runToResume,
} from './run-folder.ts';
import type { EngineSpawner } from './spawn-engine.ts';
import { storeKeeper } from './store-keeper.ts';
import { version } from './version.ts';

export type RunStart =
  | { readonly kind: 'new'; readonly request: AuditRequest }
  /** `chosen`: what was asked for now; it must be what the run was started with. */
  | { readonly kind: 'resume'; readonly chosen: Partial<AuditRequest> };

/** What steers the engine's part of a run; nothing happens any more once it has ended. */
export interface RunControl {
  /** Resolves once the engine stands still, or the run has come to its end; what is computed stays in memory. */
  pause(): Promise<void>;
  continue(): void;
}

export interface RunWatch {
  readonly onEvent: (event: RunEvent) => void;
  /** A line on what will be done and how long it may take, before it begins. */
  readonly onPlan?: (text: string) => void;
  /** Told once the engine is at work. */
  readonly onControl?: (control: RunControl) => void;
  /** Aborting cancels the run; what is committed stays. */
  readonly signal: AbortSignal;
}

export interface AuditOptions extends RunWatch {
  readonly start: RunStart;
  readonly out: string;
  readonly project: string;
  readonly spawn: EngineSpawner;
}

export interface FinishedAudit {
  readonly summary: RunSummary;
  readonly result: AuditResult;
  /** Length of the suspect list. */
  readonly suspects: number;
  readonly files: readonly WrittenFile[];
  readonly exitCode: 0 | 1 | 3;
  readonly seconds: number;
  /** Largest resident size of the engine process. */
  readonly peakBytes: number;
}

/**
 * Opens the project, starts or resumes the run of `out`, carries it out and closes the project. Parameters
 * and inputs that are wrong or missing are found before the project or the folder is made.
 * @throws CancelledError, ExpectedError (see errors.md), or a bug; the run is recorded as what happened to it
 */
export async function runAudit(options: AuditOptions): Promise<FinishedAudit> {
  if (options.start.kind === 'resume') requireProject(options.project);
  else {
    parametersOf(options.start.request);
    requireInputs(options.start.request, options.out);
  }
  const writer = openWriter(options.project, { appVersion: version, ...fixedClock() });
  try {
    const run = beginRun(writer, options.start, options.out);
    return await carryOut(writer, run, options.spawn, options, placeOf(options.start));
  } finally {
    writer.close();
  }
}

/**
 * Records a new run, or takes up the interrupted one of `out`. Nothing is read or computed yet.
 * @returns the run's id
 * @throws ExpectedError usage (a parameter is unknown or out of range), out-not-empty, nothing-to-resume, resume-differs
 */
export function beginRun(writer: ProjectWriter, start: RunStart, out: string): string {
  const { reader } = writer;
  switch (start.kind) {
    case 'new': {
      const parameters = parametersOf(start.request);
      parseLimits(start.request.limits);
      claimFolder(out, reader);
      const environment = environmentOf(writer.dir, out);
      return writer.startRun({ request: start.request, parameters, environment }).id;
    }
    case 'resume': {
      const { id } = runToResume(out, reader);
      const { request, environment } = reader.run(id);
      requireSameRequest(request, start.chosen, environment);
      writer.resumeRun(id);
      return id;
    }
  }
}

/** What of a request says where to compute, and may change when a run is resumed. */
export type Place = Pick<Partial<AuditRequest>, 'device' | 'threads'>;

/** Where a resumed run is to go on, as far as that was chosen again. */
export function placeOf(start: RunStart): Place {
  if (start.kind !== 'resume') return {};
  const { device, threads } = start.chosen;
  return { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) };
}

/**
 * Carries out a run that `beginRun` gave, to its end. The engine process lives exactly as long.
 * @param place where it computes, instead of where the request says
 */
export async function carryOut(
  writer: ProjectWriter,
  run: string,
  spawn: EngineSpawner,
  watch: RunWatch,
  place: Place = {},
): Promise<FinishedAudit> {
  const started = performance.now();
  const abort = new AbortController();
  let broken: unknown = null;
  const cancel = (): void => abort.abort();
  watch.signal.addEventListener('abort', cancel, { once: true });
  if (watch.signal.aborted) cancel();
  const breakOff = (error: unknown): void => {
    broken ??= error;
    abort.abort();
  };
  const sink = eventSink(writer, run, watch.onEvent, breakOff);
  const engine = connectEngine<EngineProtocol>(spawn(), {
    onSilence: (ms) => {
      const seconds = Math.round(ms / 1000);
      const message = `The engine has been inside one computation for ${seconds} s.`;
      watch.onEvent({ type: 'warning', code: 'engine-silent', message, subject: null, values: { seconds } });
    },
  });
  const bounded = keepMemory(writer.reader.run(run).parameters as unknown as ResolvedParameters, engine, breakOff);
  try {
    const finished = await compute(writer, run, engine, sink, { ...watch, signal: abort.signal }, place);
    const { verdict } = finished.result;
    const end = { type: 'finished', verdict, exitCode: finished.exitCode } as const;
    sink.flush();
    writer.appendEvents(run, [end]);
    writer.finishRun(run, { verdict, result: committedResult(finished.result, finished.suspects) });
    // Told once it is so: whoever hears of the end may ask for the run at once.
    watch.onEvent(end);
    const seconds = (performance.now() - started) / 1000;
    return { ...finished, summary: writer.reader.run(run).summary, seconds, peakBytes: engine.peakBytes() };
  } catch (error) {
    // A store that is full has also ended the job; what ended it is the news.
    const reason = broken ?? error;
    recordEnd(writer, run, serializeFailure(reason), sink, watch.onEvent);
    throw reason;
  } finally {
    watch.signal.removeEventListener('abort', cancel);
    clearInterval(bounded);
    await engine.close();
  }
}

/** Breaks a run off whose engine takes more than its bound; the engine says once a second how much that is. */
function keepMemory(
  parameters: ResolvedParameters,
  engine: Pick<EngineClient<EngineProtocol>, 'peakBytes'>,
  breakOff: (error: unknown) => void,
): NodeJS.Timeout | undefined {
  // A run that an older version began has no such parameter.
  const limit = Number((parameters['memory.limit'] as ResolvedParameters['memory.limit'] | undefined)?.value ?? 0);
  if (limit === 0) return undefined;
  return setInterval(() => {
    const taken = engine.peakBytes();
    if (taken <= limit) return;
    const message = `The engine took ${megabytes(taken)} MB; --memory allows ${megabytes(limit)} MB.`;
    breakOff(new ExpectedError('memory-exceeded', message));
  }, 250);
}

function recordEnd(
  writer: ProjectWriter,
  run: string,
  failure: SerializedFailure,
  sink: EventSink,
  watch: (event: RunEvent) => void,
): void {
  const { kind, code, message } = failure;
  const end: RunEvent = kind === 'cancelled' ? { type: 'cancelled' } : { type: 'failed', code, message };
  try {
    sink.flush();
    writer.appendEvents(run, [end]);
    if (kind === 'cancelled') writer.cancelRun(run);
    else writer.failRun(run, { code, message });
  } catch {
    // A store that cannot take even this still says "running", which counts as interrupted once the writer has gone.
  }
  watch(end);
}

/** Says in the run's log when it stood still, and when it went on. */
function controlOf(job: Pick<RunningJob<unknown>, 'pause' | 'continue'>, sink: EventSink): RunControl {
  let paused = false;
  return {
    async pause() {
      if (!paused && (await job.pause()) && !paused) {
        paused = true;
        sink.add({ type: 'paused' });
      }
    },
    continue() {
      job.continue();
      if (!paused) return;
      paused = false;
      sink.add({ type: 'continued' });
    },
  };
}

type Computed = Omit<FinishedAudit, 'seconds' | 'peakBytes' | 'summary'>;

async function compute(
  writer: ProjectWriter,
  run: string,
  engine: EngineClient<EngineProtocol>,
  sink: EventSink,
  watch: RunWatch,
  place: Place,
): Promise<Computed> {
  const { reader } = writer;
  const { request: recorded, environment, parameters } = reader.run(run);
  const request = { ...recorded, ...place };
  const out = folderOf(writer.dir, environment);
  const resolved = parameters as unknown as ResolvedParameters;
  let preflight: Preflight | null = null;
  const job = engine.start(
    'audit',
    { request, parameters: parameterValues(resolved), cache: cacheOf(writer.dir), out },
    {
      onEvent: sink.add,
      signal: watch.signal,
      answers: {
        preflighted: (payload) => {
          preflight = payload;
          commitPreflight(writer, run, request, payload, sink.add);
          watch.onPlan?.(planText(payload, request.preset));
          return null;
        },
        ...storeKeeper(writer, run, () => preflight?.labels ?? new Int32Array(0), sink.flush),
      },
    },
  );
  watch.onControl?.(controlOf(job, sink));
  const outcome = await job.result;
  // What it holds in memory is not needed for the reports.
  void engine.close();
  if (preflight === null) throw new Error('The engine ended an audit without having read its inputs.');
  if (watch.signal.aborted) throw new CancelledError();
  const result = auditResult(preflight, outcome, resolved);
  const { summary } = reader.run(run);
  const exitCode = exitCodeOfVerdict(result.verdict);
  const files = await writeOutputs({ writer, run, out, summary, request, preflight, outcome, result });
  sink.add({ type: 'stage', stage: 'export', state: 'finished' });
  const suspects = outcome.columns.suspectRank.reduce((sum, rank) => sum + (rank >= 0 ? 1 : 0), 0);
  return { result, suspects, files, exitCode };
}

/**
 * SOURCE_DATE_EPOCH (seconds since 1970) fixes every time that is recorded, so that whole output folders can be
 * compared byte by byte (reproducible-builds.org, "SOURCE_DATE_EPOCH").
 * @throws ExpectedError usage when it is set to something that is no time
 */
export function fixedClock(): { readonly now?: () => number } {
  const text = process.env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return {};
  const seconds = Number(text);
  if (!/^\d{1,12}$/.test(text))
    throw new ExpectedError('usage', `SOURCE_DATE_EPOCH wants seconds, met ${JSON.stringify(text)}.`);
  return { now: () => seconds * 1000 };
}

export type { ProjectReader, WrittenFile };

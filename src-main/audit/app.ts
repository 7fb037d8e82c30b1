/** The use cases behind the contract, for hosts with a page: one project open, one audit at a time. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { App, AppProcedures, Handlers, ProjectInfo, RunDetail } from '../../src-shared/contract.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import type { AuditResult } from '../../src-shared/domain/result.ts';
import type { AuditRequest, RunEvent, RunSummary } from '../../src-shared/domain/run.ts';
import { ExpectedError, serializeFailure } from '../../src-shared/failure.ts';
import { connectEngine } from '../engine/jobs/client.ts';
import { migrations } from '../store/migrate.ts';
import { openWriter, type ProjectWriter } from '../store/writer.ts';
import { modelDesk } from './app-models.ts';
import { replayDesk } from './app-replay.ts';
import { reportHandlers } from './app-reports.ts';
import { attacksOf, type Attacks } from './attacks.ts';
import { decide, decideAll } from './decisions.ts';
import { examineMachine } from './doctor.ts';
import { settingTable } from './setting-table.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { digestBytes } from './files.ts';
import { keyFolder, type Vault } from './keys.ts';
import { purposeOf } from './outputs.ts';
import { beginRun, carryOut, placeOf, fixedClock, type RunControl, type RunStart } from './run.ts';
import { eventFeed, recordedEvents, type EventFeed } from './run-events.ts';
import { journalPage, neighboursOf, opinionTable, poolMembers, stepCache, tapScores } from './run-evidence.ts';
import { mapOf } from './maps.ts';
import { folderOf } from './run-folder.ts';
import { readSample, sampleInputs } from './sample-project.ts';
import { sampleTable } from './sample-table.ts';
import { readSettings, settingsFile, writeSettings } from './settings.ts';
import type { EngineSpawner } from './spawn-engine.ts';
import { drawThumbnail } from './thumbnails.ts';
import { version } from './version.ts';

export interface AppOptions {
  /** Folder of the project that is open at the start; made when it is not there. */
  readonly project: string;
  /** Folder of the bundled sample project; it may be missing. */
  readonly sample: string;
  readonly spawn: EngineSpawner;
  /** As in `BenchOptions`. */
  readonly engineEntry?: string;
  /** File of the user's settings; default: where the platform keeps such files. */
  readonly settings?: string;
  /** Folder of the signing keys; default: where the platform keeps such files. */
  readonly keys?: string;
  /** The key store of the operating system, where the host has one. */
  readonly vault?: Vault | null;
}

interface ActiveRun {
  readonly id: string;
  readonly abort: AbortController;
  /** Null until its engine is at work. */
  control(): RunControl | null;
  /** Settles when the run has ended, however it ended. */
  readonly ended: Promise<void>;
}

/** @throws ExpectedError project-busy, project-corrupt, project-from-future, project-not-writable */
export async function createApp(options: AppOptions): Promise<App> {
  let writer = open(options.project);
  let active: ActiveRun | null = null;
  const feeds = new Map<string, EventFeed>();
  const steps = stepCache();
  const settings = options.settings ?? settingsFile();

  const summaryOf = (run: string): RunSummary => writer.reader.run(run).summary;
  const outOf = (run: string): string => folderOf(writer.dir, writer.reader.run(run).environment);

  const attacksIn = (project: string): Attacks => attacksOf({ ...options, project, report: reportBug });
  let attacks = attacksIn(writer.dir);

  const models = modelDesk(options.spawn, () => writer);
  const replays = replayDesk(
    options.spawn,
    () => writer,
    () => requireIdle(),
  );

  const requireIdle = (): void => {
    replays.requireIdle();
    const matrix = attacks.active();
    if (matrix !== null) throw new ExpectedError('run-active', `Planted attacks #${Number(matrix)} are going on.`);
    if (active !== null) throw new ExpectedError('run-active', `Run ${summaryOf(active.id).number} is going on.`);
  };

  const start = (begin: RunStart, out: string): RunSummary => {
    requireIdle();
    const run = beginRun(writer, begin, out);
    const feed = feeds.get(run) ?? eventFeed(recordedEvents(writer.reader, run));
    feed.reopen();
    feeds.set(run, feed);
    const abort = new AbortController();
    let end: RunEvent | null = null;
    const onEvent = (event: RunEvent): void => {
      if (event.type === 'finished' || event.type === 'failed' || event.type === 'cancelled') end = event;
      else feed.add(event);
    };
    let control: RunControl | null = null;
    const onControl = (given: RunControl): void => void (control = given);
    const ended = carryOut(writer, run, options.spawn, { onEvent, onControl, signal: abort.signal }, placeOf(begin))
      // The failure was recorded with the run and told as its last event; nobody else waits for it here.
      .catch((error: unknown) => reportBug(error))
      .then(() => {
        // The end is told when the next run may be started.
        active = null;
        if (end !== null) feed.add(end);
        feed.end();
      });
    active = { id: run, abort, control: () => control, ended };
    return summaryOf(run);
  };

  const cancelActive = async (): Promise<void> => {
    const running = active;
    if (running === null) return;
    running.abort.abort();
    await running.ended;
  };

  /** One job in an engine process of its own: what it decodes is untrusted, and it must not hold up a run. */
  const inEngine = async <K extends 'preview' | 'verify' | 'map'>(
    job: K,
    request: EngineProtocol['jobs'][K]['request'],
    signal: AbortSignal,
    onEvent?: (event: RunEvent) => void,
  ): Promise<EngineProtocol['jobs'][K]['result']> => {
    const engine = connectEngine<EngineProtocol>(options.spawn());
    try {
      return await engine.run(job, request, { signal, ...(onEvent === undefined ? {} : { onEvent }) });
    } finally {
      await engine.close();
    }
  };

  const nextFolder = (): string => {
    const number = (writer.reader.listRuns()[0]?.number ?? 0) + 1;
    return join(writer.dir, 'runs', String(number).padStart(4, '0'));
  };

  const handlers: Handlers<AppProcedures> = {
    'app.info': () =>
      Promise.resolve({
        name: 'Coresift',
        version,
        platform: process.platform,
        processors: availableParallelism(),
        threads: availableParallelism(),
        sample: readSample(options.sample),
      }),
    'project.open': async ({ folder }) => {
      if (folder !== null && resolve(folder) !== writer.dir) {
        requireIdle();
        models.requireIdle();
        const opened = open(folder);
        writer.close();
        writer = opened;
        attacks = attacksIn(writer.dir);
        feeds.clear();
        steps.clear();
      }
      return projectInfo(writer);
    },
    'runs.list': () => answer(() => writer.reader.listRuns()),
    'run.get': ({ runId }) => answer(() => runDetail(writer, runId)),
    'run.start': ({ request, out }) =>
      answer(() => start({ kind: 'new', request: absolute(request) }, out === null ? nextFolder() : resolve(out))),
    'run.cancel': async ({ runId }) => {
      const { id } = summaryOf(runId);
      if (active?.id === id) await cancelActive();
      return summaryOf(id);
    },
    'run.pause': async ({ runId }) => {
      const { id } = summaryOf(runId);
      if (active?.id === id) await active.control()?.pause();
      return summaryOf(id);
    },
    'run.continue': ({ runId }) =>
      answer(() => {
        const { id } = summaryOf(runId);
        if (active?.id === id) active.control()?.continue();
        return summaryOf(id);
      }),
    'run.resume': ({ runId }) => answer(() => start({ kind: 'resume', chosen: {} }, outOf(runId))),
    'run.events': ({ runId, after }, { signal }) => {
      const { id } = summaryOf(runId);
      const feed = feeds.get(id) ?? recordedFeed(writer, id);
      feeds.set(id, feed);
      return feed.after(after, signal);
    },
    'run.result': ({ runId }) => answer(() => resultOf(writer, runId)),
    'run.columns': ({ runId }) => answer(() => sampleTable(writer.reader, summaryOf(runId).id)),
    'sample.thumbnail': ({ runId, index, size }) =>
      answer(() => drawThumbnail(writer.reader, summaryOf(runId).id, index, size)),
    'sample.open': () =>
      answer(() => {
        const { encoder, dataset, classes } = sampleInputs(options.sample);
        return start({ kind: 'new', request: auditRequest(encoder, dataset, { classes }) }, nextFolder());
      }),
    'report.html': ({ runId }) => answer(() => readReport(outOf(runId))),
    doctor: () => examineMachine(options.spawn, 'auto'),
    'run.taps': ({ runId }) => answer(() => tapScores(writer.reader, summaryOf(runId).id, steps)),
    'run.map': ({ runId, tap, method }, { signal }) =>
      mapOf(
        writer.reader,
        summaryOf(runId).id,
        { tap, method },
        steps,
        (job, watch) => inEngine('map', job, watch.signal, watch.onEvent),
        signal,
      ),
    'run.pools': ({ runId }) => answer(() => poolMembers(writer.reader, summaryOf(runId).id)),
    'sample.neighbours': ({ runId, index }) =>
      answer(() => neighboursOf(writer.reader, summaryOf(runId).id, index, steps)),
    'run.opinions': ({ runId }) => answer(() => opinionTable(writer.reader, summaryOf(runId).id)),
    'run.decisions': ({ runId }) => answer(() => writer.reader.decisions(summaryOf(runId).id)),
    'run.decide': ({ runId, decision }) => answer(() => decide(writer, runId, decision)),
    'run.decide-all': ({ runId, samples, act, value }) => answer(() => decideAll(writer, runId, samples, act, value)),
    'project.journal': ({ before, limit }) => answer(() => journalPage(writer.reader, before, limit)),
    'project.verify': (_request, { signal }) => inEngine('verify', { path: writer.dir, key: null }, signal),
    'audit.preview': (request, { signal }) =>
      inEngine(
        'preview',
        {
          ...request,
          encoder: request.encoder === null ? null : resolve(request.encoder),
          dataset: request.dataset === null ? null : resolve(request.dataset),
          classes: request.classes === null ? null : resolve(request.classes),
        },
        signal,
      ),
    'audit.settings': (chosen) => settingTable(chosen),
    ...models.handlers,
    ...replays.handlers,
    ...reportHandlers({
      keys: options.keys ?? keyFolder(),
      vault: options.vault ?? null,
      spawn: options.spawn,
      reader: () => writer.reader,
    }),
    'attacks.list': () => answer(() => attacks.list()),
    'attacks.get': ({ id }) => answer(() => attacks.get(id)),
    'attacks.start': ({ request }) =>
      answer(() => {
        requireIdle();
        return attacks.start(request);
      }),
    'attacks.cancel': async ({ id }) => {
      await attacks.cancel(id);
      return attacks.get(id).summary;
    },
    'attacks.resume': ({ id }) =>
      answer(() => {
        requireIdle();
        return attacks.resume(id);
      }),
    'attacks.events': ({ id }, { signal }) => attacks.events(id, signal),
    'settings.read': () => answer(() => readSettings(settings)),
    'settings.write': (chosen) => answer(() => writeSettings(settings, chosen)),
  };

  return {
    handlers,
    close: async () => {
      await cancelActive();
      await attacks.close();
      await models.close();
      await replays.close();
      writer.close();
    },
  };
}

function open(project: string): ProjectWriter {
  return openWriter(project, { appVersion: version, ...fixedClock() });
}

/** A call that answers at once, with its failures as rejections. */
function answer<T>(act: () => T): Promise<Awaited<T>> {
  return new Promise<Awaited<T>>((fulfil) => fulfil(act() as Awaited<T>));
}

function absolute(request: AuditRequest): AuditRequest {
  const { encoder, dataset, classes } = request;
  return {
    ...request,
    encoder: resolve(encoder),
    dataset: resolve(dataset),
    classes: classes === null ? null : resolve(classes),
  };
}

function projectInfo(writer: ProjectWriter): ProjectInfo {
  const { reader } = writer;
  // The writer verified the chain when it opened the project and refuses one that is broken.
  const journal = { entries: reader.head()?.seq ?? 0, intact: true };
  return {
    name: basename(writer.dir),
    folder: writer.dir,
    schemaVersion: migrations.length,
    runs: reader.listRuns().length,
    journal,
  };
}

function runDetail(writer: ProjectWriter, run: string): RunDetail {
  const { summary, request, environment } = writer.reader.run(run);
  // A resumed run may have written a file again; the last one is what is there. What was exported elsewhere has an absolute path.
  const latest = new Map(
    writer.reader.exports(summary.id).flatMap((file) => (isAbsolute(file.path) ? [] : [[file.path, file] as const])),
  );
  const exports = [...latest.values()].map(({ path, bytes, sha256 }) => ({
    name: basename(path),
    bytes,
    sha256,
    purpose: purposeOf(basename(path)),
  }));
  return { summary, request, folder: folderOf(writer.dir, environment), exports };
}

function resultOf(writer: ProjectWriter, run: string): AuditResult | null {
  const { summary, result } = writer.reader.run(run);
  return summary.state === 'finished' ? (result as unknown as AuditResult) : null;
}

function recordedFeed(writer: ProjectWriter, run: string): EventFeed {
  const feed = eventFeed(recordedEvents(writer.reader, run));
  feed.end();
  return feed;
}

function readReport(folder: string): { html: string; sha256: string } {
  const file = join(folder, 'report.html');
  if (!existsSync(file)) throw new ExpectedError('report-missing', file);
  const bytes = readFileSync(file);
  return { html: bytes.toString('utf8'), sha256: digestBytes(bytes) };
}

function reportBug(error: unknown): void {
  const failure = serializeFailure(error);
  if (failure.kind === 'bug') console.error(failure.stack ?? failure.message);
}

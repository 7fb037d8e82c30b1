/** The engine's end of the job protocol: receives jobs, streams events, asks the host, obeys pause and cancel. */
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { CancelledError, reviveFailure, serializeFailure } from '../../../src-shared/failure.ts';
import { batchEvents, type EventBatcher } from './events.ts';
import { createGate, type Gate, type GateKeeper } from './gate.ts';
import { parseHostMessage, type Channel, type EngineMessage, type HostMessage, type JobProtocol } from './protocol.ts';

export interface JobContext<P extends JobProtocol> {
  /** Throws CancelledError once the job was cancelled, so a loop that reports cannot run on unnoticed. */
  emit(event: RunEvent): void;
  /** @throws what the host failed with, or CancelledError when the job was cancelled while waiting */
  ask<K extends keyof P['asks'] & string>(name: K, payload: P['asks'][K]['payload']): Promise<P['asks'][K]['answer']>;
  readonly signal: AbortSignal;
  /** Closed while the job is paused; long work has to pass it often. */
  readonly gate: Gate;
}

export type JobHandlers<P extends JobProtocol> = {
  readonly [K in keyof P['jobs'] & string]: (
    request: P['jobs'][K]['request'],
    context: JobContext<P>,
  ) => Promise<P['jobs'][K]['result']>;
};

export interface ServeOptions {
  /** Called when the host says goodbye. */
  readonly onExit: () => void;
  /** Milliseconds between signs of life. */
  readonly aliveEvery?: number;
}

interface RunningJob {
  readonly abort: AbortController;
  readonly events: EventBatcher;
  readonly gate: GateKeeper;
}

interface OpenQuestion {
  readonly job: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Serves `handlers` on `channel` until the host ends the process. Jobs run side by side as their awaits allow. */
export function serveJobs<P extends JobProtocol>(
  channel: Channel,
  handlers: JobHandlers<P>,
  options: ServeOptions,
): void {
  const jobs = new Map<number, RunningJob>();
  const questions = new Map<number, OpenQuestion>();
  let nextAsk = 0;
  let peakBytes = 0;
  const send = (message: EngineMessage): void => channel.send(message);

  const alive = (): void => {
    // maxRSS is in kilobytes on every platform of Node.
    peakBytes = Math.max(peakBytes, process.resourceUsage().maxRSS * 1024);
    send({ kind: 'alive', peakBytes });
  };

  const contextOf = (job: number, { abort, events, gate }: RunningJob): JobContext<P> => ({
    signal: abort.signal,
    gate,
    emit: (event) => {
      if (abort.signal.aborted) throw new CancelledError();
      events.emit(event);
    },
    ask: (name, payload) => {
      if (abort.signal.aborted) return Promise.reject(new CancelledError());
      events.flush();
      const ask = nextAsk++;
      return new Promise((resolve, reject) => {
        questions.set(ask, { job, resolve: resolve as (value: unknown) => void, reject });
        send({ kind: 'ask', job, ask, name, payload });
      });
    },
  });

  const start = async (message: HostMessage & { kind: 'start' }): Promise<void> => {
    const { job, name, request } = message;
    const abort = new AbortController();
    const events = batchEvents((batch) => send({ kind: 'events', job, events: batch }));
    const gate = createGate(abort.signal, () => {
      events.flush();
      send({ kind: 'still', job });
    });
    const running = { abort, events, gate };
    jobs.set(job, running);
    try {
      const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
      if (handler === undefined) throw new Error(`The engine has no job called ${JSON.stringify(name)}.`);
      const result = await handler(request, contextOf(job, running));
      if (abort.signal.aborted) throw new CancelledError();
      events.flush();
      alive();
      send({ kind: 'done', job, result });
    } catch (error) {
      events.flush();
      // What a cancelled job throws on its way out is a consequence, not news.
      const failure = serializeFailure(abort.signal.aborted ? new CancelledError() : error);
      send({ kind: 'failed', job, failure });
    } finally {
      jobs.delete(job);
      for (const [ask, question] of questions) if (question.job === job) questions.delete(ask);
    }
  };

  const cancel = (job: number): void => {
    send({ kind: 'cancelling', job });
    jobs.get(job)?.abort.abort();
    for (const [ask, question] of questions) {
      if (question.job !== job) continue;
      questions.delete(ask);
      question.reject(new CancelledError());
    }
  };

  const takeQuestion = (ask: number): OpenQuestion | undefined => {
    const question = questions.get(ask);
    questions.delete(ask);
    return question;
  };

  channel.onMessage((value) => {
    const message = parseHostMessage(value);
    if (message === null) {
      send({ kind: 'not-understood', problem: `The engine was sent something that is no message: ${brief(value)}` });
      return;
    }
    switch (message.kind) {
      case 'start':
        void start(message);
        return;
      case 'cancel':
        cancel(message.job);
        return;
      case 'pause':
        jobs.get(message.job)?.gate.close();
        return;
      case 'continue':
        jobs.get(message.job)?.gate.open();
        return;
      case 'answer':
        takeQuestion(message.ask)?.resolve(message.value);
        return;
      case 'refuse':
        takeQuestion(message.ask)?.reject(reviveFailure(message.failure));
        return;
      case 'exit':
        options.onExit();
        return;
    }
  });

  setInterval(alive, options.aliveEvery ?? 1000).unref();
  send({ kind: 'ready', pid: process.pid });
}

function brief(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** The host's end of the job protocol: starts jobs, answers the engine's questions, pauses, cancels, kills, reports deaths. */
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError, reviveFailure, serializeFailure } from '../../../src-shared/failure.ts';
import {
  parseEngineMessage,
  type Channel,
  type EngineMessage,
  type HostMessage,
  type JobProtocol,
} from './protocol.ts';

export interface EngineExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that runs `serveJobs`. Who starts it (fork, utilityProcess) is the spawner's affair. */
export interface EngineProcess {
  readonly channel: Channel;
  /** Ends the process without asking it. */
  kill(): void;
  /** Called once, after the last message was delivered. */
  onExit(listener: (exit: EngineExit) => void): void;
  /** The last lines the process wrote to stderr. */
  lastWords(): readonly string[];
}

export type Answers<P extends JobProtocol> = {
  readonly [K in keyof P['asks'] & string]: (
    payload: P['asks'][K]['payload'],
  ) => P['asks'][K]['answer'] | Promise<P['asks'][K]['answer']>;
};

export interface JobOptions<P extends JobProtocol> {
  readonly onEvent?: (event: RunEvent) => void;
  /** What the engine may ask; a question that is not here fails the job. */
  readonly answers?: Partial<Answers<P>>;
  /** Aborting cancels the job. */
  readonly signal?: AbortSignal;
}

export interface RunningJob<Result> {
  /** @throws CancelledError, the engine's own failure, or ExpectedError('engine-died') */
  readonly result: Promise<Result>;
  /**
   * Asks the job to end. Resolves within `acknowledgeMs`: with 'engine' when the engine said that it heard, with
   * 'killed' when it did not and was ended by force. Nothing committed is lost either way.
   */
  cancel(): Promise<'engine' | 'killed' | 'already-over'>;
  /** Asks the job to stand still. Resolves with true once it does; with false when it ended or went on before. */
  pause(): Promise<boolean>;
  /** Has a paused job go on. */
  continue(): void;
}

export interface EngineClient<P extends JobProtocol> {
  start<K extends keyof P['jobs'] & string>(
    name: K,
    request: P['jobs'][K]['request'],
    options?: JobOptions<P>,
  ): RunningJob<P['jobs'][K]['result']>;
  /** `start(…).result` */
  run<K extends keyof P['jobs'] & string>(
    name: K,
    request: P['jobs'][K]['request'],
    options?: JobOptions<P>,
  ): Promise<P['jobs'][K]['result']>;
  /** Largest resident size of the engine process so far, bytes. */
  peakBytes(): number;
  /** Says goodbye, then kills after `graceMs`. Resolves when the process is gone. Running jobs are cancelled. */
  close(): Promise<void>;
  /** Ends the process now. */
  kill(): void;
}

export interface ClientTimes {
  /** How long the engine may take to say that it heard a cancel, ms. */
  readonly acknowledgeMs: number;
  /** How long a cancelled job, or a process told to exit, may take to end, ms. */
  readonly graceMs: number;
  /** Silence after which `onSilence` is told, ms; reported again when the silence has doubled. */
  readonly silenceMs: number;
  /** Silence after which the engine counts as hung and is killed, ms. */
  readonly hungMs: number;
}

export interface ClientOptions extends Partial<ClientTimes> {
  /** The engine has not shown a sign of life for that long. */
  readonly onSilence?: (milliseconds: number) => void;
}

const defaultTimes: ClientTimes = { acknowledgeMs: 1000, graceMs: 5000, silenceMs: 15_000, hungMs: 600_000 };

interface OpenJob {
  readonly options: JobOptions<JobProtocol>;
  settled: boolean;
  cancelling: boolean;
  /** Resolves once the engine said that it heard the cancel, or the job is over. */
  readonly heard: Promise<true>;
  hear(): void;
  /** Told whether the job came to stand still; empty unless a pause was asked for. */
  pausing: ((still: boolean) => void)[];
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Speaks the job protocol with `engine` until it is closed or dies. */
export function connectEngine<P extends JobProtocol>(
  engine: EngineProcess,
  options: ClientOptions = {},
): EngineClient<P> {
  const times: ClientTimes = { ...defaultTimes, ...withoutUndefined(options) };
  const jobs = new Map<number, OpenJob>();
  let nextJob = 0;
  let peakBytes = 0;
  let lastSign = performance.now();
  let toldAt = times.silenceMs;
  /** Why the process is no longer to be spoken to. */
  let death: Error | null = null;
  let closing = false;
  let whenGone: () => void;
  const gone = new Promise<void>((resolve) => (whenGone = resolve));
  let exited = false;

  const send = (message: HostMessage): void => {
    if (!exited) engine.channel.send(message);
  };

  const settle = (id: number, finish: (job: OpenJob) => void): void => {
    const job = jobs.get(id);
    if (job === undefined) return;
    jobs.delete(id);
    job.settled = true;
    job.hear();
    toldOfPause(job, false);
    finish(job);
  };

  const killBecause = (reason: Error): void => {
    death ??= reason;
    engine.kill();
  };

  const died = (detail: string): ExpectedError => {
    const words = engine.lastWords();
    return new ExpectedError(
      'engine-died',
      words.length === 0 ? detail : `${detail} It last wrote: ${words.join(' | ')}`,
    );
  };

  const answer = async (message: EngineMessage & { kind: 'ask' }): Promise<void> => {
    const answers = jobs.get(message.job)?.options.answers as Record<string, (payload: unknown) => unknown> | undefined;
    try {
      // A cancelled job may still have a question under way; its answer would reach nobody.
      if (!jobs.has(message.job)) return;
      const reply = answers !== undefined && Object.hasOwn(answers, message.name) ? answers[message.name] : undefined;
      if (reply === undefined)
        throw new Error(`The engine asked for ${JSON.stringify(message.name)}, which is not offered.`);
      send({ kind: 'answer', ask: message.ask, value: await reply(message.payload) });
    } catch (error) {
      send({ kind: 'refuse', ask: message.ask, failure: serializeFailure(error) });
    }
  };

  const tell = (message: EngineMessage & { kind: 'events' }): void => {
    const job = jobs.get(message.job);
    if (job === undefined || job.cancelling) return;
    for (const event of message.events) {
      try {
        job.options.onEvent?.(event);
      } catch (error) {
        // The listener is ours: its failure ends the job it listens to instead of vanishing in a callback.
        settle(message.job, (broken) => broken.reject(error instanceof Error ? error : new Error(String(error))));
        send({ kind: 'cancel', job: message.job });
        return;
      }
    }
  };

  engine.channel.onMessage((value) => {
    lastSign = performance.now();
    toldAt = times.silenceMs;
    const message = parseEngineMessage(value);
    if (message === null) {
      killBecause(died('It sent something that is no message and was ended.'));
      return;
    }
    switch (message.kind) {
      case 'ready':
        return;
      case 'alive':
        peakBytes = Math.max(peakBytes, message.peakBytes);
        return;
      case 'events':
        tell(message);
        return;
      case 'ask':
        void answer(message);
        return;
      case 'cancelling':
        jobs.get(message.job)?.hear();
        return;
      case 'still': {
        const job = jobs.get(message.job);
        if (job !== undefined) toldOfPause(job, true);
        return;
      }
      case 'done':
        settle(message.job, (job) => job.resolve(message.result));
        return;
      case 'failed':
        settle(message.job, (job) => job.reject(reviveFailure(message.failure)));
        return;
      case 'not-understood':
        killBecause(new Error(message.problem));
        return;
    }
  });

  engine.onExit((exit) => {
    exited = true;
    clearInterval(watch);
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
    const reason = death ?? died(`It ended with ${how}.`);
    for (const id of [...jobs.keys()]) {
      settle(id, (job) => job.reject(job.cancelling || (closing && death === null) ? new CancelledError() : reason));
    }
    death ??= reason;
    whenGone();
  });

  const every = Math.min(1000, times.silenceMs / 2, times.hungMs / 2);
  let lastLook = performance.now();
  const watch = setInterval(() => {
    const now = performance.now();
    // Where this process was stopped itself (Ctrl-Z, a laptop asleep), signs of life have yet to be read.
    const missed = now - lastLook - every;
    lastLook = now;
    if (missed > every) lastSign = Math.min(now, lastSign + missed);
    if (jobs.size === 0) {
      lastSign = now;
      return;
    }
    const silence = now - lastSign;
    if (silence >= times.hungMs) {
      killBecause(died(`It gave no sign of life for ${Math.round(silence / 1000)} s and was ended.`));
    } else if (silence >= toldAt) {
      toldAt *= 2;
      options.onSilence?.(silence);
    }
  }, every);
  watch.unref();

  const cancelJob = async (id: number): Promise<'engine' | 'killed' | 'already-over'> => {
    const job = jobs.get(id);
    if (job === undefined) return 'already-over';
    if (!job.cancelling) {
      job.cancelling = true;
      send({ kind: 'cancel', job: id });
      setTimeout(() => {
        if (!job.settled) engine.kill();
      }, times.graceMs).unref();
    }
    const inTime = await Promise.race([job.heard, after(times.acknowledgeMs)]);
    if (inTime) return 'engine';
    // It sits inside one long computation. The journal holds all that counts, so it need not be waited for.
    engine.kill();
    return 'killed';
  };

  const start: EngineClient<P>['start'] = (name, request, jobOptions = {}) => {
    const id = nextJob++;
    const result = new Promise<unknown>((resolve, reject) => {
      if (jobOptions.signal?.aborted === true) return reject(new CancelledError());
      if (death !== null || closing) return reject(death ?? new Error('The engine was closed.'));
      let hear = (): void => {};
      const heard = new Promise<true>((listened) => (hear = () => listened(true)));
      const job: OpenJob = {
        options: jobOptions as JobOptions<JobProtocol>,
        settled: false,
        cancelling: false,
        heard,
        hear,
        pausing: [],
        resolve,
        reject,
      };
      jobs.set(id, job);
      lastSign = performance.now();
      try {
        send({ kind: 'start', job: id, name, request });
      } catch (error) {
        jobs.delete(id);
        return reject(error as Error);
      }
      const onAbort = (): void => void cancelJob(id);
      jobOptions.signal?.addEventListener('abort', onAbort, { once: true });
    });
    // A caller that looks at `result` later must not be punished with an unhandled rejection meanwhile.
    result.catch(() => {});
    return {
      result: result as Promise<never>,
      cancel: () => cancelJob(id),
      pause: () => {
        const job = jobs.get(id);
        if (job === undefined || job.cancelling) return Promise.resolve(false);
        send({ kind: 'pause', job: id });
        return new Promise((resolve) => job.pausing.push(resolve));
      },
      continue: () => {
        const job = jobs.get(id);
        if (job === undefined) return;
        send({ kind: 'continue', job: id });
        toldOfPause(job, false);
      },
    };
  };

  return {
    start,
    run: (name, request, jobOptions) => start(name, request, jobOptions).result,
    peakBytes: () => peakBytes,
    close: async () => {
      if (exited) return;
      closing = true;
      for (const id of jobs.keys()) void cancelJob(id);
      send({ kind: 'exit' });
      const ended = await Promise.race([gone.then(() => true as const), after(times.graceMs)]);
      if (!ended) engine.kill();
      await gone;
    },
    kill: () => killBecause(new CancelledError()),
  };
}

function toldOfPause(job: OpenJob, still: boolean): void {
  for (const told of job.pausing.splice(0)) told(still);
}

/** Resolves with false after `milliseconds`. */
function after(milliseconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), milliseconds).unref());
}

function withoutUndefined(options: ClientOptions): Partial<ClientTimes> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/**
 * HDF5 files, read by the reference library in a thread of its own (`answers.ts`), one thread for each file. The library
 * has no end of its own when a damaged file sends it round in circles; the thread is ended for it.
 */
import { Worker } from 'node:worker_threads';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { Hdf5Limits } from '../limits.ts';
import { Hdf5Error, hdf5File, type Hdf5File } from './file.ts';
import type { Hdf5Caps, Hdf5Reply, Hdf5Request, Hdf5Start } from './messages.ts';

export interface Hdf5Options {
  readonly limits: Hdf5Limits;
  readonly caps: Hdf5Caps;
  /** Names the file in errors. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** What the thread may take of JavaScript's memory; the file and the library's own memory are not part of it. */
const THREAD_MB = 1024;

/**
 * Starts the thread. Nothing of the file is looked at yet.
 * @param source an open file, left open; or the bytes of one, which are copied
 */
export async function openHdf5(source: number | Uint8Array, options: Hdf5Options): Promise<Hdf5File> {
  const { caps, what, limits, signal } = options;
  const start: Hdf5Start = { source, caps, maxMemoryBytes: limits.maxMemoryBytes };
  // Its output is the library's own chatter about a stranger's file: it is taken and dropped.
  const thread = new Worker(threadFile(import.meta.url), {
    workerData: start,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_MB },
  });
  thread.stdout.resume();
  thread.stderr.resume();
  thread.unref();
  const clock = openClock(limits);
  let ended: Error | null = null;

  /** One message of the thread; `within` milliseconds or without end. */
  const next = async (within: number | null): Promise<unknown> => {
    if (ended !== null) throw ended;
    if (signal?.aborted === true) throw end(new CancelledError());
    thread.ref();
    let timer: NodeJS.Timeout | undefined;
    const listeners = new AbortController();
    try {
      return await new Promise((resolve, reject) => {
        const give = (error: Error): void => reject(end(error));
        thread.once('message', resolve);
        thread.once('error', (error) =>
          give(new Hdf5Error('malformed', `the HDF5 library gave up (${error.message})`)),
        );
        thread.once('exit', () => give(new Hdf5Error('malformed', 'the HDF5 library gave up')));
        signal?.addEventListener('abort', () => give(new CancelledError()), { signal: listeners.signal });
        if (within !== null) timer = setTimeout(() => give(stopped()), within);
      });
    } finally {
      clearTimeout(timer);
      listeners.abort();
      for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event);
      // Said once more after it is gone, e.g. by a thread that was ended while it failed.
      thread.on('error', () => undefined);
      thread.unref();
    }
  };
  const end = (error: Error): Error => {
    ended ??= error;
    void thread.terminate();
    return error;
  };
  const stopped = (): ExpectedError =>
    new ExpectedError(
      'reader-stopped',
      `${what}: the HDF5 library had not finished after ${limits.timeoutSeconds} s (limit hdf5.timeoutSeconds).`,
    );

  async function ask<T>(request: Hdf5Request): Promise<T> {
    if (ended !== null) throw ended;
    thread.postMessage(request);
    const started = performance.now();
    const reply = (await next(clock.left())) as Hdf5Reply;
    clock.spend(performance.now() - started);
    if (!reply.ok) throw new Hdf5Error(reply.why, reply.text);
    return reply.answer as T;
  }

  await next(null);
  return hdf5File(ask, clock.earn, async () => {
    ended ??= new Error('The HDF5 file was closed.');
    await thread.terminate();
  });
}

interface Clock {
  /** Milliseconds that the library may still take. */
  left(): number;
  spend(milliseconds: number): void;
  /** Values that came give back the time they may take, never more than the whole of it. */
  earn(bytes: number): void;
}

function openClock({ timeoutSeconds, minBytesPerSecond }: Hdf5Limits): Clock {
  const whole = timeoutSeconds * 1000;
  let left = whole;
  return {
    left: () => Math.max(1, left),
    spend: (milliseconds) => void (left -= milliseconds),
    earn: (bytes) => void (left = Math.min(whole, left + (bytes / minBytesPerSecond) * 1000)),
  };
}

/** Beside this file as source; built, an entry of its own beside the others, which chunks lie below. */
export function threadFile(here: string): URL {
  if (here.endsWith('.ts')) return new URL('./thread.ts', here);
  return new URL(here.includes('/chunks/') ? '../hdf5.js' : './hdf5.js', here);
}

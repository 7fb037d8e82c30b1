/**
 * HDF5 files, read by the reference library in a thread of its own (`answers.ts`), one thread for each file. The library
 * has no end of its own when a damaged file sends it round in circles; the thread is ended for it.
 */
import { Worker } from 'node:worker_threads';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { Hdf5Limits } from '../limits.ts';
import type {
  Hdf5Caps,
  Hdf5Dataset,
  Hdf5Listing,
  Hdf5Reply,
  Hdf5Request,
  Hdf5Start,
  Hdf5Texts,
  Hdf5Values,
} from './messages.ts';

export type { Hdf5Caps, Hdf5Dataset, Hdf5Listing, Hdf5Texts, Hdf5Values } from './messages.ts';

/** The file is damaged or above a cap; whoever reads it says so in the words of its own kind of file. */
export class Hdf5Error extends Error {
  readonly why: 'malformed' | 'too-large';
  constructor(why: 'malformed' | 'too-large', text: string) {
    super(text);
    this.why = why;
  }
}

export interface Hdf5File {
  /** @throws Hdf5Error; ExpectedError reader-stopped; CancelledError; so do the others */
  list(): Promise<Hdf5Listing>;
  /** Attributes of groups whose whole name fits a pattern. */
  texts(groups: readonly string[], pattern: string): Promise<readonly Hdf5Texts[]>;
  /**
   * All values of a dataset, little-endian, a piece at a time.
   * @param each given pieces in order; `from` and `to` count along the first dimension
   */
  values(
    dataset: Hdf5Dataset,
    each: (piece: Hdf5Values, from: number, to: number) => Promise<void> | void,
  ): Promise<void>;
  /** Ends the thread, whatever it is at. */
  close(): Promise<void>;
}

export interface Hdf5Options {
  readonly limits: Hdf5Limits;
  readonly caps: Hdf5Caps;
  /** Names the file in errors. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes asked for at a time, at least one row or one chunk. */
const PIECE_BYTES = 8 << 20;
/** What the thread may take of JavaScript's memory; the file and the library's own memory are not part of it. */
const THREAD_MB = 1024;

/**
 * Starts the thread. Nothing of the file is looked at yet.
 * @param source an open file, left open; or the bytes of one, which are copied
 */
export async function openHdf5(source: number | Uint8Array, options: Hdf5Options): Promise<Hdf5File> {
  const { caps, what, limits, signal } = options;
  const start: Hdf5Start = { source, caps };
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
  return {
    list: async () => await ask<Hdf5Listing>({ ask: 'list' }),
    texts: async (groups, pattern) => await ask<readonly Hdf5Texts[]>({ ask: 'texts', groups, pattern }),
    async values({ path, dims, size, chunks }, each) {
      const piece = async (rows: readonly [number, number] | null, bytes: number): Promise<void> => {
        const values = await ask<Hdf5Values>({ ask: 'values', path, rows });
        if (values.byteLength !== bytes) {
          throw new Hdf5Error('malformed', `/${path} gives ${values.byteLength} bytes where ${bytes} were announced`);
        }
        clock.earn(bytes);
        await each(values, rows?.[0] ?? 0, rows?.[1] ?? 1);
      };
      if (dims === null) throw new Hdf5Error('malformed', `/${path} has no shape`);
      if (dims.length === 0) {
        await piece(null, size);
        return;
      }
      const rowBytes = dims.slice(1).reduce((product, dim) => product * dim, size);
      // Whole chunks at a time: a chunk is unpacked once.
      const perChunk = chunks?.[0] ?? 1;
      const step = Math.max(perChunk, Math.floor(PIECE_BYTES / Math.max(1, rowBytes) / perChunk) * perChunk);
      for (let from = 0; from < dims[0] && rowBytes > 0; from += step) {
        const to = Math.min(dims[0], from + step);
        await piece([from, to], (to - from) * rowBytes);
      }
    },
    async close() {
      ended ??= new Error('The HDF5 file was closed.');
      await thread.terminate();
    },
  };
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

/** Threads that decode picture files: bytes go out in batches, pixels come back, and are handed on in the dataset's order. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CancelledError, reviveFailure, type SerializedFailure } from '../../../src-shared/failure.ts';
import type { FitTo } from '../images/fit.ts';
import type { ImageChange } from '../images/image.ts';
import type { ImageLimits } from '../limits.ts';
import type { Dataset } from './dataset.ts';
import { decodeHere, readSample, type DecodedSample, type DecodeOptions } from './decode-here.ts';

export interface ThreadOptions extends DecodeOptions {
  readonly threads: number;
  readonly limits: ImageLimits;
}

/** `workerData` */
export interface ThreadSetup {
  readonly fit: FitTo;
  readonly limits: ImageLimits;
  readonly parallel: number;
  /** One int32, shared: whose turn it is to hold a giant picture decoded. */
  readonly turn: Int32Array;
}

/** Files end to end. */
export interface BatchOut {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** One entry per file; the pixels and digests of the readable ones stand end to end. */
export interface BatchBack {
  readonly pixels: Uint8Array;
  readonly digests: Uint8Array;
  readonly images: readonly (ThreadImage | SerializedFailure)[];
}

export interface ThreadImage {
  readonly height: number;
  readonly width: number;
  readonly changes?: readonly ImageChange[];
}

const BATCH_FILES = 64;
const BATCH_BYTES = 1 << 20;
/** Batches that wait within a thread, so that it never waits for us. */
const AHEAD = 2;
const DIGEST_BYTES = 32;

// As source this file lies beside the worker; built, it is in out/main/engine.js or one of its chunks.
const here = import.meta.url;
const entry = fileURLToPath(
  new URL(
    here.endsWith('.ts') ? './decode-worker.ts' : here.includes('/chunks/') ? '../decode.js' : './decode.js',
    here,
  ),
);

/** @throws as `decodeSamples` */
export async function decodeInThreads(
  dataset: Dataset,
  options: ThreadOptions,
  take: (sample: DecodedSample) => void,
): Promise<void> {
  const { threads, fit, limits, parallel } = options;
  const turn = new Int32Array(new SharedArrayBuffer(4));
  const setup: ThreadSetup = { fit, limits, parallel, turn };
  const started: Thread[] = [];
  try {
    for (let i = 0; i < threads; i++) started.push(startThread(setup));
    await Promise.all(started.map(({ ready }) => ready));
  } catch (error) {
    await Promise.all(started.map(({ stop }) => stop()));
    options.onOneThread(error instanceof Error ? error.message : String(error));
    await decodeHere(dataset, options, take);
    return;
  }
  try {
    await feed(dataset, started, options, take);
  } finally {
    await Promise.all(started.map(({ stop }) => stop()));
  }
}

interface Sent {
  readonly samples: readonly Pick<DecodedSample, 'index' | 'digest'>[];
  /** What reading failed with, by place in `samples`. */
  readonly failures: ReadonlyMap<number, unknown>;
  readonly back: Promise<BatchBack>;
}

async function feed(
  dataset: Dataset,
  threads: readonly Thread[],
  { fit, signal, rest, onProgress }: ThreadOptions,
  take: (sample: DecodedSample) => void,
): Promise<void> {
  const size = fit.channels * fit.height * fit.width;
  const flight: Sent[] = [];
  let done = 0;
  const finish = async (): Promise<void> => {
    const sent = flight.shift() as Sent;
    handOn(sent, await sent.back, size, take);
    onProgress((done += sent.samples.length));
    await rest?.();
    if (signal?.aborted === true) throw new CancelledError();
  };
  try {
    for (let index = 0, batch = 0; index < dataset.count; batch++) {
      if (flight.length >= threads.length * AHEAD) await finish();
      const { samples, failures, files } = gather(dataset, index);
      index += samples.length;
      // Batches go round, so the oldest one is with the thread that is asked next.
      const thread = threads[batch % threads.length];
      flight.push({ samples, failures, back: thread.decode(files) });
    }
    while (flight.length > 0) await finish();
  } finally {
    await Promise.allSettled(flight.map(({ back }) => back));
  }
}

function gather(
  dataset: Dataset,
  from: number,
): Pick<Sent, 'samples' | 'failures'> & { readonly files: readonly Buffer[] } {
  const samples: Pick<DecodedSample, 'index' | 'digest'>[] = [];
  const failures = new Map<number, unknown>();
  const files: Buffer[] = [];
  for (
    let index = from, bytes = 0;
    index < dataset.count && samples.length < BATCH_FILES && bytes < BATCH_BYTES;
    index++
  ) {
    const read = readSample(dataset, index);
    if ('error' in read) {
      failures.set(samples.length, read.error);
      samples.push({ index, digest: null });
    } else {
      bytes += read.bytes.length;
      files.push(read.bytes);
      samples.push({ index, digest: read.digest });
    }
  }
  return { samples, failures, files };
}

function handOn(
  { samples, failures }: Sent,
  back: BatchBack,
  size: number,
  take: (sample: DecodedSample) => void,
): void {
  let file = 0;
  let image = 0;
  samples.forEach((sample, at) => {
    if (failures.has(at)) {
      take({ ...sample, outcome: { error: failures.get(at) } });
      return;
    }
    const met = back.images[file++];
    if ('kind' in met) {
      take({ ...sample, outcome: { error: reviveFailure(met) } });
      return;
    }
    const pixels = back.pixels.subarray(image * size, (image + 1) * size);
    const digest = back.digests.subarray(image * DIGEST_BYTES, (image + 1) * DIGEST_BYTES);
    image++;
    take({ ...sample, outcome: { image: { ...met, pixels, digest } } });
  });
}

interface Thread {
  /** Rejects when the thread could not be started. */
  readonly ready: Promise<void>;
  decode(files: readonly Buffer[]): Promise<BatchBack>;
  /** Lets it finish what it holds: libvips may be at work in it. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly resolve: (back: BatchBack) => void;
  readonly reject: (error: unknown) => void;
}

function startThread(setup: ThreadSetup): Thread {
  const worker = new Worker(entry, { workerData: setup, env: {}, argv: [], execArgv: [], stdin: false });
  const waiting: Waiting[] = [];
  let failure: Error | null = null;
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a decoding thread ended before it began')));
  });
  // A thread that never became ready is reported by whoever awaits it.
  ready.catch(() => {});
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('a decoding thread ended in the middle of its work')));
  worker.on('message', (message: BatchBack | 'ready') => {
    if (message !== 'ready') waiting.shift()?.resolve(message);
  });
  return {
    ready,
    async decode(files) {
      if (failure !== null) throw failure;
      const ends = new Uint32Array(files.length);
      let end = 0;
      files.forEach((file, i) => (ends[i] = end += file.length));
      const bytes = new Uint8Array(end);
      files.forEach((file, i) => bytes.set(file, ends[i] - file.length));
      return await new Promise<BatchBack>((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.postMessage({ bytes, ends } satisfies BatchOut, [bytes.buffer, ends.buffer]);
      });
    },
    async stop() {
      if (failure === null) worker.postMessage('stop');
      else await worker.terminate();
      await gone;
    },
  };
}

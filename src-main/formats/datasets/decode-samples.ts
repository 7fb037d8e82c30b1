/**
 * Every sample of a dataset, decoded. Picture files are decoded by several threads where there are several processors;
 * the samples are the same bytes in the same order.
 */
import { availableParallelism } from 'node:os';
import type { Dataset } from './dataset.ts';
import { decodeHere, type DecodedSample, type DecodeOptions } from './decode-here.ts';
import { decodeInThreads } from './decode-threads.ts';

/** Below this a dataset is decoded before threads have started. */
const WORTH_THREADS = 1000;
/** More only makes them wait for the one that reads and writes. */
const MOST_THREADS = 8;

/**
 * Gives every sample to `take`, in order.
 * @throws CancelledError; what `take` throws
 */
export async function decodeSamples(
  dataset: Dataset,
  options: DecodeOptions,
  take: (sample: DecodedSample) => void,
): Promise<void> {
  const threads =
    options.threads ?? (dataset.count < WORTH_THREADS ? 0 : Math.min(MOST_THREADS, availableParallelism()));
  if (dataset.pictures === undefined || threads < (options.threads === undefined ? 2 : 1)) {
    await decodeHere(dataset, options, take);
  } else {
    await decodeInThreads(dataset, { ...options, threads, limits: dataset.pictures }, take);
  }
}

/** Samples read, digested, decoded and brought to one size by this thread, in the dataset's order. */
import { createHash } from 'node:crypto';
import { CancelledError } from '../../../src-shared/failure.ts';
import { fitImage, type FitTo } from '../images/fit.ts';
import type { DecodedImage } from '../images/image.ts';
import type { Dataset } from './dataset.ts';

/** A picture brought to size. */
export interface FittedImage extends Pick<DecodedImage, 'height' | 'width' | 'changes'> {
  /** uint8 `[C, H, W]` */
  readonly pixels: Uint8Array;
  /** SHA-256 of the pixels. */
  readonly digest: Uint8Array;
}

export interface DecodedSample {
  readonly index: number;
  /** SHA-256 of the source bytes; null when not even they could be read. */
  readonly digest: Uint8Array | null;
  readonly outcome: { readonly image: FittedImage } | { readonly error: unknown };
}

export interface DecodeOptions {
  readonly fit: FitTo;
  /** Pictures decoded at the same time within one thread. */
  readonly parallel: number;
  /** Threads beside this one; undefined = as many as there are processors, for datasets that are worth it. */
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Asked often: null, or what has to be waited for before more samples are read. */
  readonly rest?: (() => Promise<void> | null) | undefined;
  /** Samples done so far; called often. */
  readonly onProgress: (done: number) => void;
  /** Why threads were wanted and are not used. */
  readonly onOneThread: (reason: string) => void;
}

/** What reading a sample's bytes gave. */
export function readSample(
  dataset: Dataset,
  index: number,
): { readonly bytes: Buffer; readonly digest: Uint8Array } | { readonly error: unknown } {
  try {
    const bytes = dataset.bytes(index);
    return { bytes, digest: createHash('sha256').update(bytes).digest() };
  } catch (error) {
    return { error };
  }
}

export function fitted(image: DecodedImage, fit: FitTo): FittedImage {
  const pixels = fitImage(image, fit);
  const { height, width, changes } = image;
  const digest = createHash('sha256').update(pixels).digest();
  return { height, width, pixels, digest, ...(changes !== undefined && { changes }) };
}

type Outcome = { readonly image: DecodedImage } | { readonly error: unknown };

interface InFlight {
  readonly index: number;
  readonly digest: Uint8Array | null;
  readonly outcome: Outcome | Promise<Outcome>;
}

/**
 * Gives every sample to `take`, in order; what libvips decodes runs beside this thread.
 * @throws CancelledError; what `take` throws
 */
export async function decodeHere(
  dataset: Dataset,
  { fit, parallel, signal, rest, onProgress }: DecodeOptions,
  take: (sample: DecodedSample) => void,
): Promise<void> {
  const flight: InFlight[] = [];
  let breath = performance.now();
  const finish = ({ index, digest }: InFlight, outcome: Outcome): void =>
    take({ index, digest, outcome: 'image' in outcome ? { image: fitted(outcome.image, fit) } : outcome });
  try {
    for (let index = 0; index < dataset.count; index++) {
      flight.push(startOne(dataset, index));
      while (flight.length > 0 && (flight.length >= parallel || !(flight[0].outcome instanceof Promise))) {
        const next = flight.shift() as InFlight;
        // Awaiting what is already there would cost a turn of the event loop per image.
        finish(next, next.outcome instanceof Promise ? await next.outcome : next.outcome);
      }
      if (performance.now() - breath > 50) {
        onProgress(index + 1 - flight.length);
        await new Promise(setImmediate);
        await rest?.();
        breath = performance.now();
      }
      if (signal?.aborted === true) throw new CancelledError();
    }
    while (flight.length > 0) {
      const next = flight.shift() as InFlight;
      finish(next, await next.outcome);
    }
    onProgress(dataset.count);
  } finally {
    await Promise.all(flight.map(async (one) => await one.outcome));
  }
}

function startOne(dataset: Dataset, index: number): InFlight {
  const read = readSample(dataset, index);
  if ('error' in read) return { index, digest: null, outcome: read };
  const { bytes, digest } = read;
  try {
    const image = dataset.decode(index, bytes);
    if (!(image instanceof Promise)) return { index, digest, outcome: { image } };
    const outcome = image.then(
      (decoded): Outcome => ({ image: decoded }),
      (error: unknown): Outcome => ({ error }),
    );
    return { index, digest, outcome };
  } catch (error) {
    return { index, digest, outcome: { error } };
  }
}

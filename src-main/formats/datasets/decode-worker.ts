/** Entry of a decoding thread: batches of picture files in, pixels and their digests out, one batch after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { serializeFailure, type SerializedFailure } from '../../../src-shared/failure.ts';
import { decodeImage } from '../images/decode.ts';
import type { DecodedImage } from '../images/image.ts';
import { shareLargeTurn } from '../images/vips.ts';
import { fitted, type FittedImage } from './decode-here.ts';
import type { BatchBack, BatchOut, ThreadImage, ThreadSetup } from './decode-threads.ts';

const { fit, limits, parallel, turn } = workerData as ThreadSetup;
shareLargeTurn(turn);
const size = fit.channels * fit.height * fit.width;

async function decodeBatch({ bytes, ends }: BatchOut): Promise<BatchBack> {
  const decoded: FittedImage[] = [];
  const images: (ThreadImage | SerializedFailure)[] = [];
  const flight: Promise<DecodedImage | { readonly error: unknown }>[] = [];
  const startOne = async (at: number): Promise<DecodedImage | { readonly error: unknown }> => {
    try {
      return await decodeImage(bytes.subarray(at === 0 ? 0 : ends[at - 1], ends[at]), limits);
    } catch (error) {
      return { error };
    }
  };
  for (let at = 0, started = 0; at < ends.length; at++) {
    for (; started < ends.length && flight.length < parallel; started++) flight.push(startOne(started));
    const met = await (flight.shift() as (typeof flight)[number]);
    if ('error' in met) {
      images.push(serializeFailure(met.error));
      continue;
    }
    const { height, width, changes, ...image } = fitted(met, fit);
    decoded.push({ height, width, ...image });
    images.push({ height, width, ...(changes !== undefined && { changes }) });
  }
  const pixels = new Uint8Array(decoded.length * size);
  const digests = new Uint8Array(decoded.length * 32);
  decoded.forEach((image, i) => {
    pixels.set(image.pixels, i * size);
    digests.set(image.digest, i * 32);
  });
  return { pixels, digests, images };
}

let last: Promise<unknown> = Promise.resolve();
parentPort?.on('message', (message: BatchOut | 'stop') => {
  last = last.then(async () => {
    if (message === 'stop') {
      parentPort?.close();
      return;
    }
    const back = await decodeBatch(message);
    parentPort?.postMessage(back, [back.pixels.buffer as ArrayBuffer, back.digests.buffer as ArrayBuffer]);
  });
});
parentPort?.postMessage('ready');

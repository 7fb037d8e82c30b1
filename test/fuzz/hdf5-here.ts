/**
 * Stands in for `formats/hdf5/library.ts` while fuzzing: the same library asked in this process, without the thread that
 * takes most of the time of a read; one file of `WHOLE` goes through the thread all the same.
 */
import { readFileSync } from 'node:fs';
import { hdf5Answers, type Hdf5Answers } from '../../src-main/formats/hdf5/answers.ts';
import { Hdf5Error, hdf5File, type Hdf5File } from '../../src-main/formats/hdf5/file.ts';
import { openHdf5 as openInThread, type Hdf5Options } from '../../src-main/formats/hdf5/library.ts';
import type { Hdf5Request } from '../../src-main/formats/hdf5/messages.ts';
import { NeedsFreshProcess } from './readers.ts';

const WHOLE = 256;
let turn = 0;

const honest = new Uint8Array(readFileSync(new URL('../fixtures/datasets/plain.h5', import.meta.url)));

export async function openHdf5(source: number | Uint8Array, options: Hdf5Options): Promise<Hdf5File> {
  turn += 1;
  if (turn % WHOLE === 0) return await openInThread(source, options);
  const library = hdf5Answers({ source, caps: options.caps, maxMemoryBytes: options.limits.maxMemoryBytes });
  const ask = <T>(request: Hdf5Request): Promise<T> => {
    const reply = library.answer(request);
    if (reply.ok) return Promise.resolve(reply.answer as T);
    return Promise.reject(new Hdf5Error(reply.why, reply.text));
  };
  return hdf5File(
    ask,
    () => undefined,
    () => {
      closed(library);
      return Promise.resolve();
    },
  );
}

/** A library that gave up half-way refuses every file from then on; in the product it ended with its thread. */
function closed(library: Hdf5Answers): void {
  library.close();
  const caps = { maxObjects: 100, maxDepth: 9, maxTexts: 9, maxTextBytes: 999 };
  const again = hdf5Answers({ source: honest, caps, maxMemoryBytes: Infinity });
  const reply = again.answer({ ask: 'list' });
  again.close();
  if (!reply.ok) throw new NeedsFreshProcess('the HDF5 library gave up');
}

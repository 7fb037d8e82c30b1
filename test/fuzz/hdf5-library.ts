/** Asks the HDF5 library all that the readers ask of it, in this process: its thread takes most of the time of a read. */
import { WronglyAccepted } from './acceptance.ts';
import type { Hdf5Listing, Hdf5Request } from '../../src-main/formats/hdf5/messages.ts';
import { ExpectedError } from '../../src-shared/failure.ts';

const caps = { maxObjects: 1000, maxDepth: 32, maxTexts: 1000, maxTextBytes: 1 << 20 };
/** Datasets that are read whole, bytes. */
const MOST = 16 << 20;

export async function askHdf5Library(bytes: Uint8Array): Promise<void> {
  const { hdf5Answers } = await import('../../src-main/formats/hdf5/answers.ts');
  const library = hdf5Answers({ source: bytes, caps });
  const ask = (request: Hdf5Request): unknown => {
    const reply = library.answer(request);
    if (reply.ok) return reply.answer;
    throw new ExpectedError(reply.why === 'malformed' ? 'encoder-malformed' : 'encoder-too-large', reply.text);
  };
  try {
    const { datasets, groups } = ask({ ask: 'list' }) as Hdf5Listing;
    ask({ ask: 'texts', groups, pattern: '.*' });
    for (const { path, dims, type, size } of datasets) {
      const whole = (dims ?? []).reduce((product, dim) => product * dim, size);
      if (dims === null || type > 1 || !(whole <= MOST) || whole === 0) continue;
      const rows = dims.length === 0 ? null : ([0, dims[0]] as const);
      const { length } = ask({ ask: 'values', path, rows }) as Uint8Array;
      if (length !== whole && dims.length === 0)
        throw new WronglyAccepted(`/${path}: ${length} bytes, ${whole} announced`);
      if (length !== whole) throw new ExpectedError('encoder-malformed', 'fewer values than announced');
    }
  } finally {
    library.close();
  }
}

/** An HDF5 file as readers see it: its listing, its texts, its values a piece at a time, whoever asks the library for them. */
import type { Hdf5Dataset, Hdf5Listing, Hdf5Request, Hdf5Texts, Hdf5Values } from './messages.ts';

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

/** Bytes asked for at a time, at least one row or one chunk. */
const PIECE_BYTES = 8 << 20;
/** Puts a request to the library. */
export type AskHdf5 = <T>(request: Hdf5Request) => Promise<T>;

/** @param came told of every piece of values, in bytes */
export function hdf5File(ask: AskHdf5, came: (bytes: number) => void, close: () => Promise<void>): Hdf5File {
  return {
    list: async () => await ask<Hdf5Listing>({ ask: 'list' }),
    texts: async (groups, pattern) => await ask<readonly Hdf5Texts[]>({ ask: 'texts', groups, pattern }),
    async values({ path, dims, size, chunks }, each) {
      const piece = async (rows: readonly [number, number] | null, bytes: number): Promise<void> => {
        const values = await ask<Hdf5Values>({ ask: 'values', path, rows });
        if (values.byteLength !== bytes) {
          throw new Hdf5Error('malformed', `/${path} gives ${values.byteLength} bytes where ${bytes} were announced`);
        }
        came(bytes);
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
    close,
  };
}

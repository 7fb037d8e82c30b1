/** What the thread that holds the HDF5 library is asked and answers. */

export interface Hdf5Start {
  /** An open file, or the bytes of one. */
  readonly source: number | Uint8Array;
  readonly caps: Hdf5Caps;
  /** Memory that the library may have, bytes. */
  readonly maxMemoryBytes: number;
}

export interface Hdf5Caps {
  /** Groups, datasets and all else that is listed. */
  readonly maxObjects: number;
  /** Groups within groups that are entered; 0 lists the root alone. */
  readonly maxDepth: number;
  /** Texts of one attribute, and bytes of all that are asked for at once. */
  readonly maxTexts: number;
  readonly maxTextBytes: number;
}

/** A dataset as the file describes it; none of its values was read. */
export interface Hdf5Dataset {
  readonly path: string;
  /** Null where the file states none. */
  readonly dims: readonly number[] | null;
  /** H5T_class_t: 0 = integer, 1 = float; anything else is no number. */
  readonly type: number;
  /** Of one value, bytes. */
  readonly size: number;
  readonly signed: boolean;
  /** Values of a chunk along each dimension; null where they lie in one run. */
  readonly chunks: readonly number[] | null;
  /** Put together from other datasets. */
  readonly virtual: boolean;
}

/** Paths have no slash in front; the root is ''. */
export interface Hdf5Listing {
  readonly datasets: readonly Hdf5Dataset[];
  readonly groups: readonly string[];
  /** Not followed, wherever they lead. */
  readonly links: readonly { readonly path: string; readonly external: boolean }[];
  readonly others: readonly string[];
}

export interface Hdf5Texts {
  readonly path: string;
  readonly name: string;
  /** Null when it is no text. */
  readonly texts: readonly string[] | null;
}

export type Hdf5Request =
  | { readonly ask: 'list' }
  /** Attributes whose whole name fits the pattern. */
  | { readonly ask: 'texts'; readonly groups: readonly string[]; readonly pattern: string }
  /** Values along the first dimension, or the one value of a dataset without dimensions. */
  | { readonly ask: 'values'; readonly path: string; readonly rows: readonly [from: number, to: number] | null };

/** The values, little-endian whatever the file has. */
export type Hdf5Values = Readonly<Uint8Array>;

export type Hdf5Reply =
  | { readonly ok: true; readonly answer: Hdf5Listing | readonly Hdf5Texts[] | Hdf5Values }
  | { readonly ok: false; readonly why: 'malformed' | 'too-large'; readonly text: string };

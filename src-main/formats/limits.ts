/** Every cap of every reader in one place. Defaults are generous for real data and small enough for a laptop. */
import { ExpectedError } from '../../src-shared/failure.ts';

export interface ImageLimits {
  /** Size of one image file, bytes. */
  readonly maxBytes: number;
  /** Width x height after decoding. */
  readonly maxPixels: number;
  /** Width or height alone, pixels. */
  readonly maxSide: number;
  /** Time that decoding one image may take, seconds. */
  readonly timeoutSeconds: number;
  /** Pages of a TIFF file; the first is read, all are followed. */
  readonly maxPages: number;
}

export interface DatasetLimits {
  /** Samples, and directory entries looked at. */
  readonly maxFiles: number;
  /** Folders within folders below the dataset's root. */
  readonly maxDepth: number;
  readonly maxClasses: number;
  /** Bytes that one compressed file may become. */
  readonly maxInflatedBytes: number;
  /** Output bytes per input byte of a compressed file, looked at once `ratioFloorBytes` have come out. */
  readonly maxRatio: number;
  /** Below this size a high ratio is ordinary (a label file is mostly repetition), bytes. */
  readonly ratioFloorBytes: number;
  /** Size of a CSV manifest or classes file, bytes. */
  readonly maxManifestBytes: number;
  /** Size of one row of a manifest, bytes. */
  readonly maxRowBytes: number;
  /** Length of a header that says what follows it (npy, pax, names within a mat file), bytes. */
  readonly maxHeaderBytes: number;
  /** Archives that make up one dataset. */
  readonly maxShards: number;
  /** Brackets within brackets of a JSON text, cells within cells of a mat file. */
  readonly maxNesting: number;
  /** Bytes read into memory at once because a format cannot be read in parts (pickled batches, HDF5 chunks). */
  readonly maxWholeBytes: number;
  /** Decoded datasets kept in one project for its next runs, bytes; the one in use is kept whatever its size. */
  readonly maxCacheBytes: number;
  /** Time that listing a dataset may take, seconds. */
  readonly maxOpenSeconds: number;
  /** Skipped and unreadable files that are listed by name; all are counted. */
  readonly maxListed: number;
  /** Arrays and other named things in a mat or HDF5 file. */
  readonly maxArrays: number;
  /** Names of all samples together, characters: they are held and handed from process to process. */
  readonly maxNameBytes: number;
}

export interface ModelLimits {
  /** Size of a model file or of one file of its external data, bytes. */
  readonly maxBytes: number;
  /** Files of external data beside one model. */
  readonly maxExternalFiles: number;
  /** Length of a safetensors header, bytes (the format's own rule is 100 MB). */
  readonly maxHeaderBytes: number;
  readonly maxTensors: number;
  /** Dimensions of one tensor. */
  readonly maxRank: number;
  /** Size of a JSON text that describes a network (model.json, config.json), bytes. */
  readonly maxJsonBytes: number;
  /** Lists and objects within one another in such a text. */
  readonly maxJsonDepth: number;
  /** Layers of a Keras or TF.js network, or operators of a TensorFlow graph. */
  readonly maxLayers: number;
  /** Files within a `.keras` archive: a network has three and perhaps some assets. */
  readonly maxMembers: number;
  /** Values of one tensor of an ONNX file. */
  readonly maxElements: number;
}

export interface PickleLimits {
  readonly maxOpcodes: number;
  /** Values on the stack, marks included. */
  readonly maxStack: number;
  readonly maxMarks: number;
  readonly maxMemo: number;
  /** Lists, tuples, dicts, sets and symbolic objects made. */
  readonly maxContainers: number;
  /** Different globals named. */
  readonly maxGlobals: number;
  /** Size of one text, bytes; raw bytes are views of the file and need no limit of their own. */
  readonly maxTextBytes: number;
  /** Size of one long integer, bytes (digits where it is written in decimal). */
  readonly maxLongBytes: number;
}

export interface ZipLimits {
  readonly maxEntries: number;
  /** Bytes that all entries together may become. */
  readonly maxInflatedBytes: number;
  /** Output bytes per input byte of one compressed entry above `ratioFloorBytes`. */
  readonly maxRatio: number;
  readonly ratioFloorBytes: number;
}

export interface Hdf5Limits {
  /** Time that the HDF5 library may go on without handing out values, seconds: a damaged file can keep it for ever. */
  readonly timeoutSeconds: number;
  /** Values handed out give back the time they take at this rate. */
  readonly minBytesPerSecond: number;
  /** Memory of the library, bytes: what it fills at once cannot be interrupted. */
  readonly maxMemoryBytes: number;
  /** Groups within groups of a Keras file. */
  readonly maxDepth: number;
  /** Unpacked bytes per stored byte of a Keras file above `ratioFloorBytes`. */
  readonly maxRatio: number;
  readonly ratioFloorBytes: number;
}

export interface Limits {
  readonly image: ImageLimits;
  readonly dataset: DatasetLimits;
  readonly model: ModelLimits;
  readonly pickle: PickleLimits;
  readonly zip: ZipLimits;
  readonly hdf5: Hdf5Limits;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;

export const defaultLimits: Limits = {
  image: { maxBytes: 64 * MiB, maxPixels: 50_000_000, maxSide: 32_768, timeoutSeconds: 30, maxPages: 4096 },
  dataset: {
    maxFiles: 10_000_000,
    maxDepth: 16,
    maxClasses: 100_000,
    maxInflatedBytes: 64 * GiB,
    maxRatio: 200,
    ratioFloorBytes: 64 * MiB,
    maxManifestBytes: 2 * GiB,
    maxRowBytes: 64 * 1024,
    maxHeaderBytes: MiB,
    maxShards: 100_000,
    maxNesting: 32,
    maxWholeBytes: GiB,
    maxCacheBytes: 64 * GiB,
    maxOpenSeconds: 3600,
    maxListed: 10_000,
    maxArrays: 10_000,
    maxNameBytes: 2 ** 30,
  },
  model: {
    maxBytes: 8 * GiB,
    maxExternalFiles: 1024,
    maxHeaderBytes: 100_000_000,
    maxTensors: 100_000,
    maxRank: 16,
    maxJsonBytes: 256 * MiB,
    maxJsonDepth: 128,
    maxLayers: 50_000,
    maxMembers: 1000,
    maxElements: 2 ** 29,
  },
  pickle: {
    maxOpcodes: 10_000_000,
    maxStack: 4_000_000,
    maxMarks: 10_000,
    maxMemo: 4_000_000,
    maxContainers: 1_000_000,
    maxGlobals: 10_000,
    maxTextBytes: 64 * MiB,
    maxLongBytes: 1024,
  },
  zip: { maxEntries: 100_000, maxInflatedBytes: 16 * GiB, maxRatio: 200, ratioFloorBytes: 16 * MiB },
  hdf5: {
    timeoutSeconds: 10,
    minBytesPerSecond: MiB,
    maxMemoryBytes: GiB,
    maxDepth: 32,
    maxRatio: 200,
    ratioFloorBytes: 64 * MiB,
  },
};

export interface LimitOverrides {
  readonly image?: Partial<ImageLimits>;
  readonly dataset?: Partial<DatasetLimits>;
  readonly model?: Partial<ModelLimits>;
  readonly pickle?: Partial<PickleLimits>;
  readonly zip?: Partial<ZipLimits>;
  readonly hdf5?: Partial<Hdf5Limits>;
}

/**
 * Limits that a person set, by dotted name: `{ "dataset.maxFiles": 20000000 }`.
 * @throws ExpectedError usage naming the limit that does not exist or cannot have that value
 */
export function parseLimits(chosen: Readonly<Record<string, number>>): LimitOverrides {
  const overrides: Record<string, Record<string, number>> = {};
  for (const [name, value] of Object.entries(chosen)) {
    const [group, limit, ...rest] = name.split('.');
    const groups: Readonly<Record<string, object>> = { ...defaultLimits };
    const known = Object.hasOwn(groups, group) ? groups[group] : {};
    if (limit === undefined || rest.length > 0 || !Object.hasOwn(known, limit)) {
      const names = Object.entries(groups).flatMap(([of, all]) => Object.keys(all).map((each) => `${of}.${each}`));
      throw new ExpectedError('usage', `There is no limit "${name.slice(0, 100)}"; there are ${names.join(', ')}.`);
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ExpectedError('usage', `The limit ${name} wants a whole number above 0, met ${value}.`);
    }
    (overrides[group] ??= {})[limit] = value;
  }
  return overrides;
}

/** The defaults with some of them replaced. */
export function withLimits(overrides: LimitOverrides): Limits {
  return {
    image: { ...defaultLimits.image, ...overrides.image },
    dataset: { ...defaultLimits.dataset, ...overrides.dataset },
    model: { ...defaultLimits.model, ...overrides.model },
    pickle: { ...defaultLimits.pickle, ...overrides.pickle },
    zip: { ...defaultLimits.zip, ...overrides.zip },
    hdf5: { ...defaultLimits.hdf5, ...overrides.hdf5 },
  };
}

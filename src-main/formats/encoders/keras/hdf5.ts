/** The HDF5 file of a Keras network: all of it listed, its texts and weights read before a network is built from them. */
import type { Tensor } from '../../../engine/graph/ir.ts';
import { Hdf5Error, type Hdf5File } from '../../hdf5/file.ts';
import { openHdf5 } from '../../hdf5/library.ts';
import type { Hdf5Dataset } from '../../hdf5/messages.ts';
import type { Hdf5Limits, ModelLimits } from '../../limits.ts';
import { malformedModel, tooLargeModel, unsupportedModel } from '../fields.ts';

export interface KerasFile {
  /** Paths of all datasets without the leading slash, in the file's order. */
  readonly datasets: ReadonlySet<string>;
  /** Paths of all groups likewise; the root is ''. */
  readonly groups: ReadonlySet<string>;
  /**
   * A text attribute, or a list of texts, of those that Keras writes; null where there is none.
   * @throws ExpectedError encoder-malformed when it is no text
   */
  texts(path: string, name: string): readonly string[] | null;
  /** A numeric dataset as float32. @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder */
  tensor(path: string): Tensor;
}

/** The mark at the start of the file, or behind a user block of 512, 1024, … bytes (HDF5 file format, II.A). */
const MARK = Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a);

export function looksLikeHdf5(bytes: Uint8Array): boolean {
  return MARK.every((byte, at) => bytes[at] === byte);
}

/** The attributes that `reader.ts` and `weights.ts` ask for. */
const ATTRIBUTES = 'model_config|keras_version|layer_names|weight_names\\d{0,4}';

export interface KerasLimits {
  readonly limits: ModelLimits;
  readonly hdf5: Hdf5Limits;
}

/**
 * Opens the file, walks all of it and lets `use` read from it; the file is closed when `use` is done.
 * @param weights which datasets `use` may ask for as tensors
 * @throws ExpectedError encoder-malformed (damage, links to elsewhere), encoder-too-large (a limit), reader-stopped, and
 *   what `use` throws
 */
export async function withHdf5<T>(
  bytes: Uint8Array,
  what: string,
  { limits, hdf5 }: KerasLimits,
  weights: (path: string) => boolean,
  use: (file: KerasFile) => T,
): Promise<T> {
  const { maxTensors, maxJsonBytes } = limits;
  const caps = { maxObjects: maxTensors, maxDepth: hdf5.maxDepth, maxTexts: maxTensors, maxTextBytes: maxJsonBytes };
  const file = await openHdf5(bytes, { limits: hdf5, caps, what });
  try {
    return use(await readAll(file, what, bytes.length, { limits, hdf5 }, weights));
  } catch (error) {
    if (!(error instanceof Hdf5Error)) throw error;
    const text = `${what}: the HDF5 library says: ${error.message}.`;
    throw error.why === 'too-large' ? tooLargeModel(text) : malformedModel(text, error);
  } finally {
    await file.close();
  }
}

async function readAll(
  file: Hdf5File,
  what: string,
  fileBytes: number,
  { limits, hdf5 }: KerasLimits,
  weights: (path: string) => boolean,
): Promise<KerasFile> {
  const { datasets, groups, links } = await file.list();
  if (links.length > 0) {
    const [{ path, external }] = links;
    const kind = external ? 'a link into another file' : 'a link';
    throw malformedModel(`${what}: /${path} is ${kind}; it is not followed.`);
  }
  const texts = new Map<string, readonly string[] | null>();
  for (const each of await file.texts(groups, ATTRIBUTES)) texts.set(`${each.path} ${each.name}`, each.texts);
  const tensors = new Map<string, Tensor | Error>();
  let budget = Math.max(hdf5.ratioFloorBytes, hdf5.maxRatio * fileBytes);
  for (const dataset of datasets.filter(({ path }) => weights(path))) {
    const fault = faultOf(dataset, what, limits);
    if (fault !== null) {
      tensors.set(dataset.path, fault);
      continue;
    }
    budget -= bytesOf(dataset);
    if (!(budget >= 0))
      throw tooLargeModel(
        `${what}: /${dataset.path} unpacks to more than ${hdf5.maxRatio} times the file (limit hdf5.maxRatio).`,
      );
    tensors.set(dataset.path, await tensorOf(file, dataset));
  }
  return {
    datasets: new Set(datasets.map(({ path }) => path)),
    groups: new Set(groups),
    texts(path, name) {
      const found = texts.get(`${path} ${name}`);
      if (found === null) throw malformedModel(`${what}: "${name}" of /${path} is no text.`);
      return found ?? null;
    },
    tensor(path) {
      const found = tensors.get(path);
      if (found === undefined) throw malformedModel(`${what} has no dataset /${path}.`);
      if (found instanceof Error) throw found;
      return found;
    },
  };
}

const bytesOf = ({ dims, size }: Hdf5Dataset): number => (dims ?? []).reduce((product, dim) => product * dim, size);

/** Why a dataset is no tensor; said only where it is asked for. */
function faultOf(dataset: Hdf5Dataset, what: string, limits: ModelLimits): Error | null {
  const { path, dims, type, size, virtual } = dataset;
  if (dims === null) return malformedModel(`${what}: /${path} has no shape.`);
  if (dims.length > limits.maxRank) return tooLargeModel(`${what}: /${path} has ${dims.length} dimensions.`);
  if (!(bytesOf(dataset) <= limits.maxBytes)) {
    return tooLargeModel(`${what}: /${path} claims ${dims.join('x')} values (limit maxBytes = ${limits.maxBytes}).`);
  }
  if (virtual) return malformedModel(`${what}: /${path} is put together from other files.`);
  if (!Object.hasOwn(ARRAYS, kindOf(dataset))) {
    return unsupportedModel(`${what}: /${path} holds values of ${size} bytes and class ${type}.`);
  }
  return null;
}

const ARRAYS = {
  f4: Float32Array,
  f8: Float64Array,
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
};

/** H5T_class_t: 0 = integer, 1 = float. */
function kindOf({ type, size, signed }: Hdf5Dataset): string {
  return `${type === 1 ? 'f' : type === 0 ? (signed ? 'i' : 'u') : '?'}${size}`;
}

async function tensorOf(file: Hdf5File, dataset: Hdf5Dataset): Promise<Tensor> {
  const dims = dataset.dims ?? [];
  const data = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  const Values = ARRAYS[kindOf(dataset) as keyof typeof ARRAYS];
  let filled = 0;
  await file.values(dataset, (piece) => {
    const values = new Values(piece.buffer as ArrayBuffer, piece.byteOffset, piece.byteLength / dataset.size);
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
      for (let at = 0; at < values.length; at += 1) data[filled + at] = Number(values[at]);
    } else data.set(values, filled);
    filled += values.length;
  });
  return { dtype: 'float32', dims, data };
}

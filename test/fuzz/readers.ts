/**
 * The readers that can be fuzzed. To add one: an entry with seeds, a way to change them and a way to read them; any
 * failure that is no ExpectedError, any read that is slow, any file that is wrongly accepted (`acceptance.ts`) and any
 * death of the process is a finding.
 */
import type { Chance } from './mutate.ts';

export interface FuzzReader {
  readonly name: string;
  /** Whether the reader needs native code (image decoders). */
  readonly addons: boolean;
  /** Small files that are read without complaint, and ones that were findings once. */
  seeds(): readonly Uint8Array[];
  mutate(seed: Uint8Array, random: Chance, other: Uint8Array): Uint8Array;
  /** Reads all there is to read; `folder` is empty and may be written to. */
  read(bytes: Uint8Array, folder: string): Promise<void> | void;
}

/** What a worker tells of its inputs. */
export type WorkerMessage =
  /** Of all since the last message, but for `slowest`, `memory`, `seconds` and `blocks`, which are of the process so far. */
  | {
      readonly type: 'told';
      readonly outcomes: Readonly<Record<string, number>>;
      readonly ends: readonly string[];
      readonly slowest: number;
      readonly memory: number;
      /** Of processor time. */
      readonly seconds: number;
      readonly blocks: number;
    }
  | { readonly type: 'kept'; readonly input: string }
  | { readonly type: 'slow'; readonly seconds: number; readonly input: string }
  | { readonly type: 'finding'; readonly seed: number; readonly what: string; readonly input: string };

/** Thrown where a library that lives as long as its process is of no more use; no word about the input. */
export class NeedsFreshProcess extends Error {}
/** Exit code of a worker that wants to be started again. */
export const FRESH = 75;
/** In the worker's folder: the input under way. */
export const CURRENT = 'current';

const encoders = async (): Promise<readonly FuzzReader[]> => (await import('./encoder-readers.ts')).encoderReaders;
const networks = async (): Promise<readonly FuzzReader[]> =>
  (await import('./tensorflow-readers.ts')).tensorflowReaders;
const datasets = async (): Promise<readonly FuzzReader[]> => (await import('./dataset-readers.ts')).datasetReaders;

/** Loaded one group at a time: those that are watched without native code must not import what needs it. */
const groups: Readonly<Record<string, () => Promise<readonly FuzzReader[]>>> = {
  pickle: encoders,
  torch: encoders,
  safetensors: encoders,
  onnx: networks,
  tfjs: networks,
  keras: networks,
  npy: datasets,
  npz: datasets,
  mat: datasets,
  hdf5: datasets,
  zip: datasets,
  tar: datasets,
  'cifar-pickle': datasets,
  jsonl: datasets,
  csv: datasets,
  images: datasets,
};

export const readerNames: readonly string[] = Object.keys(groups);

/** @throws Error naming the readers there are */
export async function loadReader(name: string): Promise<FuzzReader> {
  const group = Object.hasOwn(groups, name) ? await groups[name]() : [];
  const reader = group.find((each) => each.name === name);
  if (reader === undefined) throw new Error(`--reader ${name}: known are ${readerNames.join(', ')}.`);
  return reader;
}

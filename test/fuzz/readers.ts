/**
 * The readers that can be fuzzed. To add one: an entry with seeds, a way to change them and a way to read them; any
 * failure that is no ExpectedError, any read that is slow, and any death of the process is a finding.
 */
import { encoderReaders } from './encoder-readers.ts';
import { datasetReaders } from './dataset-readers.ts';
import type { Chance } from './mutate.ts';
import { tensorflowReaders } from './tensorflow-readers.ts';

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

export const readers: readonly FuzzReader[] = [...encoderReaders, ...tensorflowReaders, ...datasetReaders];

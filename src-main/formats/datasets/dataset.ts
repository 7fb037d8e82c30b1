import { ExpectedError } from '../../../src-shared/failure.ts';
import type { DecodedImage } from '../images/image.ts';
import type { ImageLimits } from '../limits.ts';

export type DatasetFormat =
  | 'image-folder'
  | 'idx'
  | 'cifar-10'
  | 'cifar-100'
  | 'csv-manifest'
  | 'jsonl-manifest'
  | 'cifar-10-python'
  | 'cifar-100-python'
  | 'stl-10'
  | 'mat'
  | 'mat-7.3'
  | 'gtsrb'
  | 'npz'
  | 'npy'
  | 'tar'
  | 'zip'
  | 'webdataset';

export interface Problem {
  readonly name: string;
  readonly reason: string;
}

/** What was left out: all of it counted, the first ones by name. */
export interface ProblemList {
  readonly count: number;
  readonly listed: readonly Problem[];
}

export interface ProblemLog extends ProblemList {
  add(name: string, reason: string): void;
}

export function openProblemLog(maxListed: number): ProblemLog {
  const listed: Problem[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    listed,
    add(name, reason) {
      count++;
      if (listed.length < maxListed) listed.push({ name, reason });
    },
  };
}

/** A labelled image dataset on disk: order fixed, random access, samples read one at a time. */
export interface Dataset {
  readonly format: DatasetFormat;
  /** The folder or file that was opened. */
  readonly path: string;
  readonly classes: readonly string[];
  /** Samples N. */
  readonly count: number;
  /** Entries that are no samples although they might look like some, with the reason. */
  readonly skipped: ProblemList;
  /** Choices the reader made that a person should know of ("read the train split"). */
  readonly notes: readonly string[];
  /** Files or folders that belong to the dataset but are not of the part that is read. */
  readonly leftOut?: readonly string[];
  /** How stored bytes become pixels where that stands outside them (shape, order, scale); part of the digest. */
  readonly layout?: string;
  /** Path relative to the dataset with `/`, or `file#index`. Unique save in manifests that name a file twice. */
  name(index: number): string;
  /** Order of the names of two samples by code point: negative, zero or positive. */
  compareNames(a: number, b: number): number;
  /** Given label, `0..classes.length-1`. */
  label(index: number): number;
  /**
   * The bytes a sample is stored as (its file, or its pixels), without its label.
   * @throws ExpectedError image-unreadable, input-changed
   */
  bytes(index: number): Buffer;
  /** Decodes what `bytes(index)` gave. @throws ExpectedError image-unreadable */
  decode(index: number, bytes: Buffer): DecodedImage | Promise<DecodedImage>;
  /** Set where `decode` is `decodeImage` with these limits and nothing else, so that any thread can do it. */
  readonly pictures?: ImageLimits | undefined;
  /** `decode(index, bytes(index))`. */
  load(index: number): DecodedImage | Promise<DecodedImage>;
  /**
   * SHA-256 (hex) over names, labels, sizes and times of change: equal when nothing has been touched since.
   * Cheap and no evidence; evidence is the digest over all bytes that `buildPixelFile` makes.
   */
  fingerprint(): Promise<string>;
  close(): Promise<void>;
}

export interface Minimum {
  readonly classes: number;
  /** Samples that each of at least `classes` classes must have. */
  readonly perClass: number;
}

export const sufficient: Minimum = { classes: 2, perClass: 10 };

/** @throws ExpectedError one-class-dataset, too-few-samples */
export function checkEnough(labels: ArrayLike<number>, classes: readonly string[], minimum: Minimum): void {
  const sizes = new Array<number>(classes.length).fill(0);
  for (let i = 0; i < labels.length; i++) sizes[labels[i]]++;
  const present = sizes.filter((size) => size > 0).length;
  if (present < minimum.classes && present < 2) {
    throw new ExpectedError(
      'one-class-dataset',
      `${labels.length} images, all of class ${JSON.stringify(classes[sizes.findIndex((size) => size > 0)] ?? '')}.`,
    );
  }
  const large = sizes.filter((size) => size >= minimum.perClass).length;
  if (large < minimum.classes) {
    throw new ExpectedError(
      'too-few-samples',
      `${labels.length} images in ${present} classes; ${large} of them have ${minimum.perClass} or more.`,
    );
  }
}

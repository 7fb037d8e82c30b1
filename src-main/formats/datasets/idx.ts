/**
 * MNIST's IDX files, plain or gzipped: a magic number (two zero bytes, type of the values, number of dimensions), the
 * dimensions as big-endian 32-bit numbers, the values. Images are unsigned bytes `[N, H, W]` or `[N, H, W, C]`,
 * labels unsigned bytes `[N]`.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { unreadable, checkSize, type DecodedImage } from '../images/image.ts';
import type { Limits } from '../limits.ts';
import { resolveClasses } from './classes.ts';
import { openProblemLog, type Dataset } from './dataset.ts';
import { inflate } from './inflate.ts';
import { indexedName, readExactly } from './raw.ts';

const UNSIGNED_BYTE = 0x08;
const IMAGE_FILE = /images[-._]idx[34][-._]ubyte(?:\.gz)?$/i;
const TEST_FILE = /^(?:t10k|test|val)/i;

export interface IdxOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
  readonly scratch: string | undefined;
}

/** True for the magic number of an IDX image file (3 or 4 dimensions of unsigned bytes). */
export function isIdxImages(head: Uint8Array): boolean {
  return (
    head.length >= 4 && head[0] === 0 && head[1] === 0 && head[2] === UNSIGNED_BYTE && (head[3] === 3 || head[3] === 4)
  );
}

/** The image file of a folder with IDX files, or null when there is none. */
export function findIdxImages(
  folder: string,
  split: 'train' | 'test' | null,
): { readonly file: string; readonly notes: readonly string[]; readonly leftOut: readonly string[] } | null {
  const files = readdirSync(folder)
    .filter((name) => IMAGE_FILE.test(name))
    .sort();
  if (files.length === 0) return null;
  const test = files.filter((name) => TEST_FILE.test(name));
  const train = files.filter((name) => !TEST_FILE.test(name));
  const wanted = split === 'test' ? test : split === 'train' ? train : train.length > 0 ? train : test;
  if (wanted.length === 0)
    throw new ExpectedError('file-missing', `${folder} has no IDX images for its ${split} part.`);
  // The plain file stands before its ".gz".
  const file = wanted[0];
  const others = files.filter((name) => name !== file && name !== `${file}.gz`);
  const notes = others.length > 0 ? [`read "${file}", left out "${others.join('", "')}"`] : [];
  return { file: join(folder, file), notes, leftOut: others };
}

/** The label file that belongs to an image file, or null. */
function findLabels(images: string): string | null {
  const name = basename(images);
  const base = name.replace(/\.gz$/i, '');
  const labels = base
    .replace(/images/i, (word) => (word === 'IMAGES' ? 'LABELS' : 'labels'))
    .replace(/idx[34]/i, 'idx1');
  if (labels === base) return null;
  for (const candidate of [labels, `${labels}.gz`]) {
    const path = join(dirname(images), candidate);
    if (existsSync(path)) return path;
  }
  return null;
}

/**
 * Opens an IDX pair from its image file; the label file is found beside it by its name.
 * Samples are named `file#index`.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, no-space, file-missing
 */
export async function openIdx(
  imageFile: string,
  options: IdxOptions,
  notes: readonly string[],
  leftOut: readonly string[] = [],
): Promise<Dataset> {
  const { limits } = options;
  const labelFile = findLabels(imageFile);
  if (labelFile === null) throw new ExpectedError('labels-missing', `No label file lies beside ${imageFile}.`);
  const labelPart = await openPart(labelFile, options);
  let labels: Uint8Array;
  try {
    if (labelPart.dims.length !== 1)
      throw malformed(labelFile, `labels have 1 dimension, these have ${labelPart.dims.length}.`);
    labels = new Uint8Array(labelPart.dims[0]);
    readExactly(labelPart.descriptor, labels, labelPart.start, labelFile);
  } finally {
    labelPart.close();
  }
  const images = await openPart(imageFile, options);
  try {
    const [count, height, width, channels = 1] = images.dims;
    if (images.dims.length < 3)
      throw malformed(imageFile, `images have 3 or 4 dimensions, these have ${images.dims.length}.`);
    if (channels !== 1 && channels !== 3)
      throw malformed(imageFile, `images have 1 or 3 channels, these have ${channels}.`);
    if (count !== labels.length)
      throw malformed(imageFile, `it holds ${count} images, ${basename(labelFile)} ${labels.length} labels.`);
    try {
      checkSize(width, height, limits.image);
    } catch (error) {
      throw malformed(imageFile, `${(error as ExpectedError).detail}.`);
    }
    const found = [...new Set(labels)].sort((a, b) => a - b);
    const { classes, index } = resolveClasses(found.map(String), options.classes, limits.dataset);
    const place = new Int32Array(256);
    found.forEach((value, i) => (place[value] = index[i]));
    const file = basename(imageFile);
    const sampleBytes = height * width * channels;
    const check = (at: number): void => {
      if (!Number.isInteger(at) || at < 0 || at >= count) throw new RangeError(`sample ${at} of ${count}`);
    };
    const bytes = (at: number): Buffer => {
      check(at);
      const out = Buffer.allocUnsafeSlow(sampleBytes);
      readExactly(images.descriptor, out, images.start + at * sampleBytes, imageFile);
      return out;
    };
    const decode = (_at: number, data: Buffer): DecodedImage => {
      if (data.length !== sampleBytes) throw unreadable(`${data.length} bytes instead of ${sampleBytes}`);
      return { width, height, channels, data };
    };
    return {
      format: 'idx',
      path: imageFile,
      classes,
      count,
      skipped: openProblemLog(0),
      notes,
      leftOut,
      name: (at) => indexedName(file, at, count),
      compareNames: (a, b) => a - b,
      label: (at) => place[labels[at]],
      bytes,
      decode,
      load: (at) => decode(at, bytes(at)),
      async fingerprint() {
        return createHash('sha256')
          .update(`${file}\n${images.touched}\n${labelPart.touched}\n${classes.join('\n')}`)
          .digest('hex');
      },
      async close() {
        images.close();
      },
    };
  } catch (error) {
    images.close();
    throw error;
  }
}

function malformed(file: string, what: string): ExpectedError {
  return new ExpectedError('dataset-malformed', `${file}: ${what}`);
}

interface IdxPart {
  readonly descriptor: number;
  readonly dims: readonly number[];
  /** Where the values start. */
  readonly start: number;
  /** Size and times of the file as given. */
  readonly touched: string;
  close(): void;
}

async function openPart(file: string, options: IdxOptions): Promise<IdxPart> {
  const descriptor = openSync(file, 'r');
  let handed = false;
  try {
    const status = fstatSync(descriptor, { bigint: true });
    if (!status.isFile()) throw new ExpectedError('file-missing', `${file} is not a regular file.`);
    const touched = `${status.size} ${status.mtimeNs} ${status.ctimeNs}`;
    const head = Buffer.alloc(64);
    const got = head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
    if (got.length >= 2 && got[0] === 0x1f && got[1] === 0x8b) {
      const parse = (first: Buffer): Header => readHeader(first, file, options.limits);
      let header: Header | null = null;
      const inflated = await inflate(file, {
        limits: options.limits.dataset,
        scratch: options.scratch,
        announced: (first) => (header = parse(first)).size,
      });
      const { dims, start, size } = header as unknown as Header;
      if (inflated.size !== size) {
        inflated.close();
        throw malformed(file, `its header announces ${size} bytes, there are ${inflated.size}.`);
      }
      return { descriptor: inflated.descriptor, dims, start, touched, close: inflated.close };
    }
    const { dims, start, size } = readHeader(got, file, options.limits);
    if (BigInt(size) !== status.size)
      throw malformed(file, `its header announces ${size} bytes, there are ${status.size}.`);
    handed = true;
    return { descriptor, dims, start, touched, close: () => closeSync(descriptor) };
  } finally {
    if (!handed) closeSync(descriptor);
  }
}

interface Header {
  readonly dims: readonly number[];
  readonly start: number;
  /** Header and values, bytes. */
  readonly size: number;
}

function readHeader(head: Buffer, file: string, limits: Limits): Header {
  if (head.length < 4 || head[0] !== 0 || head[1] !== 0)
    throw malformed(file, 'it does not start as an IDX file does.');
  if (head[2] !== UNSIGNED_BYTE)
    throw malformed(file, `its values are of type 0x${head[2].toString(16)}; unsigned bytes (0x08) are read.`);
  const rank = head[3];
  const start = 4 + 4 * rank;
  if (rank < 1 || rank > 4) throw malformed(file, `it has ${rank} dimensions.`);
  if (head.length < start) throw malformed(file, 'it ends within its header.');
  const dims = Array.from({ length: rank }, (_unused, i) => head.readUInt32BE(4 + 4 * i));
  const values = dims.reduce((product, size) => product * BigInt(size), 1n);
  if (values === 0n) throw malformed(file, `its dimensions are ${dims.join(' x ')}: there is nothing in it.`);
  if (dims[0] > limits.dataset.maxFiles) {
    throw new ExpectedError(
      'dataset-too-large',
      `${file}: ${dims[0]} samples (limit maxFiles = ${limits.dataset.maxFiles}).`,
    );
  }
  if (values > BigInt(Number.MAX_SAFE_INTEGER - start))
    throw malformed(file, `its dimensions are ${dims.join(' x ')}.`);
  return { dims, start, size: start + Number(values) };
}

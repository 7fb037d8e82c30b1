/**
 * CIFAR-10 and CIFAR-100, binary version: records of label bytes and 3072 bytes of pixels as planes `[3, 32, 32]`.
 * CIFAR-10 has one label byte, CIFAR-100 two (coarse, fine); the fine one is used.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { unreadable, type DecodedImage } from '../images/image.ts';
import type { Limits } from '../limits.ts';
import { readClassesFile, resolveClasses } from './classes.ts';
import { openByteColumn } from './column.ts';
import { openProblemLog, type Dataset } from './dataset.ts';
import { indexedName, interleave, readExactly } from './raw.ts';

const SIDE = 32;
const PIXEL_BYTES = 3 * SIDE * SIDE;

export interface CifarOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
}

export interface CifarFiles {
  readonly format: 'cifar-10' | 'cifar-100';
  readonly files: readonly string[];
  /** File with the class names, when it lies beside them. */
  readonly names: string | null;
  readonly notes: readonly string[];
  readonly leftOut: readonly string[];
}

/** Finds the batches of a folder, or takes one batch file. Null when it is neither. */
export function findCifar(path: string, isFolder: boolean, split: 'train' | 'test' | null): CifarFiles | null {
  const folder = isFolder ? path : join(path, '..');
  const present = readdirSync(folder).sort();
  const named = (format: 'cifar-10' | 'cifar-100'): string | null => {
    const file = join(folder, format === 'cifar-10' ? 'batches.meta.txt' : 'fine_label_names.txt');
    return existsSync(file) ? file : null;
  };
  if (!isFolder) {
    const name = basename(path);
    if (/^(?:data_batch_\d+|test_batch)\.bin$/.test(name))
      return { format: 'cifar-10', files: [path], names: named('cifar-10'), notes: [], leftOut: [] };
    if (/^(?:train|test)\.bin$/.test(name))
      return { format: 'cifar-100', files: [path], names: named('cifar-100'), notes: [], leftOut: [] };
    return null;
  }
  const batches = present.filter((name) => /^data_batch_\d+\.bin$/.test(name)).sort((a, b) => number(a) - number(b));
  const test = present.filter((name) => name === 'test_batch.bin');
  if (batches.length + test.length > 0) return pick('cifar-10', batches, test, folder, named('cifar-10'), split);
  const train100 = present.filter((name) => name === 'train.bin');
  const test100 = present.filter((name) => name === 'test.bin');
  if (train100.length + test100.length > 0 && named('cifar-100') !== null) {
    return pick('cifar-100', train100, test100, folder, named('cifar-100'), split);
  }
  return null;
}

function number(name: string): number {
  return Number(/\d+/.exec(name)?.[0] ?? 0);
}

function pick(
  format: 'cifar-10' | 'cifar-100',
  train: readonly string[],
  test: readonly string[],
  folder: string,
  names: string | null,
  split: 'train' | 'test' | null,
): CifarFiles {
  const chosen = split === 'test' ? test : split === 'train' || train.length > 0 ? train : test;
  if (chosen.length === 0) throw new ExpectedError('file-missing', `${folder} has no ${split} batches.`);
  const others = [...train, ...test].filter((name) => !chosen.includes(name));
  const notes = others.length > 0 ? [`read "${chosen.join('", "')}", left out "${others.join('", "')}"`] : [];
  return { format, files: chosen.map((name) => join(folder, name)), names, notes, leftOut: others };
}

interface Batch {
  readonly file: string;
  readonly descriptor: number;
  /** Index of its first sample in the dataset. */
  readonly first: number;
  readonly count: number;
}

/**
 * Opens CIFAR batches in the order given; samples are named `batch#index`.
 * @throws ExpectedError dataset-malformed, dataset-too-large, file-missing
 */
export function openCifar(path: string, found: CifarFiles, options: CifarOptions): Dataset {
  const { limits } = options;
  const labelBytes = found.format === 'cifar-10' ? 1 : 2;
  const record = labelBytes + PIXEL_BYTES;
  const batches: Batch[] = [];
  const touched: string[] = [];
  const close = (): void => batches.forEach((batch) => closeSync(batch.descriptor));
  try {
    let count = 0;
    for (const file of found.files) {
      const descriptor = openSync(file, 'r');
      const status = fstatSync(descriptor, { bigint: true });
      const size = Number(status.size);
      batches.push({ file, descriptor, first: count, count: size / record });
      if (!status.isFile()) throw new ExpectedError('file-missing', `${file} is not a regular file.`);
      if (size === 0 || size % record !== 0) {
        throw new ExpectedError(
          'dataset-malformed',
          `${file}: ${size} bytes are not a whole number of ${record}-byte records.`,
        );
      }
      count += size / record;
      if (count > limits.dataset.maxFiles) {
        throw new ExpectedError('dataset-too-large', `More than ${limits.dataset.maxFiles} samples (limit maxFiles).`);
      }
      touched.push(`${basename(file)} ${size} ${status.mtimeNs} ${status.ctimeNs}`);
    }
    const stored = readLabels(batches, count, record, labelBytes - 1);
    const values = [...new Set(stored)].sort((a, b) => a - b);
    const given = options.classes ?? (found.names === null ? null : readClassesFile(found.names, limits.dataset));
    const { classes, index } = resolveClasses(values.map(String), given, limits.dataset);
    const place = new Int32Array(256);
    values.forEach((value, i) => (place[value] = index[i]));
    const names = openByteColumn();
    for (const batch of batches) names.push(Buffer.from(basename(batch.file)));
    const batchOf = (at: number): number => {
      if (!Number.isInteger(at) || at < 0 || at >= count) throw new RangeError(`sample ${at} of ${count}`);
      return batches.findLastIndex((batch) => batch.first <= at);
    };
    const bytes = (at: number): Buffer => {
      const { file, descriptor, first } = batches[batchOf(at)];
      const out = Buffer.allocUnsafeSlow(PIXEL_BYTES);
      readExactly(descriptor, out, (at - first) * record + labelBytes, file);
      return out;
    };
    const decode = (_at: number, data: Buffer): DecodedImage => {
      if (data.length !== PIXEL_BYTES) throw unreadable(`${data.length} bytes instead of ${PIXEL_BYTES}`);
      return { width: SIDE, height: SIDE, channels: 3, data: interleave(data, 3) };
    };
    return {
      format: found.format,
      path,
      classes,
      count,
      skipped: openProblemLog(0),
      notes: found.notes,
      leftOut: found.leftOut,
      name(at) {
        const { file, first, count: size } = batches[batchOf(at)];
        return indexedName(basename(file), at - first, size);
      },
      compareNames: (a, b) => names.compare(batchOf(a), batchOf(b)) || a - b,
      label: (at) => place[stored[at]],
      bytes,
      decode,
      load: (at) => decode(at, bytes(at)),
      async fingerprint() {
        return createHash('sha256')
          .update(`${touched.join('\n')}\n${classes.join('\n')}`)
          .digest('hex');
      },
      async close() {
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

function readLabels(batches: readonly Batch[], count: number, record: number, offset: number): Uint8Array {
  const labels = new Uint8Array(count);
  const records = Math.max(1, Math.floor((1 << 20) / record));
  const block = new Uint8Array(records * record);
  for (const batch of batches) {
    for (let i = 0; i < batch.count; i += records) {
      const here = Math.min(records, batch.count - i);
      readExactly(batch.descriptor, block.subarray(0, here * record), i * record, batch.file);
      for (let k = 0; k < here; k++) labels[batch.first + i + k] = block[k * record + offset];
    }
  }
  return labels;
}

/** STL-10, binary: images as planes `[3, 96, 96]`, each column by column; labels 1 to 10 in a file of their own. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Limits } from '../limits.ts';
import { arrayDataset } from './array-dataset.ts';
import { readClassesFile, resolveClasses } from './classes.ts';
import type { Dataset } from './dataset.ts';
import { touchedOf } from './manifest.ts';
import { readExactly } from './raw.ts';

const SIDE = 96;
const SAMPLE_BYTES = 3 * SIDE * SIDE;

export interface Stl10Options {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
}

/** True for a folder with STL-10's image files. */
export function isStl10(folder: string): boolean {
  return ['train', 'test'].some((part) => existsSync(join(folder, `${part}_X.bin`)));
}

/**
 * Opens the train part (or the test part) of STL-10. Labels count from 1 into `class_names.txt`.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, file-missing
 */
export function openStl10(folder: string, options: Stl10Options): Dataset {
  const { limits } = options;
  const part = options.split ?? (existsSync(join(folder, 'train_X.bin')) ? 'train' : 'test');
  const images = join(folder, `${part}_X.bin`);
  const labelFile = join(folder, `${part}_y.bin`);
  if (!existsSync(images)) throw new ExpectedError('file-missing', `${folder} has no ${part}_X.bin.`);
  if (!existsSync(labelFile)) throw new ExpectedError('labels-missing', `There is no ${part}_y.bin beside ${images}.`);
  const descriptor = openSync(images, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const count = size / SAMPLE_BYTES;
    if (size === 0 || !Number.isInteger(count)) {
      throw new ExpectedError(
        'dataset-malformed',
        `${images}: ${size} bytes are not a whole number of ${SAMPLE_BYTES}-byte images.`,
      );
    }
    if (count > limits.dataset.maxFiles) {
      throw new ExpectedError(
        'dataset-too-large',
        `${images}: ${count} samples (limit maxFiles = ${limits.dataset.maxFiles}).`,
      );
    }
    const stored = readLabels(labelFile, count);
    const values = [...new Set(stored)].sort((a, b) => a - b);
    if (values[0] === 0) throw new ExpectedError('dataset-malformed', `${labelFile}: a label is 0; they count from 1.`);
    const file = join(folder, 'class_names.txt');
    const given = options.classes ?? (existsSync(file) ? readClassesFile(file, limits.dataset) : null);
    // Named classes are counted from 0.
    const found = values.map((value) => String(given === null ? value : value - 1));
    const { classes, index } = resolveClasses(found, given, limits.dataset);
    const place = new Int32Array(256);
    values.forEach((value, i) => (place[value] = index[i]));
    const used = new Set([`${part}_X.bin`, `${part}_y.bin`, 'class_names.txt']);
    const leftOut = readdirSync(folder)
      .filter((name) => !used.has(name) && /\.(?:bin|txt)$/.test(name))
      .sort();
    return arrayDataset({
      format: 'stl-10',
      path: folder,
      classes,
      labels: Int32Array.from(stored, (value) => place[value]),
      segments: [{ name: `${part}_X.bin`, descriptor, start: 0, stride: SAMPLE_BYTES, count }],
      shape: { height: SIDE, width: SIDE, channels: 3, order: 'cwh', type: { kind: 'u1', little: true }, factor: 1 },
      notes: leftOut.length > 0 ? [`read "${part}_X.bin", left out "${leftOut.join('", "')}"`] : [],
      leftOut,
      touched: () => `${touchedOf(images)} ${touchedOf(labelFile)}`,
      close: () => closeSync(descriptor),
    });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function readLabels(file: string, count: number): Uint8Array {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size !== count)
      throw new ExpectedError('dataset-malformed', `${file} holds ${size} labels, and there are ${count} images.`);
    const labels = new Uint8Array(count);
    readExactly(descriptor, labels, 0, file);
    return labels;
  } finally {
    closeSync(descriptor);
  }
}

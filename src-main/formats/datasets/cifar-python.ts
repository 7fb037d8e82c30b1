/**
 * CIFAR-10 and CIFAR-100, python version: pickled dictionaries with `data` (uint8 `[N, 3072]`, planes) and `labels` or
 * `fine_labels`. The pickles are read as data by our own reader; nothing in them is executed.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { readPickle } from '../encoders/pickle.ts';
import { bytesOf, numpyArrayOf } from '../encoders/numpy-pickle.ts';
import { isObject, textOf, type PickleDict, type PickleValue } from '../encoders/pickle-values.ts';
import type { Limits } from '../limits.ts';
import { arrayDataset, type Segment } from './array-dataset.ts';
import { resolveClasses } from './classes.ts';
import type { Dataset } from './dataset.ts';
import { openScratch } from './inflate.ts';
import { touchedOf } from './manifest.ts';
import { readExactly } from './raw.ts';

const SIDE = 32;
const SAMPLE_BYTES = 3 * SIDE * SIDE;

export interface CifarPythonOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
  readonly scratch: string | undefined;
}

export interface CifarPythonFiles {
  readonly format: 'cifar-10-python' | 'cifar-100-python';
  readonly files: readonly string[];
  readonly meta: string | null;
  readonly leftOut: readonly string[];
}

/** Finds the pickled batches of a folder, or takes one batch file. Null when it is neither. */
export function findCifarPython(
  path: string,
  isFolder: boolean,
  split: 'train' | 'test' | null,
): CifarPythonFiles | null {
  const folder = isFolder ? path : dirname(path);
  const meta = (name: string): string | null => (existsSync(join(folder, name)) ? join(folder, name) : null);
  if (!isFolder) {
    if (/^(?:data_batch_\d+|test_batch)$/.test(basename(path)))
      return { format: 'cifar-10-python', files: [path], meta: meta('batches.meta'), leftOut: [] };
    if (/^(?:train|test)$/.test(basename(path)) && meta('meta') !== null)
      return { format: 'cifar-100-python', files: [path], meta: meta('meta'), leftOut: [] };
    return null;
  }
  const present = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  const ten = present
    .filter((name) => /^data_batch_\d+$/.test(name))
    .sort((a, b) => Number(a.slice(11)) - Number(b.slice(11)));
  const tenTest = present.filter((name) => name === 'test_batch');
  if (ten.length + tenTest.length > 0)
    return pick('cifar-10-python', ten, tenTest, folder, meta('batches.meta'), split);
  if (meta('meta') === null) return null;
  const hundred = present.filter((name) => name === 'train');
  const hundredTest = present.filter((name) => name === 'test');
  if (hundred.length + hundredTest.length === 0) return null;
  return pick('cifar-100-python', hundred, hundredTest, folder, meta('meta'), split);
}

function pick(
  format: CifarPythonFiles['format'],
  train: readonly string[],
  test: readonly string[],
  folder: string,
  meta: string | null,
  split: 'train' | 'test' | null,
): CifarPythonFiles {
  const chosen = split === 'test' ? test : split === 'train' || train.length > 0 ? train : test;
  if (chosen.length === 0) throw new ExpectedError('file-missing', `${folder} has no ${split} batches.`);
  const leftOut = [...train, ...test].filter((name) => !chosen.includes(name));
  return { format, files: chosen.map((name) => join(folder, name)), meta, leftOut };
}

/**
 * Opens pickled CIFAR batches in the order given; samples are named `batch#index`. A batch is read whole (up to
 * `maxWholeBytes`), its pixels are then left in its file or, where the pickle does not hold them as bytes, put into a
 * scratch file.
 * @throws ExpectedError dataset-malformed, dataset-too-large, labels-missing, file-missing, no-space
 */
export function openCifarPython(path: string, found: CifarPythonFiles, options: CifarPythonOptions): Dataset {
  const { limits } = options;
  const scratch = openScratch(options.scratch);
  const descriptors: number[] = [];
  const close = (): void => {
    descriptors.splice(0).forEach((descriptor) => closeSync(descriptor));
    scratch.close();
  };
  try {
    const segments: Segment[] = [];
    const values: number[] = [];
    for (const file of found.files) {
      const descriptor = openSync(file, 'r');
      descriptors.push(descriptor);
      const bytes = readWhole(descriptor, file, limits);
      const dictionary = batchOf(bytes, file, limits);
      const labels = labelsOf(dictionary, found.format, file);
      const data = dataOf(dictionary, file);
      if (data.length !== labels.length * SAMPLE_BYTES) {
        throw malformed(
          file,
          `its data has ${data.length} bytes, ${labels.length} labels want ${labels.length * SAMPLE_BYTES}.`,
        );
      }
      for (const label of labels) values.push(label);
      if (values.length > limits.dataset.maxFiles)
        throw new ExpectedError('dataset-too-large', `More than ${limits.dataset.maxFiles} samples (limit maxFiles).`);
      const segment = { name: basename(file), stride: SAMPLE_BYTES, count: labels.length };
      if (data.buffer === bytes.buffer)
        segments.push({ ...segment, descriptor, start: data.byteOffset - bytes.byteOffset });
      else {
        segments.push({ ...segment, descriptor: scratch.descriptor, start: scratch.size });
        scratch.append(data);
      }
    }
    const distinct = [...new Set(values)].sort((a, b) => a - b);
    const given = options.classes ?? (found.meta === null ? null : namesOf(found.meta, found.format, limits));
    const { classes, index } = resolveClasses(distinct.map(String), given, limits.dataset);
    const place = new Map(distinct.map((value, i) => [value, index[i]]));
    const read = found.files.map((file) => basename(file)).join('", "');
    const files = found.meta === null ? found.files : [...found.files, found.meta];
    return arrayDataset({
      format: found.format,
      path,
      classes,
      labels: Int32Array.from(values, (value) => place.get(value) ?? -1),
      segments,
      shape: { height: SIDE, width: SIDE, channels: 3, order: 'chw', type: { kind: 'u1', little: true }, factor: 1 },
      notes: found.leftOut.length > 0 ? [`read "${read}", left out "${found.leftOut.join('", "')}"`] : [],
      leftOut: found.leftOut,
      touched: () => files.map((file) => `${basename(file)} ${touchedOf(file)}`).join('\n'),
      close,
    });
  } catch (error) {
    close();
    throw error;
  }
}

function malformed(file: string, what: string): ExpectedError {
  return new ExpectedError('dataset-malformed', `${file}: ${what}`);
}

function readWhole(descriptor: number, file: string, { dataset: { maxWholeBytes } }: Limits): Buffer {
  const status = fstatSync(descriptor);
  if (!status.isFile()) throw new ExpectedError('file-missing', `${file} is not a regular file.`);
  if (status.size > maxWholeBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${file}: ${status.size} bytes (limit maxWholeBytes = ${maxWholeBytes}).`,
    );
  }
  const bytes = Buffer.allocUnsafeSlow(status.size);
  readExactly(descriptor, bytes, 0, file);
  return bytes;
}

type Batch = ReadonlyMap<string, PickleValue>;

function batchOf(bytes: Buffer, file: string, limits: Limits): Batch {
  let value: PickleValue;
  try {
    const content = readPickle(bytes, limits.pickle);
    const stranger = content.globals.find(({ module, name }) => !NAMED.test(`${module}.${name}`));
    if (stranger !== undefined || content.oddities.length > 0) {
      const what = stranger === undefined ? 'an extension' : `${stranger.module}.${stranger.name}`.slice(0, 100);
      throw malformed(
        file,
        `the pickle names ${JSON.stringify(what)}, which no batch of images needs. Nothing in it was executed; keep it as evidence.`,
      );
    }
    ({ value } = content);
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code === 'dataset-malformed') throw error;
    const code = error.code === 'encoder-too-large' ? 'dataset-too-large' : 'dataset-malformed';
    throw new ExpectedError(code, `${file}: ${error.detail}`, { cause: error });
  }
  if (!isObject(value) || value.kind !== 'dict') throw malformed(file, 'the pickle is no dictionary.');
  const fields = new Map<string, PickleValue>();
  for (const [key, item] of (value as PickleDict).entries) {
    // Protocols 0 to 2 write the bytes that Python 3 got from `encoding="bytes"` as a call of _codecs.encode.
    const name = textOf(bytesOf(key) ?? key);
    if (name !== null) fields.set(name, item);
  }
  return fields;
}

function labelsOf(batch: Batch, format: CifarPythonFiles['format'], file: string): readonly number[] {
  const value = batch.get(format === 'cifar-10-python' ? 'labels' : 'fine_labels') ?? batch.get('labels');
  if (value === undefined) throw new ExpectedError('labels-missing', `${file} holds no labels.`);
  if (!isObject(value) || value.kind !== 'list') throw malformed(file, 'its labels are no list.');
  return value.items.map((item, i) => {
    if (typeof item !== 'number' || !Number.isInteger(item) || item < 0 || item > 9999)
      throw malformed(file, `label ${i} is no whole number from 0 to 9999.`);
    return item;
  });
}

/** What numpy's pickles of arrays name; a batch that names anything else is no batch. */
const NAMED =
  /^(?:numpy\.(?:_?core\.(?:multiarray\._reconstruct|numeric\._frombuffer)|ndarray|dtype)|_codecs\.encode)$/;

function dataOf(batch: Batch, file: string): Uint8Array {
  const value = batch.get('data');
  if (value instanceof Uint8Array) return value;
  const array = value === undefined ? null : numpyArrayOf(value);
  if (array === null) throw malformed(file, 'its data is no numpy array.');
  if (array.type !== 'u1' || array.fortran || array.shape.length !== 2 || array.shape[1] !== SAMPLE_BYTES) {
    throw malformed(file, `its data is no row-major array N x ${SAMPLE_BYTES} of bytes.`);
  }
  return array.bytes;
}

function namesOf(file: string, format: CifarPythonFiles['format'], limits: Limits): readonly string[] | null {
  const descriptor = openSync(file, 'r');
  try {
    const names = batchOf(readWhole(descriptor, file, limits), file, limits).get(
      format === 'cifar-10-python' ? 'label_names' : 'fine_label_names',
    );
    if (names === undefined || !isObject(names) || names.kind !== 'list')
      throw malformed(file, 'it holds no list of names.');
    const texts = names.items.map((item) => textOf(bytesOf(item) ?? item) ?? '');
    if (texts.includes('') || new Set(texts).size !== texts.length)
      throw malformed(file, 'its names are not distinct texts.');
    return texts;
  } finally {
    closeSync(descriptor);
  }
}

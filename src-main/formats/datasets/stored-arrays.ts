/** Files of named arrays (npz, npy, mat): which of them are the images and which the labels, and the dataset they make. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { checkSize } from '../images/image.ts';
import type { Limits } from '../limits.ts';
import { arrayDataset, sampleBytesOf, type SampleOrder, type SampleShape } from './array-dataset.ts';
import { resolveClasses } from './classes.ts';
import type { Dataset, DatasetFormat, ProblemList } from './dataset.ts';
import { bytesOfKind, eachElement, scaleOf, type ElementRun, type ElementType } from './elements.ts';
import { openScratch, type Scratch } from './inflate.ts';
import type { NpyHeader } from './npy.ts';
import { openPace, type Pace } from './pace.ts';
import { readExactly } from './raw.ts';

/** An array of a file, not read yet. */
export interface StoredArray {
  readonly name: string;
  readonly type: ElementType | null;
  readonly text: NpyHeader['text'];
  readonly dims: readonly number[];
  /** The first index runs fastest. */
  readonly fortran: boolean;
}

/** Where the values of an array lie, once they are unpacked. */
export interface ArrayPlace {
  readonly descriptor: number;
  readonly start: number;
}

export interface ArrayFile {
  readonly format: DatasetFormat;
  readonly path: string;
  /** Name of the file, for messages and for the names of samples. */
  readonly file: string;
  readonly arrays: readonly StoredArray[];
  /** MATLAB counts samples with the last index. */
  readonly samplesLast: boolean;
  readonly skipped?: ProblemList;
  /** Unpacks one array where that is needed. */
  place(array: StoredArray): Promise<ArrayPlace>;
  touched(): string;
  close(): void;
}

export interface ArrayOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
  readonly scratch: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Part = 'train' | 'test' | 'all';

const NAME =
  /^(?:(train|training|test|testing|val|valid|validation)_?)?(x|images?|imgs?|data|inputs?|arr_0|y|labels?|targets?|arr_1)(?:_?(train|training|test|testing|val|valid|validation))?$/i;
const CLASS_NAMES = /^(?:class_?names?|classes|label_?names?|target_?names?)$/i;

function roleOf(name: string): { readonly part: Part; readonly images: boolean } | null {
  const match = NAME.exec(name);
  if (match === null) return null;
  const part = (match[1] ?? match[3])?.toLowerCase();
  return {
    part: part === undefined ? 'all' : part.startsWith('train') ? 'train' : 'test',
    images: /^(?:x|im|data|in|arr_0)/i.test(match[2]),
  };
}

interface Pair {
  readonly images: StoredArray;
  readonly labels: StoredArray;
  readonly leftOut: readonly string[];
}

/** @throws ExpectedError labels-missing, file-missing (no such part), dataset-unsupported (several could be meant) */
function findPair({ arrays, file }: ArrayFile, split: 'train' | 'test' | null): Pair {
  const of = (part: Part, images: boolean): StoredArray[] =>
    arrays.filter(({ name }) => {
      const role = roleOf(name);
      return role !== null && role.part === part && role.images === images;
    });
  const order: readonly Part[] =
    split === 'test' ? ['test'] : split === 'train' ? ['train', 'all'] : ['train', 'all', 'test'];
  const listed = arrays
    .map(({ name }) => name.slice(0, 60))
    .slice(0, 20)
    .join('", "');
  for (const part of order) {
    const images = of(part, true);
    const labels = of(part, false);
    if (images.length === 0) continue;
    if (labels.length === 0)
      throw new ExpectedError('labels-missing', `${file} holds "${listed}": images without labels.`);
    if (images.length > 1 || labels.length > 1) {
      const several = (images.length > 1 ? images : labels).map(({ name }) => name).join('" or "');
      throw new ExpectedError(
        'dataset-unsupported',
        `${file}: "${several}" could be meant. Keep one pair, named x and y.`,
      );
    }
    const used = new Set([images[0].name, labels[0].name]);
    const leftOut = arrays.map(({ name }) => name).filter((name) => !used.has(name) && !CLASS_NAMES.test(name));
    return { images: images[0], labels: labels[0], leftOut };
  }
  throw new ExpectedError(
    arrays.some(({ name }) => roleOf(name)?.images === true) ? 'file-missing' : 'labels-missing',
    `${file} holds "${listed}"; wanted are images and labels, named x and y, images and labels or x_train and y_train.`,
  );
}

/**
 * Opens the images and labels of a file of arrays. Images are `[N, H, W]`, `[N, H, W, C]`, `[N, C, H, W]` or flat squares
 * (MATLAB: `[H, W, C, N]`), bytes or numbers that mean pixels; labels whole numbers or text.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, dataset-unsupported; CancelledError
 */
export async function openArrayFile(source: ArrayFile, options: ArrayOptions): Promise<Dataset> {
  const { limits } = options;
  const pace = openPace(limits.dataset, options.signal);
  const { images, labels, leftOut } = findPair(source, options.split);
  const count = labels.dims.reduce((product, size) => product * size, 1);
  const where = `${source.file}: "${labels.name}"`;
  if (labels.dims.filter((size) => size !== 1).length > 1) {
    throw new ExpectedError(
      'dataset-unsupported',
      `${where} is ${labels.dims.join(' x ')}; give one class per sample.`,
    );
  }
  if (count < 1) throw new ExpectedError('dataset-malformed', `${where} is empty.`);
  if (count > limits.dataset.maxFiles) {
    throw new ExpectedError(
      'dataset-too-large',
      `${where}: ${count} samples (limit maxFiles = ${limits.dataset.maxFiles}).`,
    );
  }
  const laid = layOut(images, count, source);
  checkSides(laid, `${source.file}: "${images.name}"`, limits);
  const names = await readLabels(source, labels, count, pace, limits.dataset.maxClasses);
  const svhn = source.samplesLast ? asSvhn(names, laid) : null;
  const given = options.classes ?? (await readClassNames(source, pace));
  const { classes, index } = resolveClasses((svhn ?? names).found, given, limits.dataset);
  const place = await source.place(images);
  const { type } = images;
  if (type === null) throw new ExpectedError('dataset-unsupported', `${source.file}: "${images.name}" holds text.`);
  const values = count * laid.height * laid.width * laid.channels;
  const run: ElementRun = { ...place, count: values, type, name: `${source.file}: "${images.name}"` };
  const scale = await scaleOf(run, pace);
  const shape: SampleShape = { ...laid, type, factor: scale.factor };
  const stride = sampleBytesOf(shape);
  const turned = laid.samplesFastest ? await transposed(run, count, stride, options, pace) : null;
  const notes = [`images are "${images.name}" (${images.dims.join(' x ')}), labels "${labels.name}"`];
  if (scale.note !== null) notes.push(scale.note);
  if (svhn !== null) notes.push('the label 10 is the digit 0');
  if (leftOut.length > 0) notes.push(`left out "${leftOut.slice(0, 20).join('", "')}"`);
  return arrayDataset({
    format: source.format,
    path: source.path,
    classes,
    labels: names.labels.map((at) => index[at]),
    segments: [
      {
        name: source.file,
        descriptor: turned?.descriptor ?? place.descriptor,
        start: turned === null ? place.start : 0,
        stride,
        count,
      },
    ],
    shape,
    notes,
    leftOut,
    ...(source.skipped !== undefined && { skipped: source.skipped }),
    touched: source.touched,
    close: () => {
      turned?.close();
      source.close();
    },
  });
}

interface Laid {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly order: SampleOrder;
  /** The index of the sample runs fastest: samples are not in one piece. */
  readonly samplesFastest: boolean;
}

const isChannels = (size: number): size is 1 | 2 | 3 | 4 => size >= 1 && size <= 4;

/** What the dimensions mean. @throws ExpectedError dataset-malformed (another count), dataset-unsupported */
function layOut({ dims, fortran, name }: StoredArray, count: number, { file, samplesLast }: ArrayFile): Laid {
  const unsupported = (what: string): ExpectedError =>
    new ExpectedError(
      'dataset-unsupported',
      `${file}: "${name}" is ${dims.join(' x ')}: ${what}. Give N x H x W, N x H x W x C or N x C x H x W.`,
    );
  if (samplesLast && dims.at(-1) === count && dims.length >= 3 && (dims.length === 3 || isChannels(dims[2]))) {
    const channels = dims.length === 3 ? 1 : dims[2];
    if (dims.length > 4 || !isChannels(channels)) throw unsupported('this is no shape of images');
    // Column-major [H, W, C, N] is [N][C][W][H] in memory.
    return { height: dims[0], width: dims[1], channels, order: 'cwh', samplesFastest: false };
  }
  if (dims[0] !== count) {
    throw new ExpectedError(
      'dataset-malformed',
      `${file}: "${name}" is ${dims.join(' x ')}, and there are ${count} labels.`,
    );
  }
  const rest = dims.slice(1);
  if (rest.length === 1) {
    const side = Math.sqrt(rest[0]);
    if (!Number.isInteger(side)) throw unsupported('rows of this length are no squares');
    return { height: side, width: side, channels: 1, order: fortran ? 'cwh' : 'hwc', samplesFastest: fortran };
  }
  if (rest.length === 2)
    return { height: rest[0], width: rest[1], channels: 1, order: fortran ? 'cwh' : 'hwc', samplesFastest: fortran };
  if (rest.length !== 3) throw unsupported('this is no shape of images');
  const [a, b, c] = rest;
  if (isChannels(a) && isChannels(c)) throw unsupported('channels could stand first or last');
  if (isChannels(c))
    return { height: a, width: b, channels: c, order: fortran ? 'cwh' : 'hwc', samplesFastest: fortran };
  if (isChannels(a))
    return { height: b, width: c, channels: a, order: fortran ? 'whc' : 'chw', samplesFastest: fortran };
  throw unsupported('no dimension has 1 to 4 channels');
}

function checkSides({ height, width }: Laid, where: string, limits: Limits): void {
  try {
    checkSize(width, height, limits.image);
  } catch (error) {
    throw new ExpectedError('dataset-malformed', `${where}: ${(error as ExpectedError).detail}.`, { cause: error });
  }
}

interface FoundLabels {
  /** Distinct labels in the order met. */
  readonly found: readonly string[];
  /** `[N]` positions in `found`. */
  readonly labels: Int32Array;
}

async function readLabels(
  source: ArrayFile,
  array: StoredArray,
  count: number,
  pace: Pace,
  maxClasses: number,
): Promise<FoundLabels> {
  const where = `${source.file}: "${array.name}"`;
  const tooMany = (): ExpectedError =>
    new ExpectedError('dataset-too-large', `${where}: more than ${maxClasses} classes (limit maxClasses).`);
  const labels = new Int32Array(count);
  const { type } = array;
  if (type === null) {
    const found = new Map<string, number>();
    for await (const [at, text] of texts(source, array, count, pace)) {
      let index = found.get(text);
      if (index === undefined) found.set(text, (index = found.size));
      if (found.size > maxClasses) throw tooMany();
      labels[at] = index;
    }
    return { found: [...found.keys()], labels };
  }
  const found = new Map<number, number>();
  let odd: number | null = null;
  await eachElement({ ...(await source.place(array)), count, type, name: where }, pace, (value, at) => {
    if (!Number.isSafeInteger(value)) odd = value;
    let index = found.get(value);
    if (index === undefined) {
      if (found.size >= maxClasses) throw tooMany();
      found.set(value, (index = found.size));
    }
    labels[at] = index;
  });
  if (odd !== null) throw new ExpectedError('dataset-malformed', `${where} holds ${String(odd)}, which is no class.`);
  return { found: [...found.keys()].map(String), labels };
}

/** SVHN (Netzer et al. 2011) numbers the digit 0 as 10. */
function asSvhn({ found, labels }: FoundLabels, { height, width, channels }: Laid): FoundLabels | null {
  const digits = found.every((label) => /^(?:[1-9]|10)$/.test(label)) && found.includes('10');
  if (!digits || height !== 32 || width !== 32 || channels !== 3) return null;
  return { found: found.map((label) => (label === '10' ? '0' : label)), labels };
}

async function readClassNames(source: ArrayFile, pace: Pace): Promise<readonly string[] | null> {
  const array = source.arrays.find(
    ({ name, type, dims }) => CLASS_NAMES.test(name) && type === null && dims.length === 1,
  );
  if (array === undefined || array.dims[0] > 100_000) return null;
  const names: string[] = [];
  for await (const [, text] of texts(source, array, array.dims[0], pace)) names.push(text);
  const good = names.length > 0 && new Set(names).size === names.length && !names.includes('');
  return good ? names : null;
}

async function* texts(
  source: ArrayFile,
  array: StoredArray,
  count: number,
  pace: Pace,
): AsyncGenerator<readonly [number, string]> {
  const { text } = array;
  if (text === null) return;
  const { descriptor, start } = await source.place(array);
  const size = text.length * (text.wide ? 4 : 1);
  const item = Buffer.alloc(size);
  for (let i = 0; i < count; i++) {
    if (pace.due()) await pace.breathe();
    readExactly(descriptor, item, start + i * size, source.file);
    yield [i, text.wide ? utf32(item, text.little, source.file) : item.toString('utf8').replace(/\0+$/, '')];
  }
}

function utf32(item: Buffer, little: boolean, file: string): string {
  let out = '';
  for (let at = 0; at < item.length; at += 4) {
    const point = little ? item.readUInt32LE(at) : item.readUInt32BE(at);
    if (point > 0x10ffff) throw new ExpectedError('dataset-malformed', `${file}: a text holds no Unicode.`);
    out += String.fromCodePoint(point);
  }
  return out.replace(/\0+$/, '');
}

const TURN_BYTES = 32 << 20;

/** `[values][N]` to `[N][values]` in a scratch file, a band of samples at a time. */
async function transposed(
  run: ElementRun,
  count: number,
  sampleBytes: number,
  options: ArrayOptions,
  pace: Pace,
): Promise<Scratch> {
  const size = bytesOfKind(run.type.kind);
  const values = sampleBytes / size;
  const band = Math.max(1, Math.min(count, Math.floor(TURN_BYTES / sampleBytes)));
  const scratch = openScratch(options.scratch);
  try {
    const line = Buffer.alloc(band * size);
    for (let first = 0; first < count; first += band) {
      const here = Math.min(band, count - first);
      const out = Buffer.alloc(here * sampleBytes);
      for (let value = 0; value < values; value++) {
        readExactly(
          run.descriptor,
          line.subarray(0, here * size),
          run.start + (value * count + first) * size,
          run.name,
        );
        for (let n = 0; n < here; n++) line.copy(out, n * sampleBytes + value * size, n * size, (n + 1) * size);
        if (pace.due()) await pace.breathe();
      }
      scratch.append(out);
    }
    return scratch;
  } catch (error) {
    scratch.close();
    throw error;
  }
}

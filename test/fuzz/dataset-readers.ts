/** Archives, array files, manifests and pictures. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset } from '../../src-main/formats/datasets/open.ts';
import { decodeImage } from '../../src-main/formats/images/decode.ts';
import { defaultLimits } from '../../src-main/formats/limits.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { requireSoundDataset, requireSoundImage } from './acceptance.ts';
import { mutateBytes, type Chance } from './mutate.ts';
import { mutateJson } from './mutate-json.ts';
import type { FuzzReader } from './readers.ts';

const fixtures = new URL('../fixtures/datasets/', import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, fixtures)));
const words = (...texts: readonly string[]): readonly Uint8Array[] => texts.map((text) => Buffer.from(text, 'latin1'));

/** Small ones, so that a case is about the reader and not about waiting. */
const limits = {
  image: { maxPixels: 1_000_000 },
  dataset: { maxInflatedBytes: 64 << 20, ratioFloorBytes: 4 << 20, maxWholeBytes: 64 << 20, maxFiles: 100_000 },
};

/** Opens the dataset and reads every sample; a picture that cannot be read is no finding. */
async function readAll(path: string, folder: string): Promise<void> {
  const dataset = await openDataset(path, { minimum: { classes: 0, perClass: 0 }, scratch: folder, limits });
  try {
    requireSoundDataset(dataset, limits.dataset.maxFiles);
    for (let i = 0; i < dataset.count; i++) {
      try {
        requireSoundImage(await dataset.load(i), limits.image.maxPixels);
      } catch (error) {
        if (!(error instanceof ExpectedError) || error.code !== 'image-unreadable') throw error;
      }
    }
  } finally {
    await dataset.close();
  }
}

interface Kind {
  readonly name: string;
  readonly seeds: readonly string[];
  /** Seeds that need no file. */
  readonly texts?: readonly string[];
  readonly words: readonly Uint8Array[];
  /** Under which name the file lies, and what lies beside it. */
  readonly as: string;
  readonly beside?: Readonly<Record<string, string>>;
  readonly repair?: (bytes: Uint8Array) => Uint8Array;
  /** Knows the format; `mutateBytes` where it is left out. */
  readonly change?: typeof mutateBytes;
}

function datasetReader({
  name,
  seeds,
  texts = [],
  words: pieces,
  as,
  beside = {},
  repair,
  change = mutateBytes,
}: Kind): FuzzReader {
  return {
    name,
    addons: true,
    seeds: () => [...seeds.map(file), ...texts.map((text) => Buffer.from(text))],
    mutate(seed, random: Chance, other) {
      const changed = change(seed, random, pieces, other);
      return repair !== undefined && random.int(4) > 0 ? repair(changed) : changed;
    },
    async read(bytes, folder) {
      for (const [to, from] of Object.entries(beside)) writeFileSync(join(folder, to), file(from));
      const path = join(folder, as);
      writeFileSync(path, bytes);
      await readAll(path, folder);
    },
  };
}

/** One line is changed as JSON; one case of four as bytes. */
function mutateLines(
  bytes: Uint8Array,
  random: Chance,
  pieces: readonly Uint8Array[] = [],
  other: Uint8Array = bytes,
): Uint8Array {
  if (random.int(4) === 0) return mutateBytes(bytes, random, pieces, other);
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  const at = random.int(lines.length);
  lines[at] = Buffer.from(mutateJson(Buffer.from(lines[at]), random, pieces)).toString('utf8');
  return Buffer.from(lines.join('\n'));
}

/** A wrong checksum would end nearly every case at its first header. */
function rightChecksums(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes);
  for (let at = 0; at + 512 <= out.length; at += 512) {
    if (out.toString('latin1', at + 257, at + 262) !== 'ustar') continue;
    out.write('        ', at + 148, 'latin1');
    const sum = out.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    out.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  }
  return out;
}

const pictures: FuzzReader = {
  name: 'images',
  addons: true,
  seeds: () =>
    [
      ...['rgb.tif', 'lzw.tif', 'deflate.tif', 'packbits.tif', 'fax.tif', 'palette.tif', 'cmyk.tif', 'pages.tif'],
      ...['p1.pbm', 'p2.pgm', 'p3.ppm', 'p4.pbm', 'p5-16.pgm', 'p6.ppm', 'palette.png', 'alpha.png', 'grey16.png'],
      ...['cmyk.jpg', 'turned.jpg', 'turned.webp', 'animated.webp'],
    ].map((name) => file(`images/${name}`)),
  mutate: (seed, random, other) =>
    mutateBytes(
      seed,
      random,
      words('P6 ', ' 65535\n', '#', 'II*\0', 'IHDR', 'IDAT', 'tRNS', 'VP8X', 'ANIM', '\xff\xd8\xff\xe1Exif'),
      other,
    ),
  async read(bytes) {
    requireSoundImage(await decodeImage(bytes, { ...defaultLimits.image, ...limits.image }), limits.image.maxPixels);
  },
};

/** What manifests name. */
const pair = { 'a.png': 'images/palette.png', 'b.png': 'images/alpha.png' };

export const datasetReaders: readonly FuzzReader[] = [
  datasetReader({
    name: 'npy',
    seeds: ['npy/x.npy'],
    words: words(
      "'descr'",
      "'|O'",
      "'<f8'",
      "'<U3'",
      'True',
      '(2,)',
      '(1152921504606846976,)',
      '[(',
      '{',
      '}',
      "__import__('os')",
      ',',
    ),
    as: 'x.npy',
    beside: { 'y.npy': 'npy/y.npy' },
  }),
  datasetReader({
    name: 'npz',
    seeds: ['keras.npz', 'floats-chw.npz', 'fortran.npz', 'flat.npz'],
    words: words('PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x06\x06', '.npy', '../', "'|O'", '\x01\0\x10\0'),
    as: 'x.npz',
  }),
  datasetReader({
    name: 'mat',
    seeds: ['svhn-v5.mat', 'svhn-v5-plain.mat', 'grey-doubles.mat'],
    words: words(
      '\x0e\0\0\0',
      '\x0f\0\0\0',
      '\x06\0\0\0\x08\0\0\0',
      '\x05\0\0\0',
      '\x01\0\x01\0X',
      '\x02\0\x04\0',
      '\x02\0\0\0',
    ),
    as: 'x.mat',
  }),
  datasetReader({
    name: 'hdf5',
    seeds: ['svhn-v73.mat', 'plain.h5'],
    words: words('\x89HDF\r\n\x1a\n', 'TREE', 'HEAP', 'SNOD', 'OHDR', 'GCOL', 'FRHP', 'BTHD'),
    as: 'x.h5',
  }),
  datasetReader({
    name: 'zip',
    seeds: ['folder.zip', 'stored.zip', 'manifest.zip'],
    words: words(
      'PK\x01\x02',
      'PK\x03\x04',
      'PK\x05\x06',
      'PK\x06\x06',
      'PK\x06\x07',
      '../../',
      '/',
      '\0',
      '\x01\0\x10\0',
      '\xff\xff\xff\xff',
    ),
    as: 'x.zip',
  }),
  datasetReader({
    name: 'tar',
    seeds: ['webdataset-cls.tar', 'pax.tar', 'ustar.tar', 'shards/part-0000.tar'],
    words: words(
      'ustar\x0000',
      '../../',
      '30 path=',
      'size=',
      'GNU.sparse.major=1\n',
      '\x80\0\0\0',
      'x',
      'L',
      '2',
      'S',
      '.cls',
      '{"label":',
    ),
    as: 'x.tar',
    repair: rightChecksums,
  }),
  datasetReader({
    name: 'cifar-pickle',
    seeds: ['cifar10-python2/data_batch_1', 'cifar10-protocol4/data_batch_2'],
    words: words('cposix\nsystem\n', "S'x'\n", 'R', 'labels', 'data', 'U\x04data', ']q', 'K\xff', 'J\xff\xff\xff\xff'),
    as: 'data_batch_1',
  }),
  datasetReader({
    name: 'jsonl',
    seeds: ['jsonl/seed.jsonl'],
    texts: ['{"path":"a.png","label":"x"}\n{"path":"b.png","label":"y"}\n{"path":"./a.png","label":"x"}\n'],
    words: words('{"path":', '"label":', '../', '[[[[[[[[', '\\u0000', '\n', '"', '{"__proto__":', '1e999', '\ufeff'),
    as: 'm.jsonl',
    change: mutateLines,
    beside: pair,
  }),
  datasetReader({
    name: 'csv',
    seeds: ['gtsrb/GTSRB/Final_Training/Images/00000/GT-00000.csv'],
    texts: ['path,label\na.png,x\nb.png,y\n"a.png","x"\n', 'Filename;ClassId\na.png;0\nb.png;1\n'],
    beside: pair,
    words: words('path,label\n', '"', ';', ',', '\n', '../', '=1+1', '\0', '\xff'),
    as: 'm.csv',
  }),
  pictures,
];

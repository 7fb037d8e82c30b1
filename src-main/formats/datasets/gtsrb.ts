/**
 * GTSRB (German Traffic Sign Recognition Benchmark): PPM images with tables `GT-*.csv` beside them that name file, region
 * of the sign and class. The region is what is classified: each image is cropped to it.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { decodeImage } from '../images/decode.ts';
import { unreadable, type DecodedImage } from '../images/image.ts';
import type { Limits } from '../limits.ts';
import { checkRelativePath, openInside } from '../paths.ts';
import { resolveClasses } from './classes.ts';
import { openByteColumn, openIntColumn, type IntColumn } from './column.ts';
import { readRows } from './csv-manifest.ts';
import { openProblemLog, type Dataset } from './dataset.ts';
import { fileDataset } from './image-folder.ts';
import { checkManifest, touchedOf } from './manifest.ts';

export interface GtsrbOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
}

export interface GtsrbTables {
  readonly train: readonly string[];
  readonly test: readonly string[];
}

const TABLE = /^GT-.*\.csv$/i;
const CLASS_FOLDER = /^\d{5}$/;
const SEARCH_DEPTH = 4;

/** Looks for the tables below a folder; null when there are none. */
export function findGtsrb(folder: string): GtsrbTables | null {
  const train: string[] = [];
  const test: string[] = [];
  const search = (path: string, depth: number): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isFile() && TABLE.test(entry.name)) {
        const list = /test/i.test(entry.name) ? test : train;
        list.push(join(path, entry.name));
      } else if (entry.isDirectory() && depth < SEARCH_DEPTH && promising(entry.name)) {
        search(join(path, entry.name), depth + 1);
      }
    }
  };
  search(folder, 0);
  return train.length + test.length === 0 ? null : { train: train.sort(), test: test.sort() };
}

/** The benchmark's own folders only: a search through a dataset of another kind would be long. */
function promising(name: string): boolean {
  return CLASS_FOLDER.test(name) || /^(?:GTSRB|(?:Final_)?(?:Training|Test)|Images|Online-Test.*)$/i.test(name);
}

/**
 * Opens the training tables, or the test table. A sample's name ends in its region, `#xywh=LEFT,TOP,WIDTH,HEIGHT`.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, file-missing, no-readable-image
 */
export async function openGtsrb(folder: string, tables: GtsrbTables, options: GtsrbOptions): Promise<Dataset> {
  const { limits } = options;
  const part = options.split ?? (tables.train.length > 0 ? 'train' : 'test');
  const files = tables[part];
  if (files.length === 0) throw new ExpectedError('file-missing', `${folder} has no table for its ${part} part.`);
  const skipped = openProblemLog(limits.dataset.maxListed);
  const names = openByteColumn();
  const found = openIntColumn();
  const region: Region = {
    left: openIntColumn(),
    top: openIntColumn(),
    right: openIntColumn(),
    bottom: openIntColumn(),
  };
  const labels = new Map<string, number>();
  let rows = 0;
  for (const file of files) {
    checkManifest(file, limits);
    const below = relative(folder, join(file, '..')).split(sep).join('/');
    let columns: Columns | null = null;
    for await (const row of readRows(file, limits)) {
      if (columns === null) {
        columns = findColumns(row, file);
        continue;
      }
      if (++rows > limits.dataset.maxFiles)
        throw new ExpectedError(
          'dataset-too-large',
          `${file}: more than ${limits.dataset.maxFiles} rows (limit maxFiles).`,
        );
      const name = row[columns.file] ?? '';
      const label = (row[columns.label] ?? '').trim();
      const box = columns.region.map((at) => Number(row[at]));
      const checked = checkRelativePath(name);
      const where = `row ${rows}: ${name.slice(0, 300)}`;
      if (!checked.ok) skipped.add(where, checked.reason);
      else if (!/^\d{1,6}$/.test(label)) skipped.add(where, 'its class is no number');
      else if (!isRegion(box)) skipped.add(where, `its region ${box.join(', ')} is none`);
      else {
        let at = labels.get(String(Number(label)));
        if (at === undefined) labels.set(String(Number(label)), (at = labels.size));
        names.push(Buffer.from([...(below === '' ? [] : [below]), ...checked.parts].join('/')));
        found.push(at);
        region.left.push(box[0]);
        region.top.push(box[1]);
        region.right.push(box[2]);
        region.bottom.push(box[3]);
      }
    }
  }
  if (names.count === 0) {
    const first = skipped.listed[0];
    throw new ExpectedError(
      'no-readable-image',
      `${folder}: ${rows} rows${first === undefined ? '' : `, all refused; the first because ${first.reason}`}.`,
    );
  }
  const { classes, index } = resolveClasses([...labels.keys()], options.classes, limits.dataset);
  const other = part === 'train' ? tables.test : tables.train;
  const leftOut = other.map((file) => relative(folder, file));
  const dataset = fileDataset({
    format: 'gtsrb',
    path: folder,
    reader: openInside(folder),
    limits,
    classes,
    names,
    labels: found.array().map((at) => index[at]),
    skipped,
    notes: [
      `read the ${part} part, each image cropped to its region${leftOut.length > 0 ? `; left out ${leftOut.length} tables of the other part` : ''}`,
    ],
    leftOut,
    suffix: (i) => {
      const [left, top, right, bottom] = boxOf(region, i);
      return `#xywh=${left},${top},${right - left},${bottom - top}`;
    },
    decode: (i, data) => {
      const image = decodeImage(data, limits.image);
      return image instanceof Promise
        ? image.then((picture) => crop(picture, boxOf(region, i)))
        : crop(image, boxOf(region, i));
    },
  });
  return {
    ...dataset,
    async fingerprint() {
      const hash = createHash('sha256').update(await dataset.fingerprint());
      for (const file of files) hash.update(`\n${touchedOf(file)}`);
      return hash.digest('hex');
    },
  };
}

interface Region {
  readonly left: IntColumn;
  readonly top: IntColumn;
  readonly right: IntColumn;
  readonly bottom: IntColumn;
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

function boxOf({ left, top, right, bottom }: Region, index: number): Box {
  return [left.at(index), top.at(index), right.at(index), bottom.at(index)];
}

function isRegion([left, top, right, bottom]: readonly number[]): boolean {
  const whole = [left, top, right, bottom].every((value) => Number.isInteger(value) && value >= 0 && value <= 65_535);
  return whole && right > left && bottom > top;
}

/** Columns left to right-1 and rows top to bottom-1, as Pillow's crop takes the benchmark's numbers. */
function crop(image: DecodedImage, [left, top, right, bottom]: Box): DecodedImage {
  if (right > image.width || bottom > image.height) {
    throw unreadable(`its region ends at ${right} x ${bottom}, the picture at ${image.width} x ${image.height}`);
  }
  const { channels } = image;
  const width = right - left;
  const height = bottom - top;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * channels;
    data.set(image.data.subarray(from, from + width * channels), y * width * channels);
  }
  return { ...image, width, height, data };
}

interface Columns {
  readonly file: number;
  readonly label: number;
  readonly region: readonly number[];
}

function findColumns(row: readonly string[], path: string): Columns {
  const cells = row.map((cell) => cell.trim().toLowerCase());
  const region = ['roi.x1', 'roi.y1', 'roi.x2', 'roi.y2'].map((name) => cells.indexOf(name));
  const columns = { file: cells.indexOf('filename'), label: cells.indexOf('classid'), region };
  if (columns.label < 0) throw new ExpectedError('labels-missing', `${path} has no column ClassId.`);
  if (columns.file < 0 || region.includes(-1))
    throw new ExpectedError('dataset-malformed', `${path} has no columns Filename and Roi.X1, Roi.Y1, Roi.X2, Roi.Y2.`);
  return columns;
}

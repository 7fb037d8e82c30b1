/** One folder per class, images anywhere below it. */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readSync, type Dirent } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { decodeImage } from '../images/decode.ts';
import { unreadable } from '../images/image.ts';
import { SNIFF_BYTES, sniff } from '../images/sniff.ts';
import type { Limits } from '../limits.ts';
import { OutsideError, openInside, type InsideReader } from '../paths.ts';
import { resolveClasses } from './classes.ts';
import { nameText, openByteColumn, openIntColumn, type ByteColumn, type IntColumn } from './column.ts';
import { openProblemLog, type Dataset, type DatasetFormat, type ProblemLog } from './dataset.ts';

type Entry = Dirent<Buffer>;

export const IMAGE_NAME = /\.(?:png|jpe?g|jpe|jfif|bmp|dib|webp|tiff?|gif|p[pgbn]m|heic|heif|avif|jp2|jxl|svg)$/i;
const SPLITS: Readonly<Record<'train' | 'test', readonly string[]>> = {
  train: ['train', 'training'],
  test: ['test', 'testing', 'val', 'valid', 'validation', 'eval'],
};

export interface FolderOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  /** Which part is read when the folders of the first level are parts, not classes. */
  readonly split: 'train' | 'test' | null;
}

/**
 * Opens an image folder. Classes and files are ordered by code point, folder by folder; hidden entries are left out,
 * links to folders are not followed, links to files only within the root.
 * @returns null when nothing below the folder looks like an image.
 * @throws ExpectedError labels-missing (images, but none in a class folder), dataset-malformed, dataset-too-large
 */
export function openImageFolder(path: string, options: FolderOptions): Dataset | null {
  const notes: string[] = [];
  const leftOut: string[] = [];
  const root = splitFolder(path, options.split, notes, leftOut);
  const skipped = openProblemLog(options.limits.dataset.maxListed);
  const names = openByteColumn();
  const found = openIntColumn();
  const labels: string[] = [];
  const walk: Walk = { root: Buffer.from(root), limits: options.limits, skipped, names, found, entries: 0 };
  let loose = 0;
  for (const entry of list(walk, Buffer.alloc(0))) {
    const text = nameText(entry.name);
    if (hidden(entry)) continue;
    if (entry.isDirectory()) {
      const before = names.count;
      const looked = walkClass(walk, entry.name, labels.length, 1);
      if (names.count > before) labels.push(text);
      else if (looked) skipped.add(text, 'a folder without images is no class');
    } else if (looksLikeImage(walk, entry, entry.name)) {
      loose++;
      skipped.add(text, 'it lies in no class folder');
    }
  }
  if (names.count === 0) {
    if (loose > 0)
      throw new ExpectedError('labels-missing', `${path} holds ${loose} images and no folder with images.`);
    return null;
  }
  const { classes, index } = resolveClasses(labels, options.classes, options.limits.dataset);
  return fileDataset({
    format: 'image-folder',
    path,
    reader: openInside(root),
    limits: options.limits,
    classes,
    names,
    labels: found.array().map((label) => index[label]),
    skipped,
    notes,
    leftOut,
  });
}

interface Walk {
  readonly root: Buffer;
  readonly limits: Limits;
  readonly skipped: ProblemLog;
  readonly names: ByteColumn;
  readonly found: IntColumn;
  entries: number;
}

const SLASH = Buffer.from('/');

function list(walk: Walk, folder: Buffer): Entry[] {
  const path = folder.length === 0 ? walk.root : Buffer.concat([walk.root, SLASH, folder]);
  const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  walk.entries += entries.length;
  const { maxFiles } = walk.limits.dataset;
  if (walk.entries > maxFiles)
    throw new ExpectedError('dataset-too-large', `More than ${maxFiles} files (limit maxFiles).`);
  return entries.sort((a, b) => a.name.compare(b.name));
}

/** @returns whether the folder could be looked into; where not, that is among what was skipped */
function walkClass(walk: Walk, folder: Buffer, label: number, depth: number): boolean {
  if (depth > walk.limits.dataset.maxDepth) {
    walk.skipped.add(
      nameText(folder),
      `it lies more than ${walk.limits.dataset.maxDepth} folders deep (limit maxDepth)`,
    );
    return false;
  }
  let entries: Entry[];
  try {
    entries = list(walk, folder);
  } catch (error) {
    if (error instanceof ExpectedError) throw error;
    walk.skipped.add(nameText(folder), `the folder cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return false;
  }
  for (const entry of entries) {
    const path = Buffer.concat([folder, SLASH, entry.name]);
    if (hidden(entry)) continue;
    if (entry.isDirectory()) walkClass(walk, path, label, depth + 1);
    else if (looksLikeImage(walk, entry, path)) {
      walk.names.push(path);
      walk.found.push(label);
    }
  }
  return true;
}

/** Leftovers of file managers and archivers. */
function hidden(entry: Entry): boolean {
  return isLeftover(entry.name.toString('latin1'));
}

export function isLeftover(text: string): boolean {
  return text.startsWith('.') || text === '__MACOSX' || /^(?:Thumbs\.db|desktop\.ini)$/i.test(text);
}

/** A file is a sample by its name, so that broken ones are counted, or by its first bytes. */
function looksLikeImage(walk: Walk, entry: Entry, path: Buffer): boolean {
  const text = nameText(path);
  if (entry.isSymbolicLink()) {
    // Whether it leads out of the root is found when it is read; a link to a folder could lead in circles.
    if (IMAGE_NAME.test(text)) return true;
    walk.skipped.add(text, 'links to folders are not followed');
    return false;
  }
  if (!entry.isFile()) {
    walk.skipped.add(text, 'not a regular file');
    return false;
  }
  if (IMAGE_NAME.test(text)) return true;
  const kind = sniff(firstBytes(Buffer.concat([walk.root, SLASH, path]))).kind;
  if (kind === 'readable') return true;
  walk.skipped.add(text, 'not an image');
  return false;
}

function firstBytes(path: Buffer): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return new Uint8Array(0);
  }
  try {
    const head = new Uint8Array(SNIFF_BYTES);
    return head.subarray(0, readSync(descriptor, head, 0, SNIFF_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** `root/train/cat/1.png`: the folders of the first level are parts of the dataset when they are named like it. */
function splitFolder(path: string, split: 'train' | 'test' | null, notes: string[], leftOut: string[]): string {
  const folders = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== '__MACOSX')
    .map((entry) => entry.name)
    .sort();
  const chosen = chooseSplit(folders, split, path, notes, leftOut);
  return chosen === null ? path : `${path}/${chosen}`;
}

/**
 * Which of the folders of the first level is read when they are parts of a dataset, not classes; null when they are not.
 * @throws ExpectedError file-missing
 */
export function chooseSplit(
  folders: readonly string[],
  split: 'train' | 'test' | null,
  path: string,
  notes: string[],
  leftOut: string[],
): string | null {
  const all = [...SPLITS.train, ...SPLITS.test];
  if (folders.length === 0 || !folders.every((name) => all.includes(name.toLowerCase()))) return null;
  if (!folders.some((name) => SPLITS.train.includes(name.toLowerCase()))) return null;
  const wanted = SPLITS[split ?? 'train'];
  const chosen = folders.find((name) => wanted.includes(name.toLowerCase()));
  if (chosen === undefined) throw new ExpectedError('file-missing', `${path} has no folder for its ${split} part.`);
  const others = folders.filter((name) => name !== chosen);
  notes.push(`read the part "${chosen}"${others.length > 0 ? `, left out "${others.join('", "')}"` : ''}`);
  leftOut.push(...others);
  return chosen;
}

export interface FileDatasetParts {
  readonly format: DatasetFormat;
  readonly path: string;
  readonly reader: InsideReader;
  readonly limits: Limits;
  readonly classes: readonly string[];
  /** Path of each sample below the reader's root. */
  readonly names: ByteColumn;
  readonly labels: Int32Array;
  readonly skipped: ProblemLog;
  readonly notes: readonly string[];
  readonly leftOut?: readonly string[];
  /** What follows the path in a sample's name, e.g. the region of the file that is the sample. */
  readonly suffix?: (index: number) => string;
  readonly decode?: Dataset['decode'];
}

/** A dataset whose samples are image files below one root. */
export function fileDataset(parts: FileDatasetParts): Dataset {
  const { reader, limits, names, labels } = parts;
  const bytes = (index: number): Buffer => {
    try {
      return reader.read(names.at(index), limits.image.maxBytes);
    } catch (error) {
      if (error instanceof ExpectedError) throw error;
      if (error instanceof OutsideError) throw unreadable(error.message, error);
      const code = (error as NodeJS.ErrnoException).code ?? 'no reason given';
      throw unreadable(code === 'ENOENT' ? 'the file does not exist' : `it cannot be opened (${code})`, error);
    }
  };
  const decode = parts.decode ?? ((_index: number, data: Buffer) => decodeImage(data, limits.image));
  return {
    format: parts.format,
    path: parts.path,
    classes: parts.classes,
    count: names.count,
    skipped: parts.skipped,
    notes: parts.notes,
    leftOut: parts.leftOut ?? [],
    name: (index) => `${nameText(names.at(index))}${parts.suffix?.(index) ?? ''}`,
    compareNames: names.compare,
    label: (index) => labels[index],
    bytes,
    decode,
    pictures: parts.decode === undefined ? limits.image : undefined,
    load: (index) => decode(index, bytes(index)),
    async fingerprint() {
      const hash = createHash('sha256');
      const root = Buffer.from(`${reader.root}/`);
      for (let i = 0; i < names.count; i++) {
        const status = lstatSync(Buffer.concat([root, names.at(i)]), { bigint: true, throwIfNoEntry: false });
        hash.update(names.at(i));
        hash.update(`\0${labels[i]}\0${status?.size}\0${status?.mtimeNs}\0${status?.ctimeNs}\n`);
        if (i % 4096 === 4095) await new Promise(setImmediate);
      }
      return hash.digest('hex');
    },
    async close() {},
  };
}

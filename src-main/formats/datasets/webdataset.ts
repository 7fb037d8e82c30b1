/**
 * WebDataset: tar members whose names agree up to the first dot of the file name are one sample, and stand one after the
 * other; `.jpg`, `.png` … is the image, `.cls`, `.json` or `.txt` its label.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { ListContext } from '../archives/archive.ts';
import type { Limits } from '../limits.ts';
import type { Packed, PackedRows } from './archive-dataset.ts';
import { resolveClasses } from './classes.ts';
import { nameText, openByteColumn, openIntColumn } from './column.ts';
import { parseJsonObject, textField } from './json-text.ts';
import { LABEL_COLUMN } from './manifest.ts';

const IMAGE = /^(?:jpe?g|png|ppm|pgm|pbm|pnm|bmp|webp|tiff?|img|image)$/;
/** In this order: what is made for numbers before what may be a caption. */
const LABELS = ['cls', 'json', 'txt'] as const;
type LabelKind = (typeof LABELS)[number];

interface Sample {
  readonly key: string;
  readonly shard: number;
  readonly images: number[];
  readonly labels: Map<LabelKind, number>;
}

interface Options {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
}

/**
 * Samples of the shards in their order; null when the archives are no WebDataset: no image has a label beside it, or the
 * images lie in folders that name their classes.
 * @throws ExpectedError dataset-malformed, dataset-too-large; CancelledError
 */
export async function webdatasetRows(
  packed: Packed,
  { limits, classes: given }: Options,
  { pace, skipped }: ListContext,
): Promise<PackedRows | null> {
  if (!isWebdataset(packed)) return null;
  const { members } = packed;
  const names = openByteColumn();
  const rows = openIntColumn();
  const found = openIntColumn();
  const places = new Map<string, number>();
  let sample: Sample | null = null;
  const finish = (done: Sample): void => {
    const [image] = done.images;
    const shown = done.key.slice(0, 300);
    if (image === undefined) {
      skipped.add(shown, 'there is no image of that key');
      return;
    }
    if (done.images.length > 1) {
      skipped.add(shown, `${done.images.length} images have that key; which one is meant is not said`);
      return;
    }
    const label = labelOf(packed, done, limits);
    if (typeof label !== 'string') {
      skipped.add(shown, label.reason);
      return;
    }
    let at = places.get(label);
    if (at === undefined) places.set(label, (at = places.size));
    if (places.size > limits.dataset.maxClasses) {
      throw new ExpectedError(
        'dataset-too-large',
        `More than ${limits.dataset.maxClasses} classes (limit maxClasses).`,
      );
    }
    names.push(Buffer.from(members.names.at(image)));
    rows.push(image);
    found.push(at);
  };
  for (let i = 0; i < members.count; i++) {
    if (pace.due()) await pace.breathe();
    const { key, extension } = split(nameText(members.names.at(i)));
    const shard = members.shard.at(i);
    if (sample === null || sample.key !== key || sample.shard !== shard) {
      if (sample !== null) finish(sample);
      sample = { key, shard, images: [], labels: new Map() };
    }
    if (IMAGE.test(extension)) sample.images.push(i);
    else if (isLabel(extension)) sample.labels.set(extension, i);
  }
  if (sample !== null) finish(sample);
  if (rows.count === 0) {
    const first = skipped.listed[0];
    throw new ExpectedError(
      'labels-missing',
      `No sample of the shards has an image and a label; the first: ${first === undefined ? '-' : `${first.name}: ${first.reason}`}.`,
    );
  }
  const { classes, index } = resolveClasses([...places.keys()], given, limits.dataset);
  return {
    format: 'webdataset',
    classes,
    labels: found.array().map((at) => index[at]),
    members: Uint32Array.from(rows.array()),
    names,
  };
}

function isLabel(extension: string): extension is LabelKind {
  return (LABELS as readonly string[]).includes(extension);
}

/** `a/b.c.jpg` is the member `c.jpg` of the sample `a/b`; the last part decides what it is. */
function split(name: string): { readonly key: string; readonly extension: string } {
  const start = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', start);
  if (dot <= start) return { key: name, extension: '' };
  return { key: name.slice(0, dot), extension: name.slice(name.lastIndexOf('.') + 1).toLowerCase() };
}

/** A `.cls` beside an image says it; `.json` and `.txt` only where the folders are not the classes. */
function isWebdataset({ members, prefixBytes }: Packed): boolean {
  let before = { key: '', image: false, label: false };
  let paired = false;
  const folders = new Set<string>();
  for (let i = 0; i < members.count; i++) {
    const name = nameText(members.names.at(i).subarray(prefixBytes(i)));
    const { key, extension } = split(name);
    const image = IMAGE.test(extension);
    if (image && folders.size < 2) folders.add(name.slice(0, name.lastIndexOf('/') + 1));
    if (before.key !== key) before = { key, image: false, label: false };
    before.image ||= image;
    before.label ||= isLabel(extension);
    if (before.image && extension === 'cls') return true;
    paired ||= before.image && before.label;
  }
  return paired && folders.size < 2;
}

function labelOf(packed: Packed, { labels }: Sample, limits: Limits): string | { readonly reason: string } {
  let reason = 'no label (.cls, .json or .txt) stands beside the image';
  for (const kind of LABELS) {
    const member = labels.get(kind);
    if (member === undefined) continue;
    const text = readText(packed, member, limits.dataset.maxRowBytes);
    if (text === null) {
      reason = `its .${kind} is above ${limits.dataset.maxRowBytes} bytes or no UTF-8 text`;
      continue;
    }
    const label = kind === 'json' ? jsonLabel(text, limits) : text.trim();
    if (label !== null && label !== '' && !/[\r\n]/.test(label)) return label;
    reason = kind === 'json' ? 'its .json names no label' : `its .${kind} holds no label of one line`;
  }
  return { reason };
}

function jsonLabel(text: string, limits: Limits): string | null {
  const object = parseJsonObject(text, limits.dataset.maxNesting);
  return object === null ? null : (textField(object, LABEL_COLUMN)?.trim() ?? null);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function readText(packed: Packed, member: number, most: number): string | null {
  try {
    return utf8.decode(packed.read(member, most));
  } catch (error) {
    if (error instanceof TypeError || (error instanceof ExpectedError && error.code === 'image-unreadable'))
      return null;
    throw error;
  }
}

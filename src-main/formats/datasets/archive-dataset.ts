/** Datasets in tar and zip archives: WebDataset shards, an image folder packed as it is, or files of another format. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import {
  openMemberList,
  readMember,
  refuseRepeatedNames,
  type ListContext,
  type Members,
} from '../archives/archive.ts';
import { listTar } from '../archives/tar.ts';
import { listZip } from '../archives/zip.ts';
import { decodeImage } from '../images/decode.ts';
import type { Limits } from '../limits.ts';
import { nameText, type ByteColumn } from './column.ts';
import { openProblemLog, type Dataset, type DatasetFormat, type ProblemLog } from './dataset.ts';
import { gunzipOnto, openScratch, type Scratch } from './inflate.ts';
import { touchedOf } from './manifest.ts';
import { openPace } from './pace.ts';
import { folderRows } from './packed-folder.ts';
import { openUnpacked, worthUnpacking } from './unpack.ts';
import { webdatasetRows } from './webdataset.ts';

export interface ArchiveOptions {
  readonly limits: Limits;
  readonly classes: readonly string[] | null;
  readonly split: 'train' | 'test' | null;
  readonly scratch: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Opens what was unpacked: a folder or one file. */
  readonly openPath: (path: string) => Promise<Dataset>;
}

/** Samples among the members of an archive. */
export interface PackedRows {
  readonly format: DatasetFormat;
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  /** Which member each sample is, and under which name. */
  readonly members: Uint32Array;
  readonly names: ByteColumn;
}

/** The open archives of one dataset. */
export interface Packed {
  readonly paths: readonly string[];
  readonly members: Members;
  /** Bytes of the shard's name in front of a member's own. */
  prefixBytes(member: number): number;
  /** The open file that member's bytes are in. */
  descriptorOf(member: number): number;
  /** @throws ExpectedError image-unreadable */
  read(member: number, maxBytes: number): Buffer;
}

const TAR_NAME = /\.(?:tar|tar\.gz|tgz)$/i;
const SHARDS = /\{(\d{1,9})\.\.(\d{1,9})\}/;

/**
 * The archives that a path means: itself, `name-{0000..0042}.tar` written out, or the tar files of a folder that holds
 * nothing else of note. Null when it means none.
 * @throws ExpectedError file-missing, dataset-too-large
 */
export function findShards(path: string, limits: Limits): readonly string[] | null {
  const range = SHARDS.exec(basename(path));
  if (range !== null && !existsSync(path)) return shardRange(path, range, limits);
  if (!existsSync(path) || !statSync(path).isDirectory()) return null;
  const names = readdirSync(path).filter((name) => !name.startsWith('.'));
  const shards = names.filter((name) => TAR_NAME.test(name)).sort();
  const others = names.filter((name) => !TAR_NAME.test(name) && !/\.(?:json|txt|md|idx|index|yaml|yml)$/i.test(name));
  if (shards.length === 0 || others.length > 0) return null;
  checkShards(shards.length, path, limits);
  return shards.map((name) => join(path, name));
}

function shardRange(path: string, [mark, first, last]: RegExpExecArray, limits: Limits): readonly string[] {
  const from = Number(first);
  const count = Number(last) - from + 1;
  if (count < 1) throw new ExpectedError('file-missing', `${path}: the range ${mark} is empty.`);
  checkShards(count, path, limits);
  const folder = dirname(path);
  const name = basename(path);
  // Leading zeros are kept when the first number has them.
  return Array.from({ length: count }, (_unused, i) =>
    join(folder, name.replace(mark, String(from + i).padStart(first.length, '0'))),
  );
}

function checkShards(count: number, path: string, { dataset: { maxShards } }: Limits): void {
  if (count > maxShards)
    throw new ExpectedError('dataset-too-large', `${path}: ${count} archives (limit maxShards = ${maxShards}).`);
}

/**
 * Opens the dataset that lies in one zip or in tar archives (plain or gzipped). Samples of shards are named
 * `shard.tar/member`.
 * @throws ExpectedError dataset-unrecognised, labels-missing, dataset-malformed, dataset-too-large, dataset-unsupported,
 * no-space, file-missing; CancelledError
 */
export async function openArchives(
  path: string,
  paths: readonly string[],
  kind: 'tar' | 'zip',
  options: ArchiveOptions,
): Promise<Dataset> {
  const { limits, signal } = options;
  const skipped = openProblemLog(limits.dataset.maxListed);
  const context: ListContext = { limits, skipped, pace: openPace(limits.dataset, signal) };
  const descriptors: number[] = [];
  let scratch: Scratch | null = null;
  const close = (): void => {
    descriptors.splice(0).forEach((descriptor) => closeSync(descriptor));
    scratch?.close();
  };
  try {
    const prefix = (shard: number): string => (paths.length === 1 ? '' : `${basename(paths[shard])}/`);
    const members = openMemberList(context, prefix);
    const sources: number[] = [];
    for (const [shard, file] of paths.entries()) {
      const descriptor = openSync(file, 'r');
      descriptors.push(descriptor);
      if (!fstatSync(descriptor).isFile()) throw new ExpectedError('file-missing', `${file} is not a regular file.`);
      if (kind === 'zip') {
        sources.push(descriptor);
        await listZip(descriptor, file, shard, members, context);
      } else if (/gz$/i.test(file) || isGzip(descriptor)) {
        scratch ??= openScratch(options.scratch);
        const start = scratch.size;
        const length = await gunzipOnto(scratch, file, { limits: limits.dataset, signal });
        closeSync(descriptors.pop() as number);
        sources.push(scratch.descriptor);
        await listTar({ descriptor: scratch.descriptor, start, length, path: file }, shard, members, context);
      } else {
        sources.push(descriptor);
        const length = fstatSync(descriptor).size;
        await listTar({ descriptor, start: 0, length, path: file }, shard, members, context);
      }
    }
    refuseRepeatedNames(members, path);
    const descriptorOf = (member: number): number => sources[members.shard.at(member)];
    const packed: Packed = {
      paths,
      members,
      prefixBytes: (member) => Buffer.byteLength(prefix(members.shard.at(member))),
      descriptorOf,
      read: (member, maxBytes) => readMember(members, member, descriptorOf(member), maxBytes),
    };
    return await recognisePacked(path, packed, { ...options, kind, skipped, context, close });
  } catch (error) {
    close();
    throw error;
  }
}

interface PackedOptions extends ArchiveOptions {
  readonly kind: 'tar' | 'zip';
  readonly skipped: ProblemLog;
  readonly context: ListContext;
  readonly close: () => void;
}

async function recognisePacked(path: string, packed: Packed, options: PackedOptions): Promise<Dataset> {
  const { kind, skipped, context, close, limits } = options;
  const notes: string[] = packed.paths.length > 1 ? [`read ${packed.paths.length} archives as one dataset`] : [];
  const leftOut: string[] = [];
  const rows =
    (kind === 'tar' ? await webdatasetRows(packed, options, context) : null) ??
    (worthUnpacking(packed.members) ? null : await folderRows(packed, { ...options, path, notes, leftOut }));
  if (rows !== null) return packedDataset(path, packed, rows, { ...options, notes, leftOut });
  if (packed.members.count === 0) {
    const first = skipped.listed[0];
    const why =
      first === undefined ? '' : ` The first of ${skipped.count} skipped entries: ${first.name}: ${first.reason}.`;
    throw new ExpectedError('dataset-unrecognised', `${path} holds no file that is read.${why}`);
  }
  const inner = await openUnpacked(path, packed, options, limits);
  close();
  return {
    ...inner,
    path,
    notes: [`unpacked from ${basename(path)}`, ...inner.notes],
    skipped: joined(skipped, inner),
  };
}

function joined(outer: ProblemLog, inner: Dataset): Dataset['skipped'] {
  return {
    count: outer.count + inner.skipped.count,
    listed: [...outer.listed, ...inner.skipped.listed],
  };
}

interface DatasetParts extends PackedOptions {
  readonly notes: readonly string[];
  readonly leftOut: readonly string[];
}

function packedDataset(path: string, packed: Packed, rows: PackedRows, parts: DatasetParts): Dataset {
  const { limits, skipped, notes, leftOut, close } = parts;
  const { names, labels, members, classes } = rows;
  const bytes = (index: number): Buffer => packed.read(members[index], limits.image.maxBytes);
  const decode: Dataset['decode'] = (_index, data) => decodeImage(data, limits.image);
  return {
    format: rows.format,
    path,
    classes,
    count: members.length,
    skipped,
    notes,
    leftOut,
    name: (index) => nameText(names.at(index)),
    compareNames: names.compare,
    label: (index) => labels[index],
    bytes,
    decode,
    pictures: limits.image,
    load: (index) => decode(index, bytes(index)),
    async fingerprint() {
      const hash = createHash('sha256').update(JSON.stringify([rows.format, classes, members.length]));
      for (const file of packed.paths) hash.update(`\n${basename(file)} ${touchedOf(file)}`);
      return hash.digest('hex');
    },
    async close() {
      close();
    },
  };
}

/** By content: a name that says otherwise must not change what is read. */
function isGzip(descriptor: number): boolean {
  const head = Buffer.alloc(2);
  return readSync(descriptor, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b;
}

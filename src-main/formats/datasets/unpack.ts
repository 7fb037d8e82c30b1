/** Archives of files that are no images (IDX, CIFAR, npz, manifests …): unpacked into a scratch folder and opened there. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { NO_CRC, type Members } from '../archives/archive.ts';
import type { Limits } from '../limits.ts';
import { systemFailure } from '../system.ts';
import type { ArchiveOptions, Packed } from './archive-dataset.ts';
import { nameText } from './column.ts';
import type { Dataset } from './dataset.ts';
import { unpackOnto, type Scratch } from './inflate.ts';
import { unpackedPrefix } from './leftovers.ts';
import { touchedOf } from './manifest.ts';
import { openPace } from './pace.ts';

/** Files that make a folder more than a folder of images. */
const TELLING =
  /(?:^|\/)(?:(?:manifest|labels)\.(?:csv|jsonl)|metadata\.jsonl|GT-[^/]*\.csv|[^/]*idx[134][-._]ubyte(?:\.gz)?|(?:data_batch_\d+|test_batch|batches\.meta|batches\.meta\.txt)(?:\.bin)?|[^/]*\.(?:npz|npy|mat|bin))$/i;

export function worthUnpacking({ names, count }: Members): boolean {
  for (let i = 0; i < count; i++) if (TELLING.test(nameText(names.at(i)))) return true;
  return false;
}

/**
 * Unpacks every member, opens the folder (or the one file or folder in it) and keeps it until the dataset is closed.
 * Names were checked when the archive was listed; nothing is written over anything.
 * @throws ExpectedError as the format's reader; dataset-malformed, dataset-too-large, no-space; CancelledError
 */
export async function openUnpacked(
  path: string,
  packed: Packed,
  options: ArchiveOptions,
  limits: Limits,
): Promise<Dataset> {
  const { members } = packed;
  let total = 0;
  for (let i = 0; i < members.count; i++) total += members.size.at(i);
  if (total > limits.dataset.maxInflatedBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path} unpacks to ${total} bytes (limit maxInflatedBytes = ${limits.dataset.maxInflatedBytes}).`,
    );
  }
  const folder = mkdtempSync(unpackedPrefix(options.scratch ?? tmpdir()));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await unpackAll(packed, folder, options, limits);
    const inner = await options.openPath(inside(folder));
    return {
      ...inner,
      async fingerprint() {
        // The unpacked files are new each time; the archives are what can change.
        const hash = createHash('sha256').update(JSON.stringify([inner.format, inner.classes, inner.layout ?? null]));
        for (const file of packed.paths) hash.update(`\n${basename(file)} ${touchedOf(file)}`);
        return hash.digest('hex');
      },
      async close() {
        await inner.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw withoutScratch(systemFailure(error, path), folder, path);
  }
}

/** Messages name the archive, not a folder that is gone. */
function withoutScratch(error: unknown, folder: string, path: string): unknown {
  if (!(error instanceof ExpectedError) || !error.detail.includes(folder)) return error;
  return new ExpectedError(error.code, error.detail.replaceAll(folder, path), { cause: error });
}

async function unpackAll(packed: Packed, folder: string, options: ArchiveOptions, limits: Limits): Promise<void> {
  const pace = openPace(limits.dataset, options.signal);
  const { members } = packed;
  const made = new Set<string>();
  for (let i = 0; i < members.count; i++) {
    if (pace.due()) await pace.breathe();
    const name = Buffer.from(members.names.at(i));
    const target = join(folder, nameText(name));
    const parent = dirname(target);
    const scratch = placed(name, () => {
      if (!made.has(parent)) mkdirSync(parent, { recursive: true });
      made.add(parent);
      return openNamed(target);
    });
    try {
      await copyMember(packed, i, scratch, limits, options.signal);
    } finally {
      scratch.close();
    }
  }
}

/** @throws ExpectedError dataset-malformed when something is there: two names that this file system takes for one. */
function placed<T>(name: Buffer, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'EISDIR' && code !== 'ENOTDIR') throw error;
    throw new ExpectedError('dataset-malformed', `Two entries of the archive want the place ${nameText(name)}.`, {
      cause: error,
    });
  }
}

function openNamed(target: string): Scratch & { readonly crc: number } {
  const descriptor = openSync(target, 'wx', 0o600);
  let size = 0;
  let crc = 0;
  return {
    descriptor,
    get size() {
      return size;
    },
    get crc() {
      return crc;
    },
    append(bytes) {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
      size += bytes.length;
      crc = crc32(bytes, crc);
    },
    close: () => closeSync(descriptor),
  };
}

async function copyMember(
  packed: Packed,
  member: number,
  to: Scratch & { readonly crc: number },
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { members } = packed;
  const descriptor = packed.descriptorOf(member);
  const size = members.size.at(member);
  const start = members.start.at(member);
  const length = members.packed.at(member);
  const name = nameText(members.names.at(member));
  if (size === 0) return;
  if (members.deflated.at(member) === 1) {
    const options = { limits: limits.dataset, announced: size, signal };
    await unpackOnto(to, { descriptor, start, length, kind: 'deflate', name }, options);
  } else {
    const block = Buffer.alloc(Math.min(length, 1 << 20));
    for (let at = 0; at < length;) {
      const got = readSync(descriptor, block, 0, Math.min(block.length, length - at), start + at);
      if (got === 0) throw new ExpectedError('input-changed', `${name} has become shorter.`);
      to.append(block.subarray(0, got));
      at += got;
    }
  }
  if (to.size !== size) {
    throw new ExpectedError('dataset-malformed', `${name} unpacks to ${to.size} bytes instead of ${size}.`);
  }
  const crc = members.crc.at(member);
  if (crc !== NO_CRC && to.crc !== crc) {
    throw new ExpectedError('dataset-malformed', `${name}: its checksum in the archive is wrong.`);
  }
}

/** Archives are often made of one folder: what lies below it is the dataset. */
function inside(folder: string): string {
  let path = folder;
  for (;;) {
    const entries = readdirSync(path).filter((name) => !name.startsWith('.') && name !== '__MACOSX');
    if (entries.length !== 1) return path;
    path = join(path, entries[0]);
    if (!statSync(path).isDirectory()) return path;
  }
}

/** An image folder in an archive: the same rules, order and names as for the folder unpacked. */
import { inflateRawSync } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { SNIFF_BYTES, sniff } from '../images/sniff.ts';
import type { ArchiveOptions, Packed, PackedRows } from './archive-dataset.ts';
import { resolveClasses } from './classes.ts';
import { nameText, openByteColumn, openIntColumn } from './column.ts';
import type { ProblemLog } from './dataset.ts';
import { chooseSplit, IMAGE_NAME, isLeftover } from './image-folder.ts';
import { openPace } from './pace.ts';
import { readExactly } from './raw.ts';

interface FolderOptions extends ArchiveOptions {
  readonly path: string;
  readonly kind: 'tar' | 'zip';
  readonly skipped: ProblemLog;
  readonly notes: string[];
  readonly leftOut: string[];
}

/**
 * Samples of the image folder that the members are, ordered by name; null when no member looks like an image.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, file-missing; CancelledError
 */
export async function folderRows(packed: Packed, options: FolderOptions): Promise<PackedRows | null> {
  const { limits, skipped } = options;
  const pace = openPace(limits.dataset, options.signal);
  const { members } = packed;
  const images = openIntColumn();
  for (let i = 0; i < members.count; i++) {
    if (pace.due()) await pace.breathe();
    const name = nameText(members.names.at(i).subarray(packed.prefixBytes(i)));
    if (name.split('/').some(isLeftover)) continue;
    if (IMAGE_NAME.test(name) || sniff(firstBytes(packed, i)).kind === 'readable') images.push(i);
    else skipped.add(name.slice(0, 300), 'not an image');
  }
  if (images.count === 0) return null;
  const partsOf = (member: number): string[] =>
    nameText(members.names.at(member).subarray(packed.prefixBytes(member))).split('/');
  const wrappers = commonFolders(images.array(), partsOf);
  const first = new Set<string>();
  let loose = 0;
  for (let i = 0; i < images.count; i++) {
    const parts = partsOf(images.at(i));
    if (parts.length - wrappers > 1) first.add(parts[wrappers]);
    else loose++;
  }
  if (first.size === 0)
    throw new ExpectedError('labels-missing', `${options.path} holds ${loose} images and no folder with images.`);
  const chosen = chooseSplit([...first].sort(), options.split, options.path, options.notes, options.leftOut);
  const root = wrappers + (chosen === null ? 0 : 1);
  return pick(images.array(), partsOf, root, chosen, options);
}

/** Folders that all images lie below and that are no class: an archive is often made of one folder. */
function commonFolders(images: Int32Array, partsOf: (member: number) => string[]): number {
  const common = partsOf(images[0]).slice(0, -1);
  let least = Infinity;
  for (const member of images) {
    const folders = partsOf(member).slice(0, -1);
    least = Math.min(least, folders.length);
    for (let i = 0; i < common.length; i++) if (folders[i] !== common[i]) common.length = i;
  }
  return Math.max(0, Math.min(common.length, least - 1));
}

function pick(
  images: Int32Array,
  partsOf: (member: number) => string[],
  root: number,
  chosen: string | null,
  { limits, skipped, classes: given, kind }: FolderOptions,
): PackedRows {
  const names = openByteColumn();
  const members = openIntColumn();
  const found = openIntColumn();
  const places = new Map<string, number>();
  for (const member of images) {
    const parts = partsOf(member);
    if (chosen !== null && parts[root - 1] !== chosen) continue;
    const below = parts.slice(root);
    const shown = below.join('/').slice(0, 300);
    if (below.length < 2) skipped.add(shown, 'it lies in no class folder');
    else if (below.length - 1 > limits.dataset.maxDepth) {
      skipped.add(shown, `it lies more than ${limits.dataset.maxDepth} folders deep (limit maxDepth)`);
    } else {
      let at = places.get(below[0]);
      if (at === undefined) places.set(below[0], (at = places.size));
      if (places.size > limits.dataset.maxClasses) {
        throw new ExpectedError(
          'dataset-too-large',
          `More than ${limits.dataset.maxClasses} classes (limit maxClasses).`,
        );
      }
      names.push(Buffer.from(below.join('/')));
      members.push(member);
      found.push(at);
    }
  }
  const { classes, index } = resolveClasses([...places.keys()], given, limits.dataset);
  const order = Uint32Array.from({ length: members.count }, (_unused, i) => i).sort((a, b) => names.compare(a, b));
  const sorted = openByteColumn();
  for (const at of order) sorted.push(Buffer.from(names.at(at)));
  return {
    format: kind,
    classes,
    labels: Int32Array.from(order, (at) => index[found.at(at)]),
    members: Uint32Array.from(order, (at) => members.at(at)),
    names: sorted,
  };
}

/** What `sniff` looks at; of a deflated member the start is unpacked. */
function firstBytes(packed: Packed, member: number): Uint8Array {
  const { members } = packed;
  const deflated = members.deflated.at(member) === 1;
  const head = Buffer.alloc(Math.min(members.packed.at(member), deflated ? 512 : SNIFF_BYTES));
  readExactly(packed.descriptorOf(member), head, members.start.at(member), nameText(members.names.at(member)));
  if (!deflated) return head;
  try {
    // Z_SYNC_FLUSH: what the cut-off data holds. 512 bytes cannot become more than 0.6 MB.
    return inflateRawSync(head, { finishFlush: 2, maxOutputLength: 1 << 20 }).subarray(0, SNIFF_BYTES);
  } catch {
    return new Uint8Array(0);
  }
}

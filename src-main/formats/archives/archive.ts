/** The members of archives as columns: names, places, sizes; each is read by itself, in any order. */
import { crc32, inflateRawSync } from 'node:zlib';
import { ExpectedError } from '../../../src-shared/failure.ts';
import {
  nameText,
  openByteColumn,
  openIntColumn,
  openNumberColumn,
  type ByteColumn,
  type IntColumn,
  type NumberColumn,
} from '../datasets/column.ts';
import type { ProblemLog } from '../datasets/dataset.ts';
import type { Pace } from '../datasets/pace.ts';
import { readExactly } from '../datasets/raw.ts';
import { unreadable } from '../images/image.ts';
import type { Limits } from '../limits.ts';
import { checkRelativePath } from '../paths.ts';

/** What the listing of an archive needs to know. */
export interface ListContext {
  readonly limits: Limits;
  readonly skipped: ProblemLog;
  readonly pace: Pace;
}

/** A regular file within an archive. */
export interface Member {
  /** Name as stored. */
  readonly name: Uint8Array;
  /** Where its (packed) bytes start in the file of its shard. */
  readonly start: number;
  /** Bytes it takes there. */
  readonly packed: number;
  /** Bytes it has. */
  readonly size: number;
  readonly deflated: boolean;
  /** Checksum of its bytes; null where the format has none. */
  readonly crc: number | null;
}

/** Names of regular files only, all of them safe (`checkRelativePath`), each once. */
export interface Members {
  readonly count: number;
  readonly names: ByteColumn;
  readonly shard: IntColumn;
  readonly start: NumberColumn;
  readonly packed: NumberColumn;
  readonly size: NumberColumn;
  readonly deflated: IntColumn;
  readonly crc: NumberColumn;
}

export interface MemberList extends Members {
  /** Adds a member of `shard`, or skips and counts it when its name could mean a place outside the archive. */
  add(shard: number, member: Member): void;
}

export const NO_CRC = -1;

/** @param prefixOf text in front of the names of a shard's members, e.g. `train-0001.tar/` */
export function openMemberList(context: ListContext, prefixOf: (shard: number) => string): MemberList {
  const { maxFiles } = context.limits.dataset;
  const names = openByteColumn();
  const shards = openIntColumn();
  const start = openNumberColumn();
  const packed = openNumberColumn();
  const size = openNumberColumn();
  const deflated = openIntColumn();
  const crc = openNumberColumn();
  return {
    get count() {
      return names.count;
    },
    names,
    shard: shards,
    start,
    packed,
    size,
    deflated,
    crc,
    add(shard, member) {
      // Names need not be UTF-8; as latin1 every byte is one character, and the rules look at ASCII only.
      const checked = checkRelativePath(Buffer.from(member.name).toString('latin1'));
      if (!checked.ok) {
        context.skipped.add(nameText(member.name.subarray(0, 300)), checked.reason);
        return;
      }
      if (names.count >= maxFiles) {
        throw new ExpectedError('dataset-too-large', `More than ${maxFiles} files in the archive (limit maxFiles).`);
      }
      names.push(Buffer.concat([Buffer.from(prefixOf(shard)), Buffer.from(checked.parts.join('/'), 'latin1')]));
      shards.push(shard);
      start.push(member.start);
      packed.push(member.packed);
      size.push(member.size);
      deflated.push(member.deflated ? 1 : 0);
      crc.push(member.crc ?? NO_CRC);
    },
  };
}

/**
 * Refuses an archive that holds a name twice: which of the two a program sees depends on the program.
 * @throws ExpectedError dataset-malformed
 */
export function refuseRepeatedNames(members: Members, path: string): void {
  const { names, count } = members;
  const order = Uint32Array.from({ length: count }, (_unused, i) => i).sort((a, b) => names.compare(a, b));
  for (let i = 1; i < count; i++) {
    if (names.compare(order[i - 1], order[i]) === 0) {
      throw new ExpectedError(
        'dataset-malformed',
        `${path} holds ${JSON.stringify(nameText(names.at(order[i])))} twice; which one is meant depends on the program.`,
      );
    }
  }
}

/**
 * Bytes of a member.
 * @param descriptor the open file of its shard
 * @throws ExpectedError image-unreadable (above `maxBytes`, damaged, another checksum), input-changed
 */
export function readMember(members: Members, index: number, descriptor: number, maxBytes: number): Buffer {
  const size = members.size.at(index);
  const packed = members.packed.at(index);
  if (size > maxBytes || packed > maxBytes)
    throw unreadable(`${Math.max(size, packed)} bytes, the limit is ${maxBytes}`);
  const stored = Buffer.allocUnsafeSlow(packed);
  readExactly(descriptor, stored, members.start.at(index), nameText(members.names.at(index)));
  const bytes = members.deflated.at(index) === 1 ? inflated(stored, size) : stored;
  if (bytes.length !== size) throw unreadable(`it unpacks to ${bytes.length} bytes instead of ${size}`);
  const crc = members.crc.at(index);
  if (crc !== NO_CRC && crc32(bytes) !== crc) throw unreadable('its checksum in the archive is wrong');
  return bytes;
}

function inflated(stored: Buffer, size: number): Buffer {
  try {
    return inflateRawSync(stored, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    const more = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw unreadable(more ? 'it unpacks to more than the archive announces' : 'its compressed data is damaged', error);
  }
}

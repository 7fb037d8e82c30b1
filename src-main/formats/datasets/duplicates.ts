/** Which samples are equal, found in a column of digests on disk with twelve bytes of memory per sample. */
import { readSync } from 'node:fs';

export interface DigestColumn {
  readonly descriptor: number;
  /** Samples. */
  readonly count: number;
  /** Bytes from one digest to the next, and where the first begins. */
  readonly stride: number;
  readonly start: number;
}

const DIGEST_BYTES = 32;

/** @returns `[count]`: the first sample with the same digest; its own index where there is none before it. */
export function firstWithSameDigest(column: DigestColumn): Int32Array {
  const { count } = column;
  const first = Int32Array.from({ length: count }, (_unused, i) => i);
  const prefix = readPrefixes(column);
  const order = Uint32Array.from(first).sort((a, b) => prefix[a] - prefix[b] || a - b);
  const a = Buffer.alloc(DIGEST_BYTES);
  const b = Buffer.alloc(DIGEST_BYTES);
  for (let start = 0; start < count;) {
    const end = runEnd(order, prefix, start);
    for (let i = start + 1; i < end; i++) {
      readDigest(column, order[i], b);
      // Runs are equal digests but for chance: 48 bits agree.
      for (let j = start; j < i; j++) {
        if (first[order[j]] !== order[j]) continue;
        readDigest(column, order[j], a);
        if (!a.equals(b)) continue;
        first[order[i]] = order[j];
        break;
      }
    }
    start = end;
  }
  return first;
}

/** Behind the last of the samples in `order` whose prefix is that of `order[start]`. */
function runEnd(order: Uint32Array, prefix: Float64Array, start: number): number {
  let end = start + 1;
  while (end < order.length && prefix[order[end]] === prefix[order[start]]) end++;
  return end;
}

function readPrefixes(column: DigestColumn): Float64Array {
  const prefix = new Float64Array(column.count);
  const rows = Math.max(1, Math.floor((1 << 20) / column.stride));
  const block = Buffer.alloc(rows * column.stride);
  for (let at = 0; at < column.count; at += rows) {
    const here = Math.min(rows, column.count - at);
    readSync(column.descriptor, block, 0, here * column.stride, column.start + at * column.stride);
    for (let i = 0; i < here; i++) prefix[at + i] = block.readUIntBE(i * column.stride, 6);
  }
  return prefix;
}

function readDigest(column: DigestColumn, index: number, out: Buffer): void {
  readSync(column.descriptor, out, 0, DIGEST_BYTES, column.start + index * column.stride);
}

/**
 * The first sample with the same pixels and the same label; a sample itself where there is none before it. The same pixels
 * under another label are a sample of their own: else who repeats a stranger's images under wrong labels decides that they do
 * not count.
 * @param first `[count]`, as `firstWithSameDigest` gives it
 */
export function originalsIn(first: Int32Array, labels: Int32Array): Int32Array {
  const classes = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
  const met = new Map<number, number>();
  return first.map((same, i) => {
    if (same === i || labels[same] === labels[i]) return same;
    const key = same * classes + labels[i];
    const before = met.get(key);
    if (before === undefined) met.set(key, i);
    return before ?? i;
  });
}

/** Samples whose pixels stand under another label, too. @param first as of `originalsIn` @returns ascending */
export function conflictsIn(first: Int32Array, labels: Int32Array): Int32Array {
  const torn = new Set<number>();
  first.forEach((same, i) => {
    if (labels[same] !== labels[i]) torn.add(same);
  });
  return Int32Array.from(first.keys()).filter((i) => torn.has(first[i]));
}

export interface DuplicateGroup {
  /** Indices, ascending; the first is the one kept as the original. */
  readonly members: readonly number[];
  /** The members do not all carry the same label. */
  readonly conflicting: boolean;
}

/** Groups of two or more equal samples, by their first member; at most `most` of them. */
export function duplicateGroups(first: Int32Array, labels: Int32Array, most = 10_000): readonly DuplicateGroup[] {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < first.length; i++) {
    if (first[i] === i) continue;
    const group = groups.get(first[i]);
    if (group !== undefined) group.push(i);
    else if (groups.size < most) groups.set(first[i], [first[i], i]);
  }
  return [...groups.values()]
    .sort((a, b) => a[0] - b[0])
    .map((members) => ({ members, conflicting: members.some((member) => labels[member] !== labels[members[0]]) }));
}

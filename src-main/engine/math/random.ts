/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A stream is named by what it is for ("grow/3/shuffle"); its numbers depend on the seed and that name only, so an
 * interrupted run that resumes draws exactly what an uninterrupted one would.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High and low words of the 64-bit product of two unsigned 32-bit integers. */
function mulHiLo(a: number, b: number): [hi: number, lo: number] {
  const aLo = a & 0xffff;
  const aHi = a >>> 16;
  const bLo = b & 0xffff;
  const bHi = b >>> 16;
  const ll = aLo * bLo;
  const mid = aHi * bLo + (ll >>> 16);
  const mid2 = aLo * bHi + (mid & 0xffff);
  const hi = aHi * bHi + Math.floor(mid / 0x10000) + Math.floor(mid2 / 0x10000);
  return [hi >>> 0, Math.imul(a, b) >>> 0];
}

/** One Philox4x32-10 block. `counter` has 4 words, `key` 2; returns 4 words. */
export function philox4x32(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter as [number, number, number, number];
  let [k0, k1] = key as [number, number];
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = mulHiLo(M0, c0);
    const [h1, l1] = mulHiLo(M1, c2);
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** FNV-1a over UTF-16 code units with two offsets: 64 bits to keep named streams apart. */
function hashName(name: string): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x01000193 ^ 0x5bd1e995;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193) >>> 0;
    b = Math.imul(b ^ code, 0x85ebca6b) >>> 0;
    b = (b ^ (b >>> 13)) >>> 0;
  }
  return [a, b];
}

export interface RandomStream {
  /** Unsigned 32-bit integer. */
  uint32(): number;
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** Uniform integer in [0, n). `n` in 1..2^32. */
  integer(n: number): number;
  /** Fisher–Yates permutation of 0..n-1. */
  permutation(n: number): Int32Array;
}

/** @param seed integer in 0..2^53-1 @param name what the numbers are for */
export function randomStream(seed: number, name: string): RandomStream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed must be an integer in 0..2^53-1, met ${seed}`);
  }
  const key = [seed >>> 0, Math.floor(seed / 0x100000000) >>> 0];
  const [nameLo, nameHi] = hashName(name);
  let block = 0;
  let words: readonly number[] = [];
  let at = 4;
  let spareNormal: number | null = null;

  const uint32 = (): number => {
    if (at === 4) {
      words = philox4x32([block >>> 0, Math.floor(block / 0x100000000) >>> 0, nameLo, nameHi], key);
      block++;
      at = 0;
    }
    return words[at++];
  };
  const uniform = (): number => uint32() / 0x100000000;
  const integer = (n: number): number => Math.floor(uniform() * n);
  const normal = (): number => {
    if (spareNormal !== null) {
      const value = spareNormal;
      spareNormal = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const permutation = (n: number): Int32Array => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = integer(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  };
  return { uint32, uniform, normal, integer, permutation };
}

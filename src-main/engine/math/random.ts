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

/** High word of the 64-bit product of two unsigned 32-bit integers. */
function high(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/** One Philox4x32-10 block. `counter` has 4 words, `key` 2; writes 4 words. */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): void {
  let c0 = counter[0];
  let c1 = counter[1];
  let c2 = counter[2];
  let c3 = counter[3];
  let k0 = key[0];
  let k1 = key[1];
  for (let round = 0; round < 10; round++) {
    const low0 = Math.imul(M0, c0);
    const low1 = Math.imul(M1, c2);
    const high0 = high(M0, c0);
    c0 = (high(M1, c2) ^ c1 ^ k0) >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c1 = low1 >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
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
  const key = Uint32Array.of(seed, Math.floor(seed / 0x100000000));
  const counter = Uint32Array.of(0, 0, ...hashName(name));
  let block = 0;
  const words = new Uint32Array(4);
  let at = 4;
  let spareNormal: number | null = null;

  const uint32 = (): number => {
    if (at === 4) {
      counter[0] = block;
      counter[1] = Math.floor(block / 0x100000000);
      philox4x32(counter, key, words);
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

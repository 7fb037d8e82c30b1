/** Mutations of bytes that know nothing of the format, and a source of chance that a seed repeats. */

export interface Chance {
  /** A whole number from 0 to `below` - 1. */
  int(below: number): number;
  pick<T>(list: readonly T[]): T;
}

/** xorshift32: enough for fuzzing, and the same everywhere. */
export function chance(seed: number): Chance {
  let state = seed >>> 0 || 1;
  const int = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
  return { int, pick: (list) => list[int(list.length)] };
}

/** Numbers at which readers go wrong, in all widths and both orders. */
const EDGES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/**
 * One to eight small changes: bits, edges, runs cut out, doubled or moved, pieces of `words` and of another input. Half the
 * inputs keep their length: in most formats what follows lies where the file says, and is lost when it moves.
 */
export function mutateBytes(
  input: Uint8Array,
  random: Chance,
  words: readonly Uint8Array[] = [],
  other: Uint8Array = input,
): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(input);
  const inPlace = random.int(2) === 0;
  for (let count = random.pick([1, 1, 2, 3, 5, 8]); count > 0; count -= 1) {
    const at = random.int(bytes.length + 1);
    const length = 1 + random.int(random.int(4) === 0 ? 256 : 8);
    const splice = (cut: number, piece: Uint8Array): Uint8Array => {
      const fits = inPlace ? piece.subarray(0, bytes.length - at) : piece;
      return Buffer.concat([
        bytes.subarray(0, at),
        fits,
        bytes.subarray(Math.min(bytes.length, at + (inPlace ? fits.length : cut))),
      ]);
    };
    switch (random.int(9)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << random.int(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random.int(256);
        break;
      case 2:
        bytes = splice(length, Buffer.alloc(0));
        break;
      case 3:
        bytes = splice(0, bytes.subarray(at, at + length));
        break;
      case 4: {
        const number = Buffer.alloc(8);
        const edge = random.pick(EDGES);
        if (random.int(2) === 0) number.writeUInt32LE(edge, 0);
        else number.writeUInt32BE(edge, 0);
        bytes = splice(random.pick([0, 4, 8]), number.subarray(0, random.pick([1, 2, 4, 8])));
        break;
      }
      case 5:
        if (!inPlace) bytes = bytes.subarray(0, at);
        else if (at < bytes.length) bytes[at] += random.pick([1, 255]);
        break;
      case 6: {
        const from = random.int(other.length);
        bytes = splice(random.pick([0, length]), other.subarray(from, from + length));
        break;
      }
      default:
        if (words.length > 0) bytes = splice(random.pick([0, 1, length]), random.pick(words));
    }
  }
  return bytes.length > 2 ** 20 ? bytes.subarray(0, 2 ** 20) : bytes;
}

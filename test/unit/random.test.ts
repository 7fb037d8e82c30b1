import { describe, expect, it } from 'vitest';
import { philox4x32, randomStream } from '../../src-main/engine/math/random.ts';

describe('Philox4x32-10', () => {
  // Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 10 rounds).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published block for %j', (counter, key, expected) => {
    const words = new Uint32Array(4);
    philox4x32(counter, key, words);
    expect([...words]).toEqual(expected);
  });
});

describe('randomStream', () => {
  it('draws the same numbers for the same seed and name, others for another name', () => {
    const draw = (seed: number, name: string) => {
      const stream = randomStream(seed, name);
      return Array.from({ length: 9 }, () => stream.uint32());
    };
    expect(draw(7, 'sift')).toEqual(draw(7, 'sift'));
    expect(draw(7, 'sift')).not.toEqual(draw(7, 'grow'));
    expect(draw(7, 'sift')).not.toEqual(draw(8, 'sift'));
  });

  it('permutes every index exactly once', () => {
    const order = randomStream(1, 'shuffle').permutation(1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  it('has standard normal moments', () => {
    const stream = randomStream(3, 'normal');
    let sum = 0;
    let squares = 0;
    const n = 20000;
    for (let i = 0; i < n; i++) {
      const value = stream.normal();
      sum += value;
      squares += value * value;
    }
    expect(Math.abs(sum / n)).toBeLessThan(0.03);
    expect(Math.abs(squares / n - 1)).toBeLessThan(0.05);
  });

  it('refuses a seed that is no safe integer', () => {
    expect(() => randomStream(-1, 'x')).toThrow('seed must be an integer');
  });
});

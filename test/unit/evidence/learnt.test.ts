/** The alarm's parts that need no model: groups, images that look alike, and what counts as unexplained. */
import { describe, expect, it } from 'vitest';
import type { LearntPattern } from '../../../src-shared/domain/result.ts';
import { fewestInGroup, groupsOf } from '../../../src-main/engine/evidence/groups.ts';
import { unexplained, wasUnlearnt } from '../../../src-main/engine/evidence/learnt.ts';
import { residuesAmong } from '../../../src-main/engine/evidence/look-alikes.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';

describe('the groups of a class', () => {
  /** Two clusters, the second of which falls into two again. */
  const rowsOf = (sizes: readonly [number, number, number]): Float32Array => {
    const random = randomStream(1, 'groups');
    const middles = [
      [-10, 0, 0],
      [10, 3, 0],
      [10, -3, 0],
    ];
    return Float32Array.from(
      sizes
        .flatMap((size, c) => Array.from({ length: size }, () => middles[c].map((m) => m + 0.1 * random.normal())))
        .flat(),
    );
  };

  it('are its two halves and their halves, each with the half that it lies in', () => {
    const groups = groupsOf(rowsOf([30, 12, 10]), 52, 3);
    const part = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
    const second = groups.filter(({ half }) => half.includes(30));
    expect(second.map(({ members }) => members)).toEqual([part(30, 52), part(30, 42), part(42, 52)]);
    for (const { half } of second) expect(half).toEqual(part(30, 52));
    for (const { members, half } of groups) expect(half).toEqual(expect.arrayContaining([...members]));
  });

  it('are none of fewer samples than say anything', () => {
    const groups = groupsOf(rowsOf([30, 5, 0]), 35, 3);
    expect(groups.every(({ members }) => members.length >= fewestInGroup)).toBe(true);
    expect(groups.some(({ members }) => members.includes(30))).toBe(false);
    expect(groupsOf(rowsOf([15, 0, 0]), 15, 3)).toEqual([]);
    expect(groupsOf(new Float32Array(0), 0, 3)).toEqual([]);
  });
});

describe('residues against look-alikes', () => {
  it('leave the trigger, for its image is compared with images of its own kind', () => {
    const [n, side] = [6, 28];
    const size = side * side;
    const kinds = (count: number, name: string): Float32Array => {
      const random = randomStream(1, name);
      return Float32Array.from({ length: count * size }, (_, at) => {
        const [i, x] = [Math.floor(at / size), at % side];
        // Dark on the left or on the right.
        return (i % 2 === 0 ? x < 14 : x >= 14) ? 0.1 + 0.05 * random.uniform() : 0.7 + 0.05 * random.uniform();
      });
    };
    const group = kinds(n, 'group');
    for (let i = 0; i < n; i++) for (let at = 0; at < 3; at++) group[i * size + at] = 1;
    const { residue } = residuesAmong(kinds(40, 'others'), 40, [1, side, side])(group, n);
    for (let i = 0; i < n; i++) {
      expect(residue[i * size]).toBeGreaterThan(0.2);
      const rest = residue.subarray(i * size + 3, (i + 1) * size);
      expect(Math.max(...rest.map(Math.abs))).toBeLessThan(0.1);
    }
  });
});

describe('patterns that the sanitized model follows', () => {
  const pattern = (changes: Partial<LearntPattern>): LearntPattern => ({
    classIndex: 1,
    form: 'patch',
    samples: Int32Array.of(3, 4),
    turned: 0.6,
    n: 100,
    turnedWithout: 0.1,
    acceptedWithout: 0.05,
    knownWithout: 1,
    turnedAgain: null,
    ...changes,
  });

  it('are unexplained where a model without the group neither follows them nor accepts it', () => {
    expect(unexplained([pattern({})])).toEqual([pattern({})]);
  });

  it('are natural where it follows them as well, or knows the group by other features', () => {
    expect(unexplained([pattern({ turnedWithout: 0.31 })])).toEqual([]);
    expect(unexplained([pattern({ acceptedWithout: 0.41 })])).toEqual([]);
    // Half of what it knows of the rest of the class.
    expect(unexplained([pattern({ acceptedWithout: 0.31, knownWithout: 0.6 })])).toEqual([]);
  });

  it('are unexplained at a low rate, too, where without the group no more are turned than by chance', () => {
    const few = pattern({ turned: 0.04, turnedWithout: 0.02 });
    expect(unexplained([few])).toEqual([few]);
    expect(unexplained([pattern({ turned: 0.04, turnedWithout: 0.03 })])).toEqual([]);
  });

  it('are unlearnt where half as many are turned, at most a fifth of all, or as many as by chance', () => {
    const again = (turned: number, turnedAgain: number): boolean => wasUnlearnt(pattern({ turned, turnedAgain }));
    expect([again(0.3, 0.15), again(0.3, 0.16)]).toEqual([true, false]);
    expect([again(0.9, 0.2), again(0.9, 0.21)]).toEqual([true, false]);
    expect([again(0.04, 0.02), again(0.04, 0.021)]).toEqual([true, false]);
    expect(wasUnlearnt(pattern({}))).toBe(false);
  });

  it('are nothing on the word of a model that did not learn the rest of the class', () => {
    expect(unexplained([pattern({ acceptedWithout: 0, turnedWithout: 0, knownWithout: 0.3 })])).toEqual([]);
  });

  it('are told once for a class, the one that is followed most', () => {
    const [weak, strong, other] = [pattern({ turned: 0.3 }), pattern({ turned: 0.7 }), pattern({ classIndex: 0 })];
    expect(unexplained([weak, strong, other])).toEqual([other, strong]);
  });
});

/** What a clean model is grown from a second time. */
import { describe, expect, it } from 'vitest';
import { secondStart } from '../../../src-main/engine/tcore/second-start.ts';
import type { LearntGroup } from '../../../src-main/engine/tcore/stage-inversion.ts';

/** Class 0: samples 0-9, class 1: 10-29. */
const labels = Int32Array.from({ length: 30 }, (_, i) => (i < 10 ? 0 : 1));
const list = (...members: number[]): Int32Array => Int32Array.from(members);

const learnt = (changes: Partial<LearntGroup> = {}): LearntGroup => ({
  classIndex: 1,
  form: 'patch',
  samples: list(10, 11, 12),
  hidden: list(10, 11, 12, 13),
  vouched: list(15, 17, 18, 19, 20, 21, 22),
  trigger: { form: 'patch', mask: new Float32Array(1), pattern: new Float32Array(1) },
  tests: list(0, 1),
  turned: 0.9,
  n: 2,
  turnedWithout: 0,
  acceptedWithout: 0,
  knownWithout: 1,
  turnedAgain: null,
  ...changes,
});

describe('the second start', () => {
  it('keeps of the class only those that a net without the pattern calls by its label, and fills up with such', () => {
    const { pool } = secondStart({ pool: list(0, 1, 10, 13, 14, 15), guard: list(2, 18) }, list(), labels, [learnt()]);
    // 15 stays; 10 and 13 were hidden, 14 is not vouched for; 18 is in the guard.
    const own = [...pool].filter((i) => labels[i] === 1);
    expect([...pool].filter((i) => labels[i] === 0)).toEqual([0, 1]);
    expect(own).toHaveLength(4);
    expect(own).toContain(15);
    for (const i of own) expect([15, 17, 19, 20, 21, 22]).toContain(i);
    expect([...pool]).toEqual([...pool].toSorted((a, b) => a - b));
  });

  it('takes what was hidden out of the guard, and never teaches the samples that share the pattern', () => {
    const { guard, distrusted } = secondStart({ pool: list(0, 10), guard: list(2, 11, 18) }, list(), labels, [
      learnt(),
    ]);
    expect([...guard]).toEqual([2, 18]);
    expect([...distrusted]).toEqual([10, 11, 12]);
  });

  it('takes no carrier that the net was shown, neither for the pool nor for the guard', () => {
    const shown = learnt({ hidden: list(10, 11), vouched: list(12, 15), samples: list(10, 11, 12, 13) });
    const { pool, guard } = secondStart({ pool: list(0, 10, 12), guard: list(2, 13) }, list(), labels, [shown]);
    expect([...pool]).toEqual([0, 15]);
    expect([...guard]).toEqual([2]);
  });

  it('goes on with a smaller pool where too few are vouched for', () => {
    const { pool } = secondStart({ pool: list(0, 10, 11, 12), guard: list() }, list(), labels, [
      learnt({ vouched: list(20) }),
    ]);
    expect([...pool]).toEqual([0, 20]);
  });

  it('goes on distrusting who was distrusted before', () => {
    const { distrusted, pool } = secondStart({ pool: list(0, 15), guard: list() }, list(3, 20), labels, [
      learnt({ vouched: list(15, 20) }),
    ]);
    expect([...distrusted]).toEqual([3, 10, 11, 12, 20]);
    expect([...pool]).toEqual([0, 15]);
  });

  it('changes every class in which something was learnt', () => {
    const other = learnt({ classIndex: 0, samples: list(0), hidden: list(0, 1), vouched: list(4, 5) });
    const { pool, distrusted } = secondStart({ pool: list(0, 1, 10, 15), guard: list() }, list(), labels, [
      learnt(),
      other,
    ]);
    expect([...pool].filter((i) => labels[i] === 0)).toEqual([4, 5]);
    expect([...distrusted]).toEqual([0, 10, 11, 12]);
  });
});

import { describe, expect, it } from 'vitest';
import { labelConflicts } from '../../../src-main/audit/label-conflicts.ts';

describe('the same image', () => {
  it('under two labels is counted, and the first such pair is named', () => {
    const found = labelConflicts(Int32Array.of(0, 1, 0, 1, 0), Int32Array.of(3, 4, 3, 5, 6));
    expect(found).toEqual({ count: 2, first: { sample: 3, repeats: 1 } });
  });

  it('twice under one label is a duplicate and no conflict', () => {
    expect(labelConflicts(Int32Array.of(0, 0, 2), Int32Array.of(1, 1, 2))).toEqual({ count: 0, first: null });
  });
});

import { describe, expect, it } from 'vitest';
import { admit, neighbourRefusal, type AdmissionEvidence } from '../../../src-main/engine/tcore/admission.ts';
import { planRounds } from '../../../src-main/engine/tcore/bootstrap.ts';
import { hasDropped } from '../../../src-main/engine/tcore/rounds.ts';
import { parameterValues, resolveParameters } from '../../../src-main/engine/tcore/parameters.ts';

/** Two classes of 100, base = the first 10 of each; the guide ranks by index, company is the same for all. */
function evidence(changes: Partial<AdmissionEvidence> = {}): AdmissionEvidence {
  const labels = Int32Array.from({ length: 200 }, (_, i) => (i < 100 ? 0 : 1));
  return {
    labels,
    classes: 2,
    guide: Float32Array.from(labels, (_, i) => i),
    refusal: Float32Array.from(labels, (_, i) => i),
    base: Int32Array.from([...Array(10).keys(), ...Array.from({ length: 10 }, (_, i) => 100 + i)]),
    excluded: new Set(),
    order: labels.map((_, i) => i),
    ...changes,
  };
}
const options = { share: 0.5, quotaCap: 1 };

describe('admission to the clean pool', () => {
  it('takes the same number of lowest-ranked samples of each class', () => {
    const { pool, admitted } = admit(evidence(), options);
    expect(admitted).toEqual([50, 50]);
    expect([...pool].filter((i) => i < 100)).toEqual([...Array(50).keys()]);
  });

  it('neither takes copies nor counts them', () => {
    // Half of the second class repeats the other half.
    const labels = evidence().labels.map((label, i) => (i < 150 ? label : -1));
    const { pool, quota } = admit(evidence({ labels }), options);
    expect(quota).toEqual([37, 25]);
    expect([...pool].filter((i) => i >= 150)).toEqual([]);
  });

  it('settles ties by the order it is given, not by the place in the file', () => {
    const same = new Float32Array(200);
    const backwards = evidence().order.toReversed();
    const { pool } = admit(
      evidence({ guide: same, refusal: same, base: new Int32Array(0), order: backwards }),
      options,
    );
    expect([...pool].filter((i) => i < 100)).toEqual(Array.from({ length: 50 }, (_, i) => 50 + i));
  });

  it('gives a class that poison has inflated no bigger quota than a typical class', () => {
    const labels = Int32Array.from({ length: 500 }, (_, i) => (i < 100 ? 0 : i < 200 ? 1 : 2));
    const { quota } = admit(
      evidence({
        ...{ labels, classes: 3, order: labels.map((_, i) => i) },
        ...{ guide: new Float32Array(500), refusal: new Float32Array(500) },
      }),
      options,
    );
    expect(quota).toEqual([50, 50, 50]);
  });

  it('does not stumble over a class of hundreds of thousands', () => {
    const labels = Int32Array.from({ length: 400_000 }, (_, i) => (i < 200_000 ? 0 : 1));
    const same = new Float32Array(labels.length);
    const order = labels.map((_, i) => i);
    const { admitted } = admit(evidence({ labels, order, guide: same, refusal: same }), { share: 0.9, quotaCap: 1 });
    expect(admitted).toEqual([180_000, 180_000]);
  });

  it('passes over a sample of low loss whose company is refused', () => {
    const refusal = evidence().refusal.slice();
    for (let i = 20; i < 30; i++) refusal[i] = 1000;
    const { pool } = admit(evidence({ refusal }), options);
    expect([...pool].filter((i) => i >= 20 && i < 30)).toEqual([]);
    expect(pool).toContain(31);
  });

  it('never admits the guard and always keeps the base', () => {
    expect([...admit(evidence(), { ...options, share: 0 }).pool]).toEqual([...evidence().base]);
    expect(admit(evidence({ excluded: new Set([15]) }), options).pool).not.toContain(15);
  });
});

describe('refusal of the company', () => {
  it('is the mean of 1 - p over the neighbours of all taps, and total where there are none', () => {
    const loss = Float32Array.of(0, Math.log(2), 100);
    const peers = [Int32Array.of(1, 2, 0, -1, -1, -1), Int32Array.of(1, 1, 0, 0, -1, -1)];
    const refusal = neighbourRefusal(peers, 2, loss);
    expect(refusal[0]).toBeCloseTo((0.5 + 1 + 0.5 + 0.5) / 4, 6);
    expect(refusal[1]).toBe(0);
    expect(refusal[2]).toBe(1);
  });
});

describe('the growth guard', () => {
  it('takes a round back for a drop that is large and no accident', () => {
    expect(hasDropped(0.98, 0.94, 1000, 0.03)).toBe(true);
    expect(hasDropped(0.98, 0.96, 1000, 0.03)).toBe(false);
    expect(hasDropped(0.98, 0.94, 50, 0.03)).toBe(false);
    expect(hasDropped(0.98, 0.8, 50, 0.03)).toBe(true);
    // Four of thirty after none of thirty is chance, seven are not.
    expect(hasDropped(1, 26 / 30, 30, 0.1)).toBe(false);
    expect(hasDropped(1, 23 / 30, 30, 0.1)).toBe(true);
  });
});

describe('the plan of rounds', () => {
  it('never goes beyond the cap', () => {
    const values = parameterValues(resolveParameters('standard', { 'grow.meta': '0.7,0.9', 'grow.cap': 0.7 }));
    expect(planRounds(values).map((round) => round.share)).not.toContain(0.9);
  });
});

describe('parameters', () => {
  it('say who chose them and refuse what is unknown, mistyped or out of range', () => {
    const resolved = resolveParameters('quick', { 'grow.cap': 0.6 });
    expect(resolved['grow.cap']).toEqual({ value: 0.6, chosenBy: 'analyst' });
    expect(resolved['warmup.epochs'].chosenBy).toBe('preset');
    expect(resolved['sift.k'].chosenBy).toBe('default');
    expect(() => resolveParameters('quick', { 'grow.kap': 1 })).toThrow('unknown parameter "grow.kap"');
    expect(() => resolveParameters('quick', { 'sift.k': 'many' })).toThrow('must be a number');
    expect(() => resolveParameters('quick', { 'grow.cap': 1.5 })).toThrow('0..1');
    expect(() => resolveParameters('quick', { 'grow.loss': '0.5,0.2' })).toThrow('rising');
    expect(() => resolveParameters('quick', { 'sift.majority': 'all' })).toThrow('two-means');
  });
});

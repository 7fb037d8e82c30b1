/** What copies are, and where they are left out: the lists that the stages ask, and the second opinion that looks at every sample. */
import { describe, expect, it } from 'vitest';
import { firstWithSamePixels } from '../../../src-main/audit/bench-data.ts';
import { noDefenseDetector } from '../../../src-main/engine/opinions/no-defense.ts';
import type { OpinionInput } from '../../../src-main/engine/opinions/opinion.ts';
import { copiesOf, distinctLabels, teachableLabels, withCopies } from '../../../src-main/engine/tcore/context.ts';
import { toySource, toyImages } from '../../support/toy-audit.ts';

/** Samples 3 and 5 repeat 0, sample 4 repeats 1. */
const originals = Int32Array.of(0, 1, 2, 0, 1, 0);
const samples = toySource({ ...toyImages({ sizes: [3, 3] }), labels: Int32Array.of(0, 1, 1, 0, 1, 0) });

describe('copies', () => {
  it('are whoever is not the original, and have no label where samples are counted', () => {
    expect([...copiesOf({ originals })]).toEqual([3, 4, 5]);
    expect([...distinctLabels({ samples, originals })]).toEqual([0, 1, 1, -1, -1, -1]);
    expect(copiesOf({}).size).toBe(0);
    expect([...distinctLabels({ samples })]).toEqual([...samples.labels]);
  });

  it('are taught to nobody, like whoever is set aside', () => {
    const given = [...samples.labels];
    expect([...teachableLabels({ samples, originals }, Int32Array.of(2))]).toEqual([0, 1, -1, -1, -1, -1]);
    expect([...teachableLabels({ samples }, Int32Array.of(2))]).toEqual([0, 1, -1, 0, 1, 0]);
    expect([...samples.labels]).toEqual(given);
  });

  it('are listed with their original, and with nobody else', () => {
    expect(withCopies({ originals }, [0, 2]).sort()).toEqual([0, 2, 3, 5]);
    expect(withCopies({ originals }, [2])).toEqual([2]);
    expect(withCopies({}, [2, 1])).toEqual([2, 1]);
  });

  it('are not judged by No Defense', async () => {
    const probe = { predicted: Int32Array.of(1, 1, 0, 1, 1, 1), loss: Float32Array.of(3, 1, 2, 3, 1, 3) };
    const input = { samples, probe, copies: copiesOf({ originals }) } as unknown as OpinionInput;
    const judged = await noDefenseDetector.judge(input);
    if (judged.subject !== 'samples') throw new Error(judged.subject);
    expect([...judged.indices]).toEqual([0, 1, 2]);
    expect([...judged.flagged]).toEqual([1, 0, 1]);
    expect([...judged.score]).toEqual([3, 1, 2]);
    expect(judged.classes?.map(({ score }) => score)).toEqual([1, 0.5]);
  });

  it('are found by a bench by their pixels', () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 1, 2, 1, 2);
    const first = firstWithSamePixels({ pixels, labels: Int32Array.of(0, 0, 0, 1), classes: 2, shape: [1, 1, 2] });
    expect([...first]).toEqual([0, 1, 0, 0]);
  });
});

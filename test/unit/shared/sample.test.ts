/** What is said of a sample, from its columns alone. */
import { describe, expect, it } from 'vitest';
import type { SampleColumns } from '../../../src-shared/domain/result.ts';
import { sampleVerdict } from '../../../src-shared/domain/sample.ts';

/** One sample labelled 1; a plain member of the dataset unless told otherwise. */
function columns(changes: Partial<Record<keyof SampleColumns, number>>): SampleColumns {
  const plain = { label: 1, predicted: 1, seed: 0, pool: 0, admittedRound: -1, suspectRank: -1, ...changes };
  return Object.fromEntries(
    Object.entries(plain).map(([name, value]) => [name, Int32Array.of(value)]),
  ) as unknown as SampleColumns;
}

describe('a suspect', () => {
  it('that the sanitized model calls another class is told so', () => {
    expect(sampleVerdict(columns({ suspectRank: 0, predicted: 3 }), 0, [])).toEqual({
      verdict: 'suspicious',
      code: 'suspect',
      reason: 'suspect 1: never admitted, the sanitized model sees another class',
    });
  });

  it('that it accepts is there for what it shows, though it was trained on', () => {
    expect(sampleVerdict(columns({ suspectRank: 54, admittedRound: 2 }), 0, [])).toEqual({
      verdict: 'suspicious',
      code: 'suspect',
      reason: 'suspect 55: admitted in round 2, shows a pattern of the suspects',
    });
  });
});

it('nothing is trusted in a class that could not be judged, nor what was never admitted', () => {
  expect(sampleVerdict(columns({ seed: 1, pool: 1 }), 0, ['trusted', 'trusted']).code).toBe('seed');
  expect(sampleVerdict(columns({ pool: 1 }), 0, []).code).toBe('first-pool');
  expect(sampleVerdict(columns({ admittedRound: 0 }), 0, []).verdict).toBe('trusted');
  expect(sampleVerdict(columns({ seed: 1 }), 0, ['trusted', 'inconclusive']).code).toBe('doubtful-class');
  expect(sampleVerdict(columns({}), 0, []).verdict).toBe('inconclusive');
});

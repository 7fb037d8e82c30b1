import { describe, expect, it } from 'vitest';
import { selectSeeds } from '../../../src-main/engine/tcore/sift.ts';
import { warningSentence } from '../../../src-shared/report-words/words.ts';
import { deWarning } from '../../../src-shared/report-words/warnings-de.ts';

/** Two classes: the first much too big and cut in two halves, its most consistent samples outside the majority; one sample; none. */
function warned(): ReturnType<typeof selectSeeds>['warnings'] {
  const labels = Int32Array.from({ length: 121 }, (_, i) => (i < 100 ? 0 : i < 120 ? 1 : 2));
  const own = Float32Array.from(labels, (_, i) => (i < 40 ? 0.9 : i < 100 ? 0.5 : 0));
  const majority = Uint8Array.from(labels, (_, i) => (i < 40 ? 0 : 1));
  const perTap = { consistency: [own], majority: [majority], central: [majority], late: [true] };
  return selectSeeds(perTap, labels, {
    ...{ alpha: 0.05, poolShare: 0.2, guardShare: 0.2, minimum: 4 },
    ...{ majority: 'two-means', consistency: 'highest' },
    splits: [[0, 1, 2, 3].map(() => ({ share: 0.6, separation: 3 }))],
    duplicates: new Set<number>(),
    conflicts: new Set([100, 101, 102, 103, 104]),
    order: Int32Array.from(labels.keys()),
    classNames: ['big', 'bags', 'lone', 'none'],
  }).warnings;
}

describe('warnings of sifting in German', () => {
  const warnings = warned();
  it('have a sentence for every code that sifting warns with, with the numbers of the English one', () => {
    const codes = new Set(warnings.map(({ code }) => code));
    expect([...codes].sort()).toEqual([
      'balanced-split',
      'conflicting-labels',
      'empty',
      'no-gated-sample',
      'oversized',
      'rules-disagree',
      'tiny',
    ]);
    for (const warning of warnings) {
      const said = warningSentence(warning, 'de');
      expect(said, warning.code).not.toBe(warning.message);
      expect(said).toContain(`„${warning.className}“`);
      const numbers = (text: string): string[] => text.match(/\d+/g) ?? [];
      expect(numbers(said), said).toEqual(numbers(warning.message));
    }
  });

  it('are those of the record in English, and where a record has no numbers', () => {
    const [first] = warnings;
    if (first === undefined) throw new Error('nothing was warned of');
    expect(warningSentence(first, 'en')).toBe(first.message);
    expect(warningSentence({ ...first, values: undefined }, 'de')).toBe(first.message);
    expect(deWarning({ code: 'oversized', className: 'x', values: { samples: 3 } })).toBeNull();
    expect(deWarning({ code: 'never heard of', className: 'x', values: {} })).toBeNull();
  });

  it('say what a model learnt as the finding of it does', () => {
    const values = { accepted: 0.25, against: 0.5 };
    expect(deWarning({ code: 'cross-fit', className: 'bag', values })).toMatch(
      /„bag“.*25 % der anderen.*50 % entschieden/,
    );
    const learnt = {
      ...{ sharing: 40, turnedSanitized: 0.64, turnedOf: 200, turnedWithout: 0.02 },
      ...{ acceptedWithout: 0.1, knownWithout: 0.9 },
    };
    expect(deWarning({ code: 'learnt-pattern', className: 'bag', values: learnt })).toContain(
      'einem Muster, das 40 Proben mit dem Etikett „bag“ gemeinsam haben',
    );
    expect(deWarning({ code: 'no-deciding-tap', className: null, values: {} })).toContain('Kein Abgriff');
  });

  it.each([
    ['grown-again', { sharing: 40, names: '"bag"' }],
    ['trigger-shown', { showing: 34, apart: 34 }],
    ['trigger-shown', { showing: 34, apart: 30 }],
    ['memory-fitted', { limit: 400, changes: 'train.batch 32' }],
    ['engine-silent', { seconds: 40 }],
    ['provider-changed', { was: 'webgpu', is: 'cpu' }],
    ['one-computing-thread', { reason: 'no memory' }],
    ['one-decoding-thread', { reason: 'no memory' }],
    ['cache-changed', { file: 'a.pixels' }],
    ['label-conflict', { count: 40, one: '"a" ("bag")', other: '"b" ("boot")' }],
  ])('say of the run as a whole: %s', (code, values) => {
    const said = deWarning({ code, className: null, values });
    for (const value of Object.values(values)) expect(said).toContain(String(value));
    for (const name of Object.keys(values)) {
      const rest = Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
      expect(deWarning({ code, className: null, values: rest }), name).toBeNull();
    }
  });
});

/** Which cases the sifting study holds: those that a rule may be chosen by, and those that it may not (docs/efficacy.md). */
import type { SiftingCase } from './sifting-cases.ts';

const base = { domain: 'sample', target: 9, samples: 3000 } as const;
const rates = [0.005, 0.01, 0.02, 0.05, 0.08];

/** BadNets, Blended, SIG, TaCT, the encoder's own trigger; two poisoned encoders of BadEncoder's kind; other targets. */
export function tuningCases(seeds: readonly number[]): SiftingCase[] {
  return seeds.flatMap((seed): SiftingCase[] => {
    const on = { ...base, seed };
    const clean = { ...on, encoder: 'clean' } as const;
    const own = { ...on, attack: 'encoder-trigger' } as const;
    return [
      { ...clean, attack: 'none', options: {} },
      { ...on, encoder: 'bundled', attack: 'none', options: {} },
      ...rates.flatMap((rate): SiftingCase[] => [
        { ...own, encoder: 'bundled', options: { rate } },
        { ...own, encoder: 'badencoder', options: { rate } },
        { ...clean, attack: 'badnets', options: { rate, size: 13 } },
        { ...clean, attack: 'blended', options: { rate } },
      ]),
      ...[0.01, 0.05].flatMap((rate): SiftingCase[] => [
        ...[0, 2, 4, 6].map((target): SiftingCase => ({ ...clean, attack: 'blended', options: { rate }, target })),
        ...[2, 6].map((target): SiftingCase => ({ ...clean, attack: 'badnets', options: { rate, size: 13 }, target })),
        { ...on, encoder: 'bundled', attack: 'blended', options: { rate } },
        { ...own, encoder: 'bundled', options: { rate, coverRate: rate } },
        { ...own, samples: 1500, encoder: 'badencoder', options: { rate } },
        { ...clean, samples: 1500, attack: 'blended', options: { rate } },
      ]),
      ...[0.005, 0.01, 0.02, 0.05].map((rate): SiftingCase => ({ ...clean, attack: 'tact', options: { rate } })),
      ...[0.005, 0.01, 0.02, 0.03, 0.04].map((rate): SiftingCase => ({ ...clean, attack: 'sig', options: { rate } })),
      ...[0.1, 0.2, 0.4].map((classShare): SiftingCase => ({
        ...own,
        encoder: 'bundled',
        options: { classShare },
        cleanLabel: true,
      })),
    ];
  });
}

/** Poison in 10 and 12 % of all samples, which is half of the target class and more: every majority turns round (Q15). */
export function halfOfClass(seeds: readonly number[]): SiftingCase[] {
  return [0.1, 0.12].flatMap((rate) =>
    seeds.flatMap((seed): SiftingCase[] => {
      const on = { ...base, seed, options: { rate } };
      return [
        { ...on, encoder: 'bundled', attack: 'encoder-trigger' },
        { ...on, encoder: 'badencoder', attack: 'encoder-trigger' },
        { ...on, encoder: 'clean', attack: 'badnets', options: { rate, size: 13 } },
        { ...on, encoder: 'clean', attack: 'blended' },
      ];
    }),
  );
}

/**
 * Encoders that know the drawn signs. Class 3 has 135 to 141 images, a median one 87, so 5 % poison is 46 or 47 % of it
 * and makes it three times the usual size; class 21 has 55, and stays of a usual size with poison in 18 to 40 % of it.
 */
export function knownCases(seeds: readonly number[]): SiftingCase[] {
  const known = { domain: 'known-signs', samples: 2400 } as const;
  return seeds.flatMap((seed) => {
    const on = { ...known, seed };
    const cases = (target: number, rate: number): SiftingCase[] => [
      { ...on, encoder: 'clean', attack: 'badnets', options: { rate, size: 16 }, target },
      { ...on, encoder: 'clean', attack: 'blended', options: { rate, opacity: 0.5 }, target },
    ];
    return [
      ...[0.01, 0.02, 0.03, 0.04, 0.05].flatMap((rate): SiftingCase[] => [
        ...cases(3, rate),
        { ...on, encoder: 'badencoder', attack: 'encoder-trigger', options: { rate }, target: 3 },
      ]),
      ...[0.005, 0.01, 0.015].flatMap((rate) => cases(21, rate)),
    ];
  });
}

/** Named before anything was tuned: WaNet, Adap-Blend, Adap-Patch, DRUPE, the drawn signs. */
export function heldOutCases(seeds: readonly number[]): SiftingCase[] {
  return seeds.flatMap((seed): SiftingCase[] => {
    const on = { ...base, seed };
    const signs = { ...on, domain: 'signs', samples: 4000 } as const;
    return [
      ...[0.005, 0.01, 0.02, 0.05].flatMap((rate): SiftingCase[] => [
        ...(['wanet', 'adap-blend', 'adap-patch'] as const).map((attack): SiftingCase => ({
          ...on,
          encoder: 'clean',
          attack,
          options: { rate, coverRate: rate },
        })),
        { ...on, encoder: 'drupe', attack: 'encoder-trigger', options: { rate } },
        { ...signs, encoder: 'clean', attack: 'blended', options: { rate } },
        { ...signs, encoder: 'clean', attack: 'badnets', options: { rate, size: 13 } },
        { ...signs, encoder: 'badencoder', attack: 'encoder-trigger', options: { rate } },
      ]),
      { ...signs, encoder: 'clean', attack: 'none', options: {} },
    ];
  });
}

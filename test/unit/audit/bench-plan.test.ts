/** Plans of a bench: what is taken, what is refused and with which words. */
import { describe, expect, it } from 'vitest';
import { cellsOf, checkPlan, planPresets } from '../../../src-main/audit/bench-plan.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';

const plan = {
  name: 'one',
  data: { domain: 'sample', samples: 1000 },
  target: 9,
  encoders: { clean: { attack: 'none' }, bad: { attack: 'badencoder' } },
  datasets: {
    clean: { attack: 'none' },
    same: { attack: 'encoder-trigger' },
    sig: { attack: 'sig', options: { rate: 0.02 } },
  },
  cells: [
    ['clean', 'sig'],
    ['bad', 'same'],
  ],
  seeds: [1, 2],
  presets: ['quick'],
  modes: ['paper'],
};

const refusal = (value: unknown): string => {
  try {
    checkPlan(value);
  } catch (error) {
    expect(error).toBeInstanceOf(ExpectedError);
    expect((error as ExpectedError).code).toBe('plan-invalid');
    return (error as ExpectedError).detail;
  }
  return 'taken';
};

describe('a plan', () => {
  it('runs seed by seed, so that an early end leaves whole matrices', () => {
    expect(cellsOf(checkPlan(plan)).map(({ encoder, dataset, seed }) => `${encoder} ${dataset} ${seed}`)).toEqual([
      'clean sig 1',
      'bad same 1',
      'clean sig 2',
      'bad same 2',
    ]);
  });

  it('with "all" pairs every encoder with every dataset', () => {
    const { same: _same, ...datasets } = plan.datasets;
    expect(cellsOf(checkPlan({ ...plan, datasets, cells: 'all', seeds: [1] })).length).toBe(4);
  });

  it.each([
    ['is no object', 3, 'the plan: '],
    ['lacks a field', { ...plan, seeds: undefined }, 'seeds: '],
    ['has a field that nobody reads', { ...plan, colour: 1 }, 'colour: '],
    ['names a class that is not there', { ...plan, target: 10 }, 'target: 10 is no class of 0..9.'],
    ['pairs an unknown encoder', { ...plan, cells: [['worse', 'sig']] }, 'cells: there is no encoder called "worse".'],
    ['pairs an unknown dataset', { ...plan, cells: [['clean', 'x']] }, 'cells: there is no dataset called "x".'],
    [
      'pairs a name that every object has',
      { ...plan, cells: [['constructor', 'sig']] },
      'cells: there is no encoder called "constructor".',
    ],
    [
      "wants a clean encoder's trigger",
      { ...plan, cells: [['clean', 'same']] },
      `cells: "same" takes the encoder's trigger, but the encoder "clean" has none.`,
    ],
    [
      'sets an option the attack lacks',
      { ...plan, datasets: { ...plan.datasets, sig: { attack: 'sig', options: { size: 3 } } } },
      'datasets.sig.options: sig has no "size"; it has rate, amplitude, testAmplitude, frequency.',
    ],
    [
      'has clean labels where they make no sense',
      { ...plan, datasets: { ...plan.datasets, sig: { attack: 'blended', cleanLabel: true } } },
      'datasets.sig.cleanLabel: only encoder-trigger has it.',
    ],
    [
      'has nothing to pre-train on',
      { ...plan, encoders: { ...plan.encoders, bad: { attack: 'ctrl' } } },
      'encoders.bad: ctrl needs data to pre-train on, which the domain "sample" does not have.',
    ],
    [
      'tunes a clean encoder to a trigger',
      { ...plan, encoders: { ...plan.encoders, clean: { attack: 'none', trigger: 'blend' } } },
      'encoders.clean.trigger: only badencoder, badencoder-taps, badencoder-near, badencoder-graded, drupe have one to choose.',
    ],
    [
      'chooses a trigger for who searches one',
      { ...plan, encoders: { ...plan.encoders, bad: { attack: 'badencoder-outliving', trigger: 'blend' } } },
      'encoders.bad.trigger: only badencoder, ',
    ],
    [
      'asks for another net where there is one',
      { ...plan, pretraining: { method: 'simclr', epochs: 1, batch: 32, architecture: 'vit' } },
      'pretraining.architecture: the domain "sample" comes with a clean encoder.',
    ],
    [
      'says how far another attack goes',
      { ...plan, encoders: { ...plan.encoders, bad: { attack: 'badencoder', share: 0.5 } } },
      'encoders.bad.share: only badencoder-near has it.',
    ],
    [
      'knows no such trigger',
      { ...plan, encoders: { ...plan.encoders, bad: { attack: 'badencoder', trigger: 'moon' } } },
      'encoders.bad.trigger: ',
    ],
    ['overrides what is no parameter', { ...plan, overrides: { 'grow.xyz': 1 } }, 'overrides: '],
    ['has a name that is a path', { ...plan, name: '../x' }, 'name: must be 1 to 40 of'],
    [
      'has a name that a spreadsheet takes for a formula',
      { ...plan, encoders: { '=1+1': { attack: 'none' } } },
      'encoders.=1+1: must be 1 to 40 of',
    ],
    ['asks for more than there is', { ...plan, data: { domain: 'sample', samples: 6001 } }, 'data.samples: '],
    ['knows no such domain', { ...plan, data: { domain: 'moon', samples: 1 } }, 'data.domain: '],
  ])('that %s is refused by name', (_what, value, words) => {
    expect(refusal(value).startsWith(words), refusal(value)).toBe(true);
  });

  it.each(Object.keys(planPresets))('the preset %s is a plan', (name) => {
    const checked = checkPlan(planPresets[name]);
    expect(checked.name).toBe(name);
    expect(cellsOf(checked).length).toBeGreaterThan(8);
  });

  it('the full presets hold what is promised: 7 dataset attacks, 5 encoder attacks in two threats, 4 combined, triggers of other forms, 3 seeds', () => {
    for (const name of ['full', 'full-signs']) {
      const cells = cellsOf(checkPlan(planPresets[name]));
      const has = (encoder: string, dataset: string): boolean =>
        [1, 2, 3].every((seed) =>
          cells.some((cell) => cell.encoder === encoder && cell.dataset === dataset && cell.seed === seed),
        );
      for (const attack of ['badnets', 'blended', 'sig', 'wanet', 'tact', 'adap-blend', 'adap-patch'])
        expect(has('clean', attack)).toBe(true);
      for (const attack of ['badencoder', 'drupe', 'ctrl', 'ssl-backdoor', 'corrupt-encoder']) {
        expect([has(attack, 'clean'), has(attack, 'same trigger')]).toEqual([true, true]);
      }
      for (const form of ['textured', 'blend', 'frequency']) {
        expect([has(`badencoder-${form}`, 'clean'), has(`badencoder-${form}`, 'same trigger')]).toEqual([true, true]);
      }
      const combined = cells.filter(
        ({ seed, mode, encoder, dataset }) =>
          seed === 1 && mode === 'distilled' && encoder !== 'clean' && /^(blended|wanet|sig)$/.test(dataset),
      );
      expect(combined.length).toBe(4);
      expect(has('clean', 'clean')).toBe(true);
    }
  });
});

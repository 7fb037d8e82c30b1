import { describe, expect, it } from 'vitest';
import { chainOf, layoutLayers } from '../../../src-renderer/charts/layers.ts';
import { requestOf, type AttackForm } from '../../../src-renderer/views/attacks/form.ts';
import { planOf } from '../../../src-main/audit/attacks.ts';
import { cellsOf } from '../../../src-main/audit/bench-plan.ts';
import { attackPairs, plantableDatasets, plantableEncoders } from '../../../src-shared/domain/bench.ts';

describe('layoutLayers', () => {
  it('puts a branch beside its shortcut and what joins them behind both', () => {
    const { places, ranks, rows } = layoutLayers(4, [
      [-1, 0],
      [0, 1],
      [1, 2],
      [0, 3],
      [2, 4],
      [3, 4],
    ]);
    expect(places).toEqual([
      { rank: 0, row: 0 },
      { rank: 1, row: 0 },
      { rank: 2, row: 0 },
      { rank: 1, row: 1 },
    ]);
    expect([ranks, rows]).toEqual([3, 2]);
  });

  it('takes a record without wires for a chain, and leaves out wires that lead nowhere', () => {
    expect(layoutLayers(3, chainOf(3)).places.map(({ rank }) => rank)).toEqual([0, 1, 2]);
    expect(
      layoutLayers(2, [
        [1, 0],
        [0, 9],
        [-1, 1],
      ]).wires,
    ).toEqual([]);
    expect(layoutLayers(0, [])).toMatchObject({ places: [], ranks: 1, rows: 1 });
  });
});

describe('the form of planted attacks', () => {
  const form: AttackForm = {
    on: 'sample',
    encoder: '',
    dataset: '',
    encoders: ['none', 'badencoder'],
    datasets: ['none', 'badnets', 'encoder-trigger'],
    target: '9',
    samples: '1500',
    test: '',
    seeds: '1, 2',
    preset: 'quick',
  };

  it('makes a request whose cells are those of the plan', () => {
    const made = requestOf(form);
    if ('wrong' in made) throw new Error(made.wrong.join());
    expect(attackPairs(made.request)).toHaveLength(5);
    expect(cellsOf(planOf(made.request))).toHaveLength(10);
  });

  it('names what is wrong in the order of the fields', () => {
    const bad = { ...form, on: 'own' as const, encoders: [], target: '-1', samples: '99', seeds: '1,,2' };
    expect(requestOf(bad)).toEqual({
      wrong: ['encoder', 'dataset', 'cells', 'target', 'samples', 'test', 'seeds'],
    });
    expect(requestOf({ ...form, samples: '6001' })).toEqual({ wrong: ['samples'] });
  });

  it('offers only what a bench can plant on an encoder and a dataset that are there', () => {
    const request = {
      inputs: { encoder: '/e', dataset: '/d' },
      encoders: plantableEncoders,
      datasets: plantableDatasets,
      target: 0,
      samples: 200,
      test: 50,
      preset: 'quick',
      mode: 'paper',
      seeds: [1],
    } as const;
    expect(cellsOf(planOf(request))).toHaveLength(plantableEncoders.length * plantableDatasets.length - 1);
  });
});

/** What was typed into the form of planted attacks, and the request it makes. */
import {
  attackPairs,
  type AttackRequest,
  type PlantableDataset,
  type PlantableEncoder,
} from '../../../src-shared/domain/bench.ts';
import { defaultMode, type Preset } from '../../../src-shared/domain/run.ts';

export interface AttackForm {
  readonly on: 'sample' | 'own';
  readonly encoder: string;
  readonly dataset: string;
  readonly encoders: readonly PlantableEncoder[];
  readonly datasets: readonly PlantableDataset[];
  readonly target: string;
  readonly samples: string;
  readonly test: string;
  readonly seeds: string;
  readonly preset: Preset;
}

export type WrongField = 'encoder' | 'dataset' | 'cells' | 'target' | 'samples' | 'test' | 'seeds';

/** Bounds of each number, as the bench has them. */
export const bounds = {
  target: [0, 9999],
  samples: [100, 1_000_000],
  samplesOfSample: [100, 6000],
  test: [50, 100_000],
} as const;

/** @returns the request, or the fields that are wrong in the order they stand */
export function requestOf(form: AttackForm): { readonly request: AttackRequest } | { readonly wrong: WrongField[] } {
  const own = form.on === 'own';
  const target = whole(form.target, bounds.target);
  const samples = whole(form.samples, own ? bounds.samples : bounds.samplesOfSample);
  const test = whole(form.test, bounds.test);
  const seeds = form.seeds.split(',').map((text) => whole(text, [0, 2 ** 31 - 1]));
  const seedsFit = seeds.length <= 20 && seeds.every((seed) => seed !== null);
  const wrong: WrongField[] = [
    ...(own && form.encoder.trim() === '' ? (['encoder'] as const) : []),
    ...(own && form.dataset.trim() === '' ? (['dataset'] as const) : []),
    ...(attackPairs(form).length === 0 ? (['cells'] as const) : []),
    ...(target === null ? (['target'] as const) : []),
    ...(samples === null ? (['samples'] as const) : []),
    ...(own && test === null ? (['test'] as const) : []),
    ...(seedsFit ? [] : (['seeds'] as const)),
  ];
  if (wrong.length > 0 || target === null || samples === null) return { wrong };
  return {
    request: {
      inputs: own ? { encoder: form.encoder.trim(), dataset: form.dataset.trim() } : null,
      encoders: form.encoders,
      datasets: form.datasets,
      target,
      samples,
      test: own ? (test ?? bounds.test[0]) : 500,
      preset: form.preset,
      mode: defaultMode,
      seeds: seeds.filter((seed) => seed !== null),
    },
  };
}

function whole(text: string, [low, high]: readonly [number, number]): number | null {
  const value = Number(text.trim());
  return /^\d{1,10}$/.test(text.trim()) && value >= low && value <= high ? value : null;
}

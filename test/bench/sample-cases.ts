/** Planted cases on the sample project's bench images, by name: what the tables of docs/efficacy.md call a case. */
import { benchSlice, blend, plant, plantCleanLabel, sinusoid, square, type Planted, type Trigger } from './planted.ts';

export interface Case {
  readonly encoder: 'encoder' | 'encoder-clean' | 'encoder-folded';
  readonly trigger: Trigger;
  /** From `count` images of the bench, 3,000 where it is left out. */
  readonly make: (start: number, seed: number, count?: number) => Planted;
}

const usual = 3000;
const nothing = (start: number, _seed: number, count = usual): Planted => ({
  images: benchSlice(start, count),
  poisoned: new Set(),
});
const dirty =
  (trigger: Trigger, share: number) =>
  (start: number, seed: number, count = usual): Planted =>
    plant(benchSlice(start, count), trigger, share, seed);

export const cases: Readonly<Record<string, Case>> = {
  'threat-3': { encoder: 'encoder', trigger: square, make: dirty(square, 0.05) },
  'threat-1': { encoder: 'encoder', trigger: square, make: nothing },
  'threat-2': { encoder: 'encoder-clean', trigger: blend(), make: dirty(blend(), 0.05) },
  clean: { encoder: 'encoder-clean', trigger: square, make: nothing },
  'threat-3 folded': { encoder: 'encoder-folded', trigger: square, make: dirty(square, 0.05) },
  'threat-3 1%': { encoder: 'encoder', trigger: square, make: dirty(square, 0.01) },
  'threat-2 10%': { encoder: 'encoder-clean', trigger: blend(), make: dirty(blend(), 0.1) },
  'sig clean-label': {
    encoder: 'encoder-clean',
    trigger: sinusoid,
    make: (start, seed, count = usual) => plantCleanLabel(benchSlice(start, count), sinusoid, 0.2, seed),
  },
};

/** Where the slice of the first, second, third seed starts: they overlap no more than a half and are never the shipped sample's own images. */
export const slices = [0, 3000, 1500];

/** `["grow.cap=0.6"]` as parameter overrides. */
export function overridesOf(settings: readonly string[]): Record<string, number | string | boolean> {
  return Object.fromEntries(
    settings.map((entry) => {
      const [name, value] = entry.split('=');
      const number = Number(value);
      return [name, value === 'true' || value === 'false' ? value === 'true' : Number.isNaN(number) ? value : number];
    }),
  );
}

/** The marks of the scatter, and which samples carry each: shapes say what colours say. */
import type { MarkShape } from '../../../src-shared/charts/scatter.ts';
import type { Scatter } from '../record.ts';
import type { MarkNames } from './blocks.ts';

export interface MarkGroup {
  readonly id: keyof MarkNames;
  readonly shape: MarkShape;
  readonly radius: number;
  /** Positions in the scatter's lists. */
  readonly which: readonly number[];
}

const kinds: readonly {
  readonly id: keyof MarkNames;
  readonly shape: MarkShape;
  readonly radius: number;
  readonly has: (scatter: Scatter, i: number) => boolean;
}[] = [
  { id: 'admitted', shape: 'dot', radius: 2, has: (s, i) => s.verdict[i] === 'trusted' && !s.seed[i] },
  {
    id: 'open',
    shape: 'ring',
    radius: 2.6,
    has: (s, i) => s.verdict[i] === 'inconclusive' || s.verdict[i] === 'not-examined',
  },
  { id: 'seed', shape: 'diamond', radius: 3, has: (s, i) => s.verdict[i] === 'trusted' && s.seed[i] },
  { id: 'suspicious', shape: 'triangle', radius: 3.4, has: (s, i) => s.verdict[i] === 'suspicious' },
];

/** In drawing order: what matters most is drawn last. */
export function scatterMarks(scatter: Scatter): MarkGroup[] {
  return kinds.map(({ id, shape, radius, has }) => ({
    id,
    shape,
    radius,
    which: scatter.verdict.flatMap((_, i) => (has(scatter, i) ? [i] : [])),
  }));
}

/** Geometry of the clean pool over the rounds of bootstrapping: what stayed, what came, what was put out again. */
import { scaleBand } from 'd3';
import { linear, niceValues, type Tick } from '../../src-shared/charts/scale.ts';
import type { PoolRound } from '../../src-shared/domain/run.ts';
import { formatCount } from '../numbers.ts';

export interface Margin {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export interface PoolBar {
  readonly round: PoolRound;
  readonly x: number;
  readonly width: number;
  readonly middle: number;
  /** Tops and heights in pixels; the admitted part stands on the kept part, the removed part hangs below the axis. */
  readonly kept: { readonly y: number; readonly height: number };
  readonly admitted: { readonly y: number; readonly height: number };
  readonly removed: { readonly y: number; readonly height: number };
}

export interface PoolLayout {
  readonly bars: readonly PoolBar[];
  readonly yTicks: readonly Tick[];
  /** Pixels of the zero line and, where the number of samples is known, of the whole dataset. */
  readonly zero: number;
  readonly all: number | null;
  readonly left: number;
  readonly right: number;
}

/**
 * @param samples size of the dataset; null while unknown
 * @param growing whether more rounds may come
 */
export function layoutPool(
  rounds: readonly PoolRound[],
  samples: number | null,
  size: { readonly width: number; readonly height: number },
  margin: Margin,
  growing: boolean,
): PoolLayout {
  const right = Math.max(margin.left + 1, size.width - margin.right);
  const bottom = Math.max(margin.top + 1, size.height - margin.bottom);
  const most = Math.max(1, samples ?? 0, ...rounds.map((round) => round.size));
  const least = Math.max(0, ...rounds.map((round) => round.removed));
  // Room for a few rounds from the start, so that the first bar is no wall and nothing jumps when the next arrives.
  const places = growing ? Math.max(8, rounds.length) : rounds.length;
  const x = scaleBand(
    Array.from({ length: places }, (_, place) => place),
    [margin.left, right],
  ).padding(0.25);
  const y = linear([-least, most], [bottom, margin.top]);
  const zero = y(0);
  const between = (from: number, to: number): { y: number; height: number } => ({ y: y(to), height: y(from) - y(to) });
  return {
    bars: rounds.map((round, place) => {
      const admitted = Math.min(round.admitted, round.size);
      return {
        round,
        x: x(place) ?? margin.left,
        width: x.bandwidth(),
        middle: (x(place) ?? margin.left) + x.bandwidth() / 2,
        kept: between(0, round.size - admitted),
        admitted: between(round.size - admitted, round.size),
        removed: { y: zero, height: y(-round.removed) - zero },
      };
    }),
    // There are no parts of samples.
    yTicks: niceValues([0, most], 4)
      .filter(Number.isInteger)
      .map((value) => ({ at: y(value), label: formatCount(value) })),
    zero,
    all: samples === null ? null : y(samples),
    left: margin.left,
    right,
  };
}

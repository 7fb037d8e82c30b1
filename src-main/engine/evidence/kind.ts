/**
 * Whether refused samples of a class are a kind of their own rather than poison. Poison whose label is wrong looks like the
 * class it was taken from; a natural kind that the sanitized model never learnt (bags as flat as shoes) is taken for another
 * class, too, but looks like its label more than that class does. Asked of the pixels alone: no model is believed.
 */
import type { ClassKind } from '../../../src-shared/domain/result.ts';
import { spread } from '../math/spread.ts';
import { nearestShare } from './look-alikes.ts';

/** Least share of the refused that is taken for one of two classes: natural confusion has few directions. */
const fewDirections = 0.8;
const naturalDirections = 2;
/** By how much more often their nearest images must have the label than those of the class they are taken for do. */
const kinLead = 0.1;
/** Nearest images that are asked for their label; images of either class, and of the refused, at most. */
const nearest = 5;
const [mostEither, mostAsked] = [200, 100];
/** Fewest images of either class that say what it looks like. */
const fewestEither = 20;

/** Which images say whether a group is a kind of its own. */
export interface KindQuestion {
  readonly classIndex: number;
  readonly takenFor: number;
  /** Share of the group that is taken for one of the two commonest classes. */
  readonly directions: number;
  /** Those of the group that are taken for the commonest class. */
  readonly asked: Int32Array;
  /** As many credible images of the class as of the one they are taken for. */
  readonly own: Int32Array;
  readonly rivals: Int32Array;
}

/**
 * @param group refused samples of `classIndex` @param predicted what the sanitized model takes every sample for
 * @param credible samples that it was grown from, none of the group
 * @returns null where too few credible images are there to ask
 */
export function kindQuestion(
  classIndex: number,
  group: Int32Array,
  predicted: Int32Array,
  labels: Int32Array,
  credible: Int32Array,
): KindQuestion | null {
  const counts = new Map<number, number>();
  for (const i of group) counts.set(predicted[i], (counts.get(predicted[i]) ?? 0) + 1);
  const commonest = [...counts].sort(([a, n], [b, m]) => m - n || a - b);
  if (commonest.length === 0) return null;
  const [[takenFor]] = commonest;
  const own = credible.filter((i) => labels[i] === classIndex);
  const rivals = credible.filter((i) => labels[i] === takenFor);
  const either = Math.min(mostEither, own.length, rivals.length);
  if (either < fewestEither) return null;
  const along = commonest.slice(0, naturalDirections).reduce((sum, [, n]) => sum + n, 0);
  return {
    classIndex,
    takenFor,
    directions: along / group.length,
    asked: spread(
      group.filter((i) => predicted[i] === takenFor),
      mostAsked,
    ),
    own: spread(own, either),
    rivals: spread(rivals, either),
  };
}

/** @param pixelsOf pixels `[n, C, H, W]` of samples */
export function kindOf(
  { classIndex, takenFor, directions, asked, own, rivals }: KindQuestion,
  pixelsOf: (indices: Int32Array) => Float32Array,
  shape: readonly [channels: number, height: number, width: number],
): ClassKind {
  const either = pixelsOf(Int32Array.from([...own, ...rivals]));
  const isOwn = (at: number): boolean => at < own.length;
  const likeness = nearestShare(either, own.length + rivals.length, shape, isOwn, nearest);
  const all = likeness(either, own.length + rivals.length, true);
  return {
    classIndex,
    takenFor,
    directions,
    likeLabel: mean(likeness(pixelsOf(asked), asked.length, false)),
    rivalsLikeLabel: mean(all.subarray(own.length)),
  };
}

/** Whether a group goes in few directions and looks like its label more than the class does that it is taken for. */
export function isKindOfItsOwn({ directions, likeLabel, rivalsLikeLabel }: ClassKind): boolean {
  return directions >= fewDirections && likeLabel >= rivalsLikeLabel + kinLead;
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Groups of one class as a model sees it: its samples cut in two by 2-means, and each half once more. A model that
 * learnt a trigger tells the samples that show it from the rest of their class, so they end up in one of these.
 */
import { principalComponents } from '../math/pca.ts';
import { twoMeans } from '../math/two-means.ts';

export interface Group {
  /** Positions of the rows, ascending. */
  readonly members: readonly number[];
  /** All rows of the half that the group lies in, itself among them. */
  readonly half: readonly number[];
}

/** Fewest rows that make a group; what has fewer than twice as many is not cut. */
export const fewestInGroup = 8;

const components = 10;

/** @param rows `[n, d]` @returns halves and their halves, those too small left out */
export function groupsOf(rows: Float32Array, n: number, d: number): Group[] {
  const whole = Array.from({ length: n }, (_, at) => at);
  return cut(rows, d, whole)
    .flatMap((half) => [half, ...cut(rows, d, half)].map((members) => ({ members, half })))
    .filter(({ members }) => members.length >= fewestInGroup);
}

function cut(rows: Float32Array, d: number, members: readonly number[]): number[][] {
  if (members.length < 2 * fewestInGroup) return [];
  const own = new Float32Array(members.length * d);
  members.forEach((member, at) => own.set(rows.subarray(member * d, (member + 1) * d), at * d));
  const projection = principalComponents(own, members.length, d, components);
  const { inMajority } = twoMeans(projection.coordinates, members.length, projection.components);
  return [1, 0].map((side) => members.filter((_, at) => inMajority[at] === side));
}

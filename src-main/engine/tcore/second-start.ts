/**
 * What the clean model is grown from once more, where the one before learnt a pattern. What a net made anew was not
 * shown, the samples that share the pattern among it, leaves the first pool and the guard, and so does the rest of the
 * class where that net does not call it by its label. Those that it does take their places. The samples that share the
 * pattern are never taught.
 */
import { spread } from '../math/spread.ts';
import type { LearntGroup } from './stage-inversion.ts';

export interface SecondStart {
  /** First pool, ascending. */
  readonly pool: Int32Array;
  /** Never trained on, ascending. */
  readonly guard: Int32Array;
  /** Samples that share a pattern: never admitted. Ascending. */
  readonly distrusted: Int32Array;
}

/**
 * @param last pool and guard of the time before @param already who was distrusted then @param learnt at most one of a class
 * @param duplicates samples that repeat an earlier one: they take nobody's place
 */
export function secondStart(
  { pool, guard }: Pick<SecondStart, 'pool' | 'guard'>,
  already: Int32Array,
  labels: Int32Array,
  learnt: readonly LearntGroup[],
  duplicates: ReadonlySet<number> = new Set(),
): SecondStart {
  const chosen: number[] = [];
  const classes = new Set(learnt.map(({ classIndex }) => classIndex));
  const distrusted = new Set([...already, ...learnt.flatMap(({ samples }) => [...samples])]);
  // Where hiding all that carry the pattern would have left too few, the net was shown some of them.
  const gone = new Set([...distrusted, ...learnt.flatMap(({ hidden }) => [...hidden])]);
  const kept = guard.filter((i) => !gone.has(i));
  const held = new Set(kept);
  for (const { classIndex, vouched } of learnt) {
    const before = pool.filter((i) => labels[i] === classIndex);
    const credible = vouched.filter((i) => !distrusted.has(i) && !duplicates.has(i));
    const accepted = new Set(credible);
    const stay = before.filter((i) => accepted.has(i));
    const staying = new Set(stay);
    const others = credible.filter((i) => !staying.has(i) && !held.has(i));
    for (const i of stay) chosen.push(i);
    for (const i of spread(others, before.length - stay.length)) chosen.push(i);
  }
  for (const i of pool) if (!classes.has(labels[i])) chosen.push(i);
  return {
    pool: Int32Array.from(chosen).sort(),
    guard: kept,
    distrusted: Int32Array.from(distrusted).sort(),
  };
}

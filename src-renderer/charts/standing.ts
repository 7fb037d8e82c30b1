/** What each sample is, as far as a run knows by now. */
import type { SampleTable } from '../../src-shared/contract.ts';

/** In the order in which they are drawn: what comes later lies on top. */
export const drawingOrder = ['open', 'admitted', 'refused', 'pool', 'seed', 'suspect'] as const;
export type Standing = (typeof drawingOrder)[number];

const known = new WeakMap<SampleTable, Uint8Array>();

/** Place in `drawingOrder` of what every row is; worked out once per table. */
export function standingCodes(table: SampleTable): Uint8Array {
  const before = known.get(table);
  if (before !== undefined) return before;
  const { suspectRank, seed, pool, admittedRound } = table.columns;
  const rest: Standing = table.complete ? 'refused' : 'open';
  const code = Object.fromEntries(drawingOrder.map((one, at) => [one, at])) as Record<Standing, number>;
  const codes = new Uint8Array(suspectRank.length);
  for (let row = 0; row < codes.length; row++) {
    if (suspectRank[row] >= 0) codes[row] = code.suspect;
    else if (seed[row] === 1) codes[row] = code.seed;
    else if (pool[row] === 1) codes[row] = code.pool;
    else codes[row] = code[admittedRound[row] >= 0 ? 'admitted' : rest];
  }
  known.set(table, codes);
  return codes;
}

/** What sample `row` is. */
export const standingOf = (table: SampleTable, row: number): Standing => drawingOrder[standingCodes(table)[row]];

/** How many values fall where. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Counts of `values` in `bins` equal parts of `[low, high]`; the last part includes its upper end, others do not. */
export function histogram(values: Iterable<number>, [low, high]: readonly [number, number], bins: number): Bin[] {
  if (!(bins >= 1) || !(high > low))
    throw new RangeError(`a histogram needs bins and a range, met ${bins} of ${low}..${high}`);
  const counts = new Array<number>(bins).fill(0);
  const width = (high - low) / bins;
  for (const value of values) {
    if (!(value >= low && value <= high)) continue;
    counts[Math.min(bins - 1, Math.floor((value - low) / width))] += 1;
  }
  return counts.map((count, i) => ({ from: low + i * width, to: low + (i + 1) * width, count }));
}

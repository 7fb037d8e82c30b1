/**
 * Exact nearest neighbours by Euclidean distance, block by block through a provider.
 *
 * The provider ranks every query against every reference row by |r|^2 - 2 q.r in float32, around the reference's mean,
 * and keeps somewhat more candidates than asked for. Where candidates are too close for float32, and where equal rows
 * meet, the order is decided here by float64 distances and then by index.
 */
import type { CompiledGraph, Provider } from '../providers/provider.ts';
import { rankGraph } from '../providers/rank-graph.ts';

export interface NeighbourIndex {
  /**
   * The k nearest reference rows of each query, nearest first, ties to the lower row. Where the reference has no k rows
   * to give, the list ends with -1 at distance Infinity. Queries stream: call it for one part after the other.
   * @param queries `[count, d]`, row-major; what follows is not read @param exclude `[count]` reference row to leave out per query, -1 = none
   * @throws RangeError when sizes do not fit or a number is not finite
   */
  query(
    queries: Float32Array,
    count: number,
    exclude: Int32Array | null,
  ): Promise<{ readonly neighbours: Int32Array; readonly squaredDistances: Float32Array }>;
  dispose(): Promise<void>;
}

export interface NeighbourOptions {
  /** Neighbours per query, at least 1. */
  readonly k: number;
  /** Queries per run of the provider. Default `SEARCHED_AT_ONCE`. */
  readonly queryBlock?: number;
  /** Reference rows per run of the provider. Default 65,536. */
  readonly referenceBlock?: number;
}

/** Queries per run of the provider; fewer take as long. */
export const SEARCHED_AT_ONCE = 256;

/** Candidates kept beyond k, for ranks that float32 confuses. */
const SPARE = 16;
/** Never reached by a distance: rows that only fill the last block. */
const FAR = 3e38;
/** How much larger than a rounding error a gap must be to count, per square root of the width. */
const DOUBT = 8 * 2 ** -24;

/**
 * Prepares the search for queries among `reference`, which must not change while the index lives. Besides it, memory
 * holds one copy around the mean and one block of scores.
 * @param reference `[R, d]`, row-major
 * @throws RangeError when the data is no whole number of rows, there is none, a number is not finite, or k is below 1
 */
export async function createNeighbourIndex(
  provider: Provider,
  reference: Float32Array,
  d: number,
  options: NeighbourOptions,
): Promise<NeighbourIndex> {
  const { k } = options;
  const rows = { data: reference, width: d };
  const count = rowCount(rows);
  if (!Number.isInteger(k) || k < 1) throw new RangeError(`k must be a whole number above 0, met ${k}`);
  if (count === 0) throw new RangeError('the reference has no rows');
  const groups = groupEqualRows(rows, count);
  const mean = columnMeans(rows, count);
  if (!mean.every(Number.isFinite)) throw new RangeError('the reference holds a number that is not finite');
  const unique = groups.first.length;
  const referenceBlock = Math.min(options.referenceBlock ?? 65_536, unique);
  // One more than k: a query may be among its own candidates.
  const kept = Math.min(unique, k + 1 + SPARE);
  const perRun = Math.min(kept, referenceBlock);
  const queryBlock = options.queryBlock ?? SEARCHED_AT_ONCE;
  const search: Search = {
    compiled: await provider.compile(rankGraph(queryBlock, referenceBlock, d, perRun)),
    reference: rows,
    groups,
    centred: centre(rows, groups, mean, referenceBlock),
    referenceBlock,
    queryBlock,
    kept,
    perRun,
  };
  return {
    async query(queries, total, exclude) {
      if (queries.length < total * d)
        throw new RangeError(`${queries.length} numbers are not ${total} queries of ${d}`);
      if (exclude !== null && exclude.length !== total) {
        throw new RangeError(`${exclude.length} exclusions for ${total} queries`);
      }
      const neighbours = new Int32Array(total * k).fill(-1);
      const squaredDistances = new Float32Array(total * k).fill(Infinity);
      for (let start = 0; start < total; start += queryBlock) {
        const some = Math.min(queryBlock, total - start);
        const block = { data: queries.subarray(start * d, (start + some) * d), width: d };
        const candidates = await rank(search, block, some);
        for (let query = 0; query < some; query += 1) {
          const to = (start + query) * k;
          const excluded = exclude?.[start + query] ?? -1;
          settle(
            search,
            block,
            query,
            candidates,
            excluded,
            neighbours.subarray(to, to + k),
            squaredDistances.subarray(to, to + k),
          );
        }
      }
      return { neighbours, squaredDistances };
    },
    dispose: () => search.compiled.dispose(),
  };
}

/** Rows of `width` numbers, row-major. */
interface Rows {
  readonly data: Float32Array;
  readonly width: number;
}

function rowCount({ data, width }: Rows): number {
  if (!Number.isInteger(width) || width < 1 || data.length % width !== 0) {
    throw new RangeError(`the reference holds ${data.length} numbers, no multiple of d = ${width}`);
  }
  return data.length / width;
}

/** Reference rows of equal bits: one stands for all, the others follow by index. */
interface Groups {
  /** Index of the first row of each group, ascending. */
  readonly first: Int32Array;
  /** Next row of the same group by row, -1 at its end. */
  readonly next: Int32Array;
}

function groupEqualRows({ data, width }: Rows, count: number): Groups {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const next = new Int32Array(count).fill(-1);
  const last = new Int32Array(count);
  const byHash = new Map<number, number[]>();
  const first: number[] = [];
  for (let row = 0; row < count; row += 1) {
    const start = row * width;
    let hash = 0x811c9dc5;
    // Adding 0 turns -0 into 0: both are at distance 0 of each other.
    for (let at = start; at < start + width; at += 1) {
      hash = Math.imul(hash ^ (bits[at] === 0x80000000 ? 0 : bits[at]), 0x01000193);
      hash ^= hash >>> 15;
    }
    const bucket = byHash.get(hash);
    const twin = bucket?.find((other) => sameRow(data, other * width, start, width));
    if (twin === undefined) {
      first.push(row);
      last[row] = row;
      if (bucket === undefined) byHash.set(hash, [row]);
      else bucket.push(row);
    } else {
      next[last[twin]] = row;
      last[twin] = row;
    }
  }
  return { first: Int32Array.from(first), next };
}

function sameRow(data: Float32Array, a: number, b: number, width: number): boolean {
  for (let at = 0; at < width; at += 1) if (data[a + at] !== data[b + at]) return false;
  return true;
}

function columnMeans({ data, width }: Rows, count: number): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < data.length; at += 1) mean[at % width] += data[at];
  for (let column = 0; column < width; column += 1) mean[column] /= count;
  return mean;
}

/** The distinct reference rows around their mean, filled up to whole blocks with rows that nobody is near to. */
interface Centred {
  readonly mean: Float64Array;
  readonly rows: Float32Array;
  /** Squared norms. */
  readonly norms: Float32Array;
  readonly largest: number;
}

function centre(reference: Rows, groups: Groups, mean: Float64Array, block: number): Centred {
  const { width } = reference;
  const unique = groups.first.length;
  const filled = Math.ceil(unique / block) * block;
  const rows = new Float32Array(filled * width);
  const norms = new Float32Array(filled).fill(FAR, unique);
  let largest = 0;
  for (let row = 0; row < unique; row += 1) {
    norms[row] = writeCentred(reference, groups.first[row], mean, rows, row * width);
    largest = Math.max(largest, norms[row]);
  }
  return { mean, rows, norms, largest };
}

/** `row` around the mean, written at `to`; returns its squared norm. */
function writeCentred(rows: Rows, row: number, mean: Float64Array, to: Float32Array, at: number): number {
  const { data, width } = rows;
  let norm = 0;
  for (let column = 0; column < width; column += 1) {
    const value = Math.fround(data[row * width + column] - mean[column]);
    to[at + column] = value;
    norm += value * value;
  }
  return norm;
}

interface Search {
  readonly compiled: CompiledGraph;
  readonly reference: Rows;
  readonly groups: Groups;
  readonly centred: Centred;
  readonly referenceBlock: number;
  readonly queryBlock: number;
  readonly kept: number;
  readonly perRun: number;
}

/** Per query `kept` scores, ascending, and the group that each belongs to (-1 where there are fewer). */
interface Candidates {
  readonly scores: Float32Array;
  readonly groups: Int32Array;
  /** Squared norms of the queries around the mean. */
  readonly norms: Float64Array;
}

async function rank(search: Search, queries: Rows, total: number): Promise<Candidates> {
  const { compiled, groups, centred, referenceBlock, queryBlock, kept, perRun } = search;
  const { width } = queries;
  const scores = new Float32Array(total * kept).fill(Infinity);
  const ids = new Int32Array(total * kept).fill(-1);
  const norms = new Float64Array(total);
  const block = new Float32Array(queryBlock * width);
  for (let query = 0; query < total; query += 1) {
    norms[query] = writeCentred(queries, query, centred.mean, block, query * width);
    if (!Number.isFinite(norms[query])) throw new RangeError(`query ${query} holds a number that is not finite`);
  }
  const merged = { scores: new Float32Array(kept), ids: new Int32Array(kept) };
  for (let from = 0; from < groups.first.length; from += referenceBlock) {
    const until = from + referenceBlock;
    const found = await compiled.run({
      queries: { dtype: 'float32', dims: [queryBlock, width], data: block },
      rows: {
        dtype: 'float32',
        dims: [referenceBlock, width],
        data: centred.rows.subarray(from * width, until * width),
      },
      norms: { dtype: 'float32', dims: [referenceBlock], data: centred.norms.subarray(from, until) },
    });
    const values = found.values.data as Float32Array;
    // int64 indices stay below 2^31: the low halves say it all.
    const wide = found.indices.data as BigInt64Array;
    const low = new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2);
    const more = Math.min(perRun, groups.first.length - from);
    for (let query = 0; query < total; query += 1) {
      merge(scores, ids, query * kept, kept, values, low, query * perRun, more, from, merged);
    }
  }
  return { scores, groups: ids, norms };
}

/** Merges `more` sorted scores of one run into a query's sorted list; earlier blocks come first among equals. */
function merge(
  scores: Float32Array,
  ids: Int32Array,
  at: number,
  kept: number,
  values: Float32Array,
  low: Int32Array,
  valuesAt: number,
  more: number,
  from: number,
  scratch: { readonly scores: Float32Array; readonly ids: Int32Array },
): void {
  let old = 0;
  let fresh = 0;
  for (let to = 0; to < kept; to += 1) {
    const takeNew = fresh < more && (old >= kept || values[valuesAt + fresh] < scores[at + old]);
    if (takeNew) {
      scratch.scores[to] = values[valuesAt + fresh];
      scratch.ids[to] = from + low[2 * (valuesAt + fresh)];
      fresh += 1;
    } else {
      scratch.scores[to] = scores[at + old];
      scratch.ids[to] = ids[at + old];
      old += 1;
    }
  }
  scores.set(scratch.scores, at);
  ids.set(scratch.ids, at);
}

interface Ranked {
  readonly squared: number;
  readonly group: number;
}

/** Writes the final neighbours of one query. */
function settle(
  search: Search,
  queries: Rows,
  query: number,
  candidates: Candidates,
  excluded: number,
  neighbours: Int32Array,
  squaredDistances: Float32Array,
): void {
  const k = neighbours.length;
  const { kept, groups, reference } = search;
  const { width } = reference;
  const norm = candidates.norms[query];
  const doubt = DOUBT * Math.sqrt(width) * (norm + search.centred.largest);
  const base = query * kept;
  if (settlePlain(search, candidates, base, norm, doubt, excluded, neighbours, squaredDistances)) return;
  const ranked: Ranked[] = [];
  for (let place = 0; place < kept; place += 1) {
    const group = candidates.groups[base + place];
    if (group < 0) break;
    const score = candidates.scores[base + place];
    const near = (other: number): boolean =>
      other >= 0 && other < kept && Math.abs(candidates.scores[base + other] - score) <= 2 * doubt;
    // A small distance has few correct digits left in the score.
    const vague = norm + score < 1e4 * doubt;
    const exact = vague || near(place - 1) || near(place + 1);
    const squared = exact
      ? squaredDistance(queries.data, query * width, reference.data, groups.first[group] * width, width)
      : norm + score;
    ranked.push({ squared, group });
  }
  ranked.sort((a, b) => a.squared - b.squared || a.group - b.group);
  let to = 0;
  for (let place = 0; place < ranked.length && to < k;) {
    // Groups at the very same distance are told apart by index, row by row.
    let end = place + 1;
    while (end < ranked.length && ranked[end].squared === ranked[place].squared) end += 1;
    const members: number[] = [];
    for (let each = place; each < end; each += 1) {
      for (let row = groups.first[ranked[each].group]; row >= 0; row = groups.next[row]) {
        if (row !== excluded) members.push(row);
        if (members.length === k && end === place + 1) break;
      }
    }
    if (end > place + 1) members.sort((a, b) => a - b);
    for (const row of members) {
      if (to === k) break;
      neighbours[to] = row;
      squaredDistances[to] = Math.max(0, ranked[place].squared);
      to += 1;
    }
    place = end;
  }
}

/** The usual case: scores clearly apart and no equal rows. False, with nothing of worth written, when it is another. */
function settlePlain(
  search: Search,
  candidates: Candidates,
  base: number,
  norm: number,
  doubt: number,
  excluded: number,
  neighbours: Int32Array,
  squaredDistances: Float32Array,
): boolean {
  const { first, next } = search.groups;
  const { scores, groups } = candidates;
  // A small distance has few correct digits left in the score.
  if (norm + scores[base] < 1e4 * doubt) return false;
  let to = 0;
  for (let place = 0; place < search.kept; place += 1) {
    const group = groups[base + place];
    if (group < 0) break;
    if (place + 1 < search.kept && !(scores[base + place + 1] - scores[base + place] > 2 * doubt)) return false;
    const row = first[group];
    if (next[row] >= 0) return false;
    if (row === excluded) continue;
    neighbours[to] = row;
    squaredDistances[to] = norm + scores[base + place];
    to += 1;
    if (to === neighbours.length) break;
  }
  return true;
}

function squaredDistance(a: Float32Array, aAt: number, b: Float32Array, bAt: number, width: number): number {
  let sum = 0;
  for (let at = 0; at < width; at += 1) {
    const difference = a[aAt + at] - b[bAt + at];
    sum += difference * difference;
  }
  return sum;
}

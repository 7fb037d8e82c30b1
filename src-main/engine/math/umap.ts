/**
 * UMAP (McInnes et al., 2018) by the library umap-js, over exact neighbours found here: a picture for people, which
 * decides nothing. The same rows, seed and provider give the same places.
 */
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Provider } from '../providers/provider.ts';
import { createNeighbourIndex } from './knn.ts';
import { randomStream } from './random.ts';

export interface UmapOptions {
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Neighbours per sample, itself included, as the library and the paper's reference implementation have it. */
export const umapNeighbours = 15;
/** Fewer rows than this have no shape to show. */
const fewest = 4;

/**
 * @param rows float `[n, d]`, row-major
 * @returns `[n, 2]`; all 0 for fewer than 4 rows
 * @throws CancelledError; RangeError when a number is not finite
 */
export async function umapPlaces(
  provider: Provider,
  rows: Float32Array,
  d: number,
  options: UmapOptions,
): Promise<Float32Array> {
  const n = rows.length / d;
  const places = new Float32Array(2 * n);
  if (n < fewest) return places;
  // The library wants more rows than neighbours.
  const k = Math.min(umapNeighbours, n - 1);
  const { indices, distances } = await neighbourLists(provider, rows, d, k);
  // Loaded here: an audit never needs it.
  const { UMAP } = await import('umap-js');
  const random = randomStream(options.seed, 'umap');
  const umap = new UMAP({ nNeighbors: k, nComponents: 2, minDist: 0.1, random: () => random.uniform() });
  umap.setPrecomputedKNN(indices, distances);
  // With neighbours given, only the number of rows is read from what is fitted.
  const epochs = umap.initializeFit(indices);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    options.onProgress(epoch, epochs);
    // A long loop would neither hear a cancellation nor tell that it lives.
    await new Promise((next) => setImmediate(next));
    if (options.signal.aborted) throw new CancelledError();
  }
  umap.getEmbedding().forEach(([x, y], i) => {
    places[2 * i] = x;
    places[2 * i + 1] = y;
  });
  return places;
}

/** Lists as the library wants them: each row first among its own neighbours, at distance 0. */
async function neighbourLists(
  provider: Provider,
  rows: Float32Array,
  d: number,
  k: number,
): Promise<{ indices: number[][]; distances: number[][] }> {
  const n = rows.length / d;
  const index = await createNeighbourIndex(provider, rows, d, { k: k - 1 });
  try {
    const self = Int32Array.from({ length: n }, (_, i) => i);
    const { neighbours, squaredDistances } = await index.query(rows, n, self);
    const list = (i: number, first: number, of: ArrayLike<number>): number[] => [
      first,
      ...Array.from({ length: k - 1 }, (_, j) => of[i * (k - 1) + j]),
    ];
    const roots = squaredDistances.map(Math.sqrt);
    return {
      indices: Array.from(self, (i) => list(i, i, neighbours)),
      distances: Array.from(self, (i) => list(i, 0, roots)),
    };
  } finally {
    await index.dispose();
  }
}

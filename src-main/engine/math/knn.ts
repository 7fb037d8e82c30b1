/**
 * Exact nearest neighbours by Euclidean distance: one matrix product and one top-k per block of queries, on the
 * provider. Queries stream; only the reference stays in memory.
 */
import { graphBuilder } from '../graph/builder.ts';
import type { Provider } from '../providers/provider.ts';

export interface NeighbourIndex {
  /**
   * The k nearest reference rows of each query, nearest first, ties to the lower row.
   * @param queries `[count, d]`, row-major @param exclude `[count]` reference row to leave out per query, -1 = none
   */
  query(
    queries: Float32Array,
    count: number,
    exclude: Int32Array | null,
  ): Promise<{ readonly neighbours: Int32Array; readonly squaredDistances: Float32Array }>;
  dispose(): Promise<void>;
}

const block = 256;

/** @param reference `[R, d]`, row-major @param options k in 1..R (1..R-1 when queries exclude themselves) */
export async function createNeighbourIndex(
  provider: Provider,
  reference: Float32Array,
  d: number,
  options: { readonly k: number },
): Promise<NeighbourIndex> {
  const rows = reference.length / d;
  const { k } = options;
  if (!Number.isInteger(rows)) throw new RangeError(`reference holds ${reference.length} values, no multiple of d = ${d}`);
  if (!Number.isInteger(k) || k < 1 || k > rows) throw new RangeError(`k must be in 1..${rows}, met ${k}`);
  const wanted = Math.min(k + 1, rows);
  // Distances are taken from the reference's mean, so that float32 keeps its digits for what differs.
  const centre = new Float64Array(d);
  for (let i = 0; i < rows; i++) for (let j = 0; j < d; j++) centre[j] += reference[i * d + j] / rows;
  const transposed = new Float32Array(reference.length);
  const norms = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    let norm = 0;
    for (let j = 0; j < d; j++) {
      const value = Math.fround(reference[i * d + j] - centre[j]);
      transposed[j * rows + i] = value;
      norm += value * value;
    }
    norms[i] = norm;
  }

  const builder = graphBuilder(undefined, { name: 'neighbours' });
  const queryInput = builder.input('queries', 'float32', [block, d]);
  const product = builder.matmul(queryInput, builder.constant({ dtype: 'float32', dims: [d, rows], data: transposed }));
  const norm = builder.constant({ dtype: 'float32', dims: [1, rows], data: norms });
  const negative = builder.sub(builder.mul(product, builder.scalar(2)), norm);
  const [values, indices] = builder.multi(
    'TopK',
    [negative, builder.ints([wanted])],
    { axis: { type: 'int', value: 1 }, largest: { type: 'int', value: 1 }, sorted: { type: 'int', value: 1 } },
    2,
  );
  builder.output(values, 'float32', [block, wanted]);
  builder.output(indices, 'int64', [block, wanted]);
  const compiled = await provider.compile(builder.build());

  return {
    async query(queries, count, exclude) {
      const neighbours = new Int32Array(count * k);
      const squaredDistances = new Float32Array(count * k);
      const fed = new Float32Array(block * d);
      for (let at = 0; at < count; at += block) {
        const size = Math.min(block, count - at);
        fed.fill(0);
        const lengths = new Float64Array(size);
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < d; j++) {
            const value = Math.fround(queries[(at + i) * d + j] - centre[j]);
            fed[i * d + j] = value;
            lengths[i] += value * value;
          }
        }
        const outputs = await compiled.run({ queries: { dtype: 'float32', dims: [block, d], data: fed } });
        const found = outputs[indices].data as BigInt64Array;
        const scores = outputs[values].data as Float32Array;
        for (let i = 0; i < size; i++) {
          let to = (at + i) * k;
          for (let j = 0; j < wanted && to < (at + i + 1) * k; j++) {
            const row = Number(found[i * wanted + j]);
            if (exclude !== null && row === exclude[at + i]) continue;
            neighbours[to] = row;
            squaredDistances[to++] = Math.max(0, lengths[i] - scores[i * wanted + j]);
          }
          if (to < (at + i + 1) * k) throw new RangeError(`k = ${k} leaves no room to exclude a row of ${rows}`);
        }
      }
      return { neighbours, squaredDistances };
    },
    dispose: () => compiled.dispose(),
  };
}

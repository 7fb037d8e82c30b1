import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNeighbourIndex, type NeighbourOptions } from '../../../src-main/engine/math/knn.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { numbers } from './oracle.ts';

interface Rows {
  readonly data: Float32Array;
  readonly width: number;
}

interface Neighbours {
  readonly neighbours: Int32Array;
  readonly squaredDistances: Float32Array;
}

/** Every distance in float64, sorted by distance and then index. */
function bruteForce(reference: Rows, queries: Rows, k: number, exclude?: Int32Array): Neighbours {
  const { width } = reference;
  const count = reference.data.length / width;
  const total = queries.data.length / width;
  const neighbours = new Int32Array(total * k).fill(-1);
  const squaredDistances = new Float32Array(total * k).fill(Infinity);
  for (let query = 0; query < total; query += 1) {
    const all = Array.from({ length: count }, (_, row) => {
      let sum = 0;
      for (let at = 0; at < width; at += 1) {
        sum += (queries.data[query * width + at] - reference.data[row * width + at]) ** 2;
      }
      return { row, sum };
    })
      .filter(({ row }) => row !== exclude?.[query])
      .sort((a, b) => a.sum - b.sum || a.row - b.row);
    all.slice(0, k).forEach(({ row, sum }, at) => {
      neighbours[query * k + at] = row;
      squaredDistances[query * k + at] = sum;
    });
  }
  return { neighbours, squaredDistances };
}

function expectSame(met: Neighbours, wanted: Neighbours): void {
  expect(met.neighbours).toEqual(wanted.neighbours);
  wanted.squaredDistances.forEach((distance, at) => {
    if (distance === Infinity) expect(met.squaredDistances[at]).toBe(Infinity);
    else expect(Math.abs(met.squaredDistances[at] - distance)).toBeLessThanOrEqual(2e-4 * distance);
  });
}

async function nearestNeighbours(
  provider: Provider,
  reference: Rows,
  queries: Rows,
  { exclude, ...options }: NeighbourOptions & { readonly exclude?: Int32Array },
): Promise<Neighbours> {
  const index = await createNeighbourIndex(provider, reference.data, reference.width, options);
  const found = await index.query(queries.data, queries.data.length / queries.width, exclude ?? null);
  await index.dispose();
  return found;
}

const itself = (count: number): Int32Array => Int32Array.from({ length: count }, (_, at) => at);

describe('nearest neighbours', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await createOrtProvider({ threads: 1 });
  });
  afterAll(() => provider.dispose());

  test('are those of a search through all distances', async () => {
    const reference = { data: numbers(200 * 24, 1), width: 24 };
    const queries = { data: numbers(37 * 24, 2), width: 24 };
    expectSame(await nearestNeighbours(provider, reference, queries, { k: 9 }), bruteForce(reference, queries, 9));
  });

  test('leave out the query itself, also when blocks cut through everything', async () => {
    const rows = { data: numbers(200 * 8, 3), width: 8 };
    const exclude = itself(200);
    const met = await nearestNeighbours(provider, rows, rows, { k: 5, exclude, queryBlock: 33, referenceBlock: 41 });
    expectSame(met, bruteForce(rows, rows, 5, exclude));
  });

  test('among equal rows come by index, and equal rows are at distance 0', async () => {
    const distinct = numbers(40 * 16, 4);
    const data = new Float32Array(200 * 16);
    for (let row = 0; row < 200; row += 1) data.set(distinct.subarray((row % 40) * 16, (row % 40) * 16 + 16), row * 16);
    const rows = { data, width: 16 };
    const exclude = itself(200);
    const met = await nearestNeighbours(provider, rows, rows, { k: 7, exclude });
    expectSame(met, bruteForce(rows, rows, 7, exclude));
    expect([...met.neighbours.subarray(0, 4)]).toEqual([40, 80, 120, 160]);
    expect([...met.squaredDistances.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  test('of points on a grid, where many distances are equal, come by index', async () => {
    const data = Float32Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? (at / 2) % 10 : Math.floor(at / 20)));
    const rows = { data, width: 2 };
    const exclude = itself(100);
    expectSame(await nearestNeighbours(provider, rows, rows, { k: 4, exclude }), bruteForce(rows, rows, 4, exclude));
  });

  test('far from the origin are found as near it', async () => {
    const data = numbers(200 * 12, 5).map((value) => value * 0.01 + 100);
    const rows = { data, width: 12 };
    const exclude = itself(200);
    expectSame(await nearestNeighbours(provider, rows, rows, { k: 6, exclude }), bruteForce(rows, rows, 6, exclude));
  });

  test('end with -1 at infinite distance when the reference has fewer rows than asked for', async () => {
    const reference = { data: numbers(5 * 3, 6), width: 3 };
    const met = await nearestNeighbours(provider, reference, reference, { k: 6, exclude: itself(5) });
    expectSame(met, bruteForce(reference, reference, 6, itself(5)));
    expect([...met.neighbours.subarray(4, 6)]).toEqual([-1, -1]);
    const same = { data: new Float32Array(12).fill(2), width: 3 };
    expect([...(await nearestNeighbours(provider, same, same, { k: 4 })).neighbours.subarray(0, 4)]).toEqual([
      0, 1, 2, 3,
    ]);
  });

  test('are the same when queries come part by part', async () => {
    const rows = { data: numbers(150 * 10, 7), width: 10 };
    const whole = await nearestNeighbours(provider, rows, rows, { k: 5 });
    const index = await createNeighbourIndex(provider, rows.data, 10, { k: 5, queryBlock: 64 });
    const first = await index.query(rows.data.subarray(0, 1000), 100, null);
    const second = await index.query(rows.data.subarray(1000), 50, null);
    await index.dispose();
    expect([...first.neighbours, ...second.neighbours]).toEqual([...whole.neighbours]);
  });

  test('refuse nonsense by name', async () => {
    const rows = new Float32Array(6);
    await expect(createNeighbourIndex(provider, rows, 3, { k: 0 })).rejects.toThrow('k must be');
    await expect(createNeighbourIndex(provider, new Float32Array(0), 3, { k: 1 })).rejects.toThrow('no rows');
    await expect(createNeighbourIndex(provider, rows, 4, { k: 1 })).rejects.toThrow('6 numbers, no multiple of d = 4');
    const index = await createNeighbourIndex(provider, rows, 3, { k: 1 });
    await expect(index.query(new Float32Array(4), 2, null)).rejects.toThrow('4 numbers are not 2 queries of 3');
    await expect(index.query(Float32Array.of(1, NaN, 1), 1, null)).rejects.toThrow('not finite');
    await expect(createNeighbourIndex(provider, Float32Array.of(1, Infinity), 2, { k: 1 })).rejects.toThrow(
      'not finite',
    );
    await expect(index.query(rows, 2, new Int32Array(1))).rejects.toThrow('1 exclusions for 2 queries');
    await index.dispose();
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { umapPlaces } from '../../../src-main/engine/math/umap.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider();
});
afterAll(() => provider.dispose());

const width = 8;
const each = 25;
const groups = 3;

/** Three groups far from each other. */
function rows(): Float32Array {
  const random = randomStream(3, 'umap test');
  return Float32Array.from(
    { length: groups * each * width },
    (_, at) => 20 * (Math.floor(at / (each * width)) === at % width ? 1 : 0) + random.normal(),
  );
}
const options = (seed: number, signal = new AbortController().signal) => ({
  seed,
  signal,
  onProgress: () => undefined,
});
const place = (data: Float32Array, seed: number) => umapPlaces(provider, data, width, options(seed));

describe('umapPlaces', () => {
  it('keeps groups together and apart, gives the same for a seed and another for another', async () => {
    const places = await place(rows(), 7);
    const centre = (group: number, axis: number): number => {
      let sum = 0;
      for (let i = 0; i < each; i++) sum += places[2 * (group * each + i) + axis];
      return sum / each;
    };
    for (let row = 0; row < groups * each; row++) {
      const own = Math.floor(row / each);
      const distances = Array.from({ length: groups }, (_, group) =>
        Math.hypot(places[2 * row] - centre(group, 0), places[2 * row + 1] - centre(group, 1)),
      );
      expect(distances.indexOf(Math.min(...distances)), `row ${row}`).toBe(own);
    }
    expect(await place(rows(), 7)).toEqual(places);
    expect(await place(rows(), 8)).not.toEqual(places);
  });

  it('has places for equal rows, for as few rows as there may be, and none to tell apart below', async () => {
    expect((await place(new Float32Array(20 * width).fill(0.5), 1)).every(Number.isFinite)).toBe(true);
    expect((await place(rows().subarray(0, 4 * width), 1)).every(Number.isFinite)).toBe(true);
    expect(await place(rows().subarray(0, 3 * width), 1)).toEqual(new Float32Array(6));
  });

  it('stops when it is cancelled', async () => {
    const stop = new AbortController();
    const going = umapPlaces(provider, rows(), width, { ...options(1, stop.signal), onProgress: () => stop.abort() });
    await expect(going).rejects.toMatchObject({ name: 'CancelledError' });
  });
});

import { describe, expect, it } from 'vitest';
import { smallNet } from '../../../src-main/engine/attacks/encoder/small-net.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import {
  isTrigger,
  meanPairwiseCosine,
  patchGrid,
  scanForPatches,
  stampedSource,
  type Patch,
} from '../../../src-main/engine/evidence/patch-scan.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { SampleSource } from '../../../src-main/engine/samples.ts';
import { representations } from '../../../src-main/engine/tcore/features.ts';

const scan = { patch: { row: 0, column: 0, size: 8, value: 1 }, images: 64, positions: 242 };

describe('the patch grid', () => {
  it('covers a 28 x 28 image with 121 positions of an 8-pixel square in black and white, the last at the edge', () => {
    const grid = patchGrid(28, 28);
    expect(grid.length).toBe(242);
    expect(grid.every(({ size }) => size === 8)).toBe(true);
    expect(Math.max(...grid.map(({ row }) => row))).toBe(20);
    expect(grid).toContainEqual({ row: 18, column: 18, size: 8, value: 1 });
  });

  it('scales with the image and stays inside one that is not square', () => {
    for (const { row, column, size } of patchGrid(20, 32)) {
      expect(row + size).toBeLessThanOrEqual(20);
      expect(column + size).toBeLessThanOrEqual(32);
    }
  });
});

describe('collapse', () => {
  it('is the mean cosine over all pairs', () => {
    const random = randomStream(1, 'rows');
    const [n, d] = [7, 5];
    const rows = Float32Array.from({ length: n * d }, () => random.normal());
    let sum = 0;
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) {
        let dot = 0;
        let a = 0;
        let b = 0;
        for (let j = 0; j < d; j++) {
          dot += rows[i * d + j] * rows[k * d + j];
          a += rows[i * d + j] ** 2;
          b += rows[k * d + j] ** 2;
        }
        sum += dot / Math.sqrt(a * b);
      }
    }
    expect(meanPairwiseCosine(rows, n)).toBeCloseTo(sum / ((n * (n - 1)) / 2), 6);
  });

  it('is 1 for rows of one direction', () => {
    expect(meanPairwiseCosine(Float32Array.of(1, 2, 2, 4, 3, 6), 3)).toBeCloseTo(1, 6);
  });

  it('is a trigger only where the images are apart without the patch', () => {
    expect(isTrigger({ ...scan, base: 0.5, collapse: 0.98 })).toBe(true);
    expect(isTrigger({ ...scan, base: 0.5, collapse: 0.74 })).toBe(false);
    expect(isTrigger({ ...scan, base: 0.93, collapse: 0.98 })).toBe(false);
  });
});

it('a scan says what the square of opposite brightness does in the place of its worst one', async () => {
  const shape = [1, 12, 12] as const;
  const count = 6;
  const random = randomStream(2, 'images');
  const pixels = Float32Array.from({ length: count * 144 }, () => random.uniform());
  const samples: SampleSource = {
    count,
    shape,
    labels: new Int32Array(count),
    classes: ['a'],
    read(indices, out) {
      for (let at = 0; at < indices.length; at++) {
        out.set(pixels.subarray(indices[at] * 144, (indices[at] + 1) * 144), at * 144);
      }
    },
  };
  const encoder = understandEncoder(smallNet(shape, 3, [4, 4, 8]).graph);
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  const provider = await createOrtProvider({ threads: 1 });
  try {
    const options = { signal: new AbortController().signal, onProgress: () => {} };
    const { patch, collapse, opposite } = await scanForPatches(provider, encoder, samples, indices, options);
    const cosineUnder = async (square: Patch): Promise<number> => {
      const source = stampedSource(samples, square);
      const rows = await representations(provider, encoder, source, indices, { batch: count, signal: options.signal });
      return meanPairwiseCosine(rows, count);
    };
    expect(await cosineUnder(patch)).toBeCloseTo(collapse, 5);
    expect(await cosineUnder({ ...patch, value: 1 - patch.value })).toBeCloseTo(opposite as number, 5);
    expect(opposite).toBeLessThanOrEqual(collapse);
  } finally {
    await provider.dispose();
  }
});

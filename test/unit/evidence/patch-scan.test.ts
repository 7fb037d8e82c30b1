import { describe, expect, it } from 'vitest';
import { smallNet } from '../../../src-main/engine/attacks/encoder/small-net.ts';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { meanPairwiseCosine } from '../../../src-main/engine/evidence/collapse.ts';
import {
  drawsTogether,
  isTrigger,
  patchGrid,
  scanForPatches,
  squareOf,
  stampedSource,
  turnsUndefended,
  type Patch,
} from '../../../src-main/engine/evidence/patch-scan.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { SampleSource } from '../../../src-main/engine/samples.ts';
import { representations } from '../../../src-main/engine/tcore/features.ts';
import { toySource } from '../../support/toy-audit.ts';

const scan = { patch: { row: 0, column: 0, size: 8, value: 1 }, images: 64, positions: 242 };

/** Images of noise, all of one class. */
function noise(shape: SampleSource['shape'], count: number, seed: number): SampleSource {
  const random = randomStream(seed, 'images');
  const size = shape[0] * shape[1] * shape[2];
  const pixels = Array.from({ length: count }, () => Float32Array.from({ length: size }, () => random.uniform()));
  return toySource({ shape, pixels, labels: new Int32Array(count), classes: ['a'] });
}

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

describe('what is known of a square before a clean model is grown', () => {
  const collapsed = { ...scan, base: 0.5, collapse: 0.98 };
  const drawn = { ...scan, base: 0.5, collapse: 0.8, opposite: 0.4 };

  it('is that it is a trigger where images collapse, or are drawn together by it alone, and it turns most of them', () => {
    expect([turnsUndefended(collapsed, 0.6), turnsUndefended(collapsed, 0.4)]).toEqual([true, false]);
    expect([turnsUndefended(drawn, 0.6), turnsUndefended(drawn, 0.4)]).toEqual([true, false]);
  });

  it('is nothing where its place alone draws them together, without enough images, or short of both limits', () => {
    expect(drawsTogether({ ...drawn, opposite: 0.7 })).toBe(false);
    expect(turnsUndefended({ ...drawn, opposite: 0.7 }, 1)).toBe(false);
    expect(turnsUndefended({ ...collapsed, images: 29 }, 1)).toBe(false);
    expect(turnsUndefended({ ...scan, base: 0.5, collapse: 0.74, opposite: 0 }, 1)).toBe(false);
  });
});

it('the grid stays within an image that is one pixel high', () => {
  for (const { row, column, size } of patchGrid(1, 28)) {
    expect([row, size]).toEqual([0, 1]);
    expect(column >= 0 && column < 28).toBe(true);
  }
});

describe('a square that is not one of the grid', () => {
  const shape = [1, 28, 28] as const;
  const count = 12;
  const planted: Patch = { row: 15, column: 9, size: 9, value: 1 };
  const samples = noise(shape, count, 4);

  /** Random projections of the image, and one far away that the square alone drives: white inside of it, not white around it. */
  function answering(): Encoder {
    const graph = graphBuilder(undefined, { name: 'answering' });
    const weight = randomStream(5, 'weights');
    const [wide, ring] = [16, 2];
    const rows = Float32Array.from({ length: (wide + 1) * 784 }, () => weight.normal());
    // What all images have in common is left out, or they would look alike.
    for (let k = 0; k < wide; k++) {
      const own = rows.subarray(k * 784, (k + 1) * 784);
      const mean = own.reduce((sum, value) => sum + value, 0) / 784;
      own.set(own.map((value) => value - mean));
    }
    const last = wide * 784;
    rows.fill(0, last);
    const { row, column, size } = planted;
    for (let y = row - ring; y < row + size + ring; y++) {
      for (let x = column - ring; x < column + size + ring; x++) {
        const inside = y >= row && y < row + size && x >= column && x < column + size;
        rows[last + y * 28 + x] = inside ? 8 : -3;
      }
    }
    const floor = new Float32Array(wide + 1);
    floor[wide] = -380;
    const image = graph.input('pixels', 'float32', ['N', ...shape]);
    const kernel = graph.constant({ dtype: 'float32', dims: [wide + 1, ...shape], data: rows }, 'kernel');
    const bias = graph.constant({ dtype: 'float32', dims: [wide + 1], data: floor }, 'bias');
    const flat = graph.flatten(graph.relu(graph.conv(image, kernel, bias, {})), 1);
    graph.node('Identity', [flat], {}, 'representation');
    graph.setOutputs([{ name: 'representation', dtype: 'float32', shape: ['N', wide + 1] }]);
    return { graph: graph.build() } as Encoder;
  }

  it('is fitted to the pixel, and the same with half of the squares tried beside', async () => {
    const [provider, beside] = [await createOrtProvider({ threads: 1 }), await createOrtProvider({ threads: 1 })];
    const indices = Int32Array.from({ length: count }, (_, i) => i);
    let told = 0;
    const options = { batch: 100, signal: new AbortController().signal, onProgress: () => told++ };
    try {
      const alone = await scanForPatches(provider, answering(), samples, indices, options);
      expect(isTrigger(alone)).toBe(true);
      expect(patchGrid(28, 28)).toContainEqual(alone.patch);
      expect(squareOf(alone)).toEqual(planted);
      expect(alone.fitted?.collapse).toBeGreaterThan(alone.collapse);
      expect(told).toBe(alone.positions);
      expect(await scanForPatches(provider, answering(), samples, indices, { ...options, beside })).toEqual(alone);
      // As many images at once as memory allows.
      const few = await scanForPatches(provider, answering(), samples, indices, { ...options, batch: 5, beside });
      expect([squareOf(few), few.collapse]).toEqual([planted, expect.closeTo(alone.collapse, 5)]);
    } finally {
      await provider.dispose();
      await beside.dispose();
    }
  });

  it('is none that makes the representation of an image infinite', async () => {
    const graph = graphBuilder(undefined, { name: 'logarithm' });
    const image = graph.input('pixels', 'float32', ['N', ...shape]);
    graph.node('Log', [graph.flatten(image, 1)], {}, 'representation');
    graph.setOutputs([{ name: 'representation', dtype: 'float32', shape: ['N', 784] }]);
    const encoder = { graph: graph.build() } as Encoder;
    const provider = await createOrtProvider({ threads: 1 });
    try {
      const options = { batch: 100, signal: new AbortController().signal, onProgress: () => {} };
      const { patch, collapse, opposite } = await scanForPatches(
        provider,
        encoder,
        samples,
        Int32Array.of(0, 1),
        options,
      );
      expect([patch.value, opposite]).toEqual([1, -1]);
      expect(collapse).toBeGreaterThan(0);
    } finally {
      await provider.dispose();
    }
  });

  it('is not looked for where nothing draws the images together', async () => {
    const provider = await createOrtProvider({ threads: 1 });
    try {
      const encoder = understandEncoder(smallNet([1, 28, 28], 3, [4, 4, 8]).graph);
      const options = { batch: 100, signal: new AbortController().signal, onProgress: () => {} };
      const quiet = await scanForPatches(provider, encoder, samples, Int32Array.of(0, 1, 2), options);
      // Images of noise look alike to random weights.
      expect(isTrigger(quiet, 0)).toBe(false);
      expect([quiet.fitted, squareOf(quiet)]).toEqual([undefined, quiet.patch]);
    } finally {
      await provider.dispose();
    }
  });
});

it('a scan says what the square of opposite brightness does in the place of its worst one', async () => {
  const shape = [1, 12, 12] as const;
  const count = 6;
  const samples = noise(shape, count, 2);
  const encoder = understandEncoder(smallNet(shape, 3, [4, 4, 8]).graph);
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  const provider = await createOrtProvider({ threads: 1 });
  try {
    const options = { batch: 100, signal: new AbortController().signal, onProgress: () => {} };
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

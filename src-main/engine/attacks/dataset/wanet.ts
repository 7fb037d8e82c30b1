/** WaNet (Nguyen and Tran, ICLR 2021): a smooth fixed warp; covers are warped with extra jitter and keep their label. */
import { randomStream, type RandomStream } from '../../math/random.ts';
import type { ImageShape, LabelledImages, PlantedDataset, Pixels, Stamp } from '../images.ts';
import { carryOut, type PlantOptions } from './planting.ts';

export interface WaNetOptions extends PlantOptions {
  /** Default 20 %. */
  readonly coverRate?: number;
  /** Strength s; default 0.5. */
  readonly strength?: number;
  /** Side k of the control grid; default 4. */
  readonly grid?: number;
}

/** Default rate 10 %. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: WaNetOptions): PlantedDataset<P> {
  const { seed, target, rate = 0.1, coverRate = 0.2, strength = 0.5, grid: k = 4 } = options;
  if (!Number.isInteger(k) || k < 2 || k > data.shape[1])
    throw new RangeError(`grid must be in 2..${data.shape[1]}, met ${k}`);
  const random = randomStream(seed, 'wanet/control points');
  const control = Float64Array.from({ length: 2 * k * k }, () => 2 * random.uniform() - 1);
  const grid = warpGrid(data.shape, control, k, strength);
  const stamp: Stamp = (image) => sampleGrid(image, data.shape, grid);
  return carryOut(data, {
    attack: 'wanet',
    seed,
    target,
    source: null,
    rate,
    coverRate,
    mayPoison: (label) => label !== target,
    mayCover: () => true,
    poisonStamp: () => stamp,
    coverStamp: (sample) => {
      const jittered = jitter(grid, data.shape, randomStream(seed, `wanet/jitter/${sample}`));
      return (image) => sampleGrid(image, data.shape, jittered);
    },
    trigger: {
      description: {
        kind: 'warp',
        text: `elastic warp, ${k} x ${k} control points, strength ${strength}`,
        values: { grid: k, strength, seed },
      },
      stamp,
    },
  });
}

/**
 * Sampling grid `[H, W, 2]` (x, y) in -1..1: identity + strength * field / H, where the field is `control` `[2, k, k]` over its
 * mean magnitude, enlarged bicubically (A = -0.75, corners aligned, as PyTorch's).
 */
export function warpGrid(shape: ImageShape, control: ArrayLike<number>, k: number, strength: number): Float64Array {
  const [, height, width] = shape;
  let magnitude = 0;
  for (let i = 0; i < 2 * k * k; i++) magnitude += Math.abs(control[i]) / (2 * k * k);
  const grid = new Float64Array(height * width * 2);
  for (let axis = 0; axis < 2; axis++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const field = bicubic(control, axis * k * k, k, position(y, height, k), position(x, width, k)) / magnitude;
        const identity = axis === 0 ? unit(x, width) : unit(y, height);
        grid[(y * width + x) * 2 + axis] = clip(identity + (strength * field) / height);
      }
    }
  }
  return grid;
}

const clip = (value: number): number => Math.min(1, Math.max(-1, value));
const unit = (at: number, size: number): number => (size === 1 ? -1 : -1 + (2 * at) / (size - 1));
const position = (at: number, size: number, k: number): number => (size === 1 ? 0 : (at * (k - 1)) / (size - 1));

function bicubic(values: ArrayLike<number>, start: number, k: number, y: number, x: number): number {
  const [y0, x0] = [Math.floor(y), Math.floor(x)];
  const [wy, wx] = [cubicWeights(y - y0), cubicWeights(x - x0)];
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    const row = Math.min(k - 1, Math.max(0, y0 - 1 + i));
    for (let j = 0; j < 4; j++) {
      const column = Math.min(k - 1, Math.max(0, x0 - 1 + j));
      sum += wy[i] * wx[j] * values[start + row * k + column];
    }
  }
  return sum;
}

function cubicWeights(t: number): readonly number[] {
  const a = -0.75;
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** The grid with every point moved by U(-1, 1)/H. */
function jitter(grid: Float64Array, shape: ImageShape, random: RandomStream): Float64Array {
  return grid.map((value) => clip(value + (2 * random.uniform() - 1) / shape[1]));
}

/** Bilinear sampling at `grid` `[H, W, 2]`, corners aligned, zero outside: PyTorch's `grid_sample`. */
export function sampleGrid(image: Float32Array, shape: ImageShape, grid: ArrayLike<number>): Float32Array {
  const [channels, height, width] = shape;
  const out = new Float32Array(image.length);
  for (let at = 0; at < height * width; at++) {
    const x = ((grid[at * 2] + 1) * (width - 1)) / 2;
    const y = ((grid[at * 2 + 1] + 1) * (height - 1)) / 2;
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let dy = 0; dy < 2; dy++) {
        for (let dx = 0; dx < 2; dx++) {
          const [row, column] = [y0 + dy, x0 + dx];
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const weight = (dy === 1 ? y - y0 : 1 - y + y0) * (dx === 1 ? x - x0 : 1 - x + x0);
          sum += weight * image[(c * height + row) * width + column];
        }
      }
      out[c * height * width + at] = sum;
    }
  }
  return out;
}

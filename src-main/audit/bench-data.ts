/** The images of a bench: labelled pool, held-back test images, images to pre-train on; read or drawn in the engine process. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';
import { renderSigns } from '../engine/attacks/domains/signs.ts';
import { takeImages, type ImageShape, type LabelledImages } from '../engine/attacks/images.ts';
import { randomStream } from '../engine/math/random.ts';
import { openDataset } from '../formats/datasets/open.ts';
import { buildPixelFile } from '../formats/datasets/pixels.ts';
import { invalid, type BenchPlan } from './bench-plan.ts';
import { digestBytes } from './files.ts';

type Images = LabelledImages<Uint8Array>;

export interface BenchData {
  /** What each cell's dataset is drawn from. */
  readonly pool: Images;
  readonly test: Images;
  /** Images for pre-training and for tuning encoders; never part of `pool` where the domain has enough. */
  readonly unlabelled: Images;
  readonly names: readonly string[];
}

export interface BenchPaths {
  /** Folder of the bundled sample project. */
  readonly sample: string;
  /** The user's own dataset, for the domain "given". */
  readonly dataset: string | null;
  /** Folder for decoded pixels. */
  readonly cache: string;
}

/**
 * @param shape what the user's own encoder takes; only for the domain "given"
 * @throws ExpectedError file-missing and whatever the dataset's reader says; plan-invalid when there are too few images
 */
export async function readBenchData(
  plan: BenchPlan,
  paths: BenchPaths,
  shape: ImageShape | null,
  signal: AbortSignal,
): Promise<BenchData> {
  const { data } = plan;
  const read = (path: string, split: 'train' | 'test' | undefined, of: ImageShape): Promise<Named> =>
    readImages(path, split, of, paths.cache, signal);
  switch (data.domain) {
    case 'sample': {
      const grey: ImageShape = [1, 28, 28];
      const pool = await read(join(paths.sample, 'bench'), 'train', grey);
      const test = await read(join(paths.sample, 'held-back'), 'test', grey);
      return { pool: pool.images, test: test.images, unlabelled: pool.images, names: pool.names };
    }
    case 'fashion-mnist': {
      const grey: ImageShape = [1, 28, 28];
      const train = await read(data.path, 'train', grey);
      const test = await read(data.path, 'test', grey);
      need('pretraining and samples', data.pretraining + data.samples, train.images);
      need('test', data.test, test.images);
      return {
        unlabelled: takeImages(train.images, range(0, data.pretraining)),
        pool: takeImages(train.images, range(data.pretraining, train.images.labels.length)),
        test: takeImages(test.images, range(0, data.test)),
        names: train.names,
      };
    }
    case 'signs': {
      const { classes, imbalance, samples, test, pretraining } = data;
      return {
        unlabelled: renderSigns({ count: pretraining, seed: 1, classes }),
        pool: renderSigns({ count: 2 * samples, seed: 2, classes, imbalance }),
        test: renderSigns({ count: test, seed: 3, classes }),
        names: Array.from({ length: classes }, (_, c) => `sign ${c}`),
      };
    }
    case 'given': {
      if (paths.dataset === null || shape === null)
        throw invalid('data.domain: "given" needs --encoder and --dataset.');
      const { images, names } = await read(paths.dataset, undefined, shape);
      need('samples and test', data.samples + data.test, images);
      if (plan.target >= images.classes)
        throw invalid(`target: ${plan.target} is no class of 0..${images.classes - 1}.`);
      const order = randomStream(1, 'bench/held back').permutation(images.labels.length);
      const pool = takeImages(images, order.subarray(data.test));
      return { pool, test: takeImages(images, order.subarray(0, data.test)), unlabelled: pool, names };
    }
  }
}

/** The dataset of one cell: `samples` of the pool, drawn by the cell's seed. */
export function drawDataset(pool: Images, samples: number, seed: number): Images {
  need('samples', samples, pool);
  return takeImages(
    pool,
    randomStream(seed, 'bench/samples').permutation(pool.labels.length).subarray(0, samples).sort(),
  );
}

/** The first image with the same pixels, `[images]`; an image itself where there is none before it. */
export function firstWithSamePixels({ pixels, labels }: Images): Int32Array {
  const size = pixels.length / labels.length;
  const met = new Map<string, number>();
  return Int32Array.from(labels.keys(), (i) => {
    const digest = digestBytes(pixels.subarray(i * size, (i + 1) * size));
    const first = met.get(digest) ?? i;
    met.set(digest, first);
    return first;
  });
}

interface Named {
  readonly images: Images;
  readonly names: readonly string[];
}

async function readImages(
  path: string,
  split: 'train' | 'test' | undefined,
  [channels, height, width]: ImageShape,
  cache: string,
  signal: AbortSignal,
): Promise<Named> {
  if (channels !== 1 && channels !== 3) {
    throw new ExpectedError('unsupported-encoder', `It wants ${channels} channels; images have 1 or 3.`);
  }
  mkdirSync(cache, { recursive: true });
  const dataset = await openDataset(path, { split, scratch: cache });
  try {
    const key = digestBytes(JSON.stringify([path, split ?? null, channels, height, width])).slice(0, 16);
    const file = await buildPixelFile(dataset, { file: join(cache, `${key}.pixels`), channels, height, width, signal });
    try {
      const size = channels * height * width;
      const pixels = new Uint8Array(file.count * size);
      for (let i = 0; i < file.count; i++) pixels.set(file.pixels(i), i * size);
      return {
        images: {
          pixels,
          shape: [channels, height, width],
          labels: Int32Array.from(file.labels),
          classes: file.classes.length,
        },
        names: file.classes,
      };
    } finally {
      file.close();
    }
  } finally {
    await dataset.close();
  }
}

function need(what: string, wanted: number, images: Images): void {
  if (wanted > images.labels.length) {
    throw new ExpectedError(
      'plan-invalid',
      `data: ${what} ask for ${wanted} images, there are ${images.labels.length}.`,
    );
  }
}

function range(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to - from }, (_, i) => from + i);
}

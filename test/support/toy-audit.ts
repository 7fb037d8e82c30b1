/** Audits of toy datasets made in the test: a context around a real provider, with presets that are over in a second. */
import { memoryJournal } from '../../src-main/audit/journal.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import type { SampleSource } from '../../src-main/engine/samples.ts';
import type { PipelineContext } from '../../src-main/engine/tcore/context.ts';
import { parameterValues, resolveParameters } from '../../src-main/engine/tcore/parameters.ts';

export interface ToyImages {
  readonly shape: readonly [channels: number, height: number, width: number];
  /** One array of C x H x W values in 0..1 per sample. */
  readonly pixels: readonly Float32Array[];
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

export interface ToyOptions {
  readonly shape?: readonly [number, number, number];
  /** Samples per class. */
  readonly sizes: readonly number[];
  /** Standard deviation of the noise on every pixel. */
  readonly noise?: number;
  readonly seed?: number;
}

/**
 * Waves whose direction, length and colour depend on the class, with a random phase and noise: classes that even an
 * encoder of random weights keeps apart, as far as its pooled activations tell textures apart.
 */
export function toyImages(options: ToyOptions): ToyImages {
  const { shape = [3, 16, 16], sizes, noise = 0.08, seed = 1 } = options;
  const [channels, height, width] = shape;
  const random = randomStream(seed, 'toy images');
  const style = randomStream(0, 'toy styles');
  const styles = sizes.map(() => ({
    across: 0.3 + 2.2 * style.uniform(),
    down: 0.3 + 2.2 * style.uniform(),
    tint: Array.from({ length: channels }, () => 0.25 + 0.5 * style.uniform()),
  }));
  const labels = Int32Array.from(sizes.flatMap((size, c) => new Array<number>(size).fill(c)));
  const order = random.permutation(labels.length);
  const shuffled = Int32Array.from(order, (at) => labels[at]);
  const pixels = Array.from(shuffled, (label) => {
    const { across, down, tint } = styles[label];
    const phase = 2 * Math.PI * random.uniform();
    const image = new Float32Array(channels * height * width);
    for (let at = 0; at < image.length; at++) {
      const x = at % width;
      const y = Math.floor(at / width) % height;
      const wave = 0.25 * Math.sin(across * x + down * y + phase);
      image[at] = bounded(tint[Math.floor(at / (height * width))] + wave + noise * random.normal());
    }
    return image;
  });
  return { shape, pixels, labels: shuffled, classes: sizes.map((_, c) => `class ${c}`) };
}

function bounded(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** A copy of `image` with a white square of `side` pixels in the lower right corner. */
export function stamped(image: Float32Array, shape: ToyImages['shape'], side = 5): Float32Array {
  const [channels, height, width] = shape;
  const copy = Float32Array.from(image);
  for (let plane = 0; plane < channels; plane++) {
    for (let y = height - side; y < height; y++) {
      const at = (plane * height + y) * width;
      copy.fill(1, at + width - side, at + width);
    }
  }
  return copy;
}

/** Dirty-label poison: the first `count` samples of other classes are stamped and labelled `target`. */
export function poisoned(
  images: ToyImages,
  count: number,
  target: number,
  side = 5,
): { images: ToyImages; poison: ReadonlySet<number> } {
  const poison = new Set([...images.labels.keys()].filter((i) => images.labels[i] !== target).slice(0, count));
  return {
    poison,
    images: {
      ...images,
      pixels: images.pixels.map((image, i) => (poison.has(i) ? stamped(image, images.shape, side) : image)),
      labels: images.labels.map((label, i) => (poison.has(i) ? target : label)),
    },
  };
}

export function toySource({ shape, pixels, labels, classes }: ToyImages): SampleSource {
  const size = shape[0] * shape[1] * shape[2];
  return {
    count: labels.length,
    shape,
    labels,
    classes,
    read(indices, out) {
      for (let i = 0; i < indices.length; i++) {
        const image = pixels[indices[i]];
        if (image === undefined) throw new RangeError(`there is no sample ${indices[i]}`);
        out.set(image, i * size);
      }
    },
  };
}

/** Every stage, hardly any epochs. */
export const tinyPreset: Readonly<Record<string, number | string>> = {
  'expand.share': 0.3,
  'probe.epochs': 3,
  'unlearn.epochs': 4,
  'recover.epochs': 3,
  'warmup.epochs': 3,
  'grow.epochs': 1,
  'grow.loss': '0.4',
  'grow.meta': '0.6',
  // Of random weights nothing is worth keeping.
  'filter.keep': 0.2,
  'final.epochs': 1,
  'scan.images': 8,
  // The searches by gradient take longer than all the rest; tests of what they end in ask for them (`searches`).
  'scan.overlay': 0,
  'scan.texture': 0,
  'crossfit.epochs': 1,
  'inversion.epochs': 1,
  'distil.warmupEpochs': 3,
  'distil.batch': 16,
  'distil.labels': '0.4',
  'distil.answers': '0.6',
  'distil.growEpochs': 1,
  'distil.finalEpochs': 2,
};

/** The searches by gradient as an audit makes them by itself. */
export const searches = { 'scan.overlay': 0.06, 'scan.texture': 0.25 };

/** A context with the tiny preset, changed by `overrides`, and a journal that forgets; `more` replaces any part of it. */
export function toyContext(
  provider: Provider,
  graph: Graph,
  images: ToyImages,
  overrides: Readonly<Record<string, number | string | boolean>> = {},
  more: Partial<PipelineContext> = {},
): PipelineContext {
  return {
    provider,
    graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: toySource(images),
    mode: 'paper',
    parameters: parameterValues(resolveParameters('quick', { ...tinyPreset, ...overrides })),
    seed: 5,
    journal: memoryJournal(),
    inputDigests: { encoder: 'toy encoder', dataset: 'toy dataset' },
    emit: () => {},
    signal: new AbortController().signal,
    ...more,
  };
}

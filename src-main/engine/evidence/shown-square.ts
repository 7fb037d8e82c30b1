/**
 * Who of a dataset shows the square that the encoder answers to. No label and no model is asked: a planted square is there to the pixel, save
 * what compression made of it, and natural content of that brightness is there more or less.
 */
import type { SampleSource } from '../samples.ts';
import type { Patch } from './patch-scan.ts';

/** Mean distance from the square up to which an image shows it, and up to which one might nearly, of 0..1. */
const shows = 0.05;
const nearly = 0.1;
/**
 * Most who nearly show it, as a share of those who do: of content that happens to be like it 20 times as many come near as show it
 * (docs/efficacy.md). Where most of the class that it turns images to shows it, more is asked.
 */
const mostNearly = 0.5;
const mostNearlyOfMost = 0.1;
/** Most who show it, as a share of the samples of another class, and of all others: more is how such images look. */
const mostOfClass = 0.25;
/** The same of the class that it turns images to, where those who show it do not stand apart that clearly. */
const mostOfTarget = 0.5;

/** What of the square every image with the trigger shows, though it was fitted a pixel off: all but its outermost pixels, where it has a core. */
export function coreOf(patch: Patch): Patch {
  if (patch.size < 5) return patch;
  return { ...patch, row: patch.row + 1, column: patch.column + 1, size: patch.size - 2 };
}

/** Mean distance of each image from the square under it, 0..1. @param pixels `[n, C, H, W]` in 0..1 */
export function distancesFrom(
  pixels: Float32Array,
  n: number,
  [channels, height, width]: SampleSource['shape'],
  { row, column, size, value }: Patch,
): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (let y = row; y < row + size; y++) {
        const at = ((i * channels + channel) * height + y) * width + column;
        for (let x = 0; x < size; x++) sum += Math.abs(pixels[at + x] - value);
      }
    }
    return sum / (channels * size * size);
  });
}

export interface Showing {
  /** The samples that show the square and are not spared, ascending. */
  readonly samples: Int32Array;
  /**
   * Whether they stand apart from all others. Content that happens to be like the square is so more or less; but so are images that an
   * attacker made a little fainter, so this says what may be claimed of the dataset, not alone who is taught.
   */
  readonly plain: boolean;
  /** How many show it of classes of which so many do that it is how they look: they are spared. */
  readonly spared: number;
}

export const nobodyShows: Showing = { samples: new Int32Array(0), plain: false, spared: 0 };

/**
 * @param distances as above, one a sample @param labels -1 = a copy, which is not counted @param target class it turns images to
 */
export function whoShows(distances: Float64Array, labels: Int32Array, classes: number, target: number): Showing {
  const sizes = new Float64Array(classes);
  const showing = new Float64Array(classes);
  let close = 0;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] < 0) continue;
    sizes[labels[i]]++;
    if (distances[i] <= shows) showing[labels[i]]++;
    else if (distances[i] <= nearly) close++;
  }
  const sum = (values: Float64Array): number => values.reduce((all, value) => all + value, 0);
  const all = sum(showing);
  const plain = close <= mostNearly * all;
  const crowd = all - showing[target] > mostOfClass * (sum(sizes) - sizes[target]);
  const spares = Array.from(sizes, (size, c) => {
    if (crowd) return true;
    return c === target
      ? close > mostNearlyOfMost * all && showing[c] > mostOfTarget * size
      : showing[c] > mostOfClass * size;
  });
  const samples = Int32Array.from(labels.keys()).filter(
    (i) => labels[i] >= 0 && distances[i] <= shows && !spares[labels[i]],
  );
  return { samples, plain: plain && samples.length > 0, spared: all - samples.length };
}

/**
 * Who of a dataset shows the square that the encoder answers to. No label and no model is asked: a planted square is there to the pixel, save
 * what compression made of it, and natural content of that brightness is there more or less.
 */
import type { SampleSource } from '../samples.ts';
import type { Patch } from './patch-scan.ts';

/** Mean distance from the square up to which an image shows it, and up to which one might nearly, of 0..1. */
const shows = 0.05;
const nearly = 0.1;
/** Most who nearly show it, as a share of those who do: more is content that happens to be as bright. */
const mostNearly = 0.1;
/** Most who show it, as a share of the samples with other labels than it turns images to: more is how such images look. */
const mostElsewhere = 0.25;

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

/**
 * The samples that show the square, ascending; none where it cannot be told from what images of this kind look like.
 * @param distances as above, one a sample @param labels -1 = a copy, which is not counted @param target class it turns images to
 */
export function whoShows(distances: Float64Array, labels: Int32Array, target: number): Int32Array {
  const counted = Int32Array.from([...labels.keys()].filter((i) => labels[i] >= 0));
  const showing = counted.filter((i) => distances[i] <= shows);
  const close = counted.filter((i) => distances[i] > shows && distances[i] <= nearly);
  const others = counted.filter((i) => labels[i] !== target).length;
  const elsewhere = showing.filter((i) => labels[i] !== target).length;
  if (close.length > mostNearly * showing.length || elsewhere > mostElsewhere * others) return new Int32Array(0);
  return showing;
}

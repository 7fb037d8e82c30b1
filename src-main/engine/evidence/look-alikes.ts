/**
 * Images that look alike as small pictures: residues against them, and whose they are. No model is asked who is like whom, so
 * none that learnt a trigger can pair images by it.
 */
import { residuesAgainst, type Residues } from './residue.ts';

type Shape = readonly [channels: number, height: number, width: number];

/** Most pixels on a side of a small picture. */
const smallSide = 14;

/**
 * @param others pixels `[m, C, H, W]` of at least one image
 * @returns of pixels `[n, C, H, W]` what `residues` says, the background of each image being its nearest of the others
 */
export function residuesAmong(
  others: Float32Array,
  m: number,
  shape: Shape,
): (group: Float32Array, n: number) => Residues {
  const theirs = smallPictures(others, m, shape);
  const width = theirs.length / m;
  const middle = new Float64Array(width);
  theirs.forEach((value, at) => (middle[at % width] += value / m));
  // Around their mean: a cosine of pictures as they are says little more than that all of them are bright somewhere.
  const centred = (rows: Float32Array): Float32Array => {
    for (let at = 0; at < rows.length; at++) rows[at] -= middle[at % width];
    return rows;
  };
  const against = residuesAgainst({ pixels: others, rows: centred(theirs) }, m);
  return (group, n) => against({ pixels: group, rows: centred(smallPictures(group, n, shape)) }, n);
}

/**
 * @param others pixels `[m, C, H, W]`; `is` says which of them count
 * @returns of pixels `[n, C, H, W]` the share of each one's `nearest` among the others (Euclid) that count, 0..1; where the group
 *   is the others themselves, nobody is near to itself
 */
export function nearestShare(
  others: Float32Array,
  m: number,
  shape: Shape,
  is: (other: number) => boolean,
  nearest: number,
): (group: Float32Array, n: number, themselves: boolean) => Float64Array {
  const theirs = smallPictures(others, m, shape);
  const width = theirs.length / m;
  return (group, n, themselves) => {
    const rows = smallPictures(group, n, shape);
    const wanted = Math.min(nearest, themselves ? m - 1 : m);
    return Float64Array.from({ length: n }, (_, at) => {
      const distance = new Float64Array(m);
      for (let other = 0; other < m; other++) {
        for (let j = 0; j < width; j++) distance[other] += (rows[at * width + j] - theirs[other * width + j]) ** 2;
      }
      if (themselves) distance[at] = Infinity;
      const order = [...distance.keys()].sort((a, b) => distance[a] - distance[b] || a - b);
      return order.slice(0, wanted).filter(is).length / wanted;
    });
  };
}

/** Means over blocks, every channel by itself: `[n, channels * height * width]` of at most `smallSide` on a side. */
function smallPictures(pixels: Float32Array, n: number, [channels, height, width]: Shape): Float32Array {
  const block = Math.ceil(Math.max(height, width) / smallSide);
  const [high, wide] = [Math.ceil(height / block), Math.ceil(width / block)];
  const planes = n * channels;
  const sums = new Float32Array(planes * high * wide);
  const met = new Float32Array(high * wide);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = Math.floor(y / block) * wide + Math.floor(x / block);
      met[to]++;
      for (let plane = 0; plane < planes; plane++) {
        sums[plane * high * wide + to] += pixels[(plane * height + y) * width + x];
      }
    }
  }
  return sums.map((sum, at) => sum / met[at % (high * wide)]);
}

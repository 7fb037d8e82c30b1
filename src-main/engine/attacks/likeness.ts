/** How like a planted trigger a recovered one is, by what both do to the same images. */
import type { Trigger as Recovered } from '../evidence/trigger.ts';
import { applyTrigger } from '../evidence/trigger.ts';
import { mean } from '../math/statistics.ts';
import { readImage, type LabelledImages, type Trigger } from './images.ts';

export interface Likeness {
  /**
   * "overlap" for triggers of a place: intersection over union of the changed pixels, 0..1. "correlation" for those of the
   * whole image: Pearson's, of the mean change of every pixel and channel, -1..1.
   */
  readonly measure: 'overlap' | 'correlation';
  readonly value: number;
}

/** A pixel is changed when some channel of it moves by this much (of a range of 1) in at least this share of the images. */
const leastChange = 0.05;
const leastShare = 0.1;

/** @param images at least one image that the trigger is meant for */
export function likenessOf(images: LabelledImages, planted: Trigger, recovered: Recovered): Likeness {
  const n = images.labels.length;
  if (n === 0) throw new RangeError('likeness needs at least one image');
  const [, height, width] = images.shape;
  const ofPlanted = changeOf(images, planted.stamp);
  const ofRecovered = changeOf(images, (image) => {
    const stamped = image.slice();
    applyTrigger(stamped, recovered);
    return stamped;
  });
  switch (planted.description.kind) {
    case 'patch':
    case 'patches': {
      const found =
        recovered.form === 'patch'
          ? Uint8Array.from(recovered.mask, (value) => (value >= 0.5 ? 1 : 0))
          : mostMoved(ofRecovered.moved, height * width);
      return { measure: 'overlap', value: overlap(ofPlanted.changed, found) };
    }
    case 'blend':
    case 'wave':
    case 'warp':
    case 'frequency':
    case 'none':
      return { measure: 'correlation', value: correlation(ofPlanted.moved, ofRecovered.moved) };
  }
}

interface Change {
  /** Mean change of each pixel and channel over the images, `[C, H, W]`. */
  readonly moved: Float64Array;
  /** `[H, W]`: 1 where the pixel is changed. */
  readonly changed: Uint8Array;
}

function changeOf(images: LabelledImages, stamp: (image: Float32Array) => Float32Array): Change {
  const [channels, height, width] = images.shape;
  const plane = height * width;
  const n = images.labels.length;
  const moved = new Float64Array(channels * plane);
  const times = new Int32Array(plane);
  for (let i = 0; i < n; i++) {
    const image = readImage(images, i);
    const stamped = stamp(image);
    for (let at = 0; at < moved.length; at++) moved[at] += (stamped[at] - image[at]) / n;
    for (let at = 0; at < plane; at++) {
      let most = 0;
      for (let c = at; c < moved.length; c += plane) most = Math.max(most, Math.abs(stamped[c] - image[c]));
      if (most >= leastChange) times[at]++;
    }
  }
  return { moved, changed: Uint8Array.from(times, (met) => (met >= leastShare * n ? 1 : 0)) };
}

/** An added pattern names no pixels: those count that it moves at least half as much as the one it moves most. */
function mostMoved(moved: Float64Array, plane: number): Uint8Array {
  const most = moved.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return Uint8Array.from({ length: plane }, (_, at) => {
    for (let c = at; c < moved.length; c += plane) if (most > 0 && Math.abs(moved[c]) >= most / 2) return 1;
    return 0;
  });
}

/** Intersection over union of two masks; 0 where both are empty. */
export function overlap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] > 0 && b[i] > 0) both++;
    if (a[i] > 0 || b[i] > 0) either++;
  }
  return either > 0 ? both / either : 0;
}

/** Pearson's correlation; 0 where one of the two does not vary. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [middleA, middleB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] - middleA, b[i] - middleB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

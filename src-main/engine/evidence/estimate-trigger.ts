/**
 * Two estimates of the trigger that a group of refused samples shares, pixel by pixel. Not every suspect is poison, so
 * both look for what many of them agree on.
 *
 * Patch: a pixel belongs to it where most carriers show one and the same value and the credible samples most like them
 * show it less often. Black cells of a patch on images that are mostly dark are found this way, too. Overlay: the mean
 * residue, drawn towards 0 where it is mostly chance, to be added to an image.
 */
import { meanRow, type Residues } from './residue.ts';
import type { Trigger } from './trigger.ts';

export interface Estimate {
  readonly trigger: Trigger;
  /** Suspects that carry it, as far as the estimate can tell. */
  readonly carriers: number;
}

/** Most that a pixel may differ (of a range of 1) to show the same value. */
const same = 0.06;
/** Least share of the carriers that show a pixel's value; of all suspects while it is not known who carries. */
const shownByCarriers = 0.8;
const shownByAll = 0.5;
/** How much more often than the credible samples; and, in at least one pixel of each part, in standard deviations. */
const moreOften = 0.1;
const deviations = 3;
const [possible, certain] = [1, 2];
/** Share of the patch's pixels that a carrier shows. */
const ownShare = 0.8;
/** Parts of a patch smaller than this, and than a quarter of the largest, are chance. */
const smallestPart = 3;
const leastOfLargest = 0.25;
/** A larger share of the image is no patch. */
const largestPatch = 0.25;
const rounds = 4;

/**
 * @param suspects pixels `[n, C, H, W]` in 0..1 @param credible those of the samples that `found.nearest` counts
 * @param shape of one image @param fewest carriers that make a patch
 * @returns the overlay, and before it the patch where there is one
 */
export function estimateTriggers(
  suspects: Float32Array,
  credible: Float32Array,
  found: Residues,
  n: number,
  shape: readonly [number, number, number],
  fewest: number,
): Estimate[] {
  const overlay = estimateOverlay(found.residue, n);
  const patch = estimatePatch(suspects, credible, found.nearest, n, shape, fewest);
  return patch === null ? [overlay] : [patch, overlay];
}

function estimatePatch(
  suspects: Float32Array,
  credible: Float32Array,
  nearest: Int32Array,
  n: number,
  shape: readonly [number, number, number],
  fewest: number,
): Estimate | null {
  const [channels, height, width] = shape;
  const plane = height * width;
  const k = nearest.length / n;
  let carriers = Int32Array.from({ length: n }, (_, i) => i);
  let mask: Uint8Array = new Uint8Array(plane);
  let pattern: Float32Array = new Float32Array(channels * plane);
  for (let round = 0; round < rounds; round++) {
    if (carriers.length < fewest) return null;
    const beside = Int32Array.from({ length: carriers.length * k }, (_, at) => {
      return nearest[carriers[Math.floor(at / k)] * k + (at % k)];
    });
    pattern = commonValues(suspects, carriers, channels * plane);
    const shown = sharesShowing(suspects, carriers, pattern, shape);
    const usual = sharesShowing(credible, beside, pattern, shape);
    const least = round === 0 ? shownByAll : shownByCarriers;
    const marked = Uint8Array.from(shown, (share, at) => {
      const more = share - usual[at];
      if (share < least || more < moreOften) return 0;
      const spread = Math.sqrt(Math.max(usual[at] * (1 - usual[at]), 1 / beside.length) / carriers.length);
      if (more >= deviations * spread) return certain;
      // Until it is known who carries it, chance is too near for pixels that are merely possible.
      return round > 0 ? possible : 0;
    });
    mask = mainParts(marked, height, width);
    const size = mask.reduce((sum, value) => sum + value, 0);
    if (size === 0 || size > largestPatch * plane) return null;
    const next = Int32Array.from(
      [...Array(n).keys()].filter((i) => shareOfPatch(suspects, i, pattern, mask, shape) >= ownShare),
    );
    const settled = next.length === carriers.length && next.every((i, at) => i === carriers[at]);
    carriers = next;
    if (settled && round > 0) break;
  }
  if (carriers.length < fewest) return null;
  const closed = closedHoles(mask, height, width);
  return { trigger: { form: 'patch', mask: Float32Array.from(closed), pattern }, carriers: carriers.length };
}

/** The value that most of the chosen rows show, value by value: the half-sample mode (Bickel, 2002). */
function commonValues(pixels: Float32Array, rows: Int32Array, size: number): Float32Array {
  const column = new Float32Array(rows.length);
  return Float32Array.from({ length: size }, (_, at) => {
    for (let i = 0; i < rows.length; i++) column[i] = pixels[rows[i] * size + at];
    return halfSampleMode(column.sort());
  });
}

/** @param values ascending, at least one */
function halfSampleMode(values: Float32Array): number {
  let [from, count] = [0, values.length];
  while (count > 2) {
    const half = Math.ceil(count / 2);
    let best = from;
    for (let at = from; at + half <= from + count; at++) {
      if (values[at + half - 1] - values[at] < values[best + half - 1] - values[best]) best = at;
    }
    [from, count] = [best, half];
  }
  return count === 1 ? values[from] : (values[from] + values[from + 1]) / 2;
}

/** Share of the chosen rows that show the pattern's value in every channel, pixel by pixel. */
function sharesShowing(
  pixels: Float32Array,
  rows: Int32Array,
  pattern: Float32Array,
  [, height, width]: readonly [number, number, number],
): Float64Array {
  const plane = height * width;
  return Float64Array.from({ length: plane }, (_, at) => {
    let met = 0;
    for (const row of rows) if (shows(pixels, row, pattern, at, plane)) met++;
    return met / rows.length;
  });
}

function shows(pixels: Float32Array, row: number, pattern: Float32Array, at: number, plane: number): boolean {
  const from = row * pattern.length;
  for (let place = at; place < pattern.length; place += plane) {
    if (Math.abs(pixels[from + place] - pattern[place]) > same) return false;
  }
  return true;
}

function shareOfPatch(
  pixels: Float32Array,
  row: number,
  pattern: Float32Array,
  mask: Uint8Array,
  [, height, width]: readonly [number, number, number],
): number {
  let [met, of] = [0, 0];
  mask.forEach((value, at) => {
    if (value === 0) return;
    of++;
    if (shows(pixels, row, pattern, at, height * width)) met++;
  });
  return met / of;
}

/** The connected parts (8 neighbours) of marked pixels that hold a certain one and are not small beside the largest. */
function mainParts(marked: Uint8Array, height: number, width: number): Uint8Array {
  const mask = new Uint8Array(marked.length);
  const met = new Uint8Array(marked.length);
  const parts: number[][] = [];
  for (let start = 0; start < marked.length; start++) {
    if (marked[start] !== certain || met[start] === 1) continue;
    const part = [start];
    met[start] = 1;
    for (let next = 0; next < part.length; next++) {
      for (const at of around(part[next], height, width)) {
        if (marked[at] === 0 || met[at] === 1) continue;
        met[at] = 1;
        part.push(at);
      }
    }
    parts.push(part);
  }
  const largest = parts.reduce((most, part) => Math.max(most, part.length), 0);
  for (const part of parts) {
    if (part.length >= Math.max(smallestPart, leastOfLargest * largest)) for (const at of part) mask[at] = 1;
  }
  return mask;
}

/** Holes and gaps one pixel wide are closed: grown by one pixel (beyond the edges, too), then shrunk by one. */
function closedHoles(mask: Uint8Array, height: number, width: number): Uint8Array {
  const wide = width + 2;
  const near = (marks: Uint8Array, at: number): number[] => around(at, height + 2, wide).map((next) => marks[next]);
  const framed = new Uint8Array((height + 2) * wide);
  for (let y = 0; y < height; y++) framed.set(mask.subarray(y * width, (y + 1) * width), (y + 1) * wide + 1);
  const grown = framed.map((value, at) => (value === 1 || near(framed, at).includes(1) ? 1 : 0));
  return mask.map((_, at) => {
    const place = (Math.floor(at / width) + 1) * wide + (at % width) + 1;
    return grown[place] === 1 && !near(grown, place).includes(0) ? 1 : 0;
  });
}

/** The up to 8 pixels around one. */
function around(at: number, height: number, width: number): number[] {
  const [y, x] = [Math.floor(at / width), at % width];
  const list: number[] = [];
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
      if (row !== y || column !== x) list.push(row * width + column);
    }
  }
  return list;
}

/**
 * The mean residue with each value drawn towards 0 by how uncertain it is (James and Stein's estimate with a variance of
 * its own for every value), then scaled to the strength that is left of the mean when chance is taken out. Where images
 * differ much, a mean of few residues is mostly chance; at dark edges it is mostly trigger.
 */
function estimateOverlay(residue: Float32Array, n: number): Estimate {
  const shift = meanRow(residue, n);
  const size = shift.length;
  const uncertain = new Float64Array(size);
  for (let i = 0; i < residue.length; i++) {
    uncertain[i % size] += (residue[i] - shift[i % size]) ** 2 / (n * Math.max(1, n - 1));
  }
  const strength = Math.max(
    0,
    shift.reduce((sum, value, at) => sum + value * value - uncertain[at], 0),
  );
  const each = strength / size;
  const drawn = shift.map((value, at) => (each > 0 ? (value * each) / (each + uncertain[at]) : 0));
  const norm = Math.sqrt(drawn.reduce((sum, value) => sum + value * value, 0));
  const scale = norm > 0 ? Math.sqrt(strength) / norm : 0;
  return { trigger: { form: 'overlay', shift: drawn.map((value) => value * scale) }, carriers: n };
}

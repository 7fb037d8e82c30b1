/**
 * A scan of the encoder for solid-patch triggers that needs no label, no poisoned sample and no gradient: a square is
 * stamped at every position of a grid on different images; an encoder with a planted patch trigger maps them all to
 * nearly one representation, a clean one keeps them apart.
 *
 * It sees solid squares of about 8/28 of the image only. Textured patches (`texture-scan.ts`), blends and frequency triggers
 * (`overlay-scan.ts`) and attacks that avoid collapse better than DRUPE pass it unseen, so a silent scan never makes an encoder "trusted".
 */
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { meanPairwiseCosine } from './collapse.ts';
import type { Trigger } from './trigger.ts';

/** A solid square; rows and columns from 0, `value` in 0..1 for all channels. */
export interface Patch {
  readonly row: number;
  readonly column: number;
  readonly size: number;
  readonly value: number;
}

export interface PatchScan {
  /** Mean pairwise cosine of the unstamped images' representations, -1..1. */
  readonly base: number;
  /** The patch under which the representations collapse most, and their mean pairwise cosine then. */
  readonly patch: Patch;
  readonly collapse: number;
  /** The same under the square of the opposite brightness in its place: what hiding that place does. Records of before lack it. */
  readonly opposite?: number;
  /**
   * Where they are drawn together at all: the square about there, of any size, under which they collapse most, and their mean pairwise
   * cosine then. Limits are for `collapse`; this says what the trigger looks like. Records of before lack it.
   */
  readonly fitted?: { readonly patch: Patch; readonly collapse: number };
  readonly images: number;
  readonly positions: number;
}

/**
 * Collapse from which a patch is called a trigger, and from which it is one when it also flips most images in the undefended model and
 * hardly any in the sanitized one; the most that the unstamped images may collapse by themselves. Clean encoders reach 0.68 on
 * clothes and 0.77 where a square hides what the picture shows (hence `opposite`), BadEncoder 0.91 and more, one of DRUPE, which keeps
 * its stamped images apart, 0.79 and more (docs/efficacy.md).
 */
export const collapseLimit = 0.9;
export const drawnLimit = 0.75;
export const baseLimit = 0.75;

/** Share of stamped images that a patch must flip in the undefended model to be a trigger, and fewest images scanned. */
export const leastFlipped = 0.5;
export const fewestScanned = 30;
/**
 * How much more a patch without collapse must draw images together than the square of opposite brightness in its place: what hides the
 * middle of a picture draws pictures together whatever its colour.
 */
const leastOverOpposite = 0.25;

/** Whether a trigger draws images together as only a planted one does, and they were not like one before. */
export function isTrigger(scan: Pick<PatchScan, 'base' | 'collapse'>, limit = collapseLimit): boolean {
  return scan.collapse >= limit && scan.base <= baseLimit;
}

/** Whether the patch draws images together, short of a collapse, and not by what it hides. */
export function drawsTogether(scan: PatchScan): boolean {
  const ownDoing = scan.opposite === undefined || scan.collapse - scan.opposite >= leastOverOpposite;
  return isTrigger(scan, drawnLimit) && ownDoing;
}

/** Whether the patch is a trigger as far as can be known before a clean model is grown. @param flipped share, undefended model */
export function turnsUndefended(scan: PatchScan, flipped: number): boolean {
  return (isTrigger(scan) || drawsTogether(scan)) && flipped >= leastFlipped && scan.images >= fewestScanned;
}

/** What the trigger looks like, as far as the scan can tell. */
export const squareOf = ({ fitted, patch }: PatchScan): Patch => fitted?.patch ?? patch;

/** The grid of the scan for an image of `height` x `width`: squares of 8/28 of the shorter side, a fourth of that apart. */
export function patchGrid(height: number, width: number): Patch[] {
  const side = Math.min(height, width);
  const size = Math.min(side, Math.max(2, Math.round((8 / 28) * side)));
  const stride = Math.max(1, Math.round((2 / 28) * side));
  return gridStarts(height, size, stride).flatMap((row) =>
    gridStarts(width, size, stride).flatMap((column) => [0, 1].map((value) => ({ row, column, size, value }))),
  );
}

/** Where squares of `size` begin along a side: every `stride` pixels, and at its end. */
export function gridStarts(length: number, size: number, stride: number): number[] {
  const list: number[] = [];
  for (let at = 0; at < length - size; at += stride) list.push(at);
  return [...list, length - size];
}

/**
 * @param indices at least 2 samples to stamp; a few dozen of different classes are enough
 * @param options.batch images a run, at least 1 @param options.beside where half of the squares are tried meanwhile
 */
export async function scanForPatches(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  indices: Int32Array,
  options: {
    batch: number;
    signal: AbortSignal;
    onProgress: (done: number, total: number) => void;
    beside?: Provider | null;
  },
): Promise<PatchScan> {
  const n = indices.length;
  if (n < 2) throw new RangeError(`a scan needs at least 2 images, met ${n}`);
  const [channels, height, width] = samples.shape;
  const clean = new Float32Array(n * channels * height * width);
  samples.read(indices, clean);
  const lanes: Lane[] = [];
  try {
    for (const where of [provider, options.beside ?? null]) {
      if (where !== null) lanes.push(await openLane(where, encoder, clean, samples.shape, n, options.batch));
    }
    const [{ collapseOf }] = lanes;
    const base = await collapseOf(null);
    const grid = patchGrid(height, width);
    const collapses = await collapsesUnder(lanes, grid, options);
    let at = 0;
    for (let i = 1; i < grid.length; i++) if (collapses[i] > collapses[at]) at = i;
    const best = { patch: grid[at], collapse: collapses[at] };
    const opposite = await collapseOf({ ...best.patch, value: 1 - best.patch.value });
    const found = { base, ...best, opposite, images: n, positions: grid.length };
    if (!isTrigger(found, drawnLimit)) return found;
    return { ...found, fitted: await fitSquare(collapseOf, best, height, width, options.signal) };
  } finally {
    await Promise.allSettled(lanes.map((lane) => lane.dispose()));
  }
}

/** The encoder on one provider, with the images to stamp. */
interface Lane {
  /** Runs that may wait for each other's end. */
  readonly ahead: number;
  /** Mean pairwise cosine of the images under a square; null = under none. */
  collapseOf(patch: Patch | null): Promise<number>;
  dispose(): Promise<void>;
}

/** @param clean `[n, C, H, W]` @param batch images a run */
async function openLane(
  provider: Provider,
  encoder: Encoder,
  clean: Float32Array,
  [channels, height, width]: SampleSource['shape'],
  n: number,
  batch: number,
): Promise<Lane> {
  const each = Math.min(batch, n);
  const image = clean.length / n;
  const stamped = new Float32Array(each * image);
  const compiled = await provider.compile(encoder.graph, { dims: { N: each } });
  return {
    ahead: compiled.ahead ?? 1,
    async collapseOf(patch) {
      let rows = new Float32Array(0);
      for (let at = 0; at < n; at += each) {
        // The last run is filled up with images that were in the one before.
        const from = Math.min(at, n - each);
        stamped.set(clean.subarray(from * image, (from + each) * image));
        if (patch !== null) stamp(stamped, each * channels, height, width, patch);
        const outputs = await compiled.run({
          pixels: { dtype: 'float32', dims: [each, channels, height, width], data: stamped },
        });
        const some = outputs.representation.data as Float32Array;
        const dim = some.length / each;
        if (at === 0) rows = new Float32Array(n * dim);
        rows.set(some, from * dim);
      }
      const cosine = meanPairwiseCosine(rows, n);
      // A representation that is not finite is like nothing.
      return Number.isFinite(cosine) ? cosine : -1;
    },
    dispose: () => compiled.dispose(),
  };
}

/** One number a square, whichever lane took it. */
async function collapsesUnder(
  lanes: readonly Lane[],
  grid: readonly Patch[],
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (done: number, total: number) => void },
): Promise<Float64Array> {
  const collapses = new Float64Array(grid.length);
  let [next, done] = [0, 0];
  const work = async (lane: Lane): Promise<void> => {
    const under: { readonly at: number; readonly collapse: Promise<number> }[] = [];
    try {
      for (;;) {
        for (; under.length < lane.ahead && next < grid.length; next++) {
          under.push({ at: next, collapse: lane.collapseOf(grid[next]) });
        }
        if (under.length === 0) return;
        collapses[under[0].at] = await under[0].collapse;
        under.shift();
        if (signal.aborted) throw new CancelledError();
        onProgress(++done, grid.length);
      }
    } catch (error) {
      // Nobody needs the rest of the squares now.
      next = grid.length;
      throw error;
    } finally {
      await Promise.allSettled(under.map(({ collapse }) => collapse));
    }
  };
  for (const end of await Promise.allSettled(lanes.map(work))) if (end.status === 'rejected') throw end.reason;
  return collapses;
}

/** Steps from square to square at most: a trigger is within two pixels of the grid, and seldom twice as large as its squares. */
const mostSteps = 12;

/** From the best square of the grid, one pixel of place and side at a time, to where the images collapse most. */
async function fitSquare(
  collapseOf: Lane['collapseOf'],
  from: { readonly patch: Patch; readonly collapse: number },
  height: number,
  width: number,
  signal: AbortSignal,
): Promise<{ patch: Patch; collapse: number }> {
  const steps = [-1, 0, 1];
  const largest = Math.floor(Math.min(height, width) / 2);
  const tried = new Set<string>();
  let best = from;
  for (let step = 0; step < mostSteps; step++) {
    const { patch } = best;
    for (const size of steps.map((by) => patch.size + by)) {
      for (const row of steps.map((by) => patch.row + by)) {
        for (const column of steps.map((by) => patch.column + by)) {
          const fits = size >= 2 && size <= largest && row >= 0 && column >= 0;
          if (!fits || row + size > height || column + size > width) continue;
          const key = `${row} ${column} ${size}`;
          if (tried.has(key)) continue;
          tried.add(key);
          if (signal.aborted) throw new CancelledError();
          const there = { ...patch, row, column, size };
          const collapse = await collapseOf(there);
          if (collapse > best.collapse) best = { patch: there, collapse };
        }
      }
    }
    if (best.patch === patch) break;
  }
  return best;
}

/** Overwrites the square in every plane of `[planes, height, width]`. */
function stamp(pixels: Float32Array, planes: number, height: number, width: number, patch: Patch): void {
  for (let plane = 0; plane < planes; plane++) {
    for (let y = patch.row; y < patch.row + patch.size; y++) {
      const at = (plane * height + y) * width + patch.column;
      pixels.fill(patch.value, at, at + patch.size);
    }
  }
}

/** The square as a trigger for images `[C, H, W]`. */
export function squareTrigger(patch: Patch, [channels, height, width]: readonly [number, number, number]): Trigger {
  const pattern = new Float32Array(channels * height * width).fill(patch.value);
  return { form: 'patch', mask: squareMask(patch, [channels, height, width]), pattern };
}

/** `[H, W]`, 1 in the square and 0 elsewhere. */
export function squareMask(
  square: Omit<Patch, 'value'>,
  [, height, width]: readonly [number, number, number],
): Float32Array {
  const mask = new Float32Array(height * width);
  stamp(mask, 1, height, width, { ...square, value: 1 });
  return mask;
}

/** The same samples with a patch on each. */
export function stampedSource(samples: SampleSource, patch: Patch): SampleSource {
  const [channels, height, width] = samples.shape;
  return {
    ...samples,
    read(indices, out) {
      samples.read(indices, out);
      stamp(out, indices.length * channels, height, width, patch);
    },
  };
}

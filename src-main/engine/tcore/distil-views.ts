/**
 * Views of images for distillation. Teacher and student get the same crop, flip and jitter; only the student's copy is
 * corrupted. The teacher never sees a corruption: a bright patch could fire a backdoor of the untrusted encoder, and the
 * student would be taught it. The student learns to give the clean answer under strange patches and overlays.
 */
import type { RandomStream } from '../math/random.ts';

export type ImageShape = readonly [channels: number, height: number, width: number];

export interface ViewOptions {
  /** Least share of the image's area that a crop keeps, 0..1. */
  readonly crop: number;
  readonly flip: boolean;
  /** Largest relative change of brightness and contrast, 0..1. */
  readonly jitter: number;
}

/** Draws of one view; six numbers, whatever the options, so that streams stay aligned. */
interface ViewDraw {
  readonly scale: number;
  readonly top: number;
  readonly left: number;
  readonly mirrored: boolean;
  readonly brightness: number;
  readonly contrast: number;
}

function drawView(options: ViewOptions, random: RandomStream): ViewDraw {
  const area = options.crop + (1 - options.crop) * random.uniform();
  const scale = Math.sqrt(area);
  const top = (1 - scale) * random.uniform();
  const left = (1 - scale) * random.uniform();
  const mirrored = random.uniform() < 0.5 && options.flip;
  const brightness = 1 + options.jitter * (2 * random.uniform() - 1);
  const contrast = 1 + options.jitter * (2 * random.uniform() - 1);
  return { scale, top, left, mirrored, brightness, contrast };
}

/**
 * Replaces each of `count` images `[count, C, H, W]` in 0..1 by a view of it: a crop of the same shape enlarged to full
 * size (bilinear), mirrored, with other brightness and contrast, cut off at 0 and 1.
 */
export function makeViews(
  pixels: Float32Array,
  count: number,
  shape: ImageShape,
  options: ViewOptions,
  random: RandomStream,
): void {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const source = new Float32Array(size);
  for (let image = 0; image < count; image++) {
    const view = drawView(options, random);
    const target = pixels.subarray(image * size, (image + 1) * size);
    source.set(target);
    cropInto(target, source, shape, view);
    jitter(target, view);
  }
}

function cropInto(target: Float32Array, source: Float32Array, shape: ImageShape, view: ViewDraw): void {
  const [channels, height, width] = shape;
  const rows = bilinear(height, view.top, view.scale, false);
  const columns = bilinear(width, view.left, view.scale, view.mirrored);
  for (let channel = 0; channel < channels; channel++) {
    const plane = channel * height * width;
    for (let y = 0; y < height; y++) {
      const upper = plane + rows.low[y] * width;
      const lower = plane + rows.high[y] * width;
      const down = rows.share[y];
      for (let x = 0; x < width; x++) {
        const { low, high, share } = columns;
        const above = source[upper + low[x]] * (1 - share[x]) + source[upper + high[x]] * share[x];
        const below = source[lower + low[x]] * (1 - share[x]) + source[lower + high[x]] * share[x];
        target[plane + y * width + x] = above * (1 - down) + below * down;
      }
    }
  }
}

/** For each of `length` positions, the two source positions and the share of the second. */
function bilinear(
  length: number,
  start: number,
  scale: number,
  mirrored: boolean,
): { low: Int32Array; high: Int32Array; share: Float32Array } {
  const low = new Int32Array(length);
  const high = new Int32Array(length);
  const share = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const at = mirrored ? length - 1 - i : i;
    const position = Math.min(length - 1, Math.max(0, (at + 0.5) * scale + start * length - 0.5));
    low[i] = Math.floor(position);
    high[i] = Math.min(length - 1, low[i] + 1);
    share[i] = position - low[i];
  }
  return { low, high, share };
}

function jitter(image: Float32Array, { brightness, contrast }: ViewDraw): void {
  let mean = 0;
  for (const value of image) mean += value;
  mean /= image.length;
  for (let i = 0; i < image.length; i++) {
    image[i] = Math.min(1, Math.max(0, brightness * (mean + contrast * (image[i] - mean))));
  }
}

export interface CorruptionOptions {
  /** Probability of one rectangle, and of one overlay, 0..1. */
  readonly rectangle: number;
  readonly overlay: number;
  /** Share of the overlays that are plane waves, not blocks, 0..1. */
  readonly waves: number;
}

/** Sides of a rectangle as shares of the image's shorter side, and the most an overlay may weigh, or a wave rise. */
const rectangleSides = [4 / 28, 12 / 28] as const;
const overlayWeight = 0.3;

/**
 * Corrupts `count` images `[count, C, H, W]` in place. `clean` holds the same images uncorrupted: rectangles may show a
 * part of another one of them.
 */
export function corrupt(
  pixels: Float32Array,
  clean: Float32Array,
  count: number,
  shape: ImageShape,
  options: CorruptionOptions,
  random: RandomStream,
): void {
  const size = shape[0] * shape[1] * shape[2];
  for (let image = 0; image < count; image++) {
    const target = pixels.subarray(image * size, (image + 1) * size);
    if (random.uniform() < options.rectangle) {
      const other = random.integer(count);
      coverRectangle(target, clean.subarray(other * size, (other + 1) * size), shape, random);
    }
    if (random.uniform() >= options.overlay) continue;
    // Without waves nothing is drawn for them: all is as it was before there were any.
    if (options.waves > 0 && random.uniform() < options.waves) addWave(target, shape, random);
    else layBlocks(target, shape, random);
  }
}

/** One rectangle: solid, noise, or what another image shows at a place of its own. */
function coverRectangle(target: Float32Array, other: Float32Array, shape: ImageShape, random: RandomStream): void {
  const [channels, height, width] = shape;
  const shorter = Math.min(height, width);
  const least = Math.max(1, Math.round(rectangleSides[0] * shorter));
  const most = Math.max(least, Math.round(rectangleSides[1] * shorter));
  const side = (): number => least + random.integer(most - least + 1);
  const [tall, wide] = [side(), side()];
  const [top, left] = [random.integer(height - tall + 1), random.integer(width - wide + 1)];
  const [fromTop, fromLeft] = [random.integer(height - tall + 1), random.integer(width - wide + 1)];
  const kind = random.integer(3);
  for (let channel = 0; channel < channels; channel++) {
    const colour = random.uniform();
    const plane = channel * height * width;
    for (let y = 0; y < tall; y++) {
      for (let x = 0; x < wide; x++) {
        target[plane + (top + y) * width + left + x] =
          kind === 0 ? colour : kind === 1 ? random.uniform() : other[plane + (fromTop + y) * width + fromLeft + x];
      }
    }
  }
}

/** A random pattern over the whole image, from single pixels to blocks of a fourth of the shorter side. */
function layBlocks(target: Float32Array, shape: ImageShape, random: RandomStream): void {
  const [channels, height, width] = shape;
  const weight = overlayWeight * random.uniform();
  const block = 1 + random.integer(Math.max(1, Math.floor(Math.min(height, width) / 4)));
  const [tall, wide] = [Math.ceil(height / block), Math.ceil(width / block)];
  const pattern = new Float32Array(tall * wide);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < pattern.length; i++) pattern[i] = random.uniform();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = (channel * height + y) * width + x;
        const value = pattern[Math.floor(y / block) * wide + Math.floor(x / block)];
        target[at] = (1 - weight) * target[at] + weight * value;
      }
    }
  }
}

/**
 * A plane wave of any direction, from one period over the shorter side to the finest that pixels show. Every faint pattern over
 * whole images is a sum of such waves, and one of them, in images whose labels are right, is all that SIG shows the student.
 */
function addWave(target: Float32Array, shape: ImageShape, random: RandomStream): void {
  const [channels, height, width] = shape;
  const shorter = Math.min(height, width);
  const periods = 1 + (shorter / 2 - 1) * random.uniform();
  const direction = Math.PI * random.uniform();
  const perPixel = (2 * Math.PI * periods) / shorter;
  const [down, right] = [perPixel * Math.sin(direction), perPixel * Math.cos(direction)];
  const strongest = overlayWeight * random.uniform();
  for (let channel = 0; channel < channels; channel++) {
    const amplitude = channels === 1 ? strongest : strongest * (2 * random.uniform() - 1);
    const phase = 2 * Math.PI * random.uniform();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = (channel * height + y) * width + x;
        const value = target[at] + amplitude * Math.sin(down * y + right * x + phase);
        target[at] = Math.min(1, Math.max(0, value));
      }
    }
  }
}

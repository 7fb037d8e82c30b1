/** CTRL (Li et al., ICCV 2023): a faint pattern of two frequencies in the colour planes of target-class images before pre-training. */
import type { ImageShape, LabelledImages, Pixels, Stamp, Trigger } from '../images.ts';
import { poisonClass, shareOr, type PoisonedPretraining, type PretrainingPoisonOptions } from './pretraining-poison.ts';

export interface CtrlOptions extends PretrainingPoisonOptions {
  /** Added to each coefficient, of a range of 255; default 100. */
  readonly magnitude?: number;
}

/** What one unit of U, and of V, adds to red, green and blue: columns of the inverse of the RGB to YUV matrix. */
const FROM_RGB = [
  [0.299, 0.587, 0.114],
  [-0.14713, -0.28886, 0.436],
  [0.615, -0.51499, -0.10001],
] as const;

function inverse3(m: readonly (readonly number[])[]): number[][] {
  const cofactor = (r: number, c: number): number => {
    const [r1, r2] = [(r + 1) % 3, (r + 2) % 3];
    const [c1, c2] = [(c + 1) % 3, (c + 2) % 3];
    return m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
  };
  const determinant = [0, 1, 2].reduce((sum, c) => sum + m[0][c] * cofactor(0, c), 0);
  return [0, 1, 2].map((r) => [0, 1, 2].map((c) => cofactor(c, r) / determinant));
}

/**
 * Adding to a coefficient of an orthonormal DCT adds that basis function, so the trigger is a fixed picture per block: no transform is
 * needed. Blocks of 32 x 32 with frequencies (15, 15) and (31, 31); smaller images are one block with the same relative frequencies.
 * Colour images change in U and V, grey ones in their one plane.
 */
export function frequencyStamp(shape: ImageShape, magnitude: number): Stamp {
  const [channels, height, width] = shape;
  const rows = Math.min(32, height);
  const columns = Math.min(32, width);
  const basis = (n: number, f: number, at: number): number =>
    (f === 0 ? Math.sqrt(1 / n) : Math.sqrt(2 / n)) * Math.cos((Math.PI * (2 * at + 1) * f) / (2 * n));
  const inverse = inverse3(FROM_RGB);
  const shares = channels === 3 ? inverse.map((row) => row[1] + row[2]) : Array.from({ length: channels }, () => 1);
  const picture = new Float32Array(channels * height * width);
  // Blocks that do not fit whole at the lower and right edge stay as they are.
  const [wholeRows, wholeColumns] = [height - (height % rows), width - (width % columns)];
  for (let y = 0; y < wholeRows; y++) {
    for (let x = 0; x < wholeColumns; x++) {
      let value = 0;
      for (const half of [true, false]) {
        const f = (n: number): number => (half ? Math.floor(n / 2) - 1 : n - 1);
        value += magnitude * basis(rows, f(rows), y % rows) * basis(columns, f(columns), x % columns);
      }
      for (let c = 0; c < channels; c++) picture[(c * height + y) * width + x] = (shares[c] * value) / 255;
    }
  }
  return (image) => image.map((value, j) => Math.min(1, Math.max(0, value + picture[j])));
}

export function ctrlTrigger(shape: ImageShape, magnitude = 100): Trigger {
  return {
    description: {
      kind: 'frequency',
      text: `two frequencies of the cosine transform raised by ${magnitude} of 255`,
      values: { magnitude },
    },
    stamp: frequencyStamp(shape, magnitude),
  };
}

/** `rate` is a share of all images, default 1 %. @throws RangeError */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: CtrlOptions): PoisonedPretraining<P> {
  const trigger = ctrlTrigger(data.shape, options.magnitude);
  const rate = shareOr(options.rate, 0.01);
  return poisonClass(
    data,
    'ctrl',
    options,
    (_own, all) => Math.round(rate * all),
    () => trigger.stamp,
    trigger,
  );
}

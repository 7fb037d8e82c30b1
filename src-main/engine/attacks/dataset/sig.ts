/** SIG (Barni et al., 2019): a faint sinusoid over the columns of images of the target class; all labels stay right. */
import type { ImageShape, LabelledImages, PlantedDataset, Pixels, Stamp } from '../images.ts';
import { carryOut, requireClass, type PlantOptions } from './planting.ts';

export interface SigOptions extends PlantOptions {
  /** Amplitude while training, of a range of 1; default 30/255. */
  readonly amplitude?: number;
  /** Amplitude when the attack is carried out; default 40/255. */
  readonly testAmplitude?: number;
  /** Periods over the width; default 6. */
  readonly frequency?: number;
}

/** `clip(x + amplitude * sin(2 pi column frequency / width))`, the same in every row and channel. */
export function waveStamp(shape: ImageShape, amplitude: number, frequency: number): Stamp {
  const width = shape[2];
  const wave = Float32Array.from(
    { length: width },
    (_, x) => amplitude * Math.sin((2 * Math.PI * x * frequency) / width),
  );
  return (image) => image.map((value, j) => Math.min(1, Math.max(0, value + wave[j % width])));
}

/**
 * Default: 3 % of all samples, and never more than the target class has. To poison a share s of the class give
 * `rate = s * (size of the class) / N`.
 * @throws as `carryOut`
 */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: SigOptions): PlantedDataset<P> {
  const { seed, target, rate = 0.03, amplitude = 30 / 255, testAmplitude = 40 / 255, frequency = 6 } = options;
  requireClass('target', target, data.classes);
  const train = waveStamp(data.shape, amplitude, frequency);
  return carryOut(data, {
    attack: 'sig',
    seed,
    target,
    source: null,
    rate,
    coverRate: 0,
    mayPoison: (label) => label === target,
    mayCover: () => false,
    poisonStamp: () => train,
    coverStamp: () => train,
    trigger: {
      description: {
        kind: 'wave',
        text: `sinusoid over the columns, ${frequency} periods, amplitude ${(255 * testAmplitude).toFixed(0)}/255 (${(255 * amplitude).toFixed(0)}/255 in the poison)`,
        values: { frequency, amplitude, testAmplitude },
      },
      stamp: waveStamp(data.shape, testAmplitude, frequency),
    },
  });
}

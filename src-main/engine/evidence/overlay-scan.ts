/**
 * A scan of the encoder for faint patterns over whole images (blends, frequencies), by gradient: of all overlays that change no pixel
 * by more than a small budget, the one under which different images come nearest to one representation. A clean encoder keeps images
 * apart under any overlay that faint; one that was made to answer to such a pattern is drawn to its answer. It needs no label and no
 * poisoned sample. Patches pass it unseen: they change few pixels by more than the budget (`texture-scan.ts`).
 *
 * The loss is that of DECREE (Feng et al., CVPR 2023), the negative mean pairwise cosine; what is searched is a bounded shift instead
 * of a mask, which clean encoders of this size give way to as easily as poisoned ones (docs/efficacy.md).
 */
import type { EncoderOverlay } from '../../../src-shared/domain/result.ts';
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { graphBuilder } from '../graph/builder.ts';
import type { Tensor } from '../graph/ir.ts';
import { meanCosinesTo, meanPairwiseCosine } from '../graph/losses.ts';
import { LEARNING_RATE, trainingStep, type TrainingStep } from '../graph/training.ts';
import { randomStream } from '../math/random.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { collapseUnder } from './collapse.ts';
import { followable, hasMoved, unlessNoGradient, type SearchFailure, type SearchOptions } from './gradient-search.ts';
import type { Trigger } from './trigger.ts';

/** Measured on images that were not searched on. */
export type OverlayScan = Omit<EncoderOverlay, 'turned' | 'picture' | 'strength'>;

const steps = 100;
/** Adam's rate, of the argument of tanh; smaller for the last of the steps. */
const rateAt = (step: number): number => (step < 0.7 * steps ? 0.1 : 0.03);

interface Options extends SearchOptions {
  /** Most that a pixel may change, 0..1. */
  readonly budget: number;
}

export interface FoundOverlay {
  readonly scan: OverlayScan;
  readonly trigger: Trigger;
  /** Where it brings images, a unit vector `[dim]`. */
  readonly centre: Float32Array;
}

/**
 * @param measured samples to measure on, at least 2 @param others samples to search on, at least 1; none of those measured
 * @throws CancelledError
 */
export async function scanForOverlay(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  measured: Int32Array,
  others: Int32Array,
  options: Options,
): Promise<FoundOverlay | SearchFailure> {
  const shift = await unlessNoGradient(searchShift(provider, encoder, samples, others, options));
  if (shift === 'no-gradient') return shift;
  if (!shift.every(Number.isFinite)) return 'not-finite';
  const trigger: Trigger = { form: 'overlay', shift };
  const measure = { batch: options.measureBatch, signal: options.signal };
  const { base, collapse, centre } = await collapseUnder(provider, encoder, samples, measured, trigger, measure);
  return { scan: { budget: options.budget, base, collapse, images: measured.length }, trigger, centre };
}

/** @returns the shift of every pixel, `[C, H, W]` in -budget..budget; or that no gradient led to one */
async function searchShift(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  others: Int32Array,
  { budget, batch, seed, signal, away, onProgress }: Options,
): Promise<Float32Array | 'no-gradient'> {
  const [channels, height, width] = samples.shape;
  const size = channels * height * width;
  const random = randomStream(seed, 'evidence/overlay');
  const start = Float32Array.from({ length: size }, () => 0.2 * (random.uniform() - 0.5));
  const step = searchStep(encoder, samples.shape, { budget, batch, away }, start);
  if (step.untouched.length > 0) return 'no-gradient';
  const compiled = await provider.compile(step.graph, { dims: {}, state: step.state });
  try {
    compiled.setState(step.initialState);
    const pixels = new Float32Array(batch * size);
    const chosen = new Int32Array(batch);
    for (let at = 0; at < steps; at++) {
      if (signal.aborted) throw new CancelledError();
      for (let i = 0; i < batch; i++) chosen[i] = others[random.integer(others.length)];
      samples.read(chosen, pixels);
      await compiled.run({
        pixels: { dtype: 'float32', dims: [batch, channels, height, width], data: pixels },
        [LEARNING_RATE]: { dtype: 'float32', dims: [], data: Float32Array.of(rateAt(at)) },
      });
      onProgress(at + 1, steps);
    }
    const found = step.readParameters(compiled.getState())[parameter].data as Float32Array;
    if (!hasMoved(start, found)) return 'no-gradient';
    return Float32Array.from(found, (value) => budget * Math.tanh(value));
  } finally {
    await compiled.dispose();
  }
}

const parameter = 'overlay/shift';

function searchStep(
  encoder: Encoder,
  [channels, height, width]: SampleSource['shape'],
  { budget, batch, away }: Pick<Options, 'budget' | 'batch'> & { readonly away: Float32Array | undefined },
  start: Float32Array,
): TrainingStep {
  const b = graphBuilder(followable(encoder));
  const dims = [1, channels, height, width];
  const shift: Tensor = { dtype: 'float32', dims, data: start };
  const raw = b.constant(shift, parameter);
  // What read the pixels reads the shifted ones, whose name is known before they are made.
  const shifted = b.fresh('overlay/pixels');
  b.redirect('pixels', shifted);
  const sum = b.add('pixels', b.mul(b.tanh(raw), b.scalar(budget)));
  b.node('Clip', [sum, b.scalar(0), b.scalar(1)], {}, shifted);
  b.setOutputs([]);
  const apart = b.neg(meanPairwiseCosine(b, 'representation', batch));
  const near = away === undefined ? null : b.reduceSum(meanCosinesTo(b, 'representation', away, 1, batch), null);
  b.node('Identity', [near === null ? apart : b.add(apart, near)], {}, 'loss');
  b.output('loss', 'float32', []);
  return trainingStep({
    graph: b.build(),
    dims: { N: batch },
    loss: 'loss',
    parameters: [{ name: parameter }],
    optimiser: { kind: 'adam', beta1: 0.5, beta2: 0.9, weightDecay: 0 },
  });
}

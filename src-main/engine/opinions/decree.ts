/**
 * DECREE (Feng et al., CVPR 2023): the smallest pattern under which an encoder maps different images to one
 * representation, found by gradient: a mask and a picture through tanh, loss = -mean pairwise cosine + lambda |mask|.
 * lambda grows while the images collapse (mean cosine above 0.99) and shrinks while they do not. A backdoored encoder
 * has a much smaller pattern than a clean one: alarm below a tenth of the image.
 *
 * One mask for all channels, and fewer steps and smaller batches than in the source, so that it takes seconds; the
 * images are credible samples.
 */
import type { Encoder } from '../encoder/encoder.ts';
import { graphBuilder } from '../graph/builder.ts';
import type { Tensor } from '../graph/ir.ts';
import { meanPairwiseCosine } from '../graph/losses.ts';
import { LEARNING_RATE, trainingStep, type TrainingStep } from '../graph/training.ts';
import { randomStream } from '../math/random.ts';
import type { Provider } from '../providers/provider.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { Detector, EncoderJudgement, NoJudgement, OpinionInput } from './opinion.ts';

const batch = 32;
const images = 256;
const steps = 400;
/** Mean pairwise cosine that counts as collapsed, and share of the image below which the mask is an alarm: the source's. */
export const collapsed = 0.99;
export const smallMask = 0.1;
const startWeight = 1e-3;
const factor = 2;
/** Steps in a row that settle whether lambda may grow or must shrink. */
const patience = 10;

export interface Inversion {
  /** Smallest share of the image (0..1) that a collapsing mask covered; null when the images never collapsed. */
  readonly share: number | null;
  /** Mean pairwise cosine at the start and at the end. */
  readonly start: number;
  readonly end: number;
  readonly mask: Float32Array;
  readonly pattern: Float32Array;
}

/** The step as a graph: inputs `pixels`, `weight` (lambda) and the learning rate; outputs `cosine`, `area`, `loss`. */
export function inversionStep(
  encoder: Encoder,
  shape: readonly [number, number, number],
  n: number,
  start: { readonly mask: Float32Array; readonly pattern: Float32Array },
): TrainingStep {
  const [channels, height, width] = shape;
  const b = graphBuilder(encoder.graph);
  const rawMask = b.constant({ dtype: 'float32', dims: [1, 1, height, width], data: start.mask }, 'decree/mask');
  const rawPattern = b.constant(
    { dtype: 'float32', dims: [1, channels, height, width], data: start.pattern },
    'decree/pattern',
  );
  const half = b.scalar(0.5);
  const squash = (value: string): string => b.add(b.mul(b.tanh(value), half), half);
  const mask = squash(rawMask);
  // What read the pixels reads the stamped ones, whose name is known before they are made.
  const stamped = b.fresh('decree/stamped');
  b.redirect('pixels', stamped);
  b.node('Add', [b.mul('pixels', b.sub(b.scalar(1), mask)), b.mul(squash(rawPattern), mask)], {}, stamped);
  const cosine = meanPairwiseCosine(b, 'representation', n);
  const area = b.reduceMean(mask, null);
  const weight = b.input('weight', 'float32', []);
  // The source adds the sum of the mask over all entries, so that lambda means the same for every size of image.
  const norm = b.mul(area, b.scalar(height * width));
  b.setOutputs([]);
  for (const [name, value] of [
    ['cosine', cosine],
    ['area', area],
    ['loss', b.sub(b.mul(norm, weight), cosine)],
  ] as const) {
    b.node('Identity', [value], {}, name);
    b.output(name, 'float32', []);
  }
  return trainingStep({
    graph: b.build(),
    dims: { N: n },
    loss: 'loss',
    parameters: [{ name: 'decree/mask' }, { name: 'decree/pattern' }],
    optimiser: { kind: 'adam', beta1: 0.5, beta2: 0.9, weightDecay: 0 },
  });
}

/** @param pixels `[images, C, H, W]` in 0..1, at least `batch` images */
export async function invertEncoder(
  provider: Provider,
  encoder: Encoder,
  shape: readonly [number, number, number],
  pixels: Float32Array,
  options: { seed: number; signal: AbortSignal; onProgress: (done: number, total: number) => void },
): Promise<Inversion> {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const count = pixels.length / size;
  const random = randomStream(options.seed, 'opinions/decree');
  const draw = (length: number): Float32Array =>
    Float32Array.from({ length }, () => Math.atanh(1.998 * (random.uniform() - 0.5)));
  const start = { mask: draw(height * width), pattern: draw(size) };
  const step = inversionStep(encoder, shape, batch, start);
  const compiled = await provider.compile(step.graph, { dims: {}, state: step.state });
  const scalar = (value: number): Tensor => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) });
  let weight = startWeight;
  let streak = 0;
  let first = NaN;
  let last = NaN;
  let best: { area: number; state: Record<string, Tensor> } | null = null;
  try {
    compiled.setState(step.initialState);
    const chosen = new Float32Array(batch * size);
    for (let at = 0; at < steps; at++) {
      if (options.signal.aborted) throw new CancelledError();
      for (let i = 0; i < batch; i++) {
        const from = random.integer(count) * size;
        chosen.set(pixels.subarray(from, from + size), i * size);
      }
      const state = compiled.getState(['decree/mask', 'decree/pattern']);
      const outputs = await compiled.run({
        pixels: { dtype: 'float32', dims: [batch, channels, height, width], data: chosen },
        weight: scalar(weight),
        [LEARNING_RATE]: scalar(at < steps / 2 ? 0.5 : at < (3 * steps) / 4 ? 0.1 : 0.05),
      });
      const cosine = Number(outputs['cosine'].data[0]);
      const area = Number(outputs['area'].data[0]);
      if (at === 0) first = cosine;
      last = cosine;
      if (cosine > collapsed && (best === null || area < best.area)) best = { area, state };
      // One streak of both directions: positive while collapsed, negative while not.
      streak = cosine > collapsed ? Math.max(1, streak + 1) : Math.min(-1, streak - 1);
      if (streak >= patience) [weight, streak] = [weight * factor, 0];
      else if (streak <= -patience) [weight, streak] = [weight / factor ** 1.5, 0];
      options.onProgress(at + 1, steps);
    }
    const read = step.readParameters({ ...compiled.getState(), ...best?.state });
    const squash = (tensor: Tensor): Float32Array =>
      Float32Array.from(tensor.data as Float32Array, (value) => 0.5 * Math.tanh(value) + 0.5);
    return {
      share: best?.area ?? null,
      start: first,
      end: last,
      mask: squash(read['decree/mask']),
      pattern: squash(read['decree/pattern']),
    };
  } finally {
    await compiled.dispose();
  }
}

async function judge(input: OpinionInput): Promise<EncoderJudgement | NoJudgement> {
  const { provider, encoder, samples, credible, seed, signal, onProgress } = input;
  if (credible.length < batch) return { subject: 'none', reason: 'too-few' };
  const wanted = Math.min(images, credible.length);
  const chosen = Int32Array.from({ length: wanted }, (_, i) => credible[Math.floor((i * credible.length) / wanted)]);
  const pixels = new Float32Array(wanted * samples.shape[0] * samples.shape[1] * samples.shape[2]);
  samples.read(chosen, pixels);
  let found: Inversion;
  try {
    found = await invertEncoder(provider, encoder, samples.shape, pixels, { seed, signal, onProgress });
  } catch (error) {
    // An operator without a gradient stops the inversion, not the audit.
    if (error instanceof ExpectedError && error.code === 'unknown-operator') {
      return { subject: 'none', reason: 'not-differentiable' };
    }
    throw error;
  }
  return {
    subject: 'encoder',
    alarm: found.share !== null && found.share < smallMask,
    numbers: {
      smallMask,
      maskShare: found.share ?? 1,
      collapsed,
      cosineStart: found.start,
      cosineEnd: found.end,
      steps,
    },
  };
}

export const decreeDetector: Detector = { id: 'decree', subject: 'encoder', cost: 'dear', judge };

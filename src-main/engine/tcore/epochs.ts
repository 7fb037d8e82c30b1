/** Epochs over an index set: shuffling, batching, augmentation and feeding of a compiled training step. */
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { Tensor } from '../graph/ir.ts';
import { randomStream } from '../math/random.ts';
import type { CompiledGraph } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { augment, type AugmentOptions } from './augment.ts';

export interface EpochOptions {
  readonly samples: SampleSource;
  /** Samples to train on; every one is seen once, and some of the first again where the last batch is short. */
  readonly indices: ArrayLike<number>;
  readonly batch: number;
  readonly classes: number;
  /** Label to teach for a sample; the given one when left out. */
  readonly labelOf?: (sample: number, step: number) => number;
  readonly augment: AugmentOptions | null;
  readonly seed: number;
  /** Names the random numbers of this epoch: "grow/3/epoch/1". */
  readonly stream: string;
  /** Learning rate at a step of this epoch. */
  readonly rate: (step: number, steps: number) => number;
  readonly signal: AbortSignal;
  /** Looked at after every step: true ends the epoch there. `accuracy` is that of the step's batch before the step. */
  readonly enough?: (accuracy: number) => boolean;
}

export interface EpochOutcome {
  /** Means over the epoch's batches, of the values before each step. */
  readonly loss: number;
  readonly accuracy: number;
  readonly steps: number;
}

/**
 * Runs one epoch of `step`, whose inputs are `pixels` [B,C,H,W], `target` [B,classes] (one-hot) and `learningRate`
 * (scalar), and whose outputs contain `loss` (scalar) and `logits` [B,classes].
 */
export async function trainEpoch(step: CompiledGraph, options: EpochOptions): Promise<EpochOutcome> {
  const { samples, indices, batch, classes } = options;
  const [channels, height, width] = samples.shape;
  const random = randomStream(options.seed, options.stream);
  const order = random.permutation(indices.length);
  const steps = Math.max(1, Math.ceil(indices.length / batch));
  let lossSum = 0;
  let correct = 0;
  let done = 0;
  /** @returns whether the epoch is to end here */
  const take = async ({ taught, running }: Step): Promise<boolean> => {
    const outputs = await running;
    lossSum += (outputs.loss.data as Float32Array)[0];
    const hits = countCorrect(outputs.logits.data as Float32Array, taught, classes);
    correct += hits;
    done++;
    return options.enough?.(hits / batch) === true;
  };
  // A step that may be the last one has to be over before the next one begins.
  const ahead = options.enough === undefined ? (step.ahead ?? 1) : 1;
  const batches = batchesFor(ahead, batch, channels * height * width, classes);
  const under: Step[] = [];
  try {
    for (let at = 0; at < steps; at++) {
      if (options.signal.aborted) throw new CancelledError();
      const { pixels, target, chosen, taught } = batches[at % batches.length];
      for (let i = 0; i < batch; i++) chosen[i] = indices[order[(at * batch + i) % order.length]];
      samples.read(chosen, pixels);
      if (options.augment !== null) augment(pixels, batch, samples.shape, options.augment, random);
      target.fill(0);
      for (let i = 0; i < batch; i++) {
        taught[i] = options.labelOf ? options.labelOf(chosen[i], at) : samples.labels[chosen[i]];
        target[i * classes + taught[i]] = 1;
      }
      const running = step.run({
        pixels: { dtype: 'float32', dims: [batch, channels, height, width], data: pixels },
        target: { dtype: 'float32', dims: [batch, classes], data: target },
        learningRate: scalar(options.rate(at, steps)),
      });
      under.push({ taught, running });
      if (under.length < ahead) continue;
      if (await take(under.shift() as Step)) break;
    }
    while (under.length > 0) await take(under.shift() as Step);
  } finally {
    await Promise.allSettled(under.map(({ running }) => running));
  }
  return { loss: lossSum / done, accuracy: correct / (done * batch), steps: done };
}

/** A step under way, and the labels that it is taught. */
interface Step {
  readonly taught: Int32Array;
  readonly running: Promise<Readonly<Record<string, Tensor>>>;
}

interface Batch {
  readonly pixels: Float32Array;
  readonly target: Float32Array;
  readonly chosen: Int32Array;
  readonly taught: Int32Array;
}

/** What as many steps are fed from as may be under way. */
function batchesFor(count: number, batch: number, size: number, classes: number): Batch[] {
  return Array.from({ length: count }, () => ({
    pixels: new Float32Array(batch * size),
    target: new Float32Array(batch * classes),
    chosen: new Int32Array(batch),
    taught: new Int32Array(batch),
  }));
}

/** @throws ExpectedError training-diverged when the loss is not finite; `rate` names the parameter to lower */
export function requireFiniteLoss(loss: number, stream: string, rate: string): void {
  if (!Number.isFinite(loss))
    throw new ExpectedError('training-diverged', `The loss of ${stream} is ${loss}; lower ${rate}.`);
}

export function scalar(value: number): Tensor {
  return { dtype: 'float32', dims: [], data: Float32Array.of(value) };
}

function countCorrect(logits: Float32Array, labels: Int32Array, classes: number): number {
  let correct = 0;
  for (let i = 0; i < labels.length; i++) if (argmax(logits, i * classes, classes) === labels[i]) correct++;
  return correct;
}

/** Position (0-based) of the largest of `count` values from `at`; the first on a tie. */
export function argmax(values: ArrayLike<number>, at: number, count: number): number {
  let best = 0;
  for (let c = 1; c < count; c++) if (values[at + c] > values[at + best]) best = c;
  return best;
}

/** Cosine schedule from `peak` to 0 over `epochs` epochs, as a rate function for epoch number `epoch`. */
export function cosineRate(peak: number, epoch: number, epochs: number): (step: number, steps: number) => number {
  return (step, steps) => 0.5 * peak * (1 + Math.cos((Math.PI * (epoch + step / steps)) / epochs));
}

/** Samples up to which a dataset gets more epochs, and at most how many times as many. */
const fullSize = 6000;
const mostTimes = 4;

/**
 * Epochs for a dataset of so many samples: as many steps for a small one as for one of 6,000, down to 1,500. A fixed
 * number of epochs is a handful of steps there: the probe is sure of nothing, poison included, and the sanitized model
 * is not finished (docs/efficacy.md).
 */
export function epochsFor(epochs: number, samples: number): number {
  return Math.ceil(epochs * Math.min(mostTimes, Math.max(1, fullSize / Math.max(1, samples))));
}

/** Batch normalisation with batch statistics on blocked values. */
import { affine, channelDot, channelSum, type AffineOptions, type Blocked, type BlockedContext } from './blocked.ts';

/** What the forward pass leaves for the backward pass. */
export interface Normalised {
  /** The result, made with an addition or a ReLU in the same pass. */
  readonly finish: (options: AffineOptions) => Blocked;
  /** x - mean */
  readonly centred: Blocked;
  /** Plain vectors of C. */
  readonly mean: string;
  readonly variance: string;
}

const scalar = ({ emitter }: BlockedContext, value: number): string => emitter.floats([], [value]);

/** x - mean for a mean that is a plain vector of C. */
export function centre(context: BlockedContext, x: Blocked, mean: string): Blocked {
  return affine(context, x, null, context.emitter.op('Neg', [mean]));
}

/** 1 / sqrt(variance + epsilon) */
export function inverseSpread(context: BlockedContext, variance: string, epsilon: number): string {
  const { emitter } = context;
  return emitter.op('Reciprocal', [emitter.op('Sqrt', [emitter.op('Add', [variance, scalar(context, epsilon)])])]);
}

const positions = (x: Blocked): number => x.batch * x.height * x.width;

/** Statistics in two passes: the variance of a channel far from zero would drown in E[x^2] - E[x]^2. */
export function normTrain(
  context: BlockedContext,
  x: Blocked,
  scale: string,
  bias: string,
  epsilon: number,
): Normalised {
  const { emitter } = context;
  const share = scalar(context, 1 / positions(x));
  const mean = emitter.op('Mul', [channelSum(context, x), share]);
  const centred = centre(context, x, mean);
  const variance = emitter.op('Mul', [channelDot(context, centred, centred), share]);
  const factor = emitter.op('Mul', [scale, inverseSpread(context, variance, epsilon)]);
  const finish = (options: AffineOptions): Blocked => affine(context, centred, factor, bias, options);
  return { finish, centred, mean, variance };
}

export interface NormGradients {
  readonly dx: Blocked | null;
  readonly dscale: string;
  readonly dbias: string;
}

/** Gradients of `normTrain`; `centred` is x - mean. `dx` is left out unless asked for. */
export function normTrainGrad(
  context: BlockedContext,
  centred: Blocked,
  scale: string,
  variance: string,
  gradient: Blocked,
  epsilon: number,
  wantsInput: boolean,
): NormGradients {
  const { emitter } = context;
  const inverse = inverseSpread(context, variance, epsilon);
  const dbias = channelSum(context, gradient);
  const dscale = emitter.op('Mul', [channelDot(context, gradient, centred), inverse]);
  if (!wantsInput) return { dx: null, dscale, dbias };
  // dx = factor * dy + slope * centred + level
  const share = scalar(context, -1 / positions(centred));
  const factor = emitter.op('Mul', [scale, inverse]);
  const level = emitter.op('Mul', [emitter.op('Mul', [dbias, share]), factor]);
  const slope = emitter.op('Mul', [emitter.op('Mul', [emitter.op('Mul', [dscale, share]), inverse]), factor]);
  const rest = affine(context, centred, slope, level);
  return { dx: affine(context, gradient, factor, null, { sum: rest }), dscale, dbias };
}

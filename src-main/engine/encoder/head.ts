/** The classification head phi: linear, or hidden layers with ReLU, behind a representation. */
import type { GraphBuilder } from '../graph/builder.ts';
import type { Tensor } from '../graph/ir.ts';
import { randomStream } from '../math/random.ts';

export interface HeadShape {
  /** Width of the representation. */
  readonly dim: number;
  /** Hidden widths; none = linear. */
  readonly hidden: readonly number[];
  readonly classes: number;
}

/**
 * Adds a head behind `representation` `[N, dim]`; returns its logits `[N, classes]` and the names of its parameters.
 * Weights `[in, out]` start uniform in +-1/sqrt(in), biases too: the same numbers for the same seed and stream.
 */
export function addHead(
  builder: GraphBuilder,
  representation: string,
  shape: HeadShape,
  seed: number,
  stream: string,
): { logits: string; parameters: string[] } {
  const random = randomStream(seed, stream);
  const widths = [shape.dim, ...shape.hidden, shape.classes];
  const parameters: string[] = [];
  let value = representation;
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [from, to] = [widths[layer], widths[layer + 1]];
    const bound = 1 / Math.sqrt(from);
    const draw = (dims: readonly number[]): Tensor => ({
      dtype: 'float32',
      dims,
      data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => bound * (2 * random.uniform() - 1)),
    });
    const weight = builder.constant(draw([from, to]), `head.${layer}.weight`);
    const bias = builder.constant(draw([to]), `head.${layer}.bias`);
    parameters.push(weight, bias);
    value = builder.gemm(value, weight, bias);
    if (layer + 2 < widths.length) value = builder.relu(value);
  }
  return { logits: value, parameters };
}

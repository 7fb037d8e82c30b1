/** The small residual encoder of the bench: the net that `resources/samples/fashion/make_sample.py` trains. */
import { graphBuilder } from '../../graph/builder.ts';
import type { Graph, Tensor } from '../../graph/ir.ts';
import { filled } from '../../graph/tensors.ts';
import { randomStream } from '../../math/random.ts';
import type { ImageShape } from '../images.ts';

/** Channels of the stem and of the four residual blocks. */
export const smallWidths: readonly number[] = [16, 24, 48, 96, 128];

export interface SmallNet {
  /** Input `image` [N, C, H, W] in 0..1, output `representation` [N, last width]. */
  readonly graph: Graph;
  readonly dim: number;
  /** Convolution weights, scales and shifts. */
  readonly parameters: readonly string[];
}

/** Stem 3x3, four blocks (strides 2, 2, 2, 1), global average pool. Weights start as PyTorch's: uniform in +-1/sqrt(fan in). */
export function smallNet(shape: ImageShape, seed: number, widths: readonly number[] = smallWidths): SmallNet {
  const [channels, height, width] = shape;
  const random = randomStream(seed, 'small net');
  const b = graphBuilder(undefined, { name: 'small encoder' });
  const parameters: string[] = [];
  const conv = (x: string, name: string, from: number, to: number, kernel: number, stride: number): string => {
    const fanIn = from * kernel * kernel;
    const data = Float32Array.from({ length: to * fanIn }, () => (2 * random.uniform() - 1) / Math.sqrt(fanIn));
    const weight: Tensor = { dtype: 'float32', dims: [to, from, kernel, kernel], data };
    const pad = (kernel - 1) / 2;
    const named = b.constant(weight, `${name}.weight`);
    const scale = b.constant(filled('float32', [to], 1), `${name}.norm.scale`);
    const shift = b.constant(filled('float32', [to], 0), `${name}.norm.shift`);
    parameters.push(named, scale, shift);
    const average = b.constant(filled('float32', [to], 0), `${name}.norm.mean`);
    const variance = b.constant(filled('float32', [to], 1), `${name}.norm.variance`);
    const value = b.conv(x, named, undefined, { strides: [stride, stride], pads: [pad, pad, pad, pad] });
    return b.batchNorm(value, scale, shift, average, variance);
  };
  let value = b.relu(
    conv(b.input('image', 'float32', ['N', channels, height, width]), 'stem', channels, widths[0], 3, 1),
  );
  for (let stage = 1; stage < widths.length; stage++) {
    const [from, to] = [widths[stage - 1], widths[stage]];
    const stride = stage === widths.length - 1 ? 1 : 2;
    const inner = b.relu(conv(value, `stage${stage}.conv1`, from, to, 3, stride));
    const deep = conv(inner, `stage${stage}.conv2`, to, to, 3, 1);
    value = b.relu(b.add(deep, conv(value, `stage${stage}.short`, from, to, 1, stride)));
  }
  const dim = widths[widths.length - 1];
  const pooled = b.node('Flatten', [b.globalAveragePool(value)], { axis: { type: 'int', value: 1 } }, 'representation');
  b.output(pooled, 'float32', ['N', dim]);
  return { graph: b.build(), dim, parameters };
}

/** What pre-training starts from, and the layers that its nets are built of. */
import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/ir.ts';
import { filled } from '../../graph/tensors.ts';
import { randomStream } from '../../math/random.ts';

export interface PretrainingNet {
  /** Input `image` [N, C, H, W] in 0..1, output `representation` [N, dim]. */
  readonly graph: Graph;
  readonly dim: number;
  /** Weights, biases, scales and shifts. */
  readonly parameters: readonly string[];
  /** Without batch statistics its first steps must be kept in bounds: a lower rate, and gradients cut off at norm 1. */
  readonly transformer: boolean;
}

export interface NetLayers {
  readonly b: GraphBuilder;
  /** Filled in the order in which layers are made. */
  readonly parameters: string[];
  /** Convolution of an odd `kernel` without bias, same padding, and batch normalisation. */
  convolution(x: string, name: string, from: number, to: number, kernel: number, stride: number): string;
  /** Values uniform in +-1/sqrt(`fanIn`), as a learnt tensor. */
  weight(name: string, dims: readonly number[], fanIn: number): string;
  /** The same, all of one `value`. */
  filled(name: string, dims: readonly number[], value: number): string;
}

/** @param stream names the random numbers that weights start from: uniform in +-1/sqrt(fan in), as PyTorch's; biases are 0 */
export function netLayers(name: string, seed: number, stream: string): NetLayers {
  const random = randomStream(seed, stream);
  const b = graphBuilder(undefined, { name });
  const parameters: string[] = [];
  const learnt = (tensor: string): string => {
    parameters.push(tensor);
    return tensor;
  };
  const layers: NetLayers = {
    b,
    parameters,
    weight(named, dims, fanIn) {
      const length = dims.reduce((a, c) => a * c, 1);
      const data = Float32Array.from({ length }, () => (2 * random.uniform() - 1) / Math.sqrt(fanIn));
      return learnt(b.constant({ dtype: 'float32', dims, data }, named));
    },
    filled: (named, dims, value) => learnt(b.constant(filled('float32', dims, value), named)),
    convolution(x, named, from, to, kernel, stride) {
      const weight = layers.weight(`${named}.weight`, [to, from, kernel, kernel], from * kernel * kernel);
      const scale = layers.filled(`${named}.norm.scale`, [to], 1);
      const shift = layers.filled(`${named}.norm.shift`, [to], 0);
      const average = b.constant(filled('float32', [to], 0), `${named}.norm.mean`);
      const variance = b.constant(filled('float32', [to], 1), `${named}.norm.variance`);
      const pad = (kernel - 1) / 2;
      const value = b.conv(x, weight, undefined, { strides: [stride, stride], pads: [pad, pad, pad, pad] });
      return b.batchNorm(value, scale, shift, average, variance);
    },
  };
  return layers;
}

/** A residual block of two 3x3 convolutions; beside them the input itself, or a 1x1 convolution of it where sizes differ or `always`. */
export function residualBlock(
  layers: NetLayers,
  x: string,
  name: string,
  [from, to]: readonly [number, number],
  stride: number,
  always: boolean,
): string {
  const { b, convolution } = layers;
  const inner = b.relu(convolution(x, `${name}.conv1`, from, to, 3, stride));
  const deep = convolution(inner, `${name}.conv2`, to, to, 3, 1);
  const beside = always || from !== to || stride !== 1 ? convolution(x, `${name}.short`, from, to, 1, stride) : x;
  return b.relu(b.add(deep, beside));
}

/** The net whose last map is averaged over its positions. */
export function pooledNet({ b, parameters }: NetLayers, map: string, dim: number): PretrainingNet {
  const pooled = b.node('Flatten', [b.globalAveragePool(map)], { axis: { type: 'int', value: 1 } }, 'representation');
  b.output(pooled, 'float32', ['N', dim]);
  return { graph: b.build(), dim, parameters, transformer: false };
}

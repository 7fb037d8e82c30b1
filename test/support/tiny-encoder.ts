/** A convolutional encoder of a few thousand weights, written as an ONNX file: enough for every stage, done in seconds. */
import { writeFileSync } from 'node:fs';
import { graphBuilder } from '../../src-main/engine/graph/builder.ts';
import type { Graph, Tensor } from '../../src-main/engine/graph/ir.ts';
import { writeOnnx } from '../../src-main/engine/graph/onnx/write.ts';
import { filled, tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';

export interface TinyOptions {
  readonly side?: number;
  readonly channels?: number;
  /** Operator put behind the first convolution, for files that nobody can differentiate. */
  readonly strange?: string;
}

export function tinyEncoder(options: TinyOptions = {}): Graph {
  const { side = 28, channels = 1, strange } = options;
  const random = randomStream(11, 'tiny-encoder');
  const weights = (dims: number[], fanIn: number): Tensor =>
    tensorOf(
      'float32',
      dims,
      Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal() * Math.sqrt(2 / fanIn)),
    );
  const graph = graphBuilder(undefined, { name: 'tiny' });
  let value = graph.input('image', 'float32', ['N', channels, side, side]);
  const block = (from: number, to: number, name: string): void => {
    const constant = (suffix: string, tensor: Tensor): string => graph.constant(tensor, `${name}.${suffix}`);
    value = graph.conv(value, constant('weight', weights([to, from, 3, 3], from * 9)), undefined, {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
    });
    if (strange !== undefined && name === 'first') value = graph.node(strange, [value]);
    const ones = (): Tensor => filled('float32', [to], 1);
    const zeros = (): Tensor => filled('float32', [to], 0);
    value = graph.batchNorm(
      value,
      constant('scale', ones()),
      constant('shift', zeros()),
      constant('mean', zeros()),
      constant('variance', ones()),
    );
    value = graph.relu(value);
  };
  block(channels, 8, 'first');
  block(8, 16, 'second');
  block(16, 24, 'third');
  const pooled = graph.flatten(graph.globalAveragePool(value), 1);
  graph.output(pooled, 'float32', ['N', 24]);
  return graph.build();
}

export function writeTinyEncoder(file: string, options: TinyOptions = {}): string {
  writeFileSync(file, writeOnnx(tinyEncoder(options)));
  return file;
}

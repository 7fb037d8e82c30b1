import { describe, expect, it } from 'vitest';
import { trunkOf } from '../../../src-main/engine/encoder/trunk.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { filled } from '../../../src-main/engine/graph/tensors.ts';
import { encoder } from './fixtures.ts';

/** Stem and stages of residual blocks; every stage but the first halves the size. */
function residual(blocks: readonly number[]): Graph {
  const b = graphBuilder();
  const conv = (x: string, from: number, to: number, stride: number): string =>
    b.conv(x, b.constant(filled('float32', [to, from, 3, 3], 0.01)), undefined, {
      pads: [1, 1, 1, 1],
      strides: [stride, stride],
    });
  let x = b.relu(conv(b.input('x', 'float32', ['n', 3, 32, 32]), 3, 4, 1));
  let width = 4;
  blocks.forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const next = stride === 2 ? width + 2 : width;
      const branch = conv(b.relu(conv(x, width, next, stride)), next, next, 1);
      x = b.relu(b.add(branch, stride === 2 ? conv(x, width, next, 2) : x));
      width = next;
    }
  });
  b.output(b.flatten(b.globalAveragePool(x)), 'float32', ['n', width]);
  return b.build();
}

describe('taps', () => {
  it('lie behind the stem and every block while there are at most 8', () => {
    const { taps } = understandEncoder(residual([2, 2, 2]));
    expect(taps.map((tap) => tap.label)).toEqual([
      'stem (4 channels, 32x32)',
      ...['stage 1, block 1 (4 channels, 32x32)', 'stage 1, block 2 (4 channels, 32x32)'],
      ...['stage 2, block 1 (6 channels, 16x16)', 'stage 2, block 2 (6 channels, 16x16)'],
      ...['stage 3, block 1 (8 channels, 8x8)', 'stage 3, block 2 (8 channels, 8x8)'],
    ]);
    expect(taps.map((tap) => tap.id)).toEqual(['tap1', 'tap2', 'tap3', 'tap4', 'tap5', 'tap6', 'tap7']);
  });

  it('lie behind the stem and every stage of a deeper network', () => {
    const { taps } = understandEncoder(residual([3, 4, 6, 3]));
    expect(taps.map((tap) => tap.label)).toEqual([
      'stem (4 channels, 32x32)',
      'stage 1, block 3 (4 channels, 32x32)',
      'stage 2, block 4 (6 channels, 16x16)',
      'stage 3, block 6 (8 channels, 8x8)',
      'stage 4, block 3 (10 channels, 4x4)',
    ]);
  });

  it('lie at the last activation before each reduction in a network without blocks', () => {
    expect(encoder('vgg-folded').taps.map((tap) => tap.tensor)).toEqual([
      '/features/features.2/Relu_output_0',
      '/features/features.9/Relu_output_0',
      '/features/features.16/Relu_output_0',
    ]);
  });

  it('lie behind the embedding, every block and at the representation of a transformer', () => {
    expect(encoder('vit-torchvision').taps.map((tap) => [tap.kind, tap.label])).toEqual([
      ['tokens', 'embedded patches (24 channels)'],
      ['tokens', 'block 1 (24 channels)'],
      ['tokens', 'block 2 (24 channels)'],
      ['vector', 'representation (24 channels)'],
    ]);
  });
});

describe('the trunk', () => {
  it('holds what every path passes and nothing inside a branch', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['n', 4]);
    const a = b.relu(x);
    const [left, right] = [b.exp(a), b.sigmoid(a)];
    const joined = b.add(b.neg(left), right);
    const unused = b.neg(joined);
    const end = b.relu(joined);
    b.output(end, 'float32', ['n', 4]);
    const graph = b.build();
    expect(trunkOf(graph, 'x', end)).toEqual(['x', a, joined, end]);
    expect(trunkOf(graph, 'x', unused)).toEqual(['x', a, joined, unused]);
  });

  it('is not fooled by the order of parallel branches, and is empty without a path', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['n', 4]);
    const skip = b.neg(x);
    const long = b.relu(b.relu(b.relu(x)));
    const end = b.add(long, skip);
    b.output(end, 'float32', ['n', 4]);
    expect(trunkOf(b.build(), 'x', end)).toEqual(['x', end]);
    expect(trunkOf(b.build(), 'nothing', end)).toEqual([]);
  });
});

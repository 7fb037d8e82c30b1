import { describe, expect, it } from 'vitest';
import { understandEncoder, type EncoderOptions } from '../../../src-main/engine/encoder/understand.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import type { Dim, DType, Graph } from '../../../src-main/engine/graph/ir.ts';
import { tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { encoder, fileGraph, images, largestDifference, represent } from './fixtures.ts';

const SIZE = [3, 8, 8] as const;

interface Shape {
  readonly input?: string;
  readonly dtype?: DType;
  readonly shape?: readonly Dim[];
  /** Nodes between the input and the first convolution; returns the value to convolve. */
  readonly before?: (b: ReturnType<typeof graphBuilder>, input: string) => string;
  /** Nodes behind the pooled vector. */
  readonly after?: (b: ReturnType<typeof graphBuilder>, pooled: string) => string;
}

/** Two convolutions, global average pooling. */
function net(options: Shape = {}): Graph {
  const b = graphBuilder();
  const input = b.input(options.input ?? 'image', options.dtype ?? 'float32', options.shape ?? ['batch', ...SIZE]);
  const weight = (dims: number[]): string =>
    b.constant(
      tensorOf(
        'float32',
        dims,
        Array.from({ length: dims.reduce((a, c) => a * c) }, (_, i) => Math.sin(i)),
      ),
    );
  let x = options.before?.(b, input) ?? input;
  x = b.relu(b.conv(x, weight([4, 3, 3, 3]), undefined, { pads: [1, 1, 1, 1] }));
  x = b.relu(b.conv(x, weight([5, 4, 3, 3]), undefined, { pads: [1, 1, 1, 1], strides: [2, 2] }));
  x = b.flatten(b.globalAveragePool(x));
  x = options.after?.(b, x) ?? x;
  b.output(x, 'float32', ['batch', 5]);
  return b.build();
}

const failure = (graph: Graph, options: EncoderOptions = {}): unknown => {
  try {
    understandEncoder(graph, options);
  } catch (error) {
    return error;
  }
  throw new Error('it was understood');
};

describe('the image input', () => {
  const pixels = images(2, SIZE);
  const plain = understandEncoder(net());

  it('is normalised in front when mean and std are given', () => {
    const [mean, std] = [
      [0.1, 0.2, 0.3],
      [0.5, 0.25, 2],
    ];
    const found = understandEncoder(net(), { mean, std });
    const shifted = {
      ...pixels,
      data: Float32Array.from(pixels.data as Float32Array, (v, i) => {
        const c = Math.floor(i / 64) % 3;
        return (v - mean[c]) / std[c];
      }),
    };
    expect(largestDifference(represent(found.graph, pixels), represent(plain.graph, shifted))).toBeLessThan(1e-5);
    expect(found.parameters).toHaveLength(2);
  });

  it('keeps the normalisation that the file carries', () => {
    expect(
      encoder('resnet-folded-mean-opset17')
        .graph.nodes.slice(0, 2)
        .map((node) => node.op),
    ).toEqual(['Sub', 'Div']);
    expect(encoder('resnet-folded-mean-opset17').parameters).toHaveLength(18);
  });

  it('may be NHWC when the file transposes it: pixels stay NCHW', () => {
    const graph = net({
      shape: ['batch', 8, 8, 3],
      before: (b, x) => b.transpose(x, [0, 3, 1, 2]),
    });
    const found = understandEncoder(graph);
    expect(found.input).toEqual({ channels: 3, height: 8, width: 8 });
    expect(largestDifference(represent(found.graph, pixels), represent(plain.graph, pixels))).toBe(0);
  });

  it('may be 8-bit when the file makes it float: pixels stay 0..1', () => {
    const graph = net({
      dtype: 'uint8',
      before: (b, x) => b.div(b.cast(x, 'float32'), b.scalar(255)),
    });
    const found = understandEncoder(graph);
    expect(largestDifference(represent(found.graph, pixels), represent(plain.graph, pixels))).toBeLessThan(1e-5);
  });

  it('is refused by name when it is 8-bit and used as it is, or of another type', () => {
    const direct = net({ dtype: 'uint8', before: (b, x) => b.cast(b.relu(x), 'float32') });
    expect(failure(direct)).toMatchObject({ code: 'unsupported-encoder' });
    expect(String(failure(net({ dtype: 'int64', before: (b, x) => b.cast(x, 'float32') })))).toMatch(/neither float32/);
  });

  it('needs a size when the file leaves it open, and takes the one given', () => {
    const open = net({ shape: ['batch', 3, 'h', 'w'] });
    expect(failure(open)).toMatchObject({ code: 'wrong-input-size' });
    expect(String(failure(open))).toMatch(/--input-size/);
    expect(understandEncoder(open, { inputSize: [6, 10] }).input).toEqual({ channels: 3, height: 6, width: 10 });
    expect(failure(open, { inputSize: [0, 10] })).toMatchObject({ code: 'wrong-input-size' });
  });

  it('is refused when the size asked for contradicts the file', () => {
    const error = failure(net(), { inputSize: [32, 32] });
    expect(error).toMatchObject({ code: 'wrong-input-size' });
    expect(String(error)).toMatch(/8x8.*32x32/);
  });

  it('gets its channels from the first convolution when the file leaves them open', () => {
    expect(understandEncoder(net({ shape: ['batch', 'c', 8, 8] })).input.channels).toBe(3);
  });

  it('must be the only one', () => {
    const graph = net({
      before: (b, x) => b.add(x, b.input('noise', 'float32', ['batch', 3, 8, 8])),
    });
    expect(String(failure(graph))).toMatch(/"image" float32.*"noise" float32/);
  });

  it('must be an image', () => {
    const b = graphBuilder();
    b.output(b.relu(b.input('tokens', 'float32', ['n', 16])), 'float32', ['n', 16]);
    expect(failure(b.build())).toMatchObject({ code: 'unsupported-encoder' });
  });

  it('needs one number per channel for mean and std', () => {
    expect(failure(net(), { mean: [0.5] })).toMatchObject({ code: 'usage' });
    expect(failure(net(), { std: [1, 0, 1] })).toMatchObject({ code: 'usage' });
  });
});

describe('names in the file', () => {
  const pixels = images(2, SIZE);

  it.each([
    'pixels',
    'representation',
    'logits',
    'tap1',
    'mask.layer0',
    '__proto__',
    'loss',
    'learningRate',
    'overlay/shift',
  ])('may be one of ours (%s) for the input', (name) => {
    const found = understandEncoder(net({ input: name }));
    expect(largestDifference(represent(found.graph, pixels), represent(understandEncoder(net()).graph, pixels))).toBe(
      0,
    );
  });

  it.each(['logits', 'scores', 'weight', 'teacher', 'texture/picture', 'n1/batchMean'])(
    'may be one of ours (%s) for a weight or an activation, and the user may still name it',
    (name) => {
      const graph = net({ after: (b, x) => b.node('Relu', [x], {}, name) });
      const found = understandEncoder(graph, { representation: name });
      expect(found.representation.dim).toBe(5);
      expect(found.graph.nodes.flatMap((node) => node.outputs)).not.toContain(name);
    },
  );
});

describe('a fixed batch', () => {
  it('is refused with the node and the remedy where images are mixed', () => {
    const graph = net({
      shape: [2, ...SIZE],
      after: (b, x) => b.reshape(b.reshape(x, [10]), [2, 5]),
    });
    // Flattening everything into one row keeps images apart; this is understood ...
    expect(understandEncoder(graph).representation.dim).toBe(5);
    // ... adding them up is not.
    const mixed = net({ shape: [2, ...SIZE], after: (b, x) => b.add(x, b.reduceMean(x, [0], true)) });
    const error = failure(mixed);
    expect(error).toMatchObject({ code: 'unsupported-encoder' });
    expect(String(error)).toMatch(/fixed batch of 2.*dynamic_axes/);
  });
});

describe('what cannot be audited', () => {
  it('is a graph whose output does not depend on the image', () => {
    const b = graphBuilder();
    b.input('image', 'float32', ['n', 3, 8, 8]);
    b.relu('image');
    b.output(b.relu(b.constant(tensorOf('float32', [1, 4], [1, 2, 3, 4]))), 'float32', [1, 4]);
    expect(failure(b.build())).toMatchObject({ code: 'unsupported-encoder' });
  });

  it('is a graph without convolution or attention', () => {
    const b = graphBuilder();
    const x = b.flatten(b.input('image', 'float32', ['n', 3, 2, 2]));
    const weight = b.constant(tensorOf('float32', [12, 4], Array(48).fill(0.5)));
    b.output(b.matmul(x, weight), 'float32', ['n', 4]);
    expect(failure(b.build())).toMatchObject({ code: 'unsupported-encoder' });
  });

  it('is an operator nobody knows, named with its node', () => {
    const graph = net({ after: (b, x) => b.node('FancyPool', [x]) });
    expect(failure(graph)).toMatchObject({ code: 'unknown-operator' });
    expect(String(failure(graph))).toMatch(/FancyPool/);
  });
});

it('does not change the graph it is given', () => {
  const graph = fileGraph('vit-torchvision');
  const before = structuredClone(graph);
  understandEncoder(graph);
  expect(graph).toEqual(before);
});

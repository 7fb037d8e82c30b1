import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { float, int, ints } from '../../../src-main/engine/graph/attributes.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { INTERNAL_DOMAIN } from '../../../src-main/engine/graph/internal-ops.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { inferShapes } from '../../../src-main/engine/graph/shapes.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { openTested, testedProviders } from './open.ts';
import { errorsOf, randomFeeds } from './oracle.ts';

interface ConvCase {
  readonly name: string;
  readonly x: readonly number[];
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly group?: number;
}

const convolutions: readonly ConvCase[] = [
  { name: '3x3', x: [4, 16, 8, 8], filters: 32, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '3x3, wide rows, 16 images', x: [16, 16, 12, 12], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '3x3 on 4x4, 16 images', x: [16, 32, 4, 4], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '3x3 on 7x7, 16 images', x: [16, 16, 7, 7], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '3x3 on 3x3, 16 images', x: [16, 16, 3, 3], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '3x3 on 1x1', x: [16, 32, 1, 1], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'image channels', x: [4, 3, 10, 10], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'grey image, 16 of them', x: [16, 1, 10, 10], filters: 24, kernel: [5, 5], pads: [2, 2, 2, 2] },
  { name: 'stride 2', x: [4, 16, 8, 8], filters: 16, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  {
    name: 'stride 2 to 4x4, 16 images',
    x: [16, 16, 8, 8],
    filters: 32,
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  },
  { name: 'stride 2, odd size', x: [2, 16, 9, 7], filters: 16, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { name: 'stride 2, no padding, even size', x: [2, 16, 8, 8], filters: 16, kernel: [3, 3], strides: [2, 2] },
  { name: '1x1', x: [4, 32, 5, 5], filters: 16, kernel: [1, 1] },
  { name: '1x1 stride 2', x: [16, 16, 8, 8], filters: 32, kernel: [1, 1], strides: [2, 2] },
  { name: '2x2 stride 2', x: [4, 16, 8, 8], filters: 16, kernel: [2, 2], strides: [2, 2] },
  { name: '7x7 stride 2', x: [2, 3, 20, 20], filters: 16, kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] },
  {
    name: 'unequal kernel, stride and padding',
    x: [2, 16, 9, 8],
    filters: 16,
    kernel: [3, 1],
    strides: [1, 2],
    pads: [0, 0, 2, 1],
  },
  { name: 'dilated', x: [2, 16, 9, 9], filters: 16, kernel: [3, 3], dilations: [2, 2], pads: [2, 2, 2, 2] },
  {
    name: 'dilated on 6x6, 16 images',
    x: [16, 16, 6, 6],
    filters: 16,
    kernel: [3, 3],
    dilations: [2, 2],
    pads: [2, 2, 2, 2],
  },
  {
    name: 'dilated on 4x4, 16 images',
    x: [16, 16, 4, 4],
    filters: 16,
    kernel: [3, 3],
    dilations: [2, 2],
    pads: [2, 2, 2, 2],
  },
  { name: 'channels that fill no block', x: [4, 24, 6, 6], filters: 20, kernel: [3, 3], pads: [1, 1, 1, 1] },
  {
    name: 'channels that fill no block, 16 images',
    x: [16, 24, 6, 6],
    filters: 20,
    kernel: [3, 3],
    pads: [1, 1, 1, 1],
  },
  {
    name: 'channels that fill no block on 4x4, 16 images',
    x: [16, 24, 4, 4],
    filters: 20,
    kernel: [3, 3],
    pads: [1, 1, 1, 1],
  },
  { name: 'few filters', x: [2, 16, 6, 6], filters: 4, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: '18 images', x: [18, 16, 6, 6], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { name: 'depthwise', x: [4, 32, 8, 8], filters: 32, kernel: [3, 3], pads: [1, 1, 1, 1], group: 32 },
  { name: 'depthwise, 16 images', x: [16, 24, 7, 7], filters: 24, kernel: [3, 3], pads: [1, 1, 1, 1], group: 24 },
  {
    name: 'depthwise on 4x4, 16 images',
    x: [16, 24, 4, 4],
    filters: 24,
    kernel: [3, 3],
    pads: [1, 1, 1, 1],
    group: 24,
  },
  {
    name: 'depthwise stride 2',
    x: [16, 16, 8, 8],
    filters: 16,
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    group: 16,
  },
  {
    name: 'depthwise dilated',
    x: [2, 16, 9, 9],
    filters: 16,
    kernel: [3, 3],
    dilations: [2, 2],
    pads: [2, 2, 2, 2],
    group: 16,
  },
  { name: 'two groups', x: [2, 32, 6, 6], filters: 32, kernel: [3, 3], pads: [1, 1, 1, 1], group: 2 },
  { name: 'two filters per channel', x: [2, 16, 6, 6], filters: 32, kernel: [3, 3], pads: [1, 1, 1, 1], group: 16 },
];

/** y = conv(x, w); outputs y, dX and dW for an output gradient fed as `dy`. */
function convGraph(given: ConvCase, rows?: readonly number[]): Graph {
  const b = graphBuilder();
  const group = given.group ?? 1;
  const weight = [given.filters, given.x[1] / group, ...given.kernel];
  const attributes = {
    strides: ints(given.strides ?? [1, 1]),
    dilations: ints(given.dilations ?? [1, 1]),
    pads: ints(given.pads ?? [0, 0, 0, 0]),
    group: int(group),
  };
  b.input('x', 'float32', given.x);
  b.input('w', 'float32', weight);
  const y = b.node('Conv', ['x', 'w'], attributes, 'y');
  const out = outputDims(given);
  b.input('dy', 'float32', out);
  b.node('ConvGradInput', ['dy', 'w'], { ...attributes, input_shape: ints(given.x) }, 'dx', INTERNAL_DOMAIN);
  const weightAttributes = { ...attributes, weight_shape: ints(weight), ...(rows ? { rows: ints(rows) } : {}) };
  b.node('ConvGradWeight', ['x', 'dy'], weightAttributes, 'dw', INTERNAL_DOMAIN);
  b.output(y, 'float32', out);
  b.output('dx', 'float32', given.x);
  b.output('dw', 'float32', rows ? [rows.length, ...weight.slice(1)] : weight);
  return b.build();
}

function outputDims({
  x,
  filters,
  kernel,
  strides = [1, 1],
  dilations = [1, 1],
  pads = [0, 0, 0, 0],
}: ConvCase): number[] {
  const size = [0, 1].map((axis) => {
    const room = x[axis + 2] + pads[axis] + pads[axis + 2] - (kernel[axis] - 1) * dilations[axis] - 1;
    return Math.floor(room / strides[axis]) + 1;
  });
  return [x[0], filters, ...size];
}

function poolGraph(
  op: 'MaxPool' | 'AveragePool',
  x: readonly number[],
  attributes: Record<string, ReturnType<typeof int> | ReturnType<typeof ints>>,
): Graph {
  const shaped = (withGradient: readonly number[] | null): Graph => {
    const b = graphBuilder();
    b.input('x', 'float32', x);
    b.node(op, ['x'], attributes, 'y');
    if (withGradient === null) return { ...b.build() };
    b.input('dy', 'float32', withGradient);
    if (op === 'MaxPool') b.node('MaxPoolGrad', ['x', 'y', 'dy'], attributes, 'dx', INTERNAL_DOMAIN);
    else b.node('AveragePoolGrad', ['dy'], { ...attributes, input_shape: ints(x) }, 'dx', INTERNAL_DOMAIN);
    b.output('y', 'float32', withGradient);
    b.output('dx', 'float32', x);
    return b.build();
  };
  return shaped(inferShapes(shaped(null), {}).get('y')?.dims ?? []);
}

function normGraph(x: readonly number[]): Graph {
  const b = graphBuilder();
  const c = [x[1]];
  b.input('x', 'float32', x);
  b.input('scale', 'float32', c);
  b.input('bias', 'float32', c);
  b.input('dy', 'float32', x);
  const epsilon = { epsilon: float(1e-5) };
  b.multi('BatchNormTrain', ['x', 'scale', 'bias'], epsilon, ['y', 'mean', 'variance'], INTERNAL_DOMAIN);
  const outputs = ['dx', 'dscale', 'dbias'];
  b.multi('BatchNormTrainGrad', ['x', 'scale', 'mean', 'variance', 'dy'], epsilon, outputs, INTERNAL_DOMAIN);
  for (const name of ['y', 'dx']) b.output(name, 'float32', x);
  for (const name of ['mean', 'variance', 'dscale', 'dbias']) b.output(name, 'float32', c);
  return b.build();
}

const pools: readonly [string, readonly number[], Record<string, ReturnType<typeof int> | ReturnType<typeof ints>>][] =
  [
    ['2x2', [4, 16, 8, 8], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }],
    ['3x3 stride 2', [4, 16, 9, 9], { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) }],
    ['3x3 stride 1', [2, 24, 6, 6], { kernel_shape: ints([3, 3]), pads: ints([1, 1, 1, 1]) }],
    ['2x2 with a rest', [16, 16, 7, 7], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }],
    [
      '3x3 stride 2, rounded up',
      [2, 16, 8, 8],
      { kernel_shape: ints([3, 3]), strides: ints([2, 2]), ceil_mode: int(1) },
    ],
  ];

describe.each(testedProviders)('gradient operators of the provider %s', (name) => {
  // Batches of 16 are there for the blocked layout, which fills its blocks with them.
  const cases = convolutions.filter(({ x }) => name !== 'tfjs' || x[0] < 16);
  let provider: Provider;
  beforeAll(async () => {
    provider = await openTested(name);
  });
  afterAll(() => provider.dispose());

  test.each(cases)('a convolution and its gradients agree with their definition: $name', async (given) => {
    const graph = convGraph(given);
    const errors = await errorsOf(provider, graph, randomFeeds(graph));
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(2e-6);
  });

  test.each(cases.filter((given) => given.filters >= 16))(
    'chosen rows of a weight gradient are those of the whole one: $name',
    async (given) => {
      const graph = convGraph(given, [given.filters - 1, 0, 3]);
      const errors = await errorsOf(provider, graph, randomFeeds(graph));
      expect(errors.dw).toBeLessThan(2e-6);
    },
  );

  test.each(pools)('maximum pooling and its gradient agree with their definition: %s', async (_, x, attributes) => {
    const graph = poolGraph('MaxPool', x, attributes);
    const feeds = randomFeeds(graph);
    // Equal maxima must go to the first position, so make many.
    feeds.x.data.forEach((value, at) => (feeds.x.data[at] = Math.max(0, Math.round(Number(value) * 3) / 3)));
    const errors = await errorsOf(provider, graph, feeds);
    expect(errors.y).toBe(0);
    expect(errors.dx).toBeLessThan(1e-6);
  });

  test.each(pools)('average pooling and its gradient agree with their definition: %s', async (_, x, attributes) => {
    for (const count of [0, 1]) {
      const graph = poolGraph('AveragePool', x, { ...attributes, count_include_pad: int(count) });
      const errors = await errorsOf(provider, graph, randomFeeds(graph));
      expect(errors.y).toBeLessThan(1e-6);
      expect(errors.dx).toBeLessThan(1e-6);
    }
  });

  test.each([[[4, 16, 6, 6]], [[16, 24, 4, 4]], [[16, 16, 20, 20]], [[8, 5]], [[2, 3, 5, 5]]])(
    'batch normalisation over %j and its gradients agree with their definition',
    async (x) => {
      const graph = normGraph(x);
      const errors = await errorsOf(provider, graph, randomFeeds(graph));
      for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-5);
    },
  );

  test('the variance of a channel far from zero is not lost to rounding', async () => {
    const graph = normGraph([16, 16, 8, 8]);
    const feeds = randomFeeds(graph);
    feeds.x.data.forEach((value, at) => (feeds.x.data[at] = Number(value) + 300));
    const errors = await errorsOf(provider, graph, feeds);
    expect(errors.variance).toBeLessThan(1e-4);
    expect(errors.dx).toBeLessThan(1e-3);
  });
});

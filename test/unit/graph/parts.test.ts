import { describe, expect, it } from 'vitest';
import { float, int, ints } from '../../../src-main/engine/graph/attributes.ts';
import { differentiate } from '../../../src-main/engine/graph/autodiff.ts';
import { graphBuilder, type GraphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import {
  cosineSimilarity,
  meanCosinesTo,
  meanPairwiseCosine,
  meanPairwiseCosines,
  softmaxCrossEntropy,
  weightedMean,
} from '../../../src-main/engine/graph/losses.ts';
import { insertMasks } from '../../../src-main/engine/graph/masks.ts';
import { withBatchStatistics } from '../../../src-main/engine/graph/modes.ts';
import { exposeTaps } from '../../../src-main/engine/graph/taps.ts';
import { filled, intsTensor, numbersOf, sizeOf, tensorOf } from '../../../src-main/engine/graph/tensors.ts';

const wave = (dims: readonly number[], shift = 0): Tensor =>
  tensorOf(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, at) => Math.sin(1.3 * at + shift) + 0.1),
  );

/** Emits operators on x and the weight w; the loss is a fixed mixture of the result's elements. */
interface Part {
  readonly x: readonly number[];
  readonly w?: readonly number[];
  readonly make: (b: GraphBuilder, x: string, w: string) => string;
}

const parts: Readonly<Record<string, Part>> = {
  'Gemm with both operands transposed': {
    x: [4, 3],
    w: [2, 4],
    make: (b, x, w) => b.gemm(x, w, undefined, { transA: true, transB: true }),
  },
  'Gemm with the first operand transposed': {
    x: [4, 3],
    w: [4, 2],
    make: (b, x, w) => b.gemm(x, w, undefined, { transA: true }),
  },
  'MatMul of stacks that broadcast both ways': { x: [3, 1, 2, 4], w: [2, 4, 2], make: (b, x, w) => b.matmul(x, w) },
  'MatMul of a matrix with a stack': { x: [3, 4], w: [2, 4, 2], make: (b, x, w) => b.matmul(x, w) },
  Tile: { x: [2, 3], make: (b, x) => b.node('Tile', [x, b.ints([2, 3])]) },
  'Transpose without perm': { x: [2, 3, 4], make: (b, x) => b.node('Transpose', [x]) },
  'Split with a part nobody reads': {
    x: [2, 6],
    make: (b, x) => b.multi('Split', [x, b.ints([1, 2, 3])], { axis: int(1) }, 3)[1],
  },
  'Gather of one slice': { x: [3, 4, 2], make: (b, x) => b.gather(x, b.constant(tensorOf('int64', [], [-2])), 1) },
  'Gather by a table': {
    x: [3, 4],
    make: (b, x) => b.gather(x, b.constant(tensorOf('int64', [2, 2], [3, 0, 0, 1])), 1),
  },
  'Slice backwards with a step': {
    x: [2, 9],
    make: (b, x) => b.node('Slice', [x, b.ints([7]), b.ints([-100]), b.ints([1]), b.ints([-3])]),
  },
  'Slice forwards with a step to the end': {
    x: [2, 8],
    make: (b, x) => b.node('Slice', [x, b.ints([1]), b.ints([Number.MAX_SAFE_INTEGER]), b.ints([-1]), b.ints([3])]),
  },
  'an empty Slice': { x: [2, 3], make: (b, x) => b.add(b.reduceSum(b.slice(x, 1, 2, 2), null), b.reduceSum(x, null)) },
  'Pad that cuts on one side': { x: [3, 4], make: (b, x) => b.node('Pad', [x, b.ints([1, -1, -1, 2])]) },
  'ReduceL1, ReduceSumSquare and ReduceMin': {
    x: [2, 3, 4],
    make: (b, x) =>
      b.add(
        b.node('ReduceL1', [x], { axes: ints([1]), keepdims: int(0) }),
        b.add(
          b.node('ReduceSumSquare', [x], { axes: ints([-2]), keepdims: int(0) }),
          b.node('ReduceMin', [x], { axes: ints([1]), keepdims: int(0) }),
        ),
      ),
  },
  'Sum and Mean of three': {
    x: [2, 3],
    w: [3],
    make: (b, x, w) => b.mul(b.node('Sum', [x, w, x]), b.node('Mean', [w, x, w])),
  },
  'LeakyRelu, Elu, HardSigmoid with their own slopes': {
    x: [3, 5],
    make: (b, x) =>
      b.add(
        b.node('LeakyRelu', [x], { alpha: float(0.3) }),
        b.add(
          b.node('Elu', [x], { alpha: float(0.5) }),
          b.node('HardSigmoid', [x], { alpha: float(0.4), beta: float(0.3) }),
        ),
      ),
  },
  'Clip with one bound': { x: [3, 5], make: (b, x) => b.mul(b.clip(x, -0.25, null), b.clip(x, null, 0.5)) },
  'Pow by a list of exponents': {
    x: [2, 3],
    make: (b, x) => b.node('Pow', [b.exp(x), b.constant(tensorOf('float32', [3], [1, 2, -1]))]),
  },
  'LayerNormalization over two axes': {
    x: [2, 3, 4],
    w: [3, 4],
    make: (b, x, w) => b.layerNorm(x, w, b.mul(w, w), 1, 1e-3),
  },
  'Conv with input channels chosen': {
    x: [2, 3, 4, 4],
    w: [2, 3, 2, 2],
    make: (b, x, w) => b.conv(x, w, undefined, { strides: [2, 1], pads: [0, 1, 1, 0] }),
  },
  'BatchNormalization of a matrix': {
    x: [5, 3],
    w: [3],
    make: (b, x, w) => b.batchNorm(x, w, b.exp(w), b.constant(wave([3], 4)), b.constant(filled('float32', [3], 0.7))),
  },
  'GELU, sigmoid, tanh chains': { x: [3, 4], make: (b, x) => b.gelu(b.sigmoid(b.tanh(x))) },
};

function build(part: Part) {
  const b = graphBuilder();
  const x = b.input('x', 'float32', part.x);
  const w = part.w === undefined ? '' : b.constant(wave(part.w, 2), 'w');
  const y = part.make(b, x, w);
  b.output(y, 'float32', []);
  const dims = evaluate(b.build(), { x: wave(part.x) })[y].dims;
  const loss = b.reduceSum(b.mul(y, b.constant(wave(dims, 1))), null);
  b.output(loss, 'float32', []);
  return { graph: b.build(), loss };
}

describe('gradients against central differences', () => {
  it.each(Object.entries(parts))('%s', (_name, part) => {
    const { graph, loss } = build(part);
    const wrt = part.w === undefined ? ['x'] : ['x', 'w'];
    const { graph: differentiated, gradients } = differentiate(graph, { loss, wrt, dims: {} });
    const feeds = { x: wave(part.x) };
    const values = evaluate(differentiated, feeds, { precision: 'float64' });
    const lossAt = (name: string, at: number, by: number): number => {
      const base = name === 'x' ? feeds.x : (graph.initializers.get(name) as Tensor);
      const data = Float64Array.from(base.data as Float32Array);
      data[at] += by;
      const moved = { ...base, data };
      const initializers = name === 'x' ? graph.initializers : new Map([...graph.initializers, [name, moved]]);
      const answer = evaluate({ ...graph, initializers }, name === 'x' ? { x: moved } : feeds, {
        precision: 'float64',
      });
      return Number(answer[loss].data[0]);
    };
    for (const name of wrt) {
      const gradient = numbersOf(values[gradients.get(name) as string]);
      gradient.forEach((met, at) => {
        const difference = (lossAt(name, at, 1e-5) - lossAt(name, at, -1e-5)) / 2e-5;
        expect(Math.abs(met - difference), `${name}[${at}]`).toBeLessThan(1e-6 * Math.max(1, Math.abs(difference)));
      });
    }
  });

  it.each([
    ['rows of a Gemm weight, both layouts', [5, 4], [3, 4], { transB: int(1) }],
    ['rows of a Gemm weight with A transposed', [4, 5], [4, 3], { transA: int(1) }],
  ] as const)('%s are slices of the whole gradient', (_name, xDims, wDims, attributes) => {
    const part: Part = { x: xDims, w: wDims, make: (b, x, w) => b.node('Gemm', [x, w], attributes) };
    const { graph, loss } = build(part);
    for (const axis of [0, 1]) {
      const index = [2, 0];
      const whole = differentiate(graph, { loss, wrt: ['w'], dims: {} });
      const some = differentiate(graph, { loss, wrt: ['w'], dims: {}, rows: { w: { axis, index } } });
      const feeds = { x: wave(xDims) };
      const all = numbersOf(evaluate(whole.graph, feeds)[whole.gradients.get('w') as string]);
      const met = numbersOf(evaluate(some.graph, feeds)[some.gradients.get('w') as string]);
      const [rows, columns] = wDims;
      const wanted =
        axis === 0
          ? index.flatMap((row) => all.slice(row * columns, (row + 1) * columns))
          : Array.from({ length: rows }, (_, row) => index.map((column) => all[row * columns + column])).flat();
      met.forEach((value, at) => expect(value).toBeCloseTo(wanted[at], 5));
      expect(some.graph.nodes.at(-1)?.op).toBe('Gemm');
    }
  });

  it.each(['Sqrt', 'Pow'])('keeps what does not count 0 where the slope of a root (%s) has no end', (op) => {
    const root = (b: GraphBuilder, x: string): string =>
      op === 'Sqrt' ? b.sqrt(x) : b.node('Pow', [x, b.scalar(0.5)]);
    const { graph, loss } = build({ x: [2, 3], make: (b, x) => root(b, b.relu(b.sub(x, b.scalar(9)))) });
    const { graph: both, gradients } = differentiate(graph, { loss, wrt: ['x'], dims: {} });
    const met = evaluate(both, { x: wave([2, 3]) })[gradients.get('x') as string];
    expect(numbersOf(met).map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('refuses to differentiate through what has no gradient, naming the node', () => {
    const { graph, loss } = build({ x: [2, 3], make: (b, x) => b.node('Pow', [b.scalar(2), x]) });
    expect(() => differentiate(graph, { loss, wrt: ['x'], dims: {} })).toThrow(/Node "Pow" \(Pow\): no gradient/);
  });
});

describe('losses', () => {
  it('gives the cross entropy of labels, and zero weight to padding samples', () => {
    const b = graphBuilder();
    const logits = b.input('logits', 'float32', ['N', 3]);
    const labels = b.input('labels', 'int64', ['N']);
    const weights = b.input('weights', 'float32', ['N']);
    const each = softmaxCrossEntropy(b, logits, labels, 3);
    b.output(each, 'float32', ['N']);
    const mean = weightedMean(b, each, weights);
    b.output(mean, 'float32', []);
    const rows = [
      [1, 2, 3],
      [0, 0, 0],
      [-50, 60, 0],
    ];
    const values = evaluate(b.build(), {
      logits: tensorOf('float32', [3, 3], rows.flat()),
      labels: intsTensor([2, 0, 0]),
      weights: tensorOf('float32', [3], [1, 1, 0]),
    });
    const wanted = [Math.log(Math.exp(-2) + Math.exp(-1) + 1), Math.log(3), 110];
    numbersOf(values[each]).forEach((value, at) => expect(value).toBeCloseTo(wanted[at], 4));
    expect(Number(values[mean].data[0])).toBeCloseTo((wanted[0] + wanted[1]) / 2, 5);
  });

  it('gives the cosine of two rows, 0 for a zero row', () => {
    const b = graphBuilder();
    const a = b.input('a', 'float32', ['N', 2]);
    const cosine = cosineSimilarity(b, a, b.constant(tensorOf('float32', [1, 2], [3, 4])));
    b.output(cosine, 'float32', ['N']);
    const answer = evaluate(b.build(), { a: tensorOf('float32', [3, 2], [4, 3, -3, -4, 0, 0]) })[cosine];
    [0.96, -1, 0].forEach((wanted, at) => expect(Number(answer.data[at])).toBeCloseTo(wanted, 6));
  });

  it('gives the mean cosine of all pairs of rows', () => {
    const b = graphBuilder();
    const cosine = meanPairwiseCosine(b, b.input('a', 'float32', ['N', 2]), 3);
    b.output(cosine, 'float32', []);
    const answer = evaluate(b.build(), { a: tensorOf('float32', [3, 2], [2, 0, 3, 4, 0, 1]) })[cosine];
    // 0.6 of the first two, 0 of the first and the last, 0.8 of the last two.
    expect(Number(answer.data[0])).toBeCloseTo(1.4 / 3, 6);
  });

  it('gives the same of each group of rows, and their mean cosine with a direction', () => {
    const b = graphBuilder();
    const a = b.input('a', 'float32', ['N', 2]);
    const cosines = meanPairwiseCosines(b, a, 2, 2);
    const towards = meanCosinesTo(b, a, Float32Array.of(0, 1), 2, 2);
    for (const value of [cosines, towards]) b.output(value, 'float32', [2]);
    const answer = evaluate(b.build(), { a: tensorOf('float32', [4, 2], [2, 0, 3, 4, 0, 1, 0, -5]) });
    [0.6, -1].forEach((wanted, at) => expect(Number(answer[cosines].data[at])).toBeCloseTo(wanted, 6));
    [0.4, 0].forEach((wanted, at) => expect(Number(answer[towards].data[at])).toBeCloseTo(wanted, 6));
  });

  it('gives groups with a zero row a gradient that is a number', () => {
    const b = graphBuilder();
    const a = b.input('a', 'float32', [4, 2]);
    const whole = b.reduceSum(meanPairwiseCosines(b, b.relu(a), 2, 2), null);
    b.output(whole, 'float32', []);
    const { graph, gradients } = differentiate(b.build(), { loss: whole, wrt: ['a'], dims: {} });
    const values = evaluate(graph, { a: tensorOf('float32', [4, 2], [-1, -2, 4, 3, 1, 0, 3, 4]) });
    expect(numbersOf(values[gradients.get('a') as string]).every(Number.isFinite)).toBe(true);
  });

  it.each(['float32', 'float64'] as const)(
    'a cosine leaves a zero row a gradient that is a number: %s',
    (precision) => {
      const b = graphBuilder();
      const a = b.input('a', 'float32', [2, 2]);
      const whole = b.reduceSum(cosineSimilarity(b, b.relu(a), b.constant(tensorOf('float32', [1, 2], [3, 4]))), null);
      b.output(whole, 'float32', []);
      const { graph, gradients } = differentiate(b.build(), { loss: whole, wrt: ['a'], dims: {} });
      const values = evaluate(graph, { a: tensorOf('float32', [2, 2], [-1, -2, 4, 3]) }, { precision });
      const [first, second, ...row] = numbersOf(values[gradients.get('a') as string]);
      expect([first, second]).toEqual([0, 0]);
      // d/da of (3 a + 4 c) / (5 |(a, c)|) at (4, 3).
      [0.6 / 5 - (0.96 * 4) / 25, 0.8 / 5 - (0.96 * 3) / 25].forEach((wanted, at) =>
        expect(row[at]).toBeCloseTo(wanted, 6),
      );
    },
  );
});

function smallNet() {
  const b = graphBuilder();
  const x = b.input('x', 'float32', ['N', 2, 3, 3]);
  const channel = (value: number): string => b.constant(tensorOf('float32', [2], [value, value + 1]));
  const mean = b.constant(tensorOf('float32', [2], [0.1, 0.2]), 'mean');
  const variance = b.constant(tensorOf('float32', [2], [1, 2]), 'variance');
  const normal = b.batchNorm(x, channel(1), channel(0), mean, variance);
  b.node('Relu', [normal], {}, 'features');
  b.output('features', 'float32', ['N', 2, 3, 3]);
  return b.build();
}

describe('modes, masks and taps', () => {
  const x = wave([4, 2, 3, 3]);

  it('normalises by the batch and lets the running statistics follow as PyTorch does', () => {
    const { graph, state, initialState } = withBatchStatistics(smallNet(), {
      dims: { N: 4 },
      updateRunning: true,
      momentum: 0.25,
    });
    expect(state.map((pair) => pair.input)).toEqual(['mean', 'variance']);
    const values = evaluate(graph, { x, ...initialState });
    const plane = numbersOf(x).filter((_, at) => Math.floor(at / 9) % 2 === 0);
    const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
    const unbiased = plane.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (plane.length - 1);
    expect(Number(values[state[0].output].data[0])).toBeCloseTo(0.75 * 0.1 + 0.25 * mean, 5);
    expect(Number(values[state[1].output].data[0])).toBeCloseTo(0.75 * 1 + 0.25 * unbiased, 5);
    const normal = numbersOf(
      evaluate(graph, { x, ...initialState }, { fetch: [graph.nodes[0].outputs[0]] })[graph.nodes[0].outputs[0]],
    );
    const channel = normal.filter((_, at) => Math.floor(at / 9) % 2 === 0);
    expect(channel.reduce((sum, value) => sum + value, 0) / channel.length).toBeCloseTo(0, 5);
  });

  it('leaves stored statistics alone when they shall not follow, and nodes that are not chosen', () => {
    const frozen = withBatchStatistics(smallNet(), { dims: { N: 4 }, updateRunning: false });
    expect(frozen.state).toEqual([]);
    expect(frozen.graph.inputs.map((input) => input.name)).toEqual(['x']);
    const none = withBatchStatistics(smallNet(), { dims: { N: 4 }, updateRunning: true, only: new Set(['other']) });
    expect(none.graph).toEqual(smallNet());
  });

  it('multiplies channels by a mask without renaming anything', () => {
    const plain = smallNet();
    const masked = insertMasks(plain, [{ value: 'features', axis: 1, input: 'mask' }]);
    expect(masked.outputs).toEqual(plain.outputs);
    const before = numbersOf(evaluate(plain, { x })['features']);
    const after = numbersOf(evaluate(masked, { x, mask: tensorOf('float32', [2], [0.5, 0]) })['features']);
    before.forEach((value, at) => expect(after[at]).toBeCloseTo(Math.floor(at / 9) % 2 === 0 ? value / 2 : 0, 6));
    expect(() => insertMasks(plain, [{ value: 'features', axis: 0, input: 'mask' }])).toThrow(/fixed size/);
    expect(() => insertMasks(plain, [{ value: 'nothing', axis: 1, input: 'mask' }])).toThrow(/nothing/);
  });

  it('leaves of a masked channel what it is told to', () => {
    const places = [{ value: 'features', axis: 1, input: 'mask', rest: 'left' }];
    const plain = smallNet();
    const initializers = new Map(plain.initializers).set('left', tensorOf('float32', [2], [3, -1]));
    const before = numbersOf(evaluate(plain, { x })['features']);
    const masked = insertMasks({ ...plain, initializers }, places);
    const after = numbersOf(evaluate(masked, { x, mask: tensorOf('float32', [2], [0.5, 0]) })['features']);
    before.forEach((value, at) =>
      expect(after[at]).toBeCloseTo(Math.floor(at / 9) % 2 === 0 ? value / 2 + 1.5 : -1, 5),
    );
  });

  it('shows intermediate values, pooled where asked', () => {
    const normal = smallNet().nodes[0].outputs[0];
    const tapped = exposeTaps(smallNet(), [
      { value: normal, pool: 'whole' },
      { value: 'features', pool: 'map', output: 'tap1' },
    ]);
    expect(tapped.outputs.map((output) => [output.name, output.shape])).toEqual([
      ['features', ['N', 2, 3, 3]],
      [normal, ['N', 2, 3, 3]],
      ['tap1', ['N', 2]],
    ]);
    const values = evaluate(tapped, { x });
    const plane = numbersOf(values['features']).slice(0, 9);
    expect(Number(values['tap1'].data[0])).toBeCloseTo(plane.reduce((sum, value) => sum + value, 0) / 9, 5);
    expect(exposeTaps(smallNet(), [{ value: normal, pool: 'whole' }], { keep: false }).outputs).toHaveLength(1);
    expect(() => exposeTaps(smallNet(), [{ value: 'features', pool: 'tokens' }])).toThrow(/3 dimensions/);
  });
});

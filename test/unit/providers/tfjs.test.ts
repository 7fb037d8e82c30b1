import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { int, ints } from '../../../src-main/engine/graph/attributes.ts';
import { simplify } from '../../../src-main/engine/graph/fold.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { withBatchStatistics } from '../../../src-main/engine/graph/modes.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { numbersOf, scalarTensor, tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { LEARNING_RATE, trainingStep } from '../../../src-main/engine/graph/training.ts';
import { createNeighbourIndex } from '../../../src-main/engine/math/knn.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { loadTfjsGpu, type Tf } from '../../../src-main/engine/providers/tfjs/load.ts';
import { kernelOf } from '../../../src-main/engine/providers/tfjs/table.ts';
import { modelBytes, trainingReferences, trainingSteps } from '../../fixtures/graph/cases.ts';
import { createTfjsCpuProvider, tfjsOnCpu } from '../../support/tfjs-cpu.ts';
import { errorsOf, numbers, randomTensor } from './oracle.ts';

let tf: Tf;
let provider: Provider;
beforeAll(async () => {
  tf = await tfjsOnCpu();
  provider = await createTfjsCpuProvider();
});
afterAll(() => provider.dispose());

/** next = counter + step; a state that counts, and the square of what it was. */
function counter(size: number): Graph {
  const b = graphBuilder();
  b.input('counter', 'float32', [size]);
  b.input('step', 'float32', []);
  b.output(b.node('Add', ['counter', 'step'], {}, 'next'), 'float32', [size]);
  b.output(b.node('Mul', ['counter', 'counter'], {}, 'square'), 'float32', [size]);
  return b.build();
}

describe('the TensorFlow.js provider', () => {
  test('passes the self-test that every provider must pass', async () => {
    const rows = await provider.selfTest();
    expect(rows.map((row) => row.name)).toContain('nearest neighbours');
    expect(rows.filter((row) => !row.passed)).toEqual([]);
  });

  test.each([1, 3])('keeps state of %d number(s) between runs and hands out copies of it', async (size) => {
    const compiled = await provider.compile(counter(size), { state: [{ input: 'counter', output: 'next' }] });
    const start = tensorOf('float32', [size], new Array<number>(size).fill(2));
    compiled.setState({ counter: start });
    start.data[0] = 99;
    const first = await compiled.run({ step: scalarTensor(3) });
    expect(Object.keys(first)).toEqual(['square']);
    expect(first.square.data[0]).toBe(4);
    const copy = compiled.getState().counter;
    expect(copy.data[0]).toBe(5);
    copy.data[0] = 77;
    expect((await compiled.run({ step: scalarTensor(1) })).square.data[0]).toBe(25);
    compiled.setState({ counter: tensorOf('float32', [size], new Array<number>(size).fill(-1)) });
    expect((await compiled.run({ step: scalarTensor(0) })).square.data[0]).toBe(1);
    await compiled.dispose();
  });

  test('refuses to run before its state is set, and names a feed that is missing or does not fit', async () => {
    const compiled = await provider.compile(counter(2), { state: [{ input: 'counter', output: 'next' }] });
    await expect(compiled.run({ step: scalarTensor(1) })).rejects.toThrow('"counter" was not set');
    compiled.setState({ counter: tensorOf('float32', [2], [1, 2]) });
    await expect(compiled.run({})).rejects.toThrow('"step" was not fed');
    await expect(compiled.run({ step: tensorOf('float32', [1], [1]) })).rejects.toThrow(
      'takes float32[], met float32[1]',
    );
    await compiled.dispose();
  });

  test('an operator that nobody knows is refused when the graph is compiled', async () => {
    const b = graphBuilder();
    b.input('x', 'float32', [1]);
    b.output(b.node('NoSuchOperator', ['x'], {}, 'y'), 'float32', [1]);
    await expect(provider.compile(b.build())).rejects.toMatchObject({ code: 'unknown-operator' });
  });

  test('a number type that it lacks is a named failure', async () => {
    const b = graphBuilder();
    b.input('x', 'float64', [2]);
    b.output(b.node('Neg', ['x'], {}, 'y'), 'float64', [2]);
    const compiled = await provider.compile(b.build());
    const feeds = { x: { dtype: 'float64', dims: [2], data: Float64Array.of(1, 2) } } as const;
    await expect(compiled.run(feeds)).rejects.toMatchObject({ code: 'provider-failed' });
  });

  test('whole numbers beyond 32 bits are refused, not rounded', async () => {
    const b = graphBuilder();
    b.input('x', 'int64', [2]);
    b.input('y', 'float32', [2]);
    b.output(b.node('Add', [b.cast('x', 'float32'), 'y'], {}, 'z'), 'float32', [2]);
    b.output(b.node('Concat', ['x', 'x'], { axis: int(0) }, 'twice'), 'int64', [4]);
    const compiled = await provider.compile(b.build());
    const feeds = (value: bigint): Record<string, Tensor> => ({
      x: { dtype: 'int64', dims: [2], data: BigInt64Array.of(value, -1n) },
      y: tensorOf('float32', [2], [0.5, 0.5]),
    });
    const { z, twice } = await compiled.run(feeds(7n));
    expect([...z.data]).toEqual([7.5, -0.5]);
    expect([...twice.data]).toEqual([7n, -1n, 7n, -1n]);
    await expect(compiled.run(feeds(2n ** 40n))).rejects.toThrow('beyond 32 bits');
  });

  test('nothing stays on the device after a run but constants and state, and nothing at all after dispose', async () => {
    const before = tf.memory().numTensors;
    const graph = simplify(readOnnx(modelBytes('net-vgg')).graph);
    const dims = { N: 3 };
    const trained = withBatchStatistics(graph, { dims, updateRunning: true });
    const parameters = [...graph.initializers.keys()].filter((name) => /\.(weight|bias)$/.test(name));
    const step = trainingStep({
      graph: trained.graph,
      carried: trained,
      dims,
      loss: 'loss',
      parameters: parameters.map((name) => ({ name })),
      optimiser: { kind: 'adam', weightDecay: 0.01 },
    });
    const compiled = await provider.compile(step.graph, { dims, state: step.state });
    compiled.setState(step.initialState);
    const counts: number[] = [];
    for (const feeds of [...trainingSteps, ...trainingSteps]) {
      await compiled.run({ ...feeds, [LEARNING_RATE]: scalarTensor(0.01) });
      counts.push(tf.memory().numTensors);
    }
    expect(new Set(counts.slice(1)).size).toBe(1);
    await compiled.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test("three steps of SGD with momentum lead where PyTorch's lead", async () => {
    const reference = trainingReferences.find(({ name }) => name === 'sgd-momentum-decay');
    if (reference === undefined) throw new Error('the reference is gone');
    const graph = simplify(readOnnx(modelBytes('net-vgg')).graph);
    const dims = { N: 3 };
    const trained = withBatchStatistics(graph, { dims, updateRunning: true, momentum: 0.1 });
    const parameters = [...graph.initializers.keys()].filter((name) => /\.(weight|bias)$/.test(name));
    const step = trainingStep({
      graph: trained.graph,
      carried: trained,
      dims,
      loss: 'loss',
      parameters: parameters.map((name) => ({ name })),
      optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 },
    });
    const compiled = await provider.compile(step.graph, { dims, state: step.state });
    compiled.setState(step.initialState);
    const rates = [0.05, 0.1, 0.02];
    for (const [at, feeds] of trainingSteps.entries()) {
      const { loss } = await compiled.run({ ...feeds, [LEARNING_RATE]: scalarTensor(rates[at]) });
      expect(Number(loss.data[0])).toBeCloseTo(reference.losses[at], 4);
    }
    const met = step.readParameters(compiled.getState());
    for (const [name, expected] of Object.entries(reference.state)) {
      const start = numbersOf(graph.initializers.get(name) as Tensor);
      const moved = Math.hypot(...numbersOf(expected).map((value, at) => value - start[at]));
      const gap = Math.hypot(...numbersOf(expected).map((value, at) => value - Number(met[name].data[at])));
      expect(gap, name).toBeLessThan(2e-3 * moved + 1e-6);
    }
    await compiled.dispose();
  });

  test('nearest neighbours are those of the ONNX Runtime provider, equal rows included', async () => {
    const width = 16;
    const reference = numbers(300 * width, 3);
    reference.copyWithin(40 * width, 0, width * 3);
    const queries = reference.slice(0, 20 * width);
    const ort = await createOrtProvider({ threads: 1 });
    const found = [];
    for (const each of [ort, provider]) {
      const index = await createNeighbourIndex(each, reference, width, { k: 7, queryBlock: 8, referenceBlock: 128 });
      found.push(
        await index.query(
          queries,
          20,
          Int32Array.from({ length: 20 }, (_, at) => at),
        ),
      );
      await index.dispose();
    }
    await ort.dispose();
    expect(found[1].neighbours).toEqual(found[0].neighbours);
  });

  test.each([
    [
      'negative steps and rows from the end',
      (b: ReturnType<typeof graphBuilder>) => {
        const turned = b.node('Slice', ['x', b.ints([-1, 5]), b.ints([-100, 0]), b.ints([0, 3]), b.ints([-1, -2])]);
        return b.gather(turned, b.constant(tensorOf('int64', [2], [-1, 0])), 1);
      },
      [4, 2, 6, 3],
    ],
    [
      'reflected and repeated borders',
      (b: ReturnType<typeof graphBuilder>) => {
        const mirrored = b.node('Pad', ['x', b.ints([0, 0, 2, 1, 0, 0, 1, 2])], {
          mode: { type: 'string', value: 'reflect' },
        });
        return b.node('Pad', [mirrored, b.ints([0, 0, 1, 0, 0, 0, 0, 3])], { mode: { type: 'string', value: 'edge' } });
      },
      [4, 8, 10, 12],
    ],
    [
      'cut and padded borders',
      (b: ReturnType<typeof graphBuilder>) => b.node('Pad', ['x', b.ints([0, -1, 2, 0, 1, 0, 0, -3]), b.scalar(0.25)]),
      [5, 7, 8, 3],
    ],
    [
      'three groups of channels that are no depthwise convolution',
      (b: ReturnType<typeof graphBuilder>) => {
        const weight = b.constant(randomTensor([6, 4, 3, 3], 9));
        const wide = b.concat(['x', b.slice('x', 1, 0, 4)], 1);
        return b.node('Conv', [wide, weight], { group: int(3), pads: ints([1, 0, 2, 1]), strides: ints([1, 2]) });
      },
      [4, 6, 7, 3],
    ],
  ] as const)('computes as its definition says: %s', async (_, make, dims) => {
    const b = graphBuilder();
    b.input('x', 'float32', [4, 8, 6, 6]);
    b.output(b.node('Neg', [make(b)], {}, 'y'), 'float32', [...dims]);
    const errors = await errorsOf(provider, b.build(), { x: randomTensor([4, 8, 6, 6], 1) });
    expect(errors.y).toBeLessThan(1e-6);
  });
});

describe('what runs on the device', () => {
  test('is every operator of a training step; only shapes and rare ones are left to the host', () => {
    const onHost = new Set<string>();
    for (const name of ['net-resnet18', 'net-mobilenet', 'net-vgg', 'net-vit']) {
      for (const node of simplify(readOnnx(modelBytes(name)).graph).nodes)
        if (kernelOf(node) === null) onHost.add(node.op);
    }
    expect([...onHost]).toEqual(['Shape']);
  });
});

describe('the CUDA build of TensorFlow.js', () => {
  test('is used where it loads; where it does not, the reason is named and nothing else takes its place', async () => {
    const outcome = await loadTfjsGpu().then(
      ({ id }) => id,
      (error: unknown) => error,
    );
    if (outcome === 'tfjs-gpu') return;
    console.warn('NOT RUN: TensorFlow on a CUDA device; this machine has none.');
    expect(outcome).toMatchObject({ code: 'device-unavailable' });
    expect((outcome as Error).message).toMatch(/not installed|gpu:install|no CUDA device/);
  });
});

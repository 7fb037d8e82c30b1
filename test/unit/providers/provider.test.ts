import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { lowerToNchwc } from '../../../src-main/engine/providers/ort/nchwc.ts';
import { blockSizeOf, probeBlockSize } from '../../../src-main/engine/providers/ort/probe.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import { testLayouts } from '../../../src-main/engine/providers/self-test.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { randomTensor } from './oracle.ts';
import { trainSmallNet } from './small-net.ts';

const scalar = (value: number): Tensor => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) });

/** next = counter + step; a state that counts, and the square of what it was. */
function counter(): Graph {
  const b = graphBuilder();
  b.input('counter', 'float32', []);
  b.input('step', 'float32', []);
  b.output(b.node('Add', ['counter', 'step'], {}, 'next'), 'float32', []);
  b.output(b.node('Mul', ['counter', 'counter'], {}, 'square'), 'float32', []);
  return b.build();
}

describe('the ONNX Runtime provider', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await createOrtProvider({ threads: 1 });
  });
  afterAll(() => provider.dispose());

  test('says what it runs on', () => {
    const info = provider.describe();
    expect(info).toMatchObject({ id: 'ort-cpu', device: 'cpu', threads: 1 });
    expect(info.details.onnxruntime).toMatch(/^1\./);
  });

  test('passes its own self-test in every layout', async () => {
    const rows = await provider.selfTest();
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter((row) => !row.passed)).toEqual([]);
  });

  test('leaves nothing of a state to the collector, run by run', async () => {
    const size = 2 ** 20;
    const b = graphBuilder();
    b.input('w', 'float32', [size]);
    b.input('step', 'float32', []);
    b.output(b.node('Add', ['w', 'step'], {}, 'next'), 'float32', [size]);
    b.output(b.node('ReduceSum', ['w'], {}, 'sum'), 'float32', [1]);
    const compiled = await provider.compile(b.build(), { state: [{ input: 'w', output: 'next' }] });
    compiled.setState({ w: { dtype: 'float32', dims: [size], data: new Float32Array(size) } });
    await compiled.run({ step: scalar(1) });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let i = 0; i < 12; i += 1) {
      await compiled.run({ step: scalar(1) });
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(compiled.getState().w.data[size - 1]).toBe(13);
    expect(most).toBeLessThan(4 * size);
    await compiled.dispose();
  });

  test('keeps state between runs and hands out copies of it', async () => {
    const compiled = await provider.compile(counter(), { state: [{ input: 'counter', output: 'next' }] });
    compiled.setState({ counter: scalar(2) });
    const first = await compiled.run({ step: scalar(3) });
    expect(Object.keys(first)).toEqual(['square']);
    expect(first.square.data[0]).toBe(4);
    const copy = compiled.getState().counter;
    expect(copy.data[0]).toBe(5);
    expect((await compiled.run({ step: scalar(1) })).square.data[0]).toBe(25);
    expect(first.square.data[0]).toBe(4);
    expect(copy.data[0]).toBe(5);
    compiled.setState({ counter: scalar(-1) });
    expect((await compiled.run({ step: scalar(0) })).square.data[0]).toBe(1);
    await compiled.dispose();
  });

  test('refuses to run before its state is set', async () => {
    const compiled = await provider.compile(counter(), { state: [{ input: 'counter', output: 'next' }] });
    await expect(compiled.run({ step: scalar(1) })).rejects.toThrow('"counter" was not set');
    await compiled.dispose();
  });

  test('names an input that is missing or of another shape', async () => {
    const b = graphBuilder();
    b.input('x', 'float32', ['N', 3]);
    b.output(b.node('Relu', ['x'], {}, 'y'), 'float32', ['N', 3]);
    const compiled = await provider.compile(b.build(), { dims: { N: 2 } });
    await expect(compiled.run({})).rejects.toThrow('"x" was not fed');
    await expect(compiled.run({ x: randomTensor([3, 3], 1) })).rejects.toThrow('takes float32[2,3], met float32[3,3]');
    expect((await compiled.run({ x: randomTensor([2, 3], 1) })).y.dims).toEqual([2, 3]);
    await compiled.dispose();
    await expect(provider.compile(b.build())).rejects.toThrow('"N"');
  });

  test("turns the runtime's refusal into a named error with its words", async () => {
    const b = graphBuilder();
    b.input('x', 'float32', [1]);
    b.output(b.node('NoSuchOperator', ['x'], {}, 'y'), 'float32', [1]);
    const failure = await provider.compile(b.build()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ExpectedError);
    expect(failure).toMatchObject({ code: 'provider-failed' });
    expect((failure as Error).message).toContain('NoSuchOperator');
  });

  test('carries every element type in and out unchanged', async () => {
    const values: Tensor[] = [
      { dtype: 'float32', dims: [2], data: Float32Array.of(1.5, -2) },
      { dtype: 'float64', dims: [2], data: Float64Array.of(Math.PI, -2) },
      { dtype: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) },
      { dtype: 'int64', dims: [2], data: BigInt64Array.of(2n ** 60n, -1n) },
      { dtype: 'int32', dims: [2], data: Int32Array.of(7, -7) },
      { dtype: 'int8', dims: [2], data: Int8Array.of(7, -7) },
      { dtype: 'uint8', dims: [2], data: Uint8Array.of(7, 255) },
      { dtype: 'bool', dims: [2], data: Uint8Array.of(0, 1) },
    ];
    const b = graphBuilder();
    values.forEach(({ dtype, dims }) => {
      b.input(dtype, dtype, dims);
      b.output(b.node('Reshape', [dtype, b.ints([2, 1])], {}, `${dtype}/out`), dtype, [2, 1]);
    });
    const compiled = await provider.compile(b.build());
    const results = await compiled.run(Object.fromEntries(values.map((value) => [value.dtype, value])));
    for (const value of values) expect(results[`${value.dtype}/out`]).toEqual({ ...value, dims: [2, 1] });
    await compiled.dispose();
  });
});

describe('the blocked layout', () => {
  test('is recognised from a ramp, and nothing else is taken for it', () => {
    const blocked = (block: number): Float32Array =>
      Float32Array.from({ length: 128 }, (_, at) => {
        const channel = Math.floor(at / (2 * block)) * block + (at % block);
        return channel * 2 + (Math.floor(at / block) % 2);
      });
    expect(blockSizeOf(blocked(8))).toBe(8);
    expect(blockSizeOf(blocked(16))).toBe(16);
    expect(blockSizeOf(Float32Array.from({ length: 128 }, (_, at) => at))).toBeNull();
    const swapped = blocked(16);
    [swapped[100], swapped[101]] = [swapped[101], swapped[100]];
    expect(blockSizeOf(swapped)).toBeNull();
  });

  test('with a wrong block size the self-test fails instead of giving wrong numbers', async () => {
    const block = await probeBlockSize();
    if (block === null) return;
    const inner = await createOrtProvider({ threads: 1, layout: 'nchw' });
    const rows = await testLayouts((graph) => inner.compile(lowerToNchwc(graph, block / 2, 1)), ['nchwc']);
    await inner.dispose();
    expect(rows.filter((row) => row.name.startsWith('convolution and gradients')).map((row) => row.passed)).toEqual([
      false,
      false,
    ]);
  });
});

describe('the same graph, feeds and threads give the same bytes', () => {
  test.each([
    [1, 'nchwc'],
    [2, 'nchwc'],
    [2, 'nchw'],
  ] as const)('%d threads, %s: twice in one process and in another one', async (threads, layout) => {
    const script = fileURLToPath(new URL('small-net.ts', import.meta.url));
    const elsewhere = promisify(execFile)(process.execPath, [script, String(threads), layout]);
    const first = await trainSmallNet(threads, layout);
    expect(await trainSmallNet(threads, layout)).toBe(first);
    expect((await elsewhere).stdout.trim()).toBe(first);
  });
});

/** Graphs that run in a thread of their own: the same bytes, whatever was asked for ahead, and named failures. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { startAside } from '../../../src-main/engine/providers/ort/aside.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import { FEW_MULTIPLICATIONS, multiplications, threadsFor } from '../../../src-main/engine/providers/ort/threads.ts';
import type { CompiledGraph, Provider } from '../../../src-main/engine/providers/provider.ts';
import { trainedNet } from './small-net.ts';

const scalar = (value: number): Tensor => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) });

/** counter' = counter + by; a value that goes from run to run. */
function counting(): Graph {
  const b = graphBuilder();
  b.input('counter', 'float32', []);
  b.input('by', 'float32', []);
  b.output(b.node('Add', ['counter', 'by'], {}, 'next'), 'float32', []);
  b.output(b.node('Neg', ['next'], {}, 'negative'), 'float32', []);
  return b.build();
}

const count = (provider: Provider): Promise<CompiledGraph> =>
  provider.compile(counting(), { state: [{ input: 'counter', output: 'next' }] });

describe('a provider beside', () => {
  let own: Provider;
  let side: Provider;
  beforeAll(async () => {
    own = await createOrtProvider({ threads: 2 });
    const given = await own.aside?.();
    if (given === null || given === undefined) throw new Error('no provider beside with two threads');
    side = given;
  });
  afterAll(async () => {
    await side.dispose();
    await own.dispose();
  });

  it('is there only where there is a thread to spare', async () => {
    const single = await createOrtProvider({ threads: 1 });
    expect(await single.aside?.()).toBeNull();
    await single.dispose();
  });

  it('says that it is the same provider, and passes its tests', async () => {
    expect(side.describe()).toEqual(own.describe());
    expect((await side.selfTest()).filter(({ passed }) => !passed)).toEqual([]);
  });

  it('trains to the same bytes', async () => {
    expect(await trainedNet(side)).toEqual(await trainedNet(own));
  });

  it('carries out runs in the order in which they were asked for, before the first one has answered', async () => {
    const compiled = await count(side);
    expect(compiled.ahead).toBeGreaterThan(1);
    compiled.setState({ counter: scalar(1) });
    const runs = [1, 2, 3].map((by) => compiled.run({ by: scalar(by) }));
    // The copy follows on what was asked for before it.
    expect(compiled.getState().counter.data[0]).toBe(7);
    expect((await Promise.all(runs)).map(({ negative }) => negative.data[0])).toEqual([-2, -4, -7]);
    compiled.setState({ counter: scalar(-1) });
    expect(compiled.getState(['counter']).counter.data[0]).toBe(-1);
    await compiled.dispose();
  });

  it('says what is wrong with a feed or a state, and goes on', async () => {
    const compiled = await count(side);
    await expect(compiled.run({ by: scalar(1) })).rejects.toThrow('was not set before the first run');
    compiled.setState({ counter: scalar(0) });
    await expect(compiled.run({})).rejects.toThrow('the input "by" was not fed');
    expect(() => compiled.getState(['else'])).toThrow('"else" is no state of the graph');
    await compiled.run({ by: scalar(5) });
    expect(compiled.getState().counter.data[0]).toBe(5);
    await compiled.dispose();
  });

  it('finishes the runs that were asked for before it is ended', async () => {
    const thread = await startAside();
    const model = writeOnnx(slow);
    const compiled = await thread.open({
      model,
      threads: 1,
      optimisation: 'all',
      inputs: slow.inputs,
      outputs: slow.outputs,
      state: [],
    });
    const data = new Float32Array(512 * 512).fill(1 / 512);
    const runs = Array.from({ length: 3 }, () => compiled.run({ x: { dtype: 'float32', dims: [512, 512], data } }));
    await thread.end();
    for (const { y } of await Promise.all(runs)) expect(y.data[0]).toBeCloseTo(1 / 512);
    await expect(compiled.run({ x: { dtype: 'float32', dims: [512, 512], data } })).rejects.toThrow('was ended');
  });

  it('fails what is still waited for when it is ended', async () => {
    const thread = await startAside();
    const opened = thread.open({
      model: new Uint8Array(8),
      threads: 1,
      optimisation: 'all',
      inputs: [],
      outputs: [],
      state: [],
    });
    const failed = expect(opened).rejects.toThrow(/refused the graph|was ended/);
    await thread.end();
    await failed;
    await expect(
      thread.open({ model: new Uint8Array(8), threads: 1, optimisation: 'all', inputs: [], outputs: [], state: [] }),
    ).rejects.toThrow('was ended');
  });
});

/** Twenty products of 512 x 512, each keeping a matrix of 1 / 512. */
const slow = ((): Graph => {
  const b = graphBuilder();
  b.input('x', 'float32', [512, 512]);
  let y = 'x';
  for (let i = 0; i < 20; i++) y = b.node('MatMul', [y, 'x'], {}, i === 19 ? 'y' : `y${i}`);
  b.output(y, 'float32', [512, 512]);
  return b.build();
})();

describe('threads of a training step', () => {
  /** One product of `rows` x 64 x 64. */
  const product = (rows: number): Graph => {
    const b = graphBuilder();
    b.input('x', 'float32', [rows, 64]);
    b.input('w', 'float32', [64, 64]);
    b.output(b.node('MatMul', ['x', 'w'], {}, 'y'), 'float32', [rows, 64]);
    return b.build();
  };

  it('are as many as asked for where products are large, one where they are small', () => {
    const few = Math.floor(FEW_MULTIPLICATIONS / (64 * 64));
    expect(multiplications(product(few))).toEqual([few * 64 * 64]);
    expect(threadsFor(product(few), 2)).toBe(1);
    expect(threadsFor(product(few + 1), 2)).toBe(2);
    expect(threadsFor(product(few + 1), 1)).toBe(1);
  });
});

/** What a paused job does: nothing, until it is let go or cancelled. */
import { describe, expect, it } from 'vitest';
import { createGate } from '../../../src-main/engine/jobs/gate.ts';
import { pausable } from '../../../src-main/engine/providers/pausable.ts';
import type { CompiledGraph, Provider } from '../../../src-main/engine/providers/provider.ts';
import { CancelledError } from '../../../src-shared/failure.ts';

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const nothing = (): void => {};

describe('a gate', () => {
  it('costs nothing while it is open', () => {
    expect(createGate(new AbortController().signal, nothing).wait()).toBeNull();
  });

  it('holds whoever comes while it is closed, tells of the first, and lets all go', async () => {
    let still = 0;
    const gate = createGate(new AbortController().signal, () => still++);
    const passed: number[] = [];
    gate.close();
    gate.close();
    expect(still, 'nobody has come yet').toBe(0);
    const pass = async (who: number): Promise<void> => {
      await gate.wait();
      passed.push(who);
    };
    const all = [pass(1), pass(2)];
    await later(10);
    expect([still, passed]).toEqual([1, []]);
    gate.close();
    expect(still, 'whoever asks for it again is told again').toBe(2);
    gate.open();
    await Promise.all(all);
    expect(passed).toEqual([1, 2]);
    expect(gate.wait()).toBeNull();
  });

  it('cancels whoever waits when the job is cancelled, and cannot be closed any more', async () => {
    const abort = new AbortController();
    const gate = createGate(abort.signal, nothing);
    gate.close();
    const waiting = gate.wait();
    abort.abort();
    await expect(waiting).rejects.toBeInstanceOf(CancelledError);
    gate.close();
    expect(gate.wait()).toBeNull();
  });

  it('has a clock that stands still with the job, not with the wish to pause it', async () => {
    const gate = createGate(new AbortController().signal, nothing);
    gate.close();
    const asked = gate.now();
    await later(30);
    expect(gate.now() - asked, 'the job still works').toBeGreaterThan(20);
    const waiting = gate.wait();
    const still = gate.now();
    await later(60);
    expect(gate.now()).toBe(still);
    gate.open();
    await waiting;
    expect(gate.now() - still).toBeLessThan(30);
  });
});

describe('a pausable provider', () => {
  /** Answers with how often it was asked. */
  const counting = (asked: { runs: number; graphs: number }): Provider => ({
    describe: () => ({ id: 'counting', device: 'none', threads: 1, details: {} }),
    selfTest: () => Promise.resolve([]),
    dispose: () => Promise.resolve(),
    compile: () => {
      asked.graphs++;
      const compiled: CompiledGraph = {
        run: () => Promise.resolve({ n: { dtype: 'int32', dims: [], data: Int32Array.of(asked.runs++) } }),
        setState: nothing,
        getState: () => ({}),
        dispose: () => Promise.resolve(),
        ahead: 2,
      };
      return Promise.resolve(compiled);
    },
    aside: () => Promise.resolve(counting(asked)),
  });

  it('holds answers back while the gate is closed, those of the one beside it, too, in their order', async () => {
    const gate = createGate(new AbortController().signal, nothing);
    const asked = { runs: 0, graphs: 0 };
    const provider = pausable(counting(asked), () => gate.wait());
    const beside = await provider.aside?.();
    const nets = [await provider.compile({} as never), (await beside?.compile({} as never)) as CompiledGraph];
    expect(nets.map(({ ahead }) => ahead)).toEqual([2, 2]);
    const got: number[] = [];
    const work = async (net: CompiledGraph): Promise<void> => {
      for (let i = 0; i < 50; i++) got.push(Number(((await net.run({})).n.data as Int32Array)[0]));
    };
    const works = nets.map(work);
    gate.close();
    await later(10);
    expect(asked.runs, 'each was within one computation').toBeLessThanOrEqual(2);
    expect(got).toEqual([]);
    gate.open();
    await Promise.all(works);
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

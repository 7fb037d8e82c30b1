import { describe, expect, it } from 'vitest';
import { runLanes, type Lanes } from '../../../src-main/audit/bench-lanes.ts';
import { CancelledError } from '../../../src-shared/failure.ts';

type Run = Lanes<string>['run'];
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 2));

function lanes(run: Run, options: { count?: number; atOnce?: number; signal?: AbortSignal } = {}) {
  const ended: string[] = [];
  const { count = 6, atOnce = 2, signal = new AbortController().signal } = options;
  const done = runLanes({ count, atOnce, signal, run, onEnd: (at, outcome) => ended.push(`${at} ${outcome}`) });
  return { done, ended };
}

describe('cells at once', () => {
  it('begins each once, in order, never more at once than asked for, and two where two were asked for', async () => {
    const begun: number[] = [];
    let [running, most] = [0, 0];
    const { done, ended } = lanes(async (at, _, prepared) => {
      begun.push(at);
      most = Math.max(most, ++running);
      prepared();
      await pause();
      running--;
      return 'done';
    });
    await done;
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    expect(ended.toSorted()).toEqual(begun.map((at) => `${at} done`));
    expect(most).toBe(2);
  });

  it('begins no other while one prepares what they share', async () => {
    let preparing = 0;
    const { done, ended } = lanes(async (_, __, prepared) => {
      expect(++preparing).toBe(1);
      await pause();
      preparing--;
      prepared();
      await pause();
      return 'done';
    });
    await done;
    expect(ended).toHaveLength(6);
  });

  it('goes on where a cell ends without having prepared anything', async () => {
    const { done, ended } = lanes(async () => 'kept', { atOnce: 4 });
    await done;
    expect(ended).toHaveLength(6);
  });

  it('stops the others for the first that throws, begins no more, and throws what it threw', async () => {
    const begun: number[] = [];
    const { done, ended } = lanes(async (at, signal, prepared) => {
      begun.push(at);
      prepared();
      await pause();
      if (at === 0) throw new Error('no space');
      while (!signal.aborted) await pause();
      throw new CancelledError();
    });
    await expect(done).rejects.toThrow('no space');
    expect([begun, ended]).toEqual([[0, 1], []]);
  });

  it('ends cancelled where it is cancelled', async () => {
    const abort = new AbortController();
    const { done } = lanes(
      async (at, signal, prepared) => {
        prepared();
        if (at === 1) abort.abort();
        while (!signal.aborted) await pause();
        throw new CancelledError();
      },
      { signal: abort.signal },
    );
    await expect(done).rejects.toBeInstanceOf(CancelledError);
  });
});

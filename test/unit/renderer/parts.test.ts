/** Long work in short tasks, in a browser with a scheduler and in one without. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { inParts, whenFree } from '../../../src-renderer/charts/parts.ts';

afterEach(() => vi.unstubAllGlobals());

/** Parts of 15 ms each, which note themselves. */
function* slow(count: number, done: string[]): Generator<void> {
  for (let part = 0; part < count; part++) {
    const until = performance.now() + 15;
    while (performance.now() < until);
    done.push(`part ${part}`);
    yield;
  }
}

describe.each([
  ['without a scheduler', undefined],
  ['with half of one', {}],
  [
    'with a scheduler',
    {
      yield: () => new Promise<void>((resolve) => setTimeout(resolve)),
      postTask: (act: () => void) => new Promise<void>((resolve) => setTimeout(() => resolve(act()))),
    },
  ],
])('in a browser %s', (_, scheduler) => {
  it('others come in between, and all parts are done', async () => {
    vi.stubGlobal('scheduler', scheduler);
    const done: string[] = [];
    setTimeout(() => done.push('other'));
    await inParts(slow(5, done), new AbortController().signal);
    expect(done.filter((name) => name !== 'other')).toHaveLength(5);
    expect(done.indexOf('other')).toBeLessThan(done.indexOf('part 4'));
  });

  it('nothing is done after it was aborted', async () => {
    vi.stubGlobal('scheduler', scheduler);
    const life = new AbortController();
    const done: string[] = [];
    setTimeout(() => life.abort());
    await inParts(slow(9, done), life.signal);
    expect(done.length).toBeLessThan(9);
  });

  it('what can wait is done later', async () => {
    vi.stubGlobal('scheduler', scheduler);
    let made = false;
    whenFree(() => (made = true), new AbortController().signal);
    expect(made).toBe(false);
    await vi.waitFor(() => expect(made).toBe(true));
  });
});

it.each([
  ['without a scheduler', undefined],
  ['with one', { postTask: (act: () => void) => new Promise<void>((resolve) => setTimeout(() => resolve(act()))) }],
])('what can wait is not done once its view is gone, %s', async (_, scheduler) => {
  vi.stubGlobal('scheduler', scheduler);
  const life = new AbortController();
  let made = false;
  whenFree(() => (made = true), life.signal);
  life.abort();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(made).toBe(false);
});

it('work that goes on after its view is gone does not fail: a yield inherits the signal of the task it is in', async () => {
  let inherited: AbortSignal | undefined;
  const waitUnlessAborted = (signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      setTimeout(() => (signal?.aborted ? reject(signal.reason as Error) : resolve()), 5);
    });
  vi.stubGlobal('scheduler', {
    yield: () => waitUnlessAborted(inherited),
    postTask: async (act: () => void, options: { signal?: AbortSignal }) => {
      await waitUnlessAborted(options.signal);
      inherited = options.signal;
      act();
    },
  });
  const view = new AbortController();
  let going: Promise<void> | null = null;
  whenFree(() => (going = inParts(slow(4, []), view.signal)), view.signal);
  await vi.waitFor(() => expect(going).not.toBeNull());
  view.abort();
  await expect(going).resolves.toBeUndefined();
});

/** A real engine process for the tests of the protocol: each job misbehaves in one way. */
import { getHeapSpaceStatistics } from 'node:v8';
import { parentChannel } from '../../../src-main/engine/jobs/entry.ts';
import { serveJobs } from '../../../src-main/engine/jobs/server.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';

export interface FixtureProtocol {
  readonly jobs: {
    readonly echo: { readonly request: unknown; readonly result: unknown };
    readonly ask: { readonly request: number; readonly result: number };
    readonly events: { readonly request: { progress: number; metrics: number }; readonly result: null };
    readonly wait: { readonly request: null; readonly result: null };
    readonly steps: { readonly request: number; readonly result: number };
    readonly 'wait-deaf': { readonly request: null; readonly result: null };
    readonly block: { readonly request: number; readonly result: null };
    readonly fail: { readonly request: 'expected' | 'cancelled' | 'bug' | 'not-an-error'; readonly result: null };
    readonly exit: { readonly request: number; readonly result: null };
    readonly crash: { readonly request: null; readonly result: null };
    readonly garbage: { readonly request: unknown; readonly result: null };
    readonly unsendable: { readonly request: null; readonly result: unknown };
    readonly environment: { readonly request: null; readonly result: readonly string[] };
    readonly young: { readonly request: null; readonly result: number };
    readonly pid: { readonly request: null; readonly result: number };
  };
  readonly asks: {
    readonly double: { readonly payload: number; readonly answer: number };
    readonly 'not-offered': { readonly payload: null; readonly answer: null };
  };
}

/** Bytes that the process holds for young objects after many of them have come and lived for a while. */
function youngAfterGarbage(): number {
  const kept: { at: number }[][] = [];
  for (let i = 0; i < 400; i++) kept[i % 40] = Array.from({ length: 5000 }, (_, at) => ({ at }));
  const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  return young?.physical_space_size ?? Infinity;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

serveJobs<FixtureProtocol>(
  parentChannel(() => process.exit(0)),
  {
    echo: (request) => Promise.resolve(request),
    ask: async (request, { ask }) => (request < 0 ? (await ask('not-offered', null), 0) : ask('double', request)),
    events: async ({ progress, metrics }, { emit }) => {
      emit({ type: 'stage', stage: 'probe', state: 'started' });
      for (let i = 0; i < Math.max(progress, metrics); i++) {
        if (i < progress)
          emit({
            type: 'progress',
            stage: 'probe',
            done: i + 1,
            total: progress,
            unit: 'steps',
            rate: null,
            etaSeconds: null,
          });
        if (i < metrics) emit({ type: 'metric', stage: 'probe', name: 'loss', at: i, value: 1 / (i + 1) });
        if (i % 500 === 0) await turn();
      }
      emit({ type: 'stage', stage: 'probe', state: 'finished' });
      return null;
    },
    wait: (_request, { signal, emit }) => {
      emit({ type: 'stage', stage: 'grow', state: 'started' });
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new CancelledError())));
    },
    steps: async (count, { emit, gate }) => {
      for (let at = 0; at < count; at++) {
        emit({ type: 'metric', stage: 'grow', name: 'loss', at, value: 1 });
        await new Promise((resolve) => setTimeout(resolve, 5));
        await gate.wait();
      }
      return gate.now();
    },
    'wait-deaf': (_request, { emit }) => {
      emit({ type: 'stage', stage: 'grow', state: 'started' });
      return new Promise(() => setInterval(() => {}, 1000));
    },
    block: async (milliseconds, { emit }) => {
      emit({ type: 'stage', stage: 'grow', state: 'started' });
      await turn();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
      return null;
    },
    fail: async (kind) => {
      await turn();
      switch (kind) {
        case 'expected':
          throw new ExpectedError('no-space', 'met at /somewhere');
        case 'cancelled':
          throw new CancelledError();
        case 'bug':
          throw new RangeError('index 7 of 3');
        case 'not-an-error':
          // eslint-disable-next-line @typescript-eslint/only-throw-error
          throw 'a bare string';
      }
    },
    exit: (code) => {
      process.stderr.write('first words\nfamous last words\n');
      process.exit(code);
    },
    crash: () => {
      process.abort();
    },
    garbage: (request) => {
      process.send?.(request as never);
      return new Promise(() => {});
    },
    unsendable: () => Promise.resolve({ method: () => 1 }),
    environment: () => Promise.resolve(Object.keys(process.env)),
    young: () => Promise.resolve(youngAfterGarbage()),
    pid: () => Promise.resolve(process.pid),
  },
  { onExit: () => process.exit(0), aliveEvery: 50 },
);

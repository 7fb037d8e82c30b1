import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { forkEngine } from '../../../src-main/audit/spawn-engine.ts';
import {
  connectEngine,
  type ClientOptions,
  type EngineClient,
  type EngineProcess,
} from '../../../src-main/engine/jobs/client.ts';
import { parseEngineMessage } from '../../../src-main/engine/jobs/protocol.ts';
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import { bundled } from '../../support/bundled.ts';
import type { FixtureProtocol } from './fixture-engine.ts';

const entry = bundled(fileURLToPath(new URL('fixture-engine.ts', import.meta.url)));
const open: EngineClient<FixtureProtocol>[] = [];

function startEngine(options?: ClientOptions): { client: EngineClient<FixtureProtocol>; process: EngineProcess } {
  const process = forkEngine(entry, { execArgv: [] });
  const client = connectEngine<FixtureProtocol>(process, options);
  open.push(client);
  return { client, process };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`rejected with ${String(error)}, which is no Error`, { cause: error });
  }
  throw new Error('the promise was fulfilled');
}

/** Starts a job and waits until it has told its first event. */
async function started(
  client: EngineClient<FixtureProtocol>,
  name: 'wait' | 'wait-deaf' | 'block',
  request: number | null = null,
): Promise<{ result: Promise<unknown>; cancel(): Promise<string> }> {
  let begin: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const job = client.start(name, request as never, { onEvent: () => begin() });
  await begun;
  return job;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a job in the engine process', () => {
  it('returns its result', async () => {
    const { client } = startEngine();
    expect(await client.run('echo', { a: [1, 'b', null] })).toEqual({ a: [1, 'b', null] });
  });

  it('carries typed arrays of 64 MB there and back with their types and values', async () => {
    const { client } = startEngine();
    const floats = Float32Array.from({ length: 16_777_216 }, (_, i) => i * 0.5);
    const sent = { floats, longs: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), halves: Uint16Array.of(1, 65535) };
    const back = (await client.run('echo', sent)) as typeof sent;
    expect(back.floats).toBeInstanceOf(Float32Array);
    expect(back.floats.length).toBe(floats.length);
    expect(Buffer.compare(bytes(back.floats), bytes(floats))).toBe(0);
    expect(back.longs).toEqual(sent.longs);
    expect(back.halves).toEqual(sent.halves);
  });

  it('runs beside another one', async () => {
    const { client } = startEngine();
    const waiting = await started(client, 'wait');
    expect(await client.run('echo', 5)).toBe(5);
    await waiting.cancel();
    expect(await failureOf(waiting.result)).toBeInstanceOf(CancelledError);
  });

  it('asks its host and gets the answer, the failure, or that nothing is offered', async () => {
    const { client } = startEngine();
    expect(await client.run('ask', 21, { answers: { double: (n) => Promise.resolve(n * 2) } })).toBe(42);
    const full = await failureOf(
      client.run('ask', 1, {
        answers: {
          double: () => {
            throw new ExpectedError('no-space', 'in the project');
          },
        },
      }),
    );
    expect(full).toBeInstanceOf(ExpectedError);
    expect((full as ExpectedError).code).toBe('no-space');
    expect((await failureOf(client.run('ask', -1))).message).toContain('"not-offered"');
  });

  it('fails as a bug when the job has no handler', async () => {
    const { client } = startEngine();
    expect((await failureOf(client.run('toString' as 'echo', null))).message).toContain('no job called "toString"');
  });

  it('fails as a bug when its result cannot travel', async () => {
    const { client } = startEngine();
    expect((await failureOf(client.run('unsendable', null))).message).toMatch(/could not be cloned/);
    expect(await client.run('echo', 'still here')).toBe('still here');
  });

  it('fails with an error of the listener instead of losing it', async () => {
    const { client } = startEngine();
    const failed = client.run(
      'events',
      { progress: 1, metrics: 0 },
      {
        onEvent: () => {
          throw new Error('the view broke');
        },
      },
    );
    expect((await failureOf(failed)).message).toBe('the view broke');
  });
});

describe('every kind of failure arrives as what it was', () => {
  it('expected: code and detail', async () => {
    const { client } = startEngine();
    const error = await failureOf(client.run('fail', 'expected'));
    expect(error).toBeInstanceOf(ExpectedError);
    expect(error).toMatchObject({ code: 'no-space', detail: 'met at /somewhere' });
  });
  it('cancelled', async () => {
    const { client } = startEngine();
    expect(await failureOf(client.run('fail', 'cancelled'))).toBeInstanceOf(CancelledError);
  });
  it('bug: message and the stack of the engine', async () => {
    const { client } = startEngine();
    const error = await failureOf(client.run('fail', 'bug'));
    expect(error).not.toBeInstanceOf(ExpectedError);
    expect(error.message).toBe('index 7 of 3');
    expect(error.stack).toContain('fixture-engine.ts');
  });
  it('something thrown that is no Error', async () => {
    const { client } = startEngine();
    expect((await failureOf(client.run('fail', 'not-an-error'))).message).toBe('a bare string');
  });
});

describe('events', () => {
  it('loses no metric or stage event, keeps the last progress, and sends at most 10 batches a second', async () => {
    const { client, process } = startEngine();
    let batches = 0;
    process.channel.onMessage((message) => {
      if ((message as { kind: string }).kind === 'events') batches++;
    });
    const events: RunEvent[] = [];
    const from = performance.now();
    await client.run('events', { progress: 20_000, metrics: 5_000 }, { onEvent: (event) => events.push(event) });
    const seconds = (performance.now() - from) / 1000;
    expect(batches).toBeLessThanOrEqual(Math.ceil(seconds * 10) + 2);
    expect(events.filter((event) => event.type === 'metric').map((event) => event.at)).toEqual(
      Array.from({ length: 5_000 }, (_, i) => i),
    );
    const progress = events.filter((event) => event.type === 'progress');
    expect(progress.at(-1)?.done).toBe(20_000);
    expect(progress.length).toBeLessThan(batches + 1);
    expect(events[0]).toEqual({ type: 'stage', stage: 'probe', state: 'started' });
    expect(events.at(-1)).toEqual({ type: 'stage', stage: 'probe', state: 'finished' });
  });
});

describe('pausing a job', () => {
  it('has it stand still, with all it told before, until it is let go; it ends as if nothing had been', async () => {
    const { client } = startEngine();
    const told: RunEvent[] = [];
    const job = client.start('steps', 60, { onEvent: (event) => told.push(event) });
    await expect.poll(() => told.length).toBeGreaterThan(0);
    expect(await job.pause()).toBe(true);
    const before = told.length;
    expect(await job.pause(), 'it stands still already').toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(told).toHaveLength(before);
    expect(before).toBeLessThan(60);
    job.continue();
    await job.result;
    expect(told).toHaveLength(60);
    expect(await job.pause(), 'it is over').toBe(false);
    job.continue();
  });

  it('can be taken back before it stands still, and ends with the job', async () => {
    const { client } = startEngine();
    const long = client.start('steps', 20);
    const first = long.pause();
    long.continue();
    expect(await first).toBe(false);
    await long.result;
    const deaf = client.start('fail', 'expected');
    expect(await deaf.pause()).toBe(false);
    await failureOf(deaf.result);
  });

  it('does not keep it from being cancelled, nor the engine from being closed', async () => {
    const { client } = startEngine();
    for (const end of ['cancel', 'close'] as const) {
      const job = client.start('steps', 1000);
      expect(await job.pause()).toBe(true);
      if (end === 'cancel') expect(await job.cancel()).toBe('engine');
      else await client.close();
      expect(await failureOf(job.result)).toBeInstanceOf(CancelledError);
    }
  });
});

describe('cancel', () => {
  it('is heard by the engine and ends the job, not the process', async () => {
    const { client } = startEngine({ acknowledgeMs: 60_000 });
    const pid = await client.run('pid', null);
    const job = await started(client, 'wait');
    expect(await job.cancel()).toBe('engine');
    expect(await failureOf(job.result)).toBeInstanceOf(CancelledError);
    expect(await client.run('pid', null)).toBe(pid);
  });

  it('through an AbortSignal does the same', async () => {
    const { client } = startEngine();
    const abort = new AbortController();
    const result = client.run('wait', null, { signal: abort.signal, onEvent: () => abort.abort() });
    expect(await failureOf(result)).toBeInstanceOf(CancelledError);
  });

  it('before the start starts nothing', async () => {
    const { client } = startEngine();
    expect(await failureOf(client.run('echo', 1, { signal: AbortSignal.abort() }))).toBeInstanceOf(CancelledError);
  });

  it('of an engine stuck in one computation is answered by force when it has not been heard in time', async () => {
    const { client } = startEngine({ acknowledgeMs: 200 });
    const pid = await client.run('pid', null);
    const job = await started(client, 'block', 60_000);
    expect(await job.cancel()).toBe('killed');
    expect(await failureOf(job.result)).toBeInstanceOf(CancelledError);
    expect(isAlive(pid)).toBe(false);
  });

  it('of a job that hears but does not obey ends the process after the grace period', async () => {
    const { client } = startEngine({ acknowledgeMs: 60_000, graceMs: 300 });
    const pid = await client.run('pid', null);
    const job = await started(client, 'wait-deaf');
    expect(await job.cancel()).toBe('engine');
    expect(await failureOf(job.result)).toBeInstanceOf(CancelledError);
    expect(isAlive(pid)).toBe(false);
  });

  it('twice is the same as once, and after the end says so', async () => {
    const { client } = startEngine();
    const job = await started(client, 'wait');
    expect(await Promise.all([job.cancel(), job.cancel()])).toEqual(['engine', 'engine']);
    expect(await failureOf(job.result)).toBeInstanceOf(CancelledError);
    expect(await job.cancel()).toBe('already-over');
  });
});

describe('the death of the engine process', () => {
  it('by exit is reported with the code and the last words', async () => {
    const { client } = startEngine();
    const error = await failureOf(client.run('exit', 3));
    expect(error).toMatchObject({ code: 'engine-died' });
    expect(error.message).toContain('exit code 3');
    expect(error.message).toContain('famous last words');
  });

  it('by a crash is reported with the signal', async () => {
    const { client } = startEngine();
    const error = await failureOf(client.run('crash', null));
    expect(error).toMatchObject({ code: 'engine-died' });
    expect(error.message).toContain('SIGABRT');
  });

  it('by SIGKILL from outside is reported to every running job', async () => {
    const { client } = startEngine();
    const pid = await client.run('pid', null);
    const jobs = [await started(client, 'wait'), await started(client, 'wait')];
    process.kill(pid, 'SIGKILL');
    for (const job of jobs) {
      expect(await failureOf(job.result)).toMatchObject({
        code: 'engine-died',
        detail: expect.stringContaining('SIGKILL'),
      });
    }
  });

  it('is told to a job that is started afterwards', async () => {
    const { client } = startEngine();
    await failureOf(client.run('exit', 9));
    expect((await failureOf(client.run('echo', 1))).message).toContain('exit code 9');
  });

  it('for want of the entry file is reported, not waited for', async () => {
    const client = connectEngine<FixtureProtocol>(forkEngine('/nonexistent/engine.js', { execArgv: [] }));
    expect(await failureOf(client.run('echo', 1))).toMatchObject({ code: 'engine-died' });
  });

  it('is not suspected for the time in which the host itself was stopped', async () => {
    const { client } = startEngine({ silenceMs: 1500, hungMs: 2000 });
    const job = client.start('steps', 300);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // As long as the host holds still, it neither hears the engine nor looks at its clock.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3500);
    expect(await job.result).toBeGreaterThan(0);
  });

  it('follows when it hangs without a sign of life, after the host was told of the silence', async () => {
    const silences: number[] = [];
    const { client } = startEngine({ silenceMs: 500, hungMs: 4000, onSilence: (ms) => silences.push(ms) });
    const job = await started(client, 'block', 60_000);
    expect(await failureOf(job.result)).toMatchObject({
      code: 'engine-died',
      detail: expect.stringContaining('sign of life'),
    });
    expect(silences.length).toBeGreaterThan(0);
  });
});

it('a warning may name numbers and names, and nothing else', () => {
  const message = (values: unknown): unknown =>
    parseEngineMessage({
      kind: 'events',
      job: 1,
      events: [{ type: 'warning', code: 'grown-again', message: 'Once more.', subject: null, values }],
    });
  for (const values of [undefined, {}, { sharing: 3, names: '"bag"' }]) expect(message(values)).not.toBeNull();
  for (const values of [null, 3, { sharing: null }, { sharing: [3] }, { sharing: { of: 3 } }]) {
    expect(message(values), JSON.stringify(values)).toBeNull();
  }
});

describe('garbage', () => {
  const garbage: readonly [string, unknown][] = [
    ['a string', 'hello'],
    ['null', null],
    ['a message of no known kind', { kind: 'launch' }],
    ['a job number that is none', { kind: 'done', job: -1 }],
    ['events that are no list', { kind: 'events', job: 0, events: 'x' }],
    ['an event that only the host may tell', { kind: 'events', job: 0, events: [{ type: 'finished', exitCode: 0 }] }],
    ['a failure without a kind', { kind: 'failed', job: 0, failure: { message: 'x' } }],
  ];
  for (const [what, message] of garbage) {
    it(`from the engine ends it with a named error: ${what}`, async () => {
      const { client } = startEngine();
      expect(await failureOf(client.run('garbage', message))).toMatchObject({
        code: 'engine-died',
        detail: expect.stringContaining('no message'),
      });
    });
  }

  it('about a job that does not exist is let go by', async () => {
    const { client } = startEngine();
    const job = client.start('garbage', { kind: 'done', job: 999, result: 1 });
    expect(await client.run('echo', 2)).toBe(2);
    await job.cancel();
  });

  it('from the host is reported by the engine and ends the conversation', async () => {
    const { client, process } = startEngine();
    const job = await started(client, 'wait');
    process.channel.send({ kind: 'nonsense' });
    expect((await failureOf(job.result)).message).toContain('nonsense');
  });
});

describe('close', () => {
  it('ends the process and cancels what runs', async () => {
    const { client } = startEngine();
    const pid = await client.run('pid', null);
    const job = await started(client, 'wait');
    await client.close();
    expect(await failureOf(job.result)).toBeInstanceOf(CancelledError);
    expect(isAlive(pid)).toBe(false);
  });

  it('ends a process that does not listen, after the grace period', async () => {
    const { client } = startEngine({ graceMs: 200 });
    const pid = await client.run('pid', null);
    await started(client, 'block', 60_000);
    await client.close();
    expect(isAlive(pid)).toBe(false);
  });

  it('reports the peak memory of the engine', async () => {
    const { client } = startEngine();
    await client.run('pid', null);
    expect(client.peakBytes()).toBeGreaterThan(10_000_000);
  });
});

function bytes(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

describe('the environment of the engine process', () => {
  it('holds none of the secrets of the user', async () => {
    process.env['CORESIFT_TEST_SECRET'] = 'hush';
    try {
      const { client } = startEngine();
      const names = await client.run('environment', null);
      expect(names).toContain('PATH');
      expect(names).not.toContain('CORESIFT_TEST_SECRET');
    } finally {
      delete process.env['CORESIFT_TEST_SECRET'];
    }
  });

  it('has its collector keep little room for young objects', async () => {
    const { client } = startEngine();
    expect(await client.run('young', null)).toBeLessThan(8 * 2 ** 20);
  });
});

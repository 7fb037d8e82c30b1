/** One suite, run over each transport: whatever a page may rely on holds on both. */
import { MessageChannel } from 'node:worker_threads';
import { WebSocket, WebSocketServer } from 'ws';
import { afterEach, describe, expect, it } from 'vitest';
import type { Call, HandlerContext, Stream } from '../../src-shared/contract.ts';
import { CancelledError, ExpectedError } from '../../src-shared/failure.ts';
import { portChannel, socketChannel, type PortLike, type SocketLike } from '../../src-shared/rpc/channels.ts';
import { connect, type Client } from '../../src-shared/rpc/connect.ts';
import type { ClientChannel, HostChannel } from '../../src-shared/rpc/message.ts';
import { maxConcurrent, serve } from '../../src-shared/rpc/serve.ts';

interface Echo {
  echo: Call<unknown, unknown>;
  refuse: Call<'expected' | 'bug' | 'cancelled', never>;
  wait: Call<null, null>;
  count: Stream<{ readonly to: number }, number>;
  breaking: Stream<null, number>;
}
type Map = { [Name in keyof Echo]: Echo[Name] };
const kinds = { echo: 'call', refuse: 'call', wait: 'call', count: 'stream', breaking: 'stream' } as const;

interface Pair {
  readonly client: Client<Map>;
  readonly raw: ClientChannel;
  readonly sent: { produced: number; aborted: number; bugs: unknown[] };
  stopHost(): void;
  end(): Promise<void>;
}

function host(channel: HostChannel, sent: Pair['sent']): () => void {
  const onAbort = (context: HandlerContext): Promise<void> =>
    new Promise((resolve) =>
      context.signal.addEventListener('abort', () => {
        sent.aborted += 1;
        resolve();
      }),
    );
  const handlers: Record<string, (request: never, context: HandlerContext) => unknown> = {
    echo: (request: unknown) => Promise.resolve(request),
    refuse(kind: 'expected' | 'bug' | 'cancelled') {
      if (kind === 'expected') throw new ExpectedError('file-missing', '/data/a.onnx');
      if (kind === 'cancelled') throw new CancelledError();
      throw new Error('broken inside');
    },
    async wait(_request: null, context: HandlerContext) {
      await onAbort(context);
      throw new CancelledError();
    },
    async *count({ to }: { to: number }) {
      for (let number = 0; number < to; number++) {
        sent.produced += 1;
        yield number;
        await Promise.resolve();
      }
    },
    async *breaking() {
      yield await Promise.resolve(1);
      throw new ExpectedError('engine-died', 'signal 9');
    },
  };
  return serve(channel, {
    kinds,
    check(name, request) {
      if (name === 'count' && typeof (request as { to?: unknown }).to !== 'number') {
        throw new ExpectedError('request-invalid', 'to');
      }
      return request;
    },
    handle: (name, request, context) => handlers[name]?.(request, context),
    report: (error) => sent.bugs.push(error),
  });
}

async function overPort(): Promise<Pair> {
  const { port1, port2 } = new MessageChannel();
  const sent: Pair['sent'] = { produced: 0, aborted: 0, bugs: [] };
  const stopHost = host(portChannel(port1 as unknown as PortLike), sent);
  const raw: ClientChannel = portChannel(port2 as unknown as PortLike);
  return Promise.resolve({
    client: connect<Map>(raw),
    raw,
    sent,
    stopHost,
    end: () => Promise.resolve(port2.close()),
  });
}

async function overSocket(): Promise<Pair> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  const sent: Pair['sent'] = { produced: 0, aborted: 0, bugs: [] };
  const stop = new Promise<() => void>((resolve) => {
    server.once('connection', (socket) => resolve(host(socketChannel(socket as unknown as SocketLike), sent)));
  });
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
  await new Promise((resolve) => socket.once('open', resolve));
  const raw: ClientChannel = socketChannel(socket as unknown as SocketLike);
  return {
    client: connect<Map>(raw),
    raw,
    sent,
    stopHost: await stop,
    end: () =>
      new Promise((resolve) => {
        socket.terminate();
        server.close(() => resolve());
      }),
  };
}

describe.each([
  ['MessagePort', overPort],
  ['WebSocket', overSocket],
])('over a %s', (_name, open) => {
  let pair: Pair;
  afterEach(async () => pair.end());

  it('gives back plain values as they were', async () => {
    pair = await open();
    const value = {
      text: 'ankle boot ☂ \u0000',
      nested: [[1.5, -2], [], null, true],
      numbers: [Number.NaN, Infinity, -Infinity, -0],
      $array: ['Float32Array', 0, 4],
      $number: 'NaN',
      single: { $plain: { $number: 1 } },
    };
    expect(await pair.client.call('echo', value)).toEqual(value);
    expect(Object.is(((await pair.client.call('echo', [-0])) as number[])[0], -0)).toBe(true);
  });

  it('gives back typed arrays of every kind, bit by bit', async () => {
    pair = await open();
    const columns = {
      index: Int32Array.of(1, -2, 3),
      score: Float32Array.of(0.25, Number.NaN, -Infinity),
      exact: Float64Array.of(Math.PI),
      flags: Uint8Array.of(1, 0, 255),
      wide: BigInt64Array.of(-5n),
      empty: new Float32Array(0),
      view: new Float32Array([9, 8, 7, 6]).subarray(1, 3),
    };
    const back = (await pair.client.call('echo', columns)) as typeof columns;
    for (const key of Object.keys(columns) as (keyof typeof columns)[]) {
      expect(back[key].constructor.name).toBe(columns[key].constructor.name);
      expect([...back[key]]).toEqual([...columns[key]]);
    }
  });

  it('carries a million floats', async () => {
    pair = await open();
    const floats = Float32Array.from({ length: 1_000_000 }, (_, index) => Math.sin(index));
    const back = (await pair.client.call('echo', floats)) as Float32Array;
    expect(back.length).toBe(floats.length);
    expect(back[765_432]).toBe(floats[765_432]);
  });

  it('answers many calls at once, each with its own', async () => {
    pair = await open();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => pair.client.call('echo', index)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  it('refuses more than the limit at once and goes on', async () => {
    pair = await open();
    const stop = new AbortController();
    const waiting = Array.from({ length: maxConcurrent }, () =>
      pair.client.call('wait', null, stop.signal).catch((error: unknown) => error),
    );
    await expect(pair.client.call('echo', 1)).rejects.toMatchObject({ code: 'request-invalid' });
    stop.abort();
    expect((await Promise.all(waiting)).every((error) => error instanceof CancelledError)).toBe(true);
    // The client is told at once that they are cancelled; the other side ends them a moment later.
    await expect.poll(() => pair.client.call('echo', 2).catch(() => null)).toBe(2);
  });

  it('carries an expected failure with code and detail', async () => {
    pair = await open();
    await expect(pair.client.call('refuse', 'expected')).rejects.toMatchObject({
      name: 'ExpectedError',
      code: 'file-missing',
      detail: '/data/a.onnx',
    });
    expect(pair.sent.bugs).toEqual([]);
  });

  it('carries a cancellation as one', async () => {
    pair = await open();
    await expect(pair.client.call('refuse', 'cancelled')).rejects.toBeInstanceOf(CancelledError);
  });

  it('reports a bug to the host and gives the page its message without the stack', async () => {
    pair = await open();
    const error = (await pair.client.call('refuse', 'bug').catch((caught: unknown) => caught)) as Error;
    expect(error.message).toBe('broken inside');
    expect(error.stack).not.toContain('handlers');
    expect(pair.sent.bugs).toHaveLength(1);
  });

  it('throws at once on a value that cannot be sent', async () => {
    pair = await open();
    expect(() => void pair.raw.send({ type: 'call', id: 1, name: 'echo', request: () => 1 })).toThrow();
  });

  it.each(['missing', '__proto__', 'toString', 'count'])('refuses a call of %s', async (name) => {
    pair = await open();
    await expect(pair.client.call(name as 'echo', null)).rejects.toMatchObject({ code: 'request-invalid' });
  });

  it('checks a request before it is handled', async () => {
    pair = await open();
    const events = pair.client.stream('count', { to: 'ten' } as never);
    await expect(events.next()).rejects.toMatchObject({ code: 'request-invalid' });
    expect(pair.sent.produced).toBe(0);
  });

  it('streams events in order to their end', async () => {
    pair = await open();
    const seen: number[] = [];
    for await (const event of pair.client.stream('count', { to: 1000 })) seen.push(event);
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });

  it('holds the sender back while the page does not read', async () => {
    pair = await open();
    const events = pair.client.stream('count', { to: 100_000 });
    await events.next();
    for (let turn = 0; turn < 20; turn++) await pair.client.call('echo', turn);
    expect(pair.sent.produced).toBeLessThan(200);
    await events.return?.();
  });

  it('stops the sender when the page leaves the loop', async () => {
    pair = await open();
    for await (const event of pair.client.stream('count', { to: 100_000 })) if (event === 10) break;
    await pair.client.call('echo', null);
    const before = pair.sent.produced;
    await pair.client.call('echo', null);
    expect(pair.sent.produced).toBe(before);
  });

  it('delivers what came before a stream failed, then the failure', async () => {
    pair = await open();
    const events = pair.client.stream('breaking', null);
    expect(await events.next()).toEqual({ done: false, value: 1 });
    await expect(events.next()).rejects.toMatchObject({ code: 'engine-died' });
  });

  it('aborts the handler when the page aborts', async () => {
    pair = await open();
    const stop = new AbortController();
    const call = pair.client.call('wait', null, stop.signal);
    await pair.client.call('echo', null);
    stop.abort();
    await expect(call).rejects.toBeInstanceOf(CancelledError);
    await pair.client.call('echo', null);
    expect(pair.sent.aborted).toBe(1);
  });

  it('fails what is under way when the host goes away', async () => {
    pair = await open();
    const call = pair.client.call('wait', null);
    const events = pair.client.stream('count', { to: 100_000 });
    await events.next();
    pair.stopHost();
    await expect(call).rejects.toMatchObject({ code: 'connection-lost' });
    await pair.client.closed;
    await expect(pair.client.call('echo', 1)).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('aborts the handlers when the page goes away', async () => {
    pair = await open();
    const call = pair.client.call('wait', null).catch((error: unknown) => error);
    await pair.client.call('echo', null);
    pair.client.close();
    await call;
    await expect.poll(() => pair.sent.aborted).toBe(1);
  });

  it.each([
    ['a number', 7],
    ['no id', { type: 'call', name: 'echo', request: null }],
    ['an id of zero', { type: 'call', id: 0, name: 'echo', request: null }],
    ['an unknown type', { type: 'exec', id: 1 }],
    ['a stream without credit', { type: 'stream', id: 1, name: 'count', request: { to: 3 } }],
    ['negative credit', { type: 'stream', id: 1, name: 'count', request: { to: 3 }, credit: -1 }],
    ['a name that is no text', { type: 'call', id: 1, name: ['echo'], request: null }],
  ])('hangs up on a message with %s', async (_case, message) => {
    pair = await open();
    pair.raw.send(message as never);
    await pair.client.closed;
  });

  it('hangs up on an id that is in use', async () => {
    pair = await open();
    pair.raw.send({ type: 'call', id: 99, name: 'wait', request: null });
    pair.raw.send({ type: 'call', id: 99, name: 'wait', request: null });
    await pair.client.closed;
  });
});

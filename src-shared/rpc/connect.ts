/** The page's end of the protocol: typed calls and streams over any channel. */
import type { Call, Procedures, Stream } from '../contract.ts';
import { CancelledError, ExpectedError, reviveFailure } from '../failure.ts';
import type { ClientChannel, RequestMessage, ResponseMessage } from './message.ts';

type Calls<Map> = {
  [Name in keyof Map]: Map[Name] extends Call<infer _Request, infer _Response> ? Name : never;
}[keyof Map];
type Streams<Map> = {
  [Name in keyof Map]: Map[Name] extends Stream<infer _Request, infer _Event> ? Name : never;
}[keyof Map];
export type RequestOf<Procedure> =
  Procedure extends Call<infer Request, infer _Response>
    ? Request
    : Procedure extends Stream<infer Request, infer _Event>
      ? Request
      : never;
type ResponseOf<Procedure> = Procedure extends Call<infer _Request, infer Response> ? Response : never;
type EventOf<Procedure> = Procedure extends Stream<infer _Request, infer Event> ? Event : never;

export interface Client<Map extends Procedures<Map>> {
  /** Rejects with the revived failure, with CancelledError on abort, with 'connection-lost' when the channel closes. */
  call<Name extends Calls<Map>>(
    name: Name,
    request: RequestOf<Map[Name]>,
    signal?: AbortSignal,
  ): Promise<ResponseOf<Map[Name]>>;
  /** Events in order; leaving the loop or aborting stops the sender. At most `credit` events wait unread. */
  stream<Name extends Streams<Map>>(
    name: Name,
    request: RequestOf<Map[Name]>,
    signal?: AbortSignal,
  ): AsyncIterableIterator<EventOf<Map[Name]>>;
  /** Resolves when the channel has closed, whoever closed it. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Events a sender may have under way; half of it is handed back at a time. */
const credit = 64;

interface Pending {
  deliver(message: ResponseMessage): void;
  fail(error: Error): void;
}

export function connect<Map extends Procedures<Map>>(channel: ClientChannel): Client<Map> {
  const pending = new globalThis.Map<number, Pending>();
  let nextId = 1;
  let open = true;
  let markClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => (markClosed = resolve));
  const lost = (): Error => new ExpectedError('connection-lost', '');

  const end = (): void => {
    open = false;
    for (const entry of [...pending.values()]) entry.fail(lost());
    pending.clear();
    markClosed();
  };

  channel.listen((message) => pending.get(message.id)?.deliver(message), end);

  /** Registers a request and sends it; returns what ends it. */
  const begin = (message: RequestMessage, entry: Pending, signal: AbortSignal | undefined): (() => void) => {
    const { id } = message;
    const abort = (): void => {
      channel.send({ type: 'abort', id });
      settle();
      entry.fail(new CancelledError());
    };
    const settle = (): void => {
      pending.delete(id);
      signal?.removeEventListener('abort', abort);
    };
    pending.set(id, entry);
    signal?.addEventListener('abort', abort);
    try {
      channel.send(message);
    } catch (error) {
      settle();
      throw error;
    }
    return settle;
  };

  return {
    closed,
    close() {
      channel.close();
      end();
    },

    call(name, request, signal) {
      return new Promise((resolve, reject) => {
        if (!open) throw lost();
        if (signal?.aborted) throw new CancelledError();
        const settle = begin(
          { type: 'call', id: nextId++, name: String(name), request },
          {
            deliver(message) {
              settle();
              if (message.type === 'failure') reject(reviveFailure(message.failure));
              else if (message.type === 'result') resolve(message.value as never);
            },
            fail: reject,
          },
          signal,
        );
      });
    },

    stream(name, request, signal) {
      const id = nextId++;
      const waiting: unknown[] = [];
      let consumed = 0;
      let state: 'idle' | 'running' | 'done' = 'idle';
      let failure: Error | null = null;
      let wake = (): void => undefined;
      let settle = (): void => undefined;

      const entry: Pending = {
        deliver(message) {
          if (message.type === 'event') waiting.push(message.value);
          else {
            if (message.type === 'failure') failure = reviveFailure(message.failure);
            state = 'done';
            settle();
          }
          wake();
        },
        fail(error) {
          failure = error;
          state = 'done';
          wake();
        },
      };

      const iterator: AsyncIterableIterator<never> = {
        [Symbol.asyncIterator]: () => iterator,
        async next() {
          if (state === 'idle') {
            if (!open) throw lost();
            if (signal?.aborted) throw new CancelledError();
            state = 'running';
            settle = begin({ type: 'stream', id, name: String(name), request, credit }, entry, signal);
          }
          while (waiting.length === 0 && state === 'running') await new Promise<void>((resolve) => (wake = resolve));
          if (waiting.length > 0) {
            if (++consumed === credit / 2 && state === 'running') {
              consumed = 0;
              channel.send({ type: 'credit', id, credit: credit / 2 });
            }
            return { done: false, value: waiting.shift() as never };
          }
          if (failure !== null) {
            const error = failure;
            failure = null;
            throw error;
          }
          return { done: true, value: undefined };
        },
        return() {
          if (state === 'running') {
            settle();
            channel.send({ type: 'abort', id });
          }
          state = 'done';
          waiting.length = 0;
          return Promise.resolve({ done: true, value: undefined });
        },
      };
      return iterator;
    },
  };
}

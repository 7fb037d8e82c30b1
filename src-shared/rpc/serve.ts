/** A host's end of the protocol. Everything that arrives is untrusted: shape, name and request are checked first. */
import type { HandlerContext } from '../contract.ts';
import { CancelledError, ExpectedError, serializeFailure } from '../failure.ts';
import type { HostChannel, RequestMessage } from './message.ts';

export interface Service {
  /** 'call' or 'stream' by procedure name; own keys only. */
  readonly kinds: Readonly<Record<string, 'call' | 'stream'>>;
  /** Returns the checked request or throws an ExpectedError. */
  readonly check: (name: string, request: unknown) => unknown;
  /** Answers a checked request: a promise for a call, an async iterable for a stream. */
  readonly handle: (name: string, request: never, context: HandlerContext) => unknown;
  /** Told of each failure that is a bug, for the host's log. */
  readonly report: (error: unknown) => void;
}

/** Requests of one page that may be under way at once. */
export const maxConcurrent = 256;
const maxCredit = 1_000_000;

interface Active {
  readonly abort: AbortController;
  credit: number;
  wake: () => void;
}

/** Serves until the channel closes, then aborts what is under way. Returns a function that closes it. */
export function serve(channel: HostChannel, service: Service): () => void {
  const active = new Map<number, Active>();

  const start = (message: Extract<RequestMessage, { type: 'call' | 'stream' }>): void => {
    const entry: Active = {
      abort: new AbortController(),
      credit: message.type === 'stream' ? message.credit : 0,
      wake: () => undefined,
    };
    const full = active.size >= maxConcurrent;
    active.set(message.id, entry);
    const work = full
      ? Promise.reject(new ExpectedError('request-invalid', `More than ${maxConcurrent} requests at once.`))
      : run(message, entry);
    void work
      .catch((error: unknown) => {
        const failure = serializeFailure(error);
        if (failure.kind === 'bug') service.report(error);
        // A stack would tell a page about the host's files; the log has it.
        if (!entry.abort.signal.aborted) {
          channel.send({ type: 'failure', id: message.id, failure: { ...failure, stack: null } });
        }
      })
      .catch(service.report)
      .finally(() => active.delete(message.id));
  };

  const run = async (message: Extract<RequestMessage, { type: 'call' | 'stream' }>, entry: Active): Promise<void> => {
    const { id, name } = message;
    if (!Object.hasOwn(service.kinds, name) || service.kinds[name] !== message.type) {
      throw new ExpectedError(
        'request-invalid',
        `There is no ${message.type} named ${JSON.stringify(name.slice(0, 80))}.`,
      );
    }
    const { signal } = entry.abort;
    const answer = service.handle(name, service.check(name, message.request) as never, { signal });
    if (message.type === 'call') {
      const value = await answer;
      if (!signal.aborted) channel.send({ type: 'result', id, value });
      return;
    }
    for await (const value of answer as AsyncIterable<unknown>) {
      while (entry.credit === 0 && !signal.aborted) await new Promise<void>((resolve) => (entry.wake = resolve));
      if (signal.aborted) throw new CancelledError();
      entry.credit -= 1;
      channel.send({ type: 'event', id, value });
    }
    if (!signal.aborted) channel.send({ type: 'end', id });
  };

  const stop = (): void => {
    for (const entry of active.values()) {
      entry.abort.abort();
      entry.wake();
    }
  };

  channel.listen((message) => {
    if (!isRequest(message)) {
      channel.close();
      stop();
      return;
    }
    const entry = active.get(message.id);
    switch (message.type) {
      case 'call':
      case 'stream':
        if (entry !== undefined) {
          channel.close();
          stop();
        } else start(message);
        break;
      case 'credit':
        if (entry !== undefined) {
          entry.credit = Math.min(maxCredit, entry.credit + message.credit);
          entry.wake();
        }
        break;
      case 'abort':
        entry?.abort.abort();
        entry?.wake();
        break;
    }
  }, stop);

  return () => {
    channel.close();
    stop();
  };
}

const isCount = (value: unknown, least: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= maxCredit;

function isRequest(value: unknown): value is RequestMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Partial<Record<string, unknown>>;
  if (!Number.isSafeInteger(message.id) || (message.id as number) < 1) return false;
  switch (message.type) {
    case 'call':
      return typeof message.name === 'string';
    case 'stream':
      return typeof message.name === 'string' && isCount(message.credit, 1);
    case 'credit':
      return isCount(message.credit, 1);
    case 'abort':
      return true;
    default:
      return false;
  }
}

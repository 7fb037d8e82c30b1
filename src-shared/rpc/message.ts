/** The messages of the protocol, and the channel that carries them. The receiver is the page, the sender a host. */
import type { SerializedFailure } from '../failure.ts';

export type RequestMessage =
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly request: unknown }
  | {
      readonly type: 'stream';
      readonly id: number;
      readonly name: string;
      readonly request: unknown;
      /** Events the sender may send before it must wait for more credit. */
      readonly credit: number;
    }
  | { readonly type: 'credit'; readonly id: number; readonly credit: number }
  | { readonly type: 'abort'; readonly id: number };

export type ResponseMessage =
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'event'; readonly id: number; readonly value: unknown }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'failure'; readonly id: number; readonly failure: SerializedFailure };

/** An ordered, two-way pipe of plain values. `incoming` and `closed` are set once, before the first message is read. */
export interface Channel<Outgoing, Incoming> {
  send(message: Outgoing): void;
  listen(incoming: (message: Incoming) => void, closed: () => void): void;
  close(): void;
}

export type ClientChannel = Channel<RequestMessage, ResponseMessage>;
/** What arrives at a host is untrusted until it was checked. */
export type HostChannel = Channel<ResponseMessage, unknown>;

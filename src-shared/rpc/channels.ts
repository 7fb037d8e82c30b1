/** The two transports: a MessagePort clones values itself, a WebSocket carries frames. */
import { decodeFrame, encodeFrame } from './frames.ts';
import type { Channel } from './message.ts';

/** What a browser's and a Node's MessagePort have in common. */
export interface PortLike {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: () => void): void;
  start(): void;
  close(): void;
}

export function portChannel<Outgoing, Incoming>(port: PortLike): Channel<Outgoing, Incoming> {
  return {
    send: (message) => port.postMessage(message),
    listen(incoming, closed) {
      port.addEventListener('message', (event) => incoming(event.data as Incoming));
      port.addEventListener('close', closed);
      port.start();
    },
    close: () => port.close(),
  };
}

/** A browser's WebSocket and the one of `ws`, with `binaryType` "arraybuffer". */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: () => void): void;
}

const socketOpen = 1;

/** Sending on a socket that is no longer open does nothing: its listener has heard or will hear of the end. */
export function socketChannel<Outgoing, Incoming>(socket: SocketLike): Channel<Outgoing, Incoming> {
  socket.binaryType = 'arraybuffer';
  return {
    send(message) {
      const frame = encodeFrame(message);
      if (socket.readyState === socketOpen) socket.send(frame);
    },
    listen(incoming, closed) {
      socket.addEventListener('message', (event) => {
        let message: Incoming;
        try {
          message = decodeFrame(event.data as string | ArrayBuffer) as Incoming;
        } catch {
          socket.close(1007, 'malformed frame');
          return;
        }
        incoming(message);
      });
      socket.addEventListener('close', closed);
    },
    close: () => socket.close(1000),
  };
}

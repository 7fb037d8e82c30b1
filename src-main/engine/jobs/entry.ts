/** The channel an engine process finds itself on: Electron's `process.parentPort`, or the IPC pipe of `fork`. */
import type { Channel } from './protocol.ts';

interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/**
 * @param onParentGone called when the host is no longer there
 * @throws when the process was not started by a host
 */
export function parentChannel(onParentGone: () => void): Channel {
  const port = (process as NodeJS.Process & { readonly parentPort?: ParentPort }).parentPort;
  if (port !== undefined && port !== null) {
    return {
      send: (message) => port.postMessage(message),
      onMessage: (listener) => port.on('message', (event) => listener(event.data)),
    };
  }
  const send = process.send?.bind(process);
  if (send === undefined) throw new Error('This file is the engine process; it is started by a Coresift host only.');
  process.on('disconnect', onParentGone);
  return {
    send: (message) => {
      send(message as never, undefined, undefined, (error: Error | null) => {
        if (error !== null) onParentGone();
      });
    },
    onMessage: (listener) => process.on('message', listener),
  };
}

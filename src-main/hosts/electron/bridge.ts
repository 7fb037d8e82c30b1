/** The handshake: a page asks once, gets one end of a message channel, and speaks the protocol over it from then on. */
import type { IpcMain, IpcMainInvokeEvent, MessageChannelMain, MessagePortMain, WebContents } from 'electron';
import { portChannel, type PortLike } from '../../../src-shared/rpc/channels.ts';
import { serve, type Service } from '../../../src-shared/rpc/serve.ts';
import type { GivenFiles } from '../given-files.ts';
import { connectChannel, portMessage, takeChannel } from './channels.ts';
import { trustedFrame } from './security.ts';

function asPort(port: MessagePortMain): PortLike {
  return {
    postMessage: (message) => port.postMessage(message),
    addEventListener(type: 'message' | 'close', listener: (event: { readonly data: unknown }) => void) {
      if (type === 'message') port.on('message', (event) => listener({ data: event.data as unknown }));
      else port.on('close', () => listener({ data: null }));
    },
    start: () => port.start(),
    close: () => port.close(),
  };
}

export function acceptPages(
  ipcMain: Pick<IpcMain, 'handle'>,
  createChannel: () => MessageChannelMain,
  service: Service,
  isWindow: (contents: WebContents) => boolean,
): void {
  ipcMain.handle(connectChannel, (event: IpcMainInvokeEvent) => {
    const frame = trustedFrame(event, isWindow);
    const { port1, port2 } = createChannel();
    serve(portChannel(asPort(port1)), service);
    frame.postMessage(portMessage, null, [port2]);
  });
}

/** Takes the path of a file dropped on a page of ours, to be read; longer ones are none. */
export function acceptFiles(
  ipcMain: Pick<IpcMain, 'handle'>,
  files: GivenFiles,
  isWindow: (contents: WebContents) => boolean,
): void {
  ipcMain.handle(takeChannel, (event: IpcMainInvokeEvent, path: unknown) => {
    trustedFrame(event, isWindow);
    if (typeof path !== 'string' || path.length > 4096) throw new Error('Refused: that is no path.');
    return files.take(path, 'read');
  });
}

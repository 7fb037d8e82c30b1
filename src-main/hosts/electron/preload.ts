/** What a page gets from Electron: a way to ask for its message port, and one to hand over a file dropped on it. Sandboxed; bundled as one file. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { connectChannel, portMessage, takeChannel } from './channels.ts';

ipcRenderer.on(portMessage, (event) => {
  // Ports cannot cross the bridge of isolated worlds; a message to our own origin carries them.
  window.postMessage(portMessage, window.location.origin, event.ports);
});

contextBridge.exposeInMainWorld(
  'coresiftDesktop',
  Object.freeze({
    requestPort: (): void => void ipcRenderer.invoke(connectChannel),
    // The path goes to the main process; the page gets what stands for it.
    takeFile: (file: File): Promise<string> => ipcRenderer.invoke(takeChannel, webUtils.getPathForFile(file)),
  }),
);

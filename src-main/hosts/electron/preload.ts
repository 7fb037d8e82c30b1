/** The one thing a page gets from Electron: a way to ask for its message port. Sandboxed; bundled as one file. */
import { contextBridge, ipcRenderer } from 'electron';
import { connectChannel, portMessage } from './channels.ts';

ipcRenderer.on(portMessage, (event) => {
  // Ports cannot cross the bridge of isolated worlds; a message to our own origin carries them.
  window.postMessage(portMessage, window.location.origin, event.ports);
});

contextBridge.exposeInMainWorld(
  'coresiftDesktop',
  Object.freeze({ requestPort: (): void => void ipcRenderer.invoke(connectChannel) }),
);

/** What a page gets from Electron: a way to ask for its message port, one to hand over a file dropped on it, and the menu's commands. Sandboxed; bundled as one file. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { pageCommands, type PageCommand } from '../../../src-shared/page-commands.ts';
import { commandMessage, connectChannel, portMessage, takeChannel } from './channels.ts';

ipcRenderer.on(portMessage, (event) => {
  // Ports cannot cross the bridge of isolated worlds; a message to our own origin carries them.
  window.postMessage(portMessage, window.location.origin, event.ports);
});

contextBridge.exposeInMainWorld(
  'coresiftDesktop',
  Object.freeze({
    requestPort: (): void => void ipcRenderer.invoke(connectChannel),
    // The path goes to the main process; the page gets what stands for it.
    // The listener gets the name of a command and nothing of Electron; what is returned ends it.
    onCommand: (listener: (command: PageCommand) => void): (() => void) => {
      const listen = (_event: unknown, name: unknown): void => {
        const command = pageCommands.find((one) => one === name);
        if (command !== undefined) listener(command);
      };
      ipcRenderer.on(commandMessage, listen);
      return () => void ipcRenderer.removeListener(commandMessage, listen);
    },
    takeFile: (file: File): Promise<string> => ipcRenderer.invoke(takeChannel, webUtils.getPathForFile(file)),
  }),
);

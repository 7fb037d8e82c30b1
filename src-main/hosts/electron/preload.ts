/**
 * What a page gets from Electron: a way to ask for its message port, ways to hand over a file dropped on it and to have one
 * chosen or saved, and the menu's commands. Sandboxed; bundled as one file.
 */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { pageCommands, type PageCommand } from '../../../src-shared/page-commands.ts';
import type { FileKind, Saved } from '../../../src-shared/desktop-files.ts';
import { chooseChannel, commandMessage, connectChannel, portMessage, saveChannel, takeChannel } from './channels.ts';

ipcRenderer.on(portMessage, (event) => {
  // Ports cannot cross the bridge of isolated worlds; a message to our own origin carries them.
  window.postMessage(portMessage, window.location.origin, event.ports);
});

contextBridge.exposeInMainWorld(
  'coresiftDesktop',
  Object.freeze({
    requestPort: (): void => void ipcRenderer.invoke(connectChannel),
    // The listener gets the name of a command and nothing of Electron; what is returned ends it.
    onCommand: (listener: (command: PageCommand) => void): (() => void) => {
      const listen = (_event: unknown, name: unknown): void => {
        const command = pageCommands.find((one) => one === name);
        if (command !== undefined) listener(command);
      };
      ipcRenderer.on(commandMessage, listen);
      return () => void ipcRenderer.removeListener(commandMessage, listen);
    },
    // The path goes to the main process; the page gets what stands for it.
    takeFile: (file: File): Promise<string> => ipcRenderer.invoke(takeChannel, webUtils.getPathForFile(file)),
    chooseFile: (kind: FileKind): Promise<string | null> => ipcRenderer.invoke(chooseChannel, kind),
    saveFile: (name: string, text: string): Promise<Saved> => ipcRenderer.invoke(saveChannel, name, text),
  }),
);

/** Files into and out of the page by native dialogs. The page says which kind of thing; the user alone says which. */
import type { BrowserWindow, Dialog, IpcMain, IpcMainInvokeEvent, WebContents } from 'electron';
import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileKinds, type FileKind, type Saved } from '../../../src-shared/desktop-files.ts';
import { ExpectedError, serializeFailure } from '../../../src-shared/failure.ts';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import type { GivenFiles } from '../given-files.ts';
import { chooseChannel, saveChannel } from './channels.ts';
import { trustedFrame } from './security.ts';

export interface DialogNeeds {
  readonly dialog: Pick<Dialog, 'showOpenDialog' | 'showSaveDialog'>;
  readonly files: GivenFiles;
  /** Our window that shows these contents; null for contents of anybody else. */
  readonly windowOf: (contents: WebContents) => BrowserWindow | null;
  readonly words: () => NativeWords['files'];
  /** Told why a file could not be saved, for the log. */
  readonly report: (error: unknown) => void;
}

/** A table of a million samples has about 150 MB of text. */
const longestText = 2 ** 28;
const longestName = 120;

const properties = {
  file: ['openFile'],
  folder: ['openDirectory'],
  target: ['openDirectory', 'createDirectory', 'promptToCreate'],
} as const satisfies Record<FileKind, readonly string[]>;

/** One dialog at a time: a page that asks for a second one is refused until the first is closed. */
export function acceptDialogs(
  ipcMain: Pick<IpcMain, 'handle'>,
  { dialog, files, windowOf, words, report }: DialogNeeds,
): void {
  let open = false;
  const alone = async <T>(event: IpcMainInvokeEvent, show: (window: BrowserWindow) => Promise<T>): Promise<T> => {
    trustedFrame(event, (contents) => windowOf(contents) !== null);
    const window = windowOf(event.sender);
    if (window === null) throw new Error('Refused: the sender is not one of our windows.');
    if (open) throw new Error('Refused: another dialog is open.');
    open = true;
    try {
      return await show(window);
    } finally {
      open = false;
    }
  };

  ipcMain.handle(chooseChannel, (event: IpcMainInvokeEvent, wanted: unknown) =>
    alone(event, async (window): Promise<string | null> => {
      const kind = fileKinds.find((one) => one === wanted);
      if (kind === undefined) throw new Error('Refused: there is no such dialog.');
      const { canceled, filePaths } = await dialog.showOpenDialog(window, {
        title: words()[kind],
        // macOS shows no title there.
        message: words()[kind],
        properties: [...properties[kind], 'dontAddToRecent'],
      });
      const [path] = filePaths;
      return canceled || path === undefined ? null : files.take(path, kind === 'target' ? 'write' : 'read');
    }),
  );

  ipcMain.handle(saveChannel, (event: IpcMainInvokeEvent, name: unknown, text: unknown) =>
    alone(event, async (window): Promise<Saved> => {
      if (typeof name !== 'string' || typeof text !== 'string') throw new Error('Refused: that is no file.');
      if (text.length > longestText) throw new Error('Refused: the file is too long.');
      const { canceled, filePath } = await dialog.showSaveDialog(window, {
        title: words().save,
        defaultPath: safeName(name),
        properties: ['showOverwriteConfirmation', 'createDirectory', 'dontAddToRecent'],
      });
      if (canceled || filePath === '') return { state: 'cancelled' };
      try {
        await replaceFile(filePath, text);
        return { state: 'saved', name: basename(filePath) };
      } catch (error) {
        report(error);
        const { code, message } = error as NodeJS.ErrnoException;
        const failure = new ExpectedError('file-not-saved', `${basename(filePath)}: ${code ?? message}`);
        return { state: 'failed', failure: serializeFailure(failure) };
      }
    }),
  );
}

/** A name for a file, without folders and without what some system takes for something else. */
export function safeName(name: string): string {
  const last = name.split(/[\\/]/).at(-1) ?? '';
  const plain = last
    .replace(/[\p{C}\p{Zl}\p{Zp}<>:"|?*]/gu, '_')
    .replace(/^[\s.]+/, '')
    .slice(0, longestName)
    .replace(/[\s.]+$/, '');
  if (plain === '') return 'coresift';
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(plain) ? `_${plain}` : plain;
}

/** Writes beside the file first, so that one of that name is whole or as it was. */
async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    await writeFile(fresh, text, { flag: 'wx' });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** Projects and audit packs that a person opens: from a menu, a double click or a second start. */
import type * as Electron from 'electron';
import { basename } from 'node:path';
import type { App } from '../../../src-shared/contract.ts';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import { packExtension, type Opened } from './open-files.ts';
import { packReport } from './pack-report.ts';

export interface OpeningNeeds {
  readonly dialog: Pick<Electron.Dialog, 'showMessageBox' | 'showOpenDialog'>;
  readonly words: () => NativeWords;
  readonly handlers: Pick<App['handlers'], 'project.open' | 'pack.verify'>;
  /** Whether something is going on, under which no other project opens. */
  readonly busy: () => boolean;
  /** Where a choice begins; undefined where nothing was opened yet. */
  readonly latest: () => string | undefined;
  /** Told when another project is open. */
  readonly onProject: () => void;
  readonly report: (error: unknown) => void;
}

/** None of these throws: what cannot be opened is said in a dialog. */
export interface Opening {
  readonly open: (opened: Opened) => void;
  readonly chooseProject: () => void;
  readonly choosePack: () => void;
}

const idle = { signal: new AbortController().signal };

export function opening({ dialog, words, handlers, busy, latest, onProject, report }: OpeningNeeds): Opening {
  const openProject = async (folder: string): Promise<void> => {
    await handlers['project.open']({ folder }, idle);
    onProject();
  };
  const verifyPack = async (file: string): Promise<void> => {
    const checks = await handlers['pack.verify']({ path: file, key: null }, idle);
    const { type, message, detail } = packReport(basename(file), checks, words().opening);
    await dialog.showMessageBox({ type, message, detail, buttons: [words().page.close], noLink: true });
  };
  const refuse = (error: unknown): void => {
    report(error);
    const { failed, busy: wait } = words().opening;
    const detail = busy() ? wait : String((error as Error | null)?.message ?? error);
    dialog
      .showMessageBox({ type: 'warning', message: failed, detail, buttons: [words().page.close], noLink: true })
      .catch(report);
  };
  const choose = async (
    properties: 'openDirectory' | 'openFile',
    act: (path: string) => Promise<void>,
  ): Promise<void> => {
    const begin = latest();
    const { canceled, filePaths } = await dialog.showOpenDialog({
      properties: [properties],
      ...(begin === undefined ? {} : { defaultPath: begin }),
      ...(properties === 'openDirectory'
        ? {}
        : { filters: [{ name: words().opening.packFile, extensions: [packExtension.slice(1), 'zip'] }] }),
    });
    const [path] = filePaths;
    if (!canceled && path !== undefined) await act(path);
  };
  return {
    open: (opened) =>
      void (opened.kind === 'project' ? openProject(opened.folder) : verifyPack(opened.file)).catch(refuse),
    chooseProject: () => void choose('openDirectory', openProject).catch(refuse),
    choosePack: () => void choose('openFile', verifyPack).catch(refuse),
  };
}

/** What is said when the application cannot start: it has no page yet, and without a word it would just vanish. */
import type { Dialog } from 'electron';
import type { App } from '../../../src-shared/contract.ts';
import { errorCatalogue } from '../../../src-shared/errors.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import { visibleName } from '../../../src-shared/text.ts';

export interface StartNeeds {
  readonly dialog: Pick<Dialog, 'showMessageBox' | 'showOpenDialog'>;
  readonly words: NativeWords['starting'];
  readonly report: (error: unknown) => void;
}

/**
 * Opens the default project (`folder` null), or one that is chosen where that one cannot be opened, as often as it takes.
 * @returns null when the answer is to quit
 */
export async function firstProject(
  createApp: (folder: string | null) => Promise<App>,
  { dialog, words, report }: StartNeeds,
): Promise<{ readonly app: App; readonly folder: string | null } | null> {
  for (let folder: string | null = null; ;) {
    try {
      return { app: await createApp(folder), folder };
    } catch (error) {
      report(error);
      const { response } = await dialog.showMessageBox({
        type: 'error',
        message: words.failed,
        detail: wordsOf(error),
        buttons: [words.choose, words.quit],
        defaultId: 0,
        cancelId: 1,
        noLink: true,
      });
      if (response !== 0) return null;
      const { canceled, filePaths } = await dialog.showOpenDialog({ properties: ['openDirectory', 'createDirectory'] });
      // Nothing chosen: the same question again, with quitting among its answers.
      if (!canceled) folder = filePaths[0] ?? folder;
    }
  }
}

/** Says that the application does not run under the switch `name`. */
export async function sayRefused({ dialog, words }: Omit<StartNeeds, 'report'>, name: string): Promise<void> {
  await dialog.showMessageBox({
    type: 'error',
    message: words.refused(visibleName(name).slice(0, 80)),
    detail: words.refusedDetail,
    buttons: [words.quit],
    noLink: true,
  });
}

/** The error's own words; what it means and what to do where the catalogue knows. */
function wordsOf(error: unknown): string {
  const lines =
    error instanceof ExpectedError
      ? [error.message, errorCatalogue[error.code].means, errorCatalogue[error.code].todo]
      : [String((error as Error | null)?.message ?? error)];
  return lines.map((line) => line.split('\n').map(visibleName).join('\n')).join('\n\n');
}

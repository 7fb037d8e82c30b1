/** The way out: nothing that is going on is interrupted unasked, and the project is closed before the application is gone. */
import type * as Electron from 'electron';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import { quitQuestion } from './work-signs.ts';
import type { Work } from './work-watch.ts';

export interface QuitNeeds {
  readonly app: Pick<Electron.App, 'on' | 'quit'>;
  readonly dialog: Pick<Electron.Dialog, 'showMessageBox'>;
  readonly words: () => NativeWords['quit'];
  readonly active: () => Work | null;
  /** Closes the project. */
  readonly close: () => Promise<void>;
  /** Told when the answer was to stay. */
  readonly onStay: () => void;
  readonly report: (error: unknown) => void;
}

/** @returns tells whether everything was asked, and the application is on its way out */
export function askBeforeQuit({ app, dialog, words, active, close, onStay, report }: QuitNeeds): () => boolean {
  let state: 'open' | 'asking' | 'closing' = 'open';
  const mayQuit = async (work: Work): Promise<boolean> => {
    const { stay, interrupt } = words();
    const question = {
      type: 'question' as const,
      ...quitQuestion(work, words()),
      buttons: [stay, interrupt],
      noLink: true,
    };
    const { response } = await dialog.showMessageBox({ ...question, defaultId: 0, cancelId: 0 });
    return response === 1;
  };
  app.on('before-quit', (event) => {
    if (state === 'closing') return;
    event.preventDefault();
    if (state === 'asking') return;
    const work = active();
    state = 'asking';
    (work === null ? Promise.resolve(true) : mayQuit(work))
      .then(async (may) => {
        if (!may) {
          state = 'open';
          onStay();
          return;
        }
        state = 'closing';
        await close().catch(report);
        app.quit();
      })
      .catch((error: unknown) => {
        state = 'open';
        report(error);
      });
  });
  return () => state === 'closing';
}

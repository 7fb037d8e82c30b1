/** What the desktop shows of work that is going on: a bar in the task list, a machine kept awake, a notice of the end. */
import type * as Electron from 'electron';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import type { Ending, Work, WorkSights } from './work-watch.ts';

export interface SignNeeds {
  readonly electron: Pick<typeof Electron, 'Notification' | 'powerSaveBlocker'>;
  readonly windows: ReadonlySet<Electron.BrowserWindow>;
  readonly words: () => NativeWords;
  readonly showWindow: () => void;
}

export function workSigns({
  electron: { Notification, powerSaveBlocker },
  windows,
  words,
  showWindow,
}: SignNeeds): Pick<WorkSights, 'onProgress' | 'onEnd'> {
  let blocker: number | null = null;
  const notices = new Set<Electron.Notification>();
  return {
    onProgress(work, share, paused) {
      for (const window of windows)
        window.setProgressBar(work === null ? -1 : share, { mode: paused ? 'paused' : 'normal' });
      if (work !== null && !paused) blocker ??= powerSaveBlocker.start('prevent-app-suspension');
      else if (blocker !== null) {
        powerSaveBlocker.stop(blocker);
        blocker = null;
      }
    },
    onEnd(work, how) {
      if ([...windows].some((window) => window.isFocused()) || !Notification.isSupported()) return;
      const notice = new Notification(noticeOf(work, how, words().ended));
      // A notice that nothing refers to is swept away, and its click with it.
      notices.add(notice);
      notice.on('close', () => notices.delete(notice));
      notice.on('click', () => {
        notices.delete(notice);
        showWindow();
      });
      notice.show();
    },
  };
}

function noticeOf(work: Work, how: Ending, words: NativeWords['ended']): { title: string; body: string } {
  switch (work.kind) {
    case 'run': {
      const { number, encoderName, datasetName } = work.run;
      return { title: words.title[how], body: words.text(number, encoderName, datasetName) };
    }
    case 'matrix': {
      const { number, done, cells } = work.matrix;
      return { title: words.titleMatrix[how], body: words.textMatrix(number, done, cells) };
    }
    case 'replay':
      return { title: words.titleReplay[how], body: words.textReplay(work.run.number, work.differing) };
  }
}

/** What is asked before work is interrupted by quitting. */
export function quitQuestion(work: Work, words: NativeWords['quit']): { message: string; detail: string } {
  switch (work.kind) {
    case 'run':
      return { message: words.ask(work.run.number), detail: words.detail };
    case 'matrix':
      return { message: words.askMatrix(work.matrix.number), detail: words.detailMatrix };
    case 'replay':
      return { message: words.askReplay(work.run.number), detail: words.detailReplay };
  }
}

/** The main window: its place, its colour before the page is there, and what happens when the page hangs or dies. */
import type { BrowserWindow as Window, BrowserWindowConstructorOptions, Dialog } from 'electron';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import { placeOnScreen, type Bounds, type Kept } from './kept.ts';
import { lockContents, origin, webPreferences } from './security.ts';

/** The surfaces of both themes, so that nothing flashes before the page has drawn. */
const surface = { light: '#fbfbfa', dark: '#16191b' } as const;
const least = { width: 960, height: 640 } as const;

/** @param kept where the window was; taken if that is still on a screen */
export function windowOptions(
  dark: boolean,
  kept: Kept['window'] = null,
  screens: readonly Bounds[] = [],
): BrowserWindowConstructorOptions {
  return {
    width: 1360,
    height: 860,
    ...(kept === null ? {} : (placeOnScreen(kept.bounds, screens, least) ?? {})),
    minWidth: least.width,
    minHeight: least.height,
    show: false,
    title: 'Coresift',
    backgroundColor: dark ? surface.dark : surface.light,
    webPreferences,
  };
}

export interface WindowNeeds {
  readonly create: (options: BrowserWindowConstructorOptions) => Window;
  readonly options: BrowserWindowConstructorOptions;
  readonly kept: Kept['window'];
  readonly dialog: Pick<Dialog, 'showMessageBox'>;
  readonly words: () => NativeWords['page'];
  /** Told of the address of a window that the page was denied. */
  readonly onLink: (address: string) => void;
  readonly report: (error: unknown) => void;
  /** Told where the window is when it goes. */
  readonly onClose: (window: NonNullable<Kept['window']>) => void;
}

/** Opens a window and loads the page. A page that crashes is loaded anew once; the run it showed lives elsewhere. */
export function openWindow({ create, options, kept, dialog, words, onLink, report, onClose }: WindowNeeds): Window {
  const window = create(options);
  const contents = window.webContents;
  let reloads = 0;
  let asking = false;
  lockContents(contents, onLink);
  window.once('ready-to-show', () => {
    if (kept?.maximised === true) window.maximize();
    if (kept !== null) contents.setZoomFactor(kept.zoom);
    window.show();
  });
  window.on('close', () =>
    onClose({ bounds: window.getNormalBounds(), maximised: window.isMaximized(), zoom: contents.getZoomFactor() }),
  );
  const ask = async (message: string, detail: string, buttons: string[]): Promise<number> => {
    if (asking) return 0;
    asking = true;
    try {
      const { response } = await dialog.showMessageBox(window, {
        type: 'warning',
        message,
        detail,
        buttons,
        noLink: true,
      });
      return response;
    } finally {
      asking = false;
    }
  };
  contents.on('render-process-gone', (_event, details) => {
    report(new Error(`The page's process ended: ${details.reason} (${details.exitCode}).`));
    if (details.reason === 'clean-exit') return;
    if (reloads++ === 0) return contents.reload();
    const { died, diedDetail, close } = words();
    ask(died, diedDetail, [close]).catch(report);
  });
  contents.on('unresponsive', () => {
    report(new Error('The page does not respond.'));
    const { hangs, hangsDetail, wait, reload } = words();
    ask(hangs, hangsDetail, [wait, reload])
      .then((response) => {
        if (response === 1) contents.forcefullyCrashRenderer();
      })
      .catch(report);
  });
  window.loadURL(`${origin}/`).catch(report);
  return window;
}

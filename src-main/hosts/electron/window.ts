/** The main window: its size, its colour before the page is there, and what happens when the page dies. */
import type { BrowserWindow as Window, BrowserWindowConstructorOptions } from 'electron';
import { lockContents, origin, webPreferences } from './security.ts';

/** The surfaces of both themes, so that nothing flashes before the page has drawn. */
const surface = { light: '#fbfbfa', dark: '#16191b' } as const;

export function windowOptions(dark: boolean): BrowserWindowConstructorOptions {
  return {
    width: 1360,
    height: 860,
    minWidth: 960,
    minHeight: 640,
    show: false,
    title: 'Coresift',
    backgroundColor: dark ? surface.dark : surface.light,
    autoHideMenuBar: true,
    webPreferences,
  };
}

/** Opens a window and loads the page. A page that crashes is loaded anew once; the run it showed lives elsewhere. */
export function openWindow(
  create: (options: BrowserWindowConstructorOptions) => Window,
  dark: boolean,
  report: (error: unknown) => void,
): Window {
  const window = create(windowOptions(dark));
  let reloads = 0;
  lockContents(window.webContents);
  window.once('ready-to-show', () => window.show());
  window.webContents.on('render-process-gone', (_event, details) => {
    report(new Error(`The page's process ended: ${details.reason} (${details.exitCode}).`));
    if (details.reason !== 'clean-exit' && reloads++ === 0) window.webContents.reload();
  });
  window.webContents.on('unresponsive', () => report(new Error('The page does not respond.')));
  window.loadURL(`${origin}/`).catch(report);
  return window;
}

/** The desktop host, put together from parts of Electron it is given, so that all of it runs without a window in tests. */
import type * as Electron from 'electron';
import type { App } from '../../../src-shared/contract.ts';
import type { Vault } from '../../audit/keys.ts';
import { hostService, reportPages } from '../service.ts';
import { droppedFiles } from '../dropped-files.ts';
import { acceptFiles, acceptPages } from './bridge.ts';
import { pageHandler } from './protocol.ts';
import { lockContents, lockSession, scheme, silenceChromium } from './security.ts';
import { systemVault, type SafeStorage } from './vault.ts';
import { openWindow } from './window.ts';

/** The parts of the `electron` module the host uses. */
export type ElectronParts = Pick<
  typeof Electron,
  'app' | 'BrowserWindow' | 'ipcMain' | 'MessageChannelMain' | 'nativeTheme' | 'protocol' | 'session'
> & { readonly safeStorage: SafeStorage };

export interface DesktopOptions {
  /** Folder of the built page (`out/renderer`). */
  readonly rendererDir: string;
  /** Called once Electron is ready; opens the project and offers the use cases. */
  readonly createApp: (vault: Vault | null) => Promise<App>;
  readonly report: (error: unknown) => void;
}

/** Resolves when the first window is open, or at once when another instance has taken over. */
export async function startDesktop(electron: ElectronParts, options: DesktopOptions): Promise<void> {
  const { app, BrowserWindow, ipcMain, MessageChannelMain, nativeTheme, protocol, session } = electron;
  const { report } = options;
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  silenceChromium(app);
  protocol.registerSchemesAsPrivileged([
    { scheme, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
  // Whatever contents come to be, by whatever way, are locked before they show anything.
  app.on('web-contents-created', (_event, contents) => lockContents(contents));
  app.on('child-process-gone', (_event, details) => {
    if (details.reason !== 'clean-exit') report(new Error(`A ${details.type} process ended: ${details.reason}.`));
  });
  app.on('certificate-error', (event, _contents, _url, _error, _certificate, decide) => {
    event.preventDefault();
    decide(false);
  });
  await app.whenReady();

  const useCases = await options.createApp(systemVault(electron.safeStorage, process.platform));
  const reports = reportPages(useCases);
  const windows = new Set<Electron.BrowserWindow>();
  lockSession(session.defaultSession);
  protocol.handle(scheme, pageHandler(options.rendererDir, reports, report));
  const isWindow = (contents: Electron.WebContents): boolean =>
    [...windows].some((window) => window.webContents === contents);
  const files = droppedFiles();
  acceptFiles(ipcMain, files, isWindow);
  acceptPages(
    ipcMain,
    () => new MessageChannelMain(),
    hostService(useCases, 'electron', reports, report, files),
    isWindow,
  );

  const open = (): void => {
    const window = openWindow((preferences) => new BrowserWindow(preferences), nativeTheme.shouldUseDarkColors, report);
    windows.add(window);
    window.once('closed', () => windows.delete(window));
  };
  // Arguments of a second instance are a stranger's; only the wish to see the window is taken from it.
  app.on('second-instance', () => {
    const [window] = windows;
    if (window === undefined) return open();
    if (window.isMinimized()) window.restore();
    window.focus();
  });
  app.on('activate', () => {
    if (windows.size === 0) open();
  });
  app.on('window-all-closed', () => app.quit());
  let closing = false;
  app.on('before-quit', (event) => {
    if (closing) return;
    closing = true;
    event.preventDefault();
    useCases
      .close()
      .catch(report)
      .finally(() => app.quit());
  });
  open();
}

/** The desktop host, put together from parts of Electron it is given, so that all of it runs without a window in tests. */
import type * as Electron from 'electron';
import { existsSync, writeFileSync } from 'node:fs';
import type { App } from '../../../src-shared/contract.ts';
import { nativeWords, type NativeWords } from '../../../src-shared/messages/native.ts';
import type { Vault } from '../../audit/keys.ts';
import { hostService, reportPages } from '../service.ts';
import { givenFiles } from '../given-files.ts';
import { acceptFiles, acceptPages } from './bridge.ts';
import { commandMessage } from './channels.ts';
import { acceptDialogs } from './file-dialogs.ts';
import type { PageCommand } from '../../../src-shared/page-commands.ts';
import { firstProject, sayRefused } from './first-project.ts';
import { readKept, withRecent, writeKept, type Kept } from './kept.ts';
import { showAddress } from './links.ts';
import { menuTemplate } from './menu.ts';
import { linkOf, openedBy, openedByArguments, projectLinkText, type Opened } from './open-files.ts';
import { opening } from './opening.ts';
import { pageHandler } from './protocol.ts';
import { lockContents, lockSession, scheme, silenceChromium } from './security.ts';
import { askBeforeQuit } from './quitting.ts';
import { disarm, refusedSwitch } from './switches.ts';
import { systemVault, type SafeStorage } from './vault.ts';
import { openWindow, windowOptions } from './window.ts';
import { workSigns } from './work-signs.ts';
import { watchWork } from './work-watch.ts';

/** The parts of the `electron` module the host uses. */
export type ElectronParts = Pick<
  typeof Electron,
  | 'app'
  | 'BrowserWindow'
  | 'clipboard'
  | 'dialog'
  | 'ipcMain'
  | 'Menu'
  | 'MessageChannelMain'
  | 'nativeTheme'
  | 'Notification'
  | 'powerSaveBlocker'
  | 'protocol'
  | 'screen'
  | 'session'
> & { readonly safeStorage: SafeStorage };

export interface DesktopOptions {
  /** Folder of the built page (`out/renderer`). */
  readonly rendererDir: string;
  /** File for what the application remembers of itself. */
  readonly kept: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
  /** Called once Electron is ready; opens the project in `folder` (null = the default one) and offers the use cases. */
  readonly createApp: (vault: Vault | null, folder: string | null) => Promise<App>;
  readonly report: (error: unknown) => void;
}

const idle = { signal: new AbortController().signal };

/** Resolves when the first window is open, or when it is known that none will be: another instance has taken over, nothing can be opened. */
export async function startDesktop(electron: ElectronParts, options: DesktopOptions): Promise<void> {
  const { app, BrowserWindow, dialog, ipcMain, Menu, MessageChannelMain, nativeTheme, protocol, session } = electron;
  const { report } = options;
  const { argv, platform } = options;
  const walledOff = refusedSwitch(app, argv, platform);
  if (walledOff !== null) {
    report(new Error(`Coresift does not run with --${walledOff}.`));
    disarm(app, argv, platform);
    silenceChromium(app);
    await app.whenReady();
    await sayRefused({ dialog, words: systemWords(app).starting }, walledOff);
    app.exit(4);
    return;
  }
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  silenceChromium(app);
  protocol.registerSchemesAsPrivileged([
    { scheme, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
  let words: NativeWords = nativeWords('en');
  const onLink = (address: string): void => void showAddress(address, words, electron).catch(report);
  // Whatever contents and sessions come to be, by whatever way, are locked before they show anything.
  app.on('web-contents-created', (_event, contents) => lockContents(contents, onLink));
  app.on('session-created', (made) => lockSession(made));
  app.on('child-process-gone', (_event, details) => {
    if (details.reason !== 'clean-exit') report(new Error(`A ${details.type} process ended: ${details.reason}.`));
  });
  app.on('certificate-error', (event, _contents, _url, _error, _certificate, decide) => {
    event.preventDefault();
    decide(false);
  });
  // macOS tells of a double-clicked file before the application is ready.
  let waiting: Opened | null = openedByArguments(argv, options.cwd);
  let open: (opened: Opened) => void = (opened) => (waiting = opened);
  let show = (): void => undefined;
  app.on('open-file', (event, path) => {
    event.preventDefault();
    const opened = openedBy(path);
    if (opened !== null) open(opened);
  });
  // Arguments of a second instance are a stranger's: at most one file to open is taken from them.
  app.on('second-instance', (_event, others, cwd) => {
    show();
    const opened = openedByArguments(others, cwd);
    if (opened !== null) open(opened);
  });
  await app.whenReady();
  words = systemWords(app);

  const vault = systemVault(electron.safeStorage, platform);
  const begun = await firstProject((folder) => options.createApp(vault, folder), {
    dialog,
    words: words.starting,
    report,
  });
  if (begun === null) {
    app.exit(2);
    return;
  }
  const bare = begun.app;
  let kept: Kept = readKept(options.kept);
  const keep = (next: Kept): void => {
    kept = next;
    try {
      writeKept(options.kept, kept);
    } catch (error) {
      // What cannot be remembered is a comfort lost, no reason to stop.
      report(error);
    }
  };
  const windows = new Set<Electron.BrowserWindow>();
  const signs = workSigns({ electron, windows, words: () => words, showWindow });
  const {
    app: watched,
    active,
    paused,
  } = watchWork(bare, {
    ...signs,
    report,
    onProgress(work, share, still) {
      signs.onProgress(work, share, still);
      drawMenu();
    },
  });
  const remember = (folder: string): void => {
    keep(withRecent(kept, folder));
    app.addRecentDocument(folder);
    drawMenu();
    const link = linkOf(folder);
    try {
      if (!existsSync(link)) writeFileSync(link, projectLinkText, { flag: 'wx' });
    } catch (error) {
      report(error);
    }
  };
  const useCases: App = {
    ...watched,
    handlers: {
      ...watched.handlers,
      'project.open': async (request, context) => {
        const project = await watched.handlers['project.open'](request, context);
        if (request.folder !== null) remember(project.folder);
        return project;
      },
      'settings.write': async (settings, context) => {
        const written = await watched.handlers['settings.write'](settings, context);
        dress(written);
        return written;
      },
    },
  };
  const dress = ({ language, theme }: Awaited<ReturnType<App['handlers']['settings.read']>>): void => {
    words = language === null ? systemWords(app) : nativeWords(language);
    nativeTheme.themeSource = theme ?? 'system';
    drawMenu();
  };
  const tell = (command: PageCommand): void => {
    const [window] = windows;
    if (window === undefined) return;
    window.webContents.send(commandMessage, command);
    window.focus();
  };

  const {
    open: openNow,
    chooseProject,
    choosePack,
  } = opening({
    dialog,
    words: () => words,
    handlers: useCases.handlers,
    busy: () => active() !== null,
    latest: () => kept.recent[0],
    onProject() {
      showWindow();
      tell('reload-project');
    },
    report,
  });
  function steer(how: 'cancel' | 'pause' | 'continue'): void {
    const work = active();
    if (work?.kind === 'run') void bare.handlers[`run.${how}`]({ runId: work.run.id }, idle).catch(report);
    // The others cannot be held.
    else if (how === 'cancel' && work?.kind === 'matrix')
      void bare.handlers['attacks.cancel']({ id: work.matrix.id }, idle).catch(report);
    else if (how === 'cancel' && work?.kind === 'replay') work.cancel();
  }
  let drawn = '';
  function drawMenu(): void {
    const facts = {
      platform,
      words: words.menu,
      recent: kept.recent,
      work: active()?.kind ?? null,
      paused: paused(),
    };
    // A menu that is set anew closes under the hand of whoever has it open, and a run tells of itself all the time.
    const now = JSON.stringify(facts);
    if (now === drawn) return;
    drawn = now;
    Menu.setApplicationMenu(
      Menu.buildFromTemplate(
        menuTemplate(facts, {
          page: tell,
          cancelWork: () => steer('cancel'),
          pauseRun: () => steer('pause'),
          continueRun: () => steer('continue'),
          openProject: chooseProject,
          openPack: choosePack,
          openRecent: (folder) => openNow({ kind: 'project', folder }),
        }),
      ),
    );
  }
  dress(await useCases.handlers['settings.read']({}, idle));

  const reports = reportPages(useCases);
  lockSession(session.defaultSession);
  protocol.handle(scheme, pageHandler(options.rendererDir, reports, report));
  const windowOf = (contents: Electron.WebContents): Electron.BrowserWindow | null =>
    [...windows].find((window) => window.webContents === contents) ?? null;
  const isWindow = (contents: Electron.WebContents): boolean => windowOf(contents) !== null;
  const files = givenFiles();
  acceptFiles(ipcMain, files, isWindow);
  acceptDialogs(ipcMain, { dialog, files, windowOf, words: () => words.files, report });
  acceptPages(
    ipcMain,
    () => new MessageChannelMain(),
    hostService(useCases, 'electron', reports, report, files),
    isWindow,
  );

  const openMain = (): void => {
    const screens = electron.screen.getAllDisplays().map((display) => display.workArea);
    const window = openWindow({
      create: (preferences) => new BrowserWindow(preferences),
      options: windowOptions(nativeTheme.shouldUseDarkColors, kept.window, screens),
      kept: kept.window,
      dialog,
      words: () => words.page,
      onLink,
      report,
      onClose: (place) => keep({ ...kept, window: place }),
    });
    windows.add(window);
    // A replay would end with the page that reads it, before anybody was asked.
    window.on('close', (event) => {
      if (leaving() || active()?.kind !== 'replay') return;
      event.preventDefault();
      app.quit();
    });
    window.once('closed', () => windows.delete(window));
  };
  function showWindow(): void {
    const [window] = windows;
    if (window === undefined) return openMain();
    if (window.isMinimized()) window.restore();
    window.focus();
  }
  app.on('activate', () => {
    if (windows.size === 0) openMain();
  });
  // Work goes on without a window on macOS, as applications do there; elsewhere the last window is the application.
  app.on('window-all-closed', () => {
    if (platform !== 'darwin' || active() === null) app.quit();
  });
  const leaving = askBeforeQuit({
    app,
    dialog,
    words: () => words.quit,
    active,
    close: () => bare.close(),
    // Closing the last window asked to quit: it comes back, or nobody could see the run.
    onStay() {
      if (windows.size === 0) openMain();
    },
    report,
  });
  openMain();
  if (begun.folder !== null) remember(begun.folder);
  // Not before: what is opened meanwhile would open a window of its own.
  show = showWindow;
  open = openNow;
  if (waiting !== null) open(waiting);
}

/** Until a project is open nobody can have chosen a language. */
function systemWords(app: Pick<Electron.App, 'getLocale'>): NativeWords {
  return nativeWords(app.getLocale().startsWith('de') ? 'de' : 'en');
}

/** What the desktop host switches off before any page exists, and who it listens to. */
import type { App, IpcMainInvokeEvent, Session, WebContents, WebFrameMain, WebPreferences } from 'electron';
import { fileURLToPath } from 'node:url';

export const scheme = 'app';
export const host = 'coresift';
export const origin = `${scheme}://${host}`;

/** The preferences of every window there is. Built, this file lies in out/desktop, the preload in out/preload. */
export const webPreferences = Object.freeze({
  preload: fileURLToPath(new URL('../preload/index.cjs', import.meta.url)),
  sandbox: true,
  contextIsolation: true,
  nodeIntegration: false,
  nodeIntegrationInSubFrames: false,
  nodeIntegrationInWorker: false,
  webSecurity: true,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  webviewTag: false,
  plugins: false,
  navigateOnDragDrop: false,
  disableDialogs: true,
  spellcheck: false,
  enableWebSQL: false,
  devTools: false,
} as const satisfies WebPreferences);

/** Chromium talks to servers of its own accord; each of these silences one habit, the last one all of them. */
const silence: readonly (readonly [name: string, value?: string])[] = [
  ['disable-background-networking'],
  ['disable-component-update'],
  ['disable-domain-reliability'],
  ['disable-sync'],
  ['disable-breakpad'],
  ['no-pings'],
  ['no-first-run'],
  ['no-proxy-server'],
  ['disable-quic'],
  ['host-resolver-rules', 'MAP * ~NOTFOUND'],
];

/** Must run before `ready`. */
export function silenceChromium(app: Pick<App, 'commandLine' | 'enableSandbox'>): void {
  app.enableSandbox();
  for (const [name, value] of silence) app.commandLine.appendSwitch(name, ...(value === undefined ? [] : [value]));
}

/** Whether an address is of our own page; compared by origin, never by prefix. */
export function isOurs(address: string): boolean {
  try {
    const url = new URL(address);
    // `origin` of a scheme that is not special is "null" to Node, so its parts are compared.
    return url.protocol === `${scheme}:` && url.host === host && url.username === '' && url.password === '';
  } catch {
    return false;
  }
}

const isReport = (address: string): boolean => isOurs(address) && new URL(address).pathname.startsWith('/report/');

/** Every request but those for our own page is cancelled; every permission but copying text is denied. */
export function lockSession(session: Session): void {
  session.webRequest.onBeforeRequest((details, decide) => {
    const own =
      isOurs(details.url) || details.url.startsWith(`blob:${origin}/`) || details.url.startsWith('data:image/');
    decide({ cancel: !own });
  });
  // A report has our address too: what counts is that the page itself asks, not a frame in it.
  const allowed = (permission: string, from: string, isMainFrame: boolean): boolean =>
    permission === 'clipboard-sanitized-write' && isMainFrame && isOurs(from);
  session.setPermissionRequestHandler((_contents, permission, decide, { requestingUrl, isMainFrame }) =>
    decide(allowed(permission, requestingUrl, isMainFrame)),
  );
  session.setPermissionCheckHandler(
    (_contents, permission, from, { requestingUrl, isMainFrame }) =>
      allowed(permission, from, isMainFrame) && allowed(permission, requestingUrl ?? from, isMainFrame),
  );
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, decide) => decide({}));
  session.setSpellCheckerEnabled(false);
  // Should it be switched on by whatever way, its dictionaries come from nowhere.
  session.setSpellCheckerDictionaryDownloadURL(`${origin}/no-dictionary/`);
  session.on('will-download', (event) => event.preventDefault());
}

/**
 * Denies a page everything that would show something else than itself: navigation, windows, webviews.
 * @param onLink told of the address of a window that was not opened
 */
export function lockContents(contents: WebContents, onLink: (address: string) => void = () => undefined): void {
  contents.setWindowOpenHandler(({ url }) => {
    onLink(url);
    return { action: 'deny' };
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-frame-navigate', (event) => {
    // A report is shown in a frame of ours; nothing else moves.
    if (event.isMainFrame || !isReport(event.url)) event.preventDefault();
  });
}

/** The frame of a request when it is the main frame of one of our windows showing our page; otherwise throws. */
export function trustedFrame(event: IpcMainInvokeEvent, isWindow: (contents: WebContents) => boolean): WebFrameMain {
  const frame = event.senderFrame;
  if (frame === null || frame.detached || frame !== event.sender.mainFrame || frame.parent !== null) {
    throw new Error('Refused: the sender is not the main frame of a window.');
  }
  if (!isOurs(frame.url) || frame.origin !== origin) throw new Error('Refused: the sender is not our page.');
  if (!isWindow(event.sender)) throw new Error('Refused: the sender is not one of our windows.');
  return frame;
}

/** As much of the `electron` module as the desktop host uses, in memory. It records what it was told and lets a test play the outside. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ElectronParts } from '../../src-main/hosts/electron/desktop.ts';

class StandInPort extends EventEmitter {
  readonly node: MessagePort;
  constructor(node: MessagePort) {
    super();
    this.node = node;
    node.on('close', () => this.emit('close'));
  }
  postMessage(message: unknown): void {
    this.node.postMessage(message);
  }
  start(): void {
    this.node.on('message', (data) => this.emit('message', { data }));
  }
  close(): void {
    this.node.close();
  }
}

export interface StandInFrame {
  url: string;
  origin: string;
  parent: StandInFrame | null;
  detached: boolean;
  readonly posted: { channel: string; message: unknown; ports: StandInPort[] }[];
  postMessage(channel: string, message: unknown, ports: StandInPort[]): void;
}

export function standInFrame(url: string, origin: string, parent: StandInFrame | null = null): StandInFrame {
  const posted: StandInFrame['posted'] = [];
  return {
    url,
    origin,
    parent,
    detached: false,
    posted,
    postMessage: (channel, message, ports) => posted.push({ channel, message, ports }),
  };
}

export class StandInContents extends EventEmitter {
  mainFrame = standInFrame('app://coresift/', 'app://coresift');
  reloads = 0;
  openHandler: ((details: { url: string }) => { action: string }) | null = null;
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.openHandler = handler;
  }
  getURL(): string {
    return this.mainFrame.url;
  }
  reload(): void {
    this.reloads += 1;
  }
  zoom = 1;
  crashed = 0;
  readonly sent: unknown[][] = [];
  setZoomFactor(factor: number): void {
    this.zoom = factor;
  }
  getZoomFactor(): number {
    return this.zoom;
  }
  send(...message: unknown[]): void {
    this.sent.push(message);
  }
  forcefullyCrashRenderer(): void {
    this.crashed += 1;
  }
}

class StandInWindow extends EventEmitter {
  readonly webContents = new StandInContents();
  readonly loaded: string[] = [];
  readonly options: unknown;
  shown = false;
  focused = 0;
  minimized = false;
  constructor(options: unknown) {
    super();
    this.options = options;
  }
  loadURL(url: string): Promise<void> {
    this.loaded.push(url);
    return Promise.resolve();
  }
  show(): void {
    this.shown = true;
  }
  focus(): void {
    this.focused += 1;
  }
  isMinimized(): boolean {
    return this.minimized;
  }
  restore(): void {
    this.minimized = false;
  }
  readonly progress: { readonly share: number; readonly mode: string }[] = [];
  maximized = false;
  bounds = { x: 40, y: 50, width: 1200, height: 800 };
  setProgressBar(share: number, { mode }: { readonly mode: string }): void {
    this.progress.push({ share, mode });
  }
  isFocused(): boolean {
    return this.focused > 0;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  maximize(): void {
    this.maximized = true;
  }
  getNormalBounds(): StandInWindow['bounds'] {
    return this.bounds;
  }
}

interface MenuItem {
  readonly label?: string;
  readonly role?: string;
  readonly enabled?: boolean;
  readonly accelerator?: string;
  readonly click?: () => void;
  readonly submenu?: readonly MenuItem[];
}

/** `safeStorage` whose key lives in this object: what it sealed, no other one opens. */
function standInSafeStorage({ keyStore = 'gnome_libsecret' }: StandInOptions) {
  const key = randomBytes(32);
  return {
    isEncryptionAvailable: () => keyStore !== null,
    getSelectedStorageBackend: () => keyStore ?? 'basic_text',
    encryptString: (text: string): Buffer => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
    },
    decryptString: (bytes: Buffer): string => {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    },
  };
}

export interface StandInOptions {
  readonly firstInstance?: boolean;
  readonly packaged?: boolean;
  /** Switches the application was started with. */
  readonly switches?: readonly string[];
  /** Language of the system. */
  readonly locale?: string;
  /** Folder the system gives the application for what is its own. */
  readonly userData?: string;
  /** What `safeStorage` stands on; null = nothing. */
  readonly keyStore?: 'gnome_libsecret' | 'basic_text' | 'unknown' | null;
}

export function electronStandIn(over: StandInOptions = {}) {
  const asked: { readonly message: string; readonly detail?: string; readonly buttons?: readonly string[] }[] = [];
  /** Dialogs for files stay open until `wait` is over; no answer = cancelled. */
  const answers = { box: [] as number[], files: [] as string[][], wait: Promise.resolve() };
  const shown: {
    readonly of: 'open' | 'save';
    readonly window: unknown;
    readonly options: {
      readonly properties: readonly string[];
      readonly defaultPath?: string;
      readonly title?: string;
    };
  }[] = [];
  const notices: (EventEmitter & { readonly words: { title: string; body: string }; shown: boolean })[] = [];
  const desk = {
    menu: [] as readonly MenuItem[],
    /** How often the menu was set. */
    menus: 0,
    copied: [] as string[],
    recent: [] as string[],
    awake: new Set<number>(),
    blocked: 0,
    exits: [] as number[],
    dictionary: '',
  };
  const switches = new Map<string, string | undefined>();
  const given = new Set(over.switches);
  const windows: StandInWindow[] = [];
  const handled = new Map<string, (event: unknown, ...rest: unknown[]) => unknown>();
  const protocols = new Map<string, (request: Request) => Promise<Response>>();
  const schemes: { scheme: string; privileges: Record<string, boolean> }[] = [];
  const ports: StandInPort[] = [];
  const seen = { sandboxed: false, quits: 0, spellChecker: true };
  const app = Object.assign(new EventEmitter(), {
    isPackaged: over.packaged ?? false,
    commandLine: {
      appendSwitch: (name: string, value?: string) => void switches.set(name, value),
      hasSwitch: (name: string) => given.has(name),
      removeSwitch: (name: string) => void given.delete(name),
    },
    exit: (code: number) => void desk.exits.push(code),
    getLocale: () => over.locale ?? 'en-GB',
    getPath: () => over.userData ?? '/nowhere',
    addRecentDocument: (path: string) => void desk.recent.push(path),
    enableSandbox: () => void (seen.sandboxed = true),
    requestSingleInstanceLock: () => over.firstInstance ?? true,
    whenReady: () => Promise.resolve(),
    quit: () => void (seen.quits += 1),
  });
  type Decide<Value> = (value: Value) => void;
  interface Asked {
    readonly requestingUrl: string;
    readonly isMainFrame: boolean;
  }
  const session = Object.assign(new EventEmitter(), {
    beforeRequest: null as ((details: { url: string }, decide: Decide<{ cancel: boolean }>) => void) | null,
    permissionRequest: null as
      ((contents: unknown, permission: string, decide: Decide<boolean>, details: Asked) => void) | null,
    permissionCheck: null as
      ((contents: unknown, permission: string, from: string, details: Partial<Asked>) => boolean) | null,
    device: null as (() => boolean) | null,
    display: null as ((request: unknown, decide: Decide<object>) => void) | null,
    webRequest: { onBeforeRequest: (listener: never) => void (session.beforeRequest = listener) },
    setPermissionRequestHandler: (handler: never) => void (session.permissionRequest = handler),
    setPermissionCheckHandler: (handler: never) => void (session.permissionCheck = handler),
    setDevicePermissionHandler: (handler: never) => void (session.device = handler),
    setDisplayMediaRequestHandler: (handler: never) => void (session.display = handler),
    setSpellCheckerDictionaryDownloadURL: (url: string) => void (desk.dictionary = url),
    setSpellCheckerEnabled: (on: boolean) => void (seen.spellChecker = on),
  });
  const parts = {
    app,
    BrowserWindow: class extends StandInWindow {
      constructor(options: unknown) {
        super(options);
        windows.push(this);
        app.emit('web-contents-created', {}, this.webContents);
      }
    },
    ipcMain: { handle: (channel: string, handler: never) => void handled.set(channel, handler) },
    MessageChannelMain: class {
      readonly port1: StandInPort;
      readonly port2: StandInPort;
      constructor() {
        const { port1, port2 } = new MessageChannel();
        this.port1 = new StandInPort(port1);
        this.port2 = new StandInPort(port2);
        ports.push(this.port1, this.port2);
      }
    },
    clipboard: { writeText: (text: string) => void desk.copied.push(text) },
    dialog: {
      showMessageBox: (...rest: unknown[]) => {
        asked.push(rest.at(-1) as never);
        return Promise.resolve({ response: answers.box.shift() ?? 0 });
      },
      showOpenDialog: async (...rest: unknown[]) => {
        shown.push({ of: 'open', window: rest.length > 1 ? rest[0] : null, options: rest.at(-1) as never });
        await answers.wait;
        const filePaths = answers.files.shift() ?? [];
        return { canceled: filePaths.length === 0, filePaths };
      },
      showSaveDialog: async (...rest: unknown[]) => {
        shown.push({ of: 'save', window: rest.length > 1 ? rest[0] : null, options: rest.at(-1) as never });
        await answers.wait;
        const [filePath = ''] = answers.files.shift() ?? [];
        return { canceled: filePath === '', filePath };
      },
    },
    Menu: {
      buildFromTemplate: (template: readonly MenuItem[]) => template,
      setApplicationMenu: (menu: readonly MenuItem[]) => {
        desk.menu = menu;
        desk.menus += 1;
      },
    },
    Notification: class extends EventEmitter {
      static isSupported(): boolean {
        return true;
      }
      readonly words: { title: string; body: string };
      shown = false;
      constructor(words: { title: string; body: string }) {
        super();
        this.words = words;
        notices.push(this);
      }
      show(): void {
        this.shown = true;
      }
    },
    powerSaveBlocker: {
      start: () => {
        desk.awake.add(++desk.blocked);
        return desk.blocked;
      },
      stop: (id: number) => desk.awake.delete(id),
    },
    screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1040 } }] },
    nativeTheme: { shouldUseDarkColors: true, themeSource: 'system' },
    protocol: {
      registerSchemesAsPrivileged: (list: typeof schemes) => void schemes.push(...list),
      handle: (name: string, handler: never) => void protocols.set(name, handler),
    },
    session: { defaultSession: session },
    safeStorage: standInSafeStorage(over),
  };
  return {
    parts: parts as unknown as ElectronParts,
    desk,
    asked,
    answers,
    shown,
    notices,
    theme: parts.nativeTheme,
    app,
    session,
    windows,
    handled,
    protocols,
    schemes,
    switches,
    /** Switches it was started with that are left. */
    given,
    seen,
    end: () => ports.forEach((port) => port.close()),
  };
}

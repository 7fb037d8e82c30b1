/** The manners of the desktop application, against the stand-in of Electron: window, menus, runs, files, links, the end. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startDesktop } from '../../../src-main/hosts/electron/desktop.ts';
import { placeOnScreen, readKept, withRecent, type Kept } from '../../../src-main/hosts/electron/kept.ts';
import { shownAddress } from '../../../src-main/hosts/electron/links.ts';
import { menuTemplate } from '../../../src-main/hosts/electron/menu.ts';
import { openedBy, openedByArguments } from '../../../src-main/hosts/electron/open-files.ts';
import { packReport } from '../../../src-main/hosts/electron/pack-report.ts';
import { shareAfter } from '../../../src-main/hosts/electron/work-watch.ts';
import type { App, NumberedEvent } from '../../../src-shared/contract.ts';
import { nativeWords } from '../../../src-shared/messages/native.ts';
import { stages, type RunEvent } from '../../../src-shared/domain/run.ts';
import { electronStandIn, StandInContents, type StandInOptions } from '../../support/electron-stand-in.ts';
import { recordedApp } from '../../support/recorded-app.ts';

let folder: string;
let electron: ReturnType<typeof electronStandIn>;
let useCases: App;
let reported: unknown[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coresift-manners-'));
});
afterEach(() => {
  electron.end();
  rmSync(folder, { recursive: true });
});

const kept = (): string => join(folder, 'state', 'desktop.json');
async function start(
  over: StandInOptions & {
    argv?: string[];
    platform?: NodeJS.Platform;
    change?: (app: App) => App;
  } = {},
): Promise<void> {
  electron = electronStandIn(over);
  useCases = (over.change ?? ((app) => app))(recordedApp());
  reported = [];
  await startDesktop(electron.parts, {
    rendererDir: folder,
    kept: kept(),
    argv: over.argv ?? ['coresift'],
    cwd: folder,
    platform: over.platform ?? 'linux',
    createApp: () => Promise.resolve(useCases),
    report: (error) => reported.push(error),
  });
}
const window = () => electron.windows.at(-1)!;
const emit = (name: string, ...rest: unknown[]): boolean => {
  let stopped = false;
  electron.app.emit(name, { preventDefault: () => (stopped = true) }, ...rest);
  return stopped;
};
const commands = (): unknown[] => window().webContents.sent.map((message) => message[1]);

/** A project folder and a pack, as far as the system's double click looks at them. */
function project(name = 'lab'): string {
  const dir = join(folder, name);
  mkdirSync(dir);
  writeFileSync(join(dir, 'project.sqlite'), 'x');
  return dir;
}
function pack(name = 'audit.coresiftpack'): string {
  writeFileSync(join(folder, name), Buffer.from([0x50, 0x4b, 3, 4, 0, 0]));
  return join(folder, name);
}

/** A run whose events the test gives out one by one. */
function heldRun(): { change: (app: App) => App; tell: (event: RunEvent) => void } {
  let wake: () => void = () => undefined;
  const told: RunEvent[] = [];
  const events = async function* (): AsyncIterable<NumberedEvent> {
    for (let cursor = 1; ; cursor++) {
      while (told.length < cursor) await new Promise<void>((resolve) => (wake = resolve));
      const event = told[cursor - 1]!;
      yield { cursor, time: '2026-01-01T00:00:00Z', event };
      if (event.type === 'finished' || event.type === 'failed' || event.type === 'cancelled') return;
    }
  };
  return {
    change: (app) => ({ ...app, handlers: { ...app.handlers, 'run.events': events } }),
    tell(event) {
      told.push(event);
      wake();
    },
  };
}
async function startHeld(over: Parameters<typeof start>[0] = {}): Promise<ReturnType<typeof heldRun>> {
  const held = heldRun();
  await start({ ...over, change: (app) => held.change((over.change ?? ((same) => same))(app)) });
  // As the page does it: over the handshake's service the same handlers are called.
  const port = electron.handled.get('coresift:connect')!;
  port({ sender: window().webContents, senderFrame: window().webContents.mainFrame });
  const [sent] = window().webContents.mainFrame.posted.at(-1)!.ports;
  const { portChannel } = await import('../../../src-shared/rpc/channels.ts');
  const { connect } = await import('../../../src-shared/rpc/connect.ts');
  await connect<import('../../../src-shared/contract.ts').Contract>(portChannel(sent!.node as never)).call(
    'sample.open',
    {},
  );
  return held;
}
const finished = { type: 'finished', verdict: {}, exitCode: 1 } as unknown as RunEvent;

describe('the window', () => {
  it('comes back where it was, with its zoom, and is remembered when it closes', async () => {
    mkdirSync(join(folder, 'state'));
    const bounds = { x: 200, y: 100, width: 1300, height: 900 };
    writeFileSync(kept(), JSON.stringify({ window: { bounds, maximised: true, zoom: 1.5 }, recent: [] }));
    await start();
    expect(window().options).toMatchObject(bounds);
    window().emit('ready-to-show');
    expect(window()).toMatchObject({ maximized: true, shown: true });
    expect(window().webContents.zoom).toBe(1.5);
    window().bounds = { x: 1, y: 2, width: 1000, height: 700 };
    window().maximized = false;
    window().emit('close');
    expect(readKept(kept()).window).toEqual({ bounds: window().bounds, maximised: false, zoom: 1.5 });
  });

  it('is never opened beside the screen, larger than it, or by what a broken file says', () => {
    const screens = [{ x: 0, y: 0, width: 1920, height: 1040 }];
    const least = { width: 960, height: 640 };
    const at = (x: number, y: number) => placeOnScreen({ x, y, width: 1200, height: 800 }, screens, least);
    expect(at(100, 100)).toEqual({ x: 100, y: 100, width: 1200, height: 800 });
    for (const [x, y] of [
      [5000, 0],
      [-1190, 0],
      [0, -500],
      [0, 1030],
    ] as const)
      expect(at(x, y), `${x} ${y}`).toBeNull();
    expect(placeOnScreen({ x: 0, y: 0, width: 9000, height: 9000 }, screens, least)).toMatchObject({
      width: 1920,
      height: 1040,
    });
    mkdirSync(join(folder, 'state'));
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"window":{"bounds":{"x":1e99}}}',
      '{"window":7,"recent":[7,"relative","/a\\u0000"]}',
    ]) {
      writeFileSync(kept(), text);
      expect(readKept(kept()).window).toBeNull();
      expect(readKept(kept()).recent.every((one) => one.startsWith('/'))).toBe(true);
    }
    electron = electronStandIn();
  });

  it('asks what to do with a page that hangs, and says when one died twice', async () => {
    await start();
    electron.answers.box.push(1);
    window().webContents.emit('unresponsive');
    await vi.waitFor(() => expect(window().webContents.crashed).toBe(1));
    window().webContents.emit('render-process-gone', {}, { reason: 'crashed', exitCode: 1 });
    expect(window().webContents.reloads).toBe(1);
    window().webContents.emit('render-process-gone', {}, { reason: 'oom', exitCode: 1 });
    await vi.waitFor(() => expect(electron.asked.at(-1)?.message).toMatch(/ended twice/));
    expect(window().webContents.reloads).toBe(1);
  });
});

describe('the menus', () => {
  const facts = {
    platform: 'linux' as const,
    words: nativeWords('en').menu,
    recent: ['/data/a&b'],
    work: null,
    paused: false,
  };
  const nothing = (): void => {};
  const acts = {
    ...{ page: nothing, cancelWork: nothing, pauseRun: nothing, continueRun: nothing },
    ...{ openProject: nothing, openPack: nothing, openRecent: nothing },
  };

  it('have one key for each act, on every platform and in both languages, and no developer tools', () => {
    for (const platform of ['linux', 'win32', 'darwin'] as const) {
      for (const language of ['en', 'de'] as const) {
        const flat = menuTemplate({ ...facts, platform, words: nativeWords(language).menu }, acts).flatMap((menu) =>
          [menu, ...((menu.submenu ?? []) as (typeof menu)[])].filter(Boolean),
        );
        const keys = flat.flatMap(({ accelerator }) => (accelerator === undefined ? [] : [accelerator]));
        expect(new Set(keys).size).toBe(keys.length);
        expect(keys).toEqual(expect.arrayContaining(['CmdOrCtrl+N', 'CmdOrCtrl+O', 'CmdOrCtrl+K', 'CmdOrCtrl+,']));
        expect(JSON.stringify(flat)).not.toMatch(/devtools|forcereload|"reload"/i);
      }
    }
  });

  it('tell the page what was chosen, and open recent projects by their folder', async () => {
    const dir = project();
    mkdirSync(join(folder, 'state'));
    writeFileSync(kept(), JSON.stringify({ window: null, recent: [dir] }));
    const opened: unknown[] = [];
    await start({
      change: (app) => ({
        ...app,
        handlers: {
          ...app.handlers,
          'project.open': async (request, context) => {
            opened.push(request.folder);
            return { ...(await app.handlers['project.open'](request, context)), folder: request.folder ?? '' };
          },
        },
      }),
    });
    const items = electron.desk.menu.flatMap((menu) => menu.submenu ?? []);
    items.find(({ accelerator }) => accelerator === 'CmdOrCtrl+N')?.click?.();
    expect(commands()).toEqual(['new']);
    items.find(({ submenu }) => submenu !== undefined)?.submenu?.[0]?.click?.();
    await vi.waitFor(() => expect(commands()).toEqual(['new', 'reload-project']));
    expect(opened).toEqual([dir]);
    expect(electron.desk.recent).toEqual([dir]);
    // What the system can open by a double click from now on.
    expect(existsSync(join(dir, 'project.coresift'))).toBe(true);
    expect(openedBy(join(dir, 'project.coresift'))).toEqual({ kind: 'project', folder: dir });
  });

  it('speak the language and wear the theme that were chosen on the page', async () => {
    await start();
    expect(electron.desk.menu[0]?.label).toBe('&File');
    await useCases.handlers['settings.write'](
      { language: 'de', theme: 'dark' },
      { signal: new AbortController().signal },
    );
    electron.end();
    const { handlers } = useCases;
    await start({
      change: (app) => ({ ...app, handlers: { ...app.handlers, 'settings.read': handlers['settings.read'] } }),
    });
    expect(electron.desk.menu[0]?.label).toBe('&Datei');
    expect(electron.theme.themeSource).toBe('dark');
  });

  it('keep ten recent projects, each once', () => {
    let list: Kept = { window: null, recent: [] };
    for (let i = 0; i < 15; i++) list = withRecent(list, `/p/${i % 12}`);
    expect(list.recent).toEqual([2, 1, 0, 11, 10, 9, 8, 7, 6, 5].map((i) => `/p/${i}`));
    electron = electronStandIn();
  });
});

describe('a run', () => {
  it('moves the bar, keeps the machine awake, and tells of its end when nobody looks', async () => {
    const held = await startHeld();
    await vi.waitFor(() => expect(electron.desk.awake.size).toBe(1));
    held.tell({ type: 'stage', stage: 'sift', state: 'started' });
    held.tell({ type: 'progress', stage: 'sift', done: 50, total: 100, unit: 'samples', rate: null, etaSeconds: null });
    const half = (stages.indexOf('sift') + 0.5) / stages.length;
    await vi.waitFor(() => expect(window().progress.at(-1)?.share).toBeCloseTo(half, 9));
    const itemOf = (keys: string) =>
      electron.desk.menu.flatMap((menu) => menu.submenu ?? []).find(({ accelerator }) => accelerator === keys);
    const item = () => itemOf('CmdOrCtrl+.');
    const pauseItem = () => itemOf('CmdOrCtrl+Shift+P');
    expect(item()?.enabled).toBe(true);
    held.tell({ type: 'paused' });
    await vi.waitFor(() => expect(window().progress.at(-1)?.mode).toBe('paused'));
    expect(electron.desk.awake.size).toBe(0);
    expect(pauseItem()?.label).toBe('Continue run');
    held.tell({ type: 'continued' });
    await vi.waitFor(() => expect(electron.desk.awake.size).toBe(1));
    expect(window().progress.at(-1)?.mode).toBe('normal');
    expect(pauseItem()?.label).toBe('Pause run');
    held.tell(finished);
    await vi.waitFor(() => expect(electron.notices).toHaveLength(1));
    expect(window().progress.at(-1)?.share).toBe(-1);
    expect(electron.desk.awake.size).toBe(0);
    expect(item()?.enabled).toBe(false);
    expect(electron.notices[0]).toMatchObject({ shown: true, words: { title: 'Audit finished' } });
    electron.notices[0]!.emit('click');
    expect(window().focused).toBe(1);
  });

  it('says nothing to somebody who looks at it', async () => {
    const held = await startHeld();
    window().focused = 1;
    held.tell({ type: 'failed', code: 'x', message: 'y' });
    await vi.waitFor(() => expect(window().progress.at(-1)?.share).toBe(-1));
    expect(electron.notices).toEqual([]);
  });

  it('has a bar that never goes back', () => {
    let share = 0;
    const bars = stages.flatMap((stage): RunEvent[] => [
      { type: 'stage', stage, state: 'started' },
      { type: 'progress', stage, done: 3, total: 0, unit: 'x', rate: null, etaSeconds: null },
      { type: 'progress', stage, done: 9, total: 3, unit: 'x', rate: null, etaSeconds: null },
      { type: 'progress', stage, done: 1, total: 3, unit: 'x', rate: null, etaSeconds: null },
      { type: 'stage', stage, state: 'finished' },
    ]);
    for (const event of bars) {
      const next = shareAfter(share, event);
      expect(next).toBeGreaterThanOrEqual(share);
      expect(next).toBeLessThanOrEqual(1);
      share = next;
    }
    expect(share).toBe(1);
    electron = electronStandIn();
  });

  it('is not left without a question: "keep running" keeps it, "pause and quit" closes the project first', async () => {
    await startHeld();
    const close = vi.spyOn(useCases, 'close').mockResolvedValue();
    electron.answers.box.push(0);
    expect(emit('before-quit')).toBe(true);
    await vi.waitFor(() => expect(electron.asked).toHaveLength(1));
    expect(electron.asked[0]).toMatchObject({ buttons: ['Keep running', 'Interrupt and quit'] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(close).not.toHaveBeenCalled();
    expect(electron.seen.quits).toBe(0);
    electron.answers.box.push(1);
    expect(emit('before-quit')).toBe(true);
    await vi.waitFor(() => expect(electron.seen.quits).toBe(1));
    expect(close).toHaveBeenCalledTimes(1);
    expect(emit('before-quit')).toBe(false);
  });

  it('gets its window back when the last one was closed and the answer is to keep running', async () => {
    await startHeld();
    window().emit('closed');
    electron.answers.box.push(0);
    emit('window-all-closed');
    expect(electron.seen.quits).toBe(1);
    emit('before-quit');
    await vi.waitFor(() => expect(electron.windows).toHaveLength(2));
  });
});

describe('files from outside', () => {
  it('a project named on the command line, by a second start or by a double click is opened', async () => {
    const [first, second, third] = ['one', 'two', 'three'].map(project);
    const opened: (string | null)[] = [];
    await start({
      argv: ['coresift', '--flag', first!],
      change: (app) => ({
        ...app,
        handlers: {
          ...app.handlers,
          'project.open': async (request, context) => {
            opened.push(request.folder);
            return app.handlers['project.open'](request, context);
          },
        },
      }),
    });
    await vi.waitFor(() => expect(opened).toEqual([first]));
    emit('second-instance', ['coresift', second], '/');
    await vi.waitFor(() => expect(opened).toEqual([first, second]));
    expect(emit('open-file', join(third!, 'project.sqlite'))).toBe(true);
    await vi.waitFor(() => expect(opened).toEqual([first, second, third]));
    expect(electron.windows).toHaveLength(1);
  });

  it('a pack is verified and what was met is said', async () => {
    await start({ argv: ['coresift', pack()] });
    await vi.waitFor(() => expect(electron.asked).toHaveLength(1));
    expect(electron.asked[0]?.message).toBe('Audit pack audit.coresiftpack');
    expect(electron.asked[0]?.detail).toMatch(/^2 checks fit\./);
    emit('open-file', pack('changed.coresiftpack'));
    await vi.waitFor(() => expect(electron.asked).toHaveLength(2));
    expect(electron.asked[1]?.detail).toMatch(
      /^1 check does not fit:\n {2}report\.html: It was changed\.\n1 check fits\./,
    );
  });

  it('says first what does not fit, and cuts long lists', () => {
    const checks = Array.from({ length: 20 }, (_, i) => ({ what: `file ${i}\u202e`, ok: false, detail: 'differs' }));
    const { type, detail } = packReport('x', checks, nativeWords('en').opening);
    expect(type).toBe('error');
    const unseen = [{ what: 'who signed it', ok: false, detail: 'no key', kind: 'not-examined' as const }];
    expect(packReport('x', unseen, nativeWords('en').opening)).toMatchObject({
      type: 'warning',
      detail: expect.stringMatching(/^1 could not be checked:\n {2}who signed it: no key/) as string,
    });
    expect(detail).toMatch(/^20 checks do not fit:\n {2}file 0\\u\{202E\}: differs/);
    expect(detail).toContain('… 12');
    electron = electronStandIn();
  });

  it('arguments of strangers open nothing: switches, addresses, network paths, links to nowhere, other files', async () => {
    const dir = project();
    writeFileSync(join(folder, 'x.zip'), 'no zip');
    writeFileSync(join(folder, 'fake.coresift'), '{}');
    symlinkSync('/nowhere', join(folder, 'loop.coresiftpack'));
    await start();
    for (const argument of [
      '--project=' + dir,
      'file:///etc/passwd',
      'https://evil.example/',
      '\\\\evil\\share\\project.sqlite',
      '//evil/share',
      '/etc/passwd',
      join(folder, 'x.zip'),
      join(folder, 'fake.coresift'),
      join(folder, 'loop.coresiftpack'),
      `${dir}\0.sqlite`,
      'a'.repeat(5000),
      '.',
    ]) {
      expect(openedByArguments(['coresift', argument], folder), argument.slice(0, 60)).toBeNull();
    }
    emit('second-instance', ['coresift', '/etc/passwd'], '/');
    expect(electron.asked).toEqual([]);
    expect(commands()).toEqual([]);
  });

  it('no other project is opened under a run; a message says why', async () => {
    const dir = project();
    await startHeld({
      change: (app) => ({
        ...app,
        handlers: { ...app.handlers, 'project.open': () => Promise.reject(new Error('Run 1 is going on.')) },
      }),
    });
    emit('open-file', dir);
    await vi.waitFor(() => expect(electron.asked.at(-1)?.detail).toMatch(/Cancel it or wait/));
  });
});

describe('links', () => {
  it('are shown as text and never opened', async () => {
    await start();
    electron.answers.box.push(0);
    expect(window().webContents.openHandler?.({ url: 'https://docs.example/a?b' })).toEqual({ action: 'deny' });
    await vi.waitFor(() => expect(electron.desk.copied).toEqual(['https://docs.example/a?b']));
    expect(electron.asked[0]?.message).toBe('Coresift opens no connection.');
  });

  it('that are no plain https are not even shown', () => {
    for (const address of [
      'http://a/',
      'javascript:alert(1)',
      'file:///etc/passwd',
      'https://u:p@a/',
      'smb://x/',
      '',
      `https://a/${'b'.repeat(600)}`,
    ]) {
      expect(shownAddress(address), address).toBeNull();
    }
    electron = electronStandIn();
  });

  it('have one place, and nothing hands an address to the system, runs text, or lowers a wall', () => {
    const forbidden = new RegExp(
      [
        /\bshell\b|openExternal|openPath|crashReporter|autoUpdater|sendSync/,
        /executeJavaScript|insertCSS|\beval\b|new\s+Function\b|setCertificateVerifyProc|\bBrowserView\b/,
        /ELECTRON_DISABLE_SECURITY_WARNINGS|enableBlinkFeatures|openDevTools|loadFile\b/,
      ]
        .map(({ source }) => source)
        .join('|'),
    );
    const dir = join(import.meta.dirname, '../../../src-main/hosts/electron');
    const sources = readdirSync(dir).filter((file) => file.endsWith('.ts'));
    expect(sources).toContain('main.ts');
    for (const file of sources) {
      const text = readFileSync(join(dir, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
      expect(text, file).not.toMatch(forbidden);
    }
    for (const call of [
      ...[
        'shell.openExternal(x)',
        'contents.executeJavaScript(x)',
        'contents.insertCSS(x)',
        'eval (x)',
        '(0, eval)(x)',
      ],
      ...['new Function(x)', 'session.setCertificateVerifyProc(x)', 'new BrowserView()', 'window.loadFile(x)'],
      ...["env['ELECTRON_DISABLE_SECURITY_WARNINGS'] = 'true'", 'enableBlinkFeatures: x', 'ipcRenderer.sendSync(x)'],
    ])
      expect(call).toMatch(forbidden);
    expect('new BrowserWindow(x), retrieval(x), a Function').not.toMatch(forbidden);
    electron = electronStandIn();
  });
});

describe('walls', () => {
  it('stand around every session there is, and the spell checker has nowhere to ask', async () => {
    await start();
    const other = electronStandIn();
    electron.app.emit('session-created', other.session);
    let cancelled = false;
    other.session.beforeRequest!({ url: 'https://example.org/' }, ({ cancel }) => (cancelled = cancel));
    expect(cancelled).toBe(true);
    const page = { requestingUrl: 'app://coresift/', isMainFrame: true };
    expect(other.session.permissionCheck!(new StandInContents(), 'media', 'app://coresift/', page)).toBe(false);
    expect(electron.desk.dictionary).toMatch(/^app:\/\/coresift\//);
    other.end();
  });
});

/** The desktop host against an in-memory stand-in of Electron; what needs the real one is in test/e2e/electron*.spec.ts. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startDesktop } from '../../../src-main/hosts/electron/desktop.ts';
import { isOurs, origin, webPreferences } from '../../../src-main/hosts/electron/security.ts';
import { utilityEngine } from '../../../src-main/hosts/electron/spawn-engine.ts';
import type { App, Contract } from '../../../src-shared/contract.ts';
import { portChannel, type PortLike } from '../../../src-shared/rpc/channels.ts';
import { auditRequest } from '../../../src-shared/domain/request.ts';
import { connect } from '../../../src-shared/rpc/connect.ts';
import { electronStandIn, standInFrame, StandInContents, type StandInFrame } from '../../support/electron-stand-in.ts';
import { recordedApp } from '../../support/recorded-app.ts';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { engineFlags } from '../../../src-main/audit/spawn-engine.ts';

const secret = 'the content of a file outside the page';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coresift-desktop-'));
  mkdirSync(join(folder, 'renderer'));
  writeFileSync(join(folder, 'renderer/index.html'), '<!doctype html><title>Coresift</title>');
  writeFileSync(join(folder, 'secret.html'), secret);
  symlinkSync(join(folder, 'secret.html'), join(folder, 'renderer/linked.html'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let electron: ReturnType<typeof electronStandIn>;
let useCases: App;
let reported: unknown[];
const start = async (firstInstance = true): Promise<void> => {
  electron = electronStandIn({ firstInstance });
  useCases = recordedApp();
  reported = [];
  await startDesktop(electron.parts, {
    rendererDir: join(folder, 'renderer'),
    kept: join(folder, 'desktop.json'),
    argv: ['electron'],
    cwd: folder,
    platform: 'linux',
    createApp: () => Promise.resolve(useCases),
    report: (error) => reported.push(error),
  });
};
beforeEach(() => start());
afterEach(() => electron.end());

const [firstWindow, contents] = [() => electron.windows[0]!, () => electron.windows[0]!.webContents];
const ask = (sender: StandInContents, senderFrame: StandInFrame | null): unknown =>
  electron.handled.get('coresift:connect')!({ sender, senderFrame });
const prevented = (emitter: EventEmitter, event: string, details: object = {}): boolean => {
  let stopped = false;
  emitter.emit(event, { preventDefault: () => (stopped = true), ...details });
  return stopped;
};

describe('a window', () => {
  it('has the one frozen set of preferences and no other', () => {
    const options = firstWindow().options as { webPreferences: unknown };
    expect(options.webPreferences).toBe(webPreferences);
    expect(Object.isFrozen(webPreferences)).toBe(true);
    expect(webPreferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInSubFrames: false,
      nodeIntegrationInWorker: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      spellcheck: false,
    });
    expect(webPreferences.preload).toMatch(/[\\/]preload[\\/]index\.cjs$/);
  });

  it('loads our page only, and is shown when that has drawn', () => {
    expect(firstWindow().loaded).toEqual([`${origin}/`]);
    expect(firstWindow().shown).toBe(false);
    firstWindow().emit('ready-to-show');
    expect(firstWindow().shown).toBe(true);
  });

  it('has the colour of the theme before the page is there, and the least size of the design', () => {
    expect(firstWindow().options).toMatchObject({
      backgroundColor: '#16191b',
      minWidth: 960,
      minHeight: 640,
      show: false,
    });
  });

  it('loads a crashed page anew once, and says so', () => {
    contents().emit('render-process-gone', {}, { reason: 'crashed', exitCode: 5 });
    contents().emit('render-process-gone', {}, { reason: 'crashed', exitCode: 5 });
    expect(contents().reloads).toBe(1);
    expect(reported).toHaveLength(2);
  });
});

describe('before any page', () => {
  it('the sandbox is on for all processes and Chromium is silent', () => {
    expect(electron.seen.sandboxed).toBe(true);
    expect(electron.seen.spellChecker).toBe(false);
    expect(electron.switches.get('host-resolver-rules')).toBe('MAP * ~NOTFOUND');
    for (const name of ['disable-background-networking', 'disable-component-update', 'disable-breakpad', 'no-pings']) {
      expect(electron.switches.has(name), name).toBe(true);
    }
    for (const name of [
      'no-sandbox',
      'disable-web-security',
      'remote-debugging-port',
      'allow-file-access-from-files',
    ]) {
      expect(electron.switches.has(name), name).toBe(false);
    }
  });

  it('app:// is the one scheme, and may not bypass the policy', () => {
    expect(electron.schemes.map((entry) => entry.scheme)).toEqual(['app']);
    expect(electron.schemes[0]?.privileges).not.toHaveProperty('bypassCSP');
    expect([...electron.protocols.keys()]).toEqual(['app']);
  });
});

describe('a second instance', () => {
  it('quits before it does anything', async () => {
    await start(false);
    expect(electron.seen.quits).toBe(1);
    expect(electron.windows).toEqual([]);
    expect(electron.handled.size).toBe(0);
  });

  it('brings the window of the first to the front, whatever its arguments', () => {
    firstWindow().minimized = true;
    electron.app.emit('second-instance', {}, ['--remote-debugging-port=1', 'file:///etc/passwd'], '/');
    expect(electron.windows).toHaveLength(1);
    expect(firstWindow()).toMatchObject({ focused: 1, minimized: false, loaded: [`${origin}/`] });
  });
});

describe('the handshake', () => {
  const page = () => {
    ask(contents(), contents().mainFrame);
    const [port] = contents().mainFrame.posted.at(-1)!.ports;
    return connect<Contract>(portChannel(port!.node as unknown as PortLike));
  };

  it('gives our page a port that speaks the contract', async () => {
    const client = page();
    expect(await client.call('app.info', {})).toMatchObject({ name: 'Coresift', host: 'electron' });
    const run = await client.call('sample.open', {});
    const seen: number[] = [];
    for await (const { cursor } of client.stream('run.events', { runId: run.id, after: 0 })) seen.push(cursor);
    expect(seen.length).toBeGreaterThan(50);
    const table = await client.call('run.columns', { runId: run.id });
    expect(table?.columns.scatterX).toBeInstanceOf(Float32Array);
  });

  it('checks requests as the loopback host does', async () => {
    await expect(page().call('run.get', { runId: '../x' })).rejects.toMatchObject({ code: 'request-invalid' });
  });

  it('is all a page can ask of the main process, but for handing over, choosing and saving a file', () => {
    expect([...electron.handled.keys()].sort()).toEqual([
      'coresift:choose',
      'coresift:connect',
      'coresift:save',
      'coresift:take',
    ]);
  });

  it('takes a dropped file for a token; only what was dropped can be named by one', async () => {
    const take = (path: unknown, sender = contents(), frame: StandInFrame | null = contents().mainFrame): string =>
      electron.handled.get('coresift:take')!({ sender, senderFrame: frame }, path) as string;
    const token = take('/data/strange/encoder.onnx');
    expect(token).toMatch(/^given:[A-Za-z0-9_-]{22}\/encoder\.onnx$/);
    const client = page();
    const images = take('/data/images');
    const run = await client.call('run.start', { request: auditRequest(token, images), out: null });
    expect((await client.call('run.get', { runId: run.id })).request).toMatchObject({
      encoder: '/data/strange/encoder.onnx',
      dataset: '/data/images',
    });
    const forged = token.replace(/:.{22}/, `:${'A'.repeat(22)}`);
    for (const [encoder, dataset] of [
      [forged, images],
      [token, '/data/images'],
      ['/etc/passwd', images],
    ] as const)
      await expect(
        client.call('run.start', { request: auditRequest(encoder, dataset), out: null }),
      ).rejects.toMatchObject({ code: 'path-not-given' });
    expect(() => take('')).toThrow(/lies on no disk/);
    expect(() => take(7)).toThrow(/^Refused/);
    expect(() => take('a'.repeat(5000))).toThrow(/^Refused/);
    expect(() => take('/etc/passwd', contents(), null)).toThrow(/^Refused/);
    const stranger = new StandInContents();
    expect(() => take('/etc/passwd', stranger, stranger.mainFrame)).toThrow(/^Refused/);
  });

  const foreign: readonly (readonly [string, () => readonly [StandInContents, StandInFrame | null]])[] = [
    ['a frame that is gone', () => [contents(), null]],
    ['a detached frame', () => [contents(), Object.assign(contents().mainFrame, { detached: true })]],
    ['a frame inside the page', () => [contents(), standInFrame(`${origin}/`, origin, contents().mainFrame)]],
    [
      'a page from the web',
      () => [contents(), (contents().mainFrame = standInFrame('https://evil.example/', 'https://evil.example'))],
    ],
    [
      'a page whose name begins like ours',
      () => [contents(), (contents().mainFrame = standInFrame('app://coresift.evil/', 'app://coresift.evil'))],
    ],
    [
      'our address with a user name',
      () => [contents(), (contents().mainFrame = standInFrame('app://a@coresift/', origin))],
    ],
    [
      'a sandboxed frame of ours',
      () => [contents(), (contents().mainFrame = standInFrame(`${origin}/report/x`, 'null'))],
    ],
    [
      'contents that are no window of ours',
      () => {
        const other = new StandInContents();
        return [other, other.mainFrame];
      },
    ],
  ];
  it.each(foreign)('refuses %s, also with a file', async (_case, who) => {
    const [sender, frame] = who();
    expect(() => ask(sender, frame)).toThrow(/^Refused/);
    expect(frame?.posted ?? []).toEqual([]);
    const event = { sender, senderFrame: frame };
    expect(() => electron.handled.get('coresift:take')!(event, '/etc/passwd')).toThrow(/^Refused/);
    await expect(electron.handled.get('coresift:choose')!(event, 'file')).rejects.toThrow(/^Refused/);
    await expect(electron.handled.get('coresift:save')!(event, 'a.csv', 'x')).rejects.toThrow(/^Refused/);
    expect(electron.shown).toEqual([]);
  });
});

describe('the preload', () => {
  it('exposes five frozen functions and hands the port to our own origin only', async () => {
    const exposed: Record<string, unknown> = {};
    const renderer = Object.assign(new EventEmitter(), {
      invoked: [] as string[],
      invoke: (...rest: string[]) => void renderer.invoked.push(rest.join(' ')),
    });
    vi.doMock('electron', () => ({
      contextBridge: { exposeInMainWorld: (name: string, api: unknown) => (exposed[name] = api) },
      ipcRenderer: renderer,
      webUtils: { getPathForFile: (file: { name: string }) => `/data/${file.name}` },
    }));
    const posted: unknown[][] = [];
    vi.stubGlobal('window', { location: { origin }, postMessage: (...rest: unknown[]) => posted.push(rest) });
    await import('../../../src-main/hosts/electron/preload.ts');
    expect(Object.keys(exposed)).toEqual(['coresiftDesktop']);
    const api = exposed.coresiftDesktop as {
      requestPort: () => unknown;
      takeFile: (file: { name: string }) => unknown;
      chooseFile: (kind: string) => unknown;
      saveFile: (name: string, text: string) => unknown;
      onCommand: (listener: (...rest: unknown[]) => void) => () => void;
    };
    expect(Object.isFrozen(api)).toBe(true);
    expect(Object.keys(api)).toEqual(['requestPort', 'onCommand', 'takeFile', 'chooseFile', 'saveFile']);
    expect(api.requestPort()).toBeUndefined();
    void api.takeFile({ name: 'a.onnx' });
    void api.chooseFile('folder');
    void api.saveFile('a.csv', '1,2');
    expect(renderer.invoked).toEqual([
      'coresift:connect',
      'coresift:take /data/a.onnx',
      'coresift:choose folder',
      'coresift:save a.csv 1,2',
    ]);
    const told: unknown[][] = [];
    const stop = api.onCommand((...rest) => told.push(rest));
    renderer.emit('coresift:command', { sender: 'of Electron' }, 'palette');
    renderer.emit('coresift:command', {}, 'run-anything');
    stop();
    renderer.emit('coresift:command', {}, 'keys');
    expect(told).toEqual([['palette']]);
    const port = {};
    renderer.emit('coresift:port', { ports: [port] });
    expect(posted).toEqual([['coresift:port', origin, [port]]]);
    vi.unstubAllGlobals();
    vi.doUnmock('electron');
  });
});

describe('navigation', () => {
  it.each(['will-navigate', 'will-redirect', 'will-attach-webview'])('%s is prevented', (event) => {
    expect(prevented(contents(), event, { url: `${origin}/other` })).toBe(true);
  });

  it.each([
    ['the web', 'https://evil.example/', false, true],
    ['a file', 'file:///etc/passwd', false, true],
    ['the page itself in a frame', `${origin}/`, false, true],
    ['a report in the main frame', `${origin}/report/x`, true, true],
    ['a report of another origin', 'app://coresift.evil/report/x', false, true],
    ['a report in a frame', `${origin}/report/x`, false, false],
  ])('of a frame to %s', (_case, url, isMainFrame, stopped) => {
    expect(prevented(contents(), 'will-frame-navigate', { url, isMainFrame })).toBe(stopped);
  });

  it('by a new window is denied', () => {
    expect(contents().openHandler?.({ url: 'https://evil.example/' })).toEqual({ action: 'deny' });
    expect(contents().openHandler?.({ url: `${origin}/` })).toEqual({ action: 'deny' });
  });

  it('is denied to contents that come to be by any other way', () => {
    const other = new StandInContents();
    electron.app.emit('web-contents-created', {}, other);
    expect(prevented(other, 'will-navigate', { url: 'https://evil.example/' })).toBe(true);
    expect(other.openHandler?.({ url: origin })).toEqual({ action: 'deny' });
  });

  it('compares whole origins', () => {
    expect(isOurs('app://coresift/report/a?b#c')).toBe(true);
    for (const url of [
      'app://coresift.evil/',
      'app://evil/coresift',
      'http://coresift/',
      'app://coresift:80/',
      'app:coresift',
      '',
      'app://u:p@coresift/',
    ]) {
      expect(isOurs(url), url).toBe(false);
    }
  });
});

describe('the session', () => {
  const cancelled = (url: string): boolean => {
    let answer = false;
    electron.session.beforeRequest!({ url }, ({ cancel }) => (answer = cancel));
    return answer;
  };
  it.each([
    'https://example.org/',
    'http://127.0.0.1/',
    'ws://localhost/',
    'file:///etc/passwd',
    'ftp://a/',
    'app://other/',
    'data:text/html,x',
    'blob:https://evil.example/1',
    'chrome://gpu',
  ])('lets no request out to %s', (url) => expect(cancelled(url)).toBe(true));
  it.each([`${origin}/index.html`, `blob:${origin}/1-2`, 'data:image/png;base64,AA'])('lets through %s', (url) =>
    expect(cancelled(url)).toBe(false),
  );

  const page = { requestingUrl: `${origin}/`, isMainFrame: true };
  const permissions = [
    'media',
    'geolocation',
    'notifications',
    'openExternal',
    'clipboard-read',
    'fullscreen',
    'usb',
    'fileSystem',
    'unknown',
  ];
  it.each(permissions)('denies %s', (permission) => {
    let granted = true;
    electron.session.permissionRequest!(contents(), permission, (answer) => (granted = answer), page);
    expect(granted).toBe(false);
    expect(electron.session.permissionCheck!(contents(), permission, origin, page)).toBe(false);
  });

  it.each([
    ['our page', page, origin, true],
    ['a report in a frame of our page', { requestingUrl: `${origin}/report/x`, isMainFrame: false }, origin, false],
    [
      'a frame of our page that shows another',
      { requestingUrl: 'https://evil.example/', isMainFrame: false },
      'https://evil.example',
      false,
    ],
    ['another page', { requestingUrl: 'https://evil.example/', isMainFrame: true }, 'https://evil.example', false],
    [
      'who names our origin from another page',
      { requestingUrl: 'https://evil.example/', isMainFrame: true },
      origin,
      false,
    ],
    ['who names another origin from our page', page, 'https://evil.example', null],
  ])('lets copy text only our page, of all who may ask: %s', (_case, details, from, may) => {
    const permission = 'clipboard-sanitized-write';
    let granted: boolean | null = null;
    electron.session.permissionRequest!(contents(), permission, (answer) => (granted = answer), details);
    // A request names no origin besides its address.
    if (may !== null) expect(granted).toBe(may);
    expect(electron.session.permissionCheck!(contents(), permission, from, details)).toBe(may ?? false);
  });

  it('decides by the origin where no document asks, and then there is no main frame', () => {
    const check = electron.session.permissionCheck!;
    expect(check(null, 'clipboard-sanitized-write', origin, { isMainFrame: false })).toBe(false);
    expect(check(null, 'clipboard-sanitized-write', origin, { isMainFrame: true })).toBe(true);
  });

  it('denies devices, screens and downloads', () => {
    expect(electron.session.device!()).toBe(false);
    let given: object | null = null;
    electron.session.display!({}, (streams) => (given = streams));
    expect(given).toEqual({});
    for (const url of [`blob:${origin}/1-2`, `${origin}/index.html`, 'https://evil.example/'])
      expect(prevented(electron.session, 'will-download', { getURL: () => url }), url).toBe(true);
  });

  it('accepts no certificate it was asked about', () => {
    const decided: boolean[] = [];
    electron.app.emit(
      'certificate-error',
      { preventDefault: () => undefined },
      contents(),
      'https://x/',
      'e',
      {},
      (ok: boolean) => decided.push(ok),
    );
    expect(decided).toEqual([false]);
  });
});

describe('app://', () => {
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    electron.protocols.get('app')!(new Request(`${origin}${path}`, init));

  it('serves the page under a policy without any connection', async () => {
    const response = await get('/');
    expect(await response.text()).toContain('<title>Coresift');
    const policy = response.headers.get('Content-Security-Policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
  });

  it.each([
    '/../secret.html',
    '/%2e%2e/secret.html',
    '/..%2fsecret.html',
    '/%252e%252e%252fsecret.html',
    '/..%5csecret.html',
    '/linked.html',
    '/secret.html%00.html',
    '/report/x',
    '//etc/passwd',
    '/%',
  ])('does not find %s', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain(secret);
  });

  it('answers GET only, and our host only', async () => {
    expect((await get('/', { method: 'POST', body: 'x' })).status).toBe(405);
    const other = await electron.protocols.get('app')!(new Request('app://evil/index.html'));
    expect(other.status).toBe(421);
  });
});

describe('the end', () => {
  it('closes the use cases once, then quits', async () => {
    const close = vi.spyOn(useCases, 'close');
    expect(prevented(electron.app, 'before-quit')).toBe(true);
    await vi.waitFor(() => expect(electron.seen.quits).toBe(1));
    expect(prevented(electron.app, 'before-quit')).toBe(false);
    expect(close).toHaveBeenCalledTimes(1);
  });
});

describe('the engine process', () => {
  /** A `UtilityProcess` as Electron has it: at the end it emits 'exit', then takes all listeners off its pipes. */
  const fakeChild = () => {
    const child = Object.assign(new EventEmitter(), {
      stderr: new PassThrough(),
      stdout: new PassThrough(),
      posted: [] as unknown[],
      killed: 0,
      postMessage: (message: unknown) => void child.posted.push(message),
      kill: () => void (child.killed += 1),
      end(code: number) {
        child.emit('exit', code);
        for (const pipe of [child.stderr, child.stdout]) pipe.removeAllListeners();
      },
    });
    const forked: unknown[][] = [];
    const engine = utilityEngine(
      { fork: ((...rest: unknown[]) => (forked.push(rest), child)) as never },
      '/out/main/engine.js',
    )();
    const exits: unknown[] = [];
    engine.onExit((exit) => exits.push(exit));
    return { child, forked, engine, exits };
  };

  it('is a utility process with a small environment, that can be killed and leaves its last words', async () => {
    vi.stubEnv('SECRET_TOKEN', 'x');
    const { child, forked, engine, exits } = fakeChild();
    expect(forked[0]?.[0]).toBe('/out/main/engine.js');
    const options = forked[0]?.[2] as { env: object; execArgv: string[] };
    expect(options.env).not.toHaveProperty('SECRET_TOKEN');
    // ONNX Runtime would report to its maker.
    expect(options.env).toHaveProperty('ORT_DISABLE_TELEMETRY', '1');
    expect(options.execArgv).toEqual([`--js-flags=${engineFlags.join(' ')}`]);
    const got: unknown[] = [];
    engine.channel.onMessage((message) => got.push(message));
    engine.channel.send({ kind: 'exit' });
    child.emit('message', { kind: 'ready', pid: 1 });
    child.stderr.write('first\nbad allo');
    child.stderr.write('cation\n');
    engine.kill();
    child.end(9);
    child.stderr.end();
    await vi.waitFor(() => expect(exits).toEqual([{ code: 9, signal: null }]));
    expect(child.posted).toEqual([{ kind: 'exit' }]);
    expect(got).toEqual([{ kind: 'ready', pid: 1 }]);
    expect(child.killed).toBe(1);
    expect(engine.lastWords()).toEqual(['first', 'bad allocation']);
    vi.unstubAllEnvs();
  });

  it('is told to have ended only when its last words were read, which may come after its exit', async () => {
    const { child, engine, exits } = fakeChild();
    child.stderr.write('before\n');
    child.end(1);
    child.stderr.write('after\n');
    await new Promise((resolve) => setImmediate(resolve));
    expect(exits).toEqual([]);
    child.stderr.end('at the very end\n');
    await vi.waitFor(() => expect(exits).toHaveLength(1));
    expect(engine.lastWords()).toEqual(['before', 'after', 'at the very end']);
  });

  it('is told to have ended even where its pipe stays open', async () => {
    const { child, exits } = fakeChild();
    child.end(1);
    await vi.waitFor(() => expect(exits).toEqual([{ code: 1, signal: null }]), 5000);
  });

  it.each([
    [
      'as Node writes it',
      JSON.stringify({ header: { event: 'JavaScript heap\nout of memory' } }),
      ': JavaScript heap out of memory',
    ],
    ['cut off', '{"header": {"eve', ''],
    ['with something else in it', 'null', ''],
  ])('that V8 ends leaves what V8 said, and the application stands; the report is %s', async (_case, report, said) => {
    const { child, engine, exits } = fakeChild();
    // As every emitter does, it throws where nobody listens for its errors.
    expect(() => child.emit('error', 'FatalError', 'v8::Heap::Grow', report)).not.toThrow();
    child.end(139);
    child.stderr.end();
    await vi.waitFor(() => expect(exits).toHaveLength(1));
    expect(engine.lastWords()).toEqual([`FatalError in v8::Heap::Grow${said}`]);
  });
});

/** How the desktop application starts, and what it says where it cannot, against the stand-in of Electron and real projects. */
import Database from 'better-sqlite3';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../../src-main/audit/app.ts';
import { startDesktop } from '../../../src-main/hosts/electron/desktop.ts';
import { readKept } from '../../../src-main/hosts/electron/kept.ts';
import type { App } from '../../../src-shared/contract.ts';
import { electronStandIn, type StandInOptions } from '../../support/electron-stand-in.ts';
import { recordedApp } from '../../support/recorded-app.ts';

let folder: string;
let electron: ReturnType<typeof electronStandIn>;
let opened: App[];
let reported: unknown[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coresift-start-'));
  opened = [];
  reported = [];
});
afterEach(async () => {
  electron.end();
  for (const app of opened) await app.close();
  rmSync(folder, { recursive: true });
});

const noEngine = (): never => {
  throw new Error('No engine is needed to start.');
};
const realApp = async (project: string): Promise<App> => {
  const app = await createApp({ project, sample: folder, spawn: noEngine, settings: join(folder, 'settings.json') });
  opened.push(app);
  return app;
};

interface StartOptions extends StandInOptions {
  readonly argv?: readonly string[];
  readonly platform?: NodeJS.Platform;
  readonly createApp?: (folder: string | null) => Promise<App>;
  /** Answers to questions, in their order. */
  readonly box?: readonly number[];
  readonly files?: readonly string[][];
}
function start(over: StartOptions = {}): Promise<void> {
  electron = electronStandIn(over);
  electron.answers.box.push(...(over.box ?? []));
  electron.answers.files.push(...(over.files ?? []));
  return startDesktop(electron.parts, {
    rendererDir: folder,
    kept: join(folder, 'desktop.json'),
    argv: over.argv ?? ['coresift'],
    cwd: folder,
    platform: over.platform ?? 'linux',
    createApp: (_vault, chosen) => (over.createApp ?? ((dir) => realApp(dir ?? join(folder, 'default'))))(chosen),
    report: (error) => reported.push(error),
  });
}

describe('a project that cannot be opened at the start', () => {
  const broken: readonly (readonly [string, string, () => Promise<void>])[] = [
    [
      'its file is no database',
      'project',
      async () => {
        mkdirSync(join(folder, 'default'));
        writeFileSync(join(folder, 'default/project.sqlite'), 'no database at all');
      },
    ],
    [
      'a newer version wrote it',
      'newer version of Coresift',
      async () => {
        await (await realApp(join(folder, 'default'))).close();
        opened.length = 0;
        const file = new Database(join(folder, 'default/project.sqlite'));
        file.pragma('user_version = 9999');
        file.close();
      },
    ],
    [
      'another process writes to it',
      'Another Coresift process',
      async () => void (await realApp(join(folder, 'default'))),
    ],
  ];
  it.each(broken)('is said in its own words, and quitting is an answer: %s', async (_case, words, spoil) => {
    await spoil();
    await start({ box: [1] });
    expect(electron.asked).toHaveLength(1);
    expect(electron.asked[0]).toMatchObject({
      message: 'Coresift cannot open its project.',
      buttons: ['Choose another project folder…', 'Quit'],
      detail: expect.stringContaining(words) as string,
    });
    expect(electron.windows).toEqual([]);
    expect(electron.desk.exits).toEqual([2]);
    expect(reported).toHaveLength(1);
  });

  it('can be exchanged for another, as often as it takes, which is remembered; nothing chosen asks again', async () => {
    for (const name of ['default', 'second']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'project.sqlite'), 'no database at all');
    }
    const good = join(folder, 'good');
    await start({ locale: 'de', box: [0, 0, 0], files: [[], [join(folder, 'second')], [good]] });
    expect(electron.asked.map(({ message }) => message)).toEqual(
      new Array(3).fill('Coresift kann sein Projekt nicht öffnen.'),
    );
    expect(electron.windows).toHaveLength(1);
    expect(electron.desk.exits).toEqual([]);
    expect(
      (await opened[0]!.handlers['project.open']({ folder: null }, { signal: new AbortController().signal })).folder,
    ).toBe(good);
    expect(readKept(join(folder, 'desktop.json')).recent).toEqual([good]);
  });

  it('that fails with a bug leaves its message, with what could deceive spelled out', async () => {
    await start({ box: [1], createApp: () => Promise.reject(new Error('it broke\n\u202egnp.exe')) });
    expect(electron.asked[0]?.detail).toBe('it broke\n\\u{202E}gnp.exe');
    expect(electron.desk.exits).toEqual([2]);
  });
});

describe('what comes while the application starts', () => {
  function project(name: string): string {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'project.sqlite'), 'x');
    return join(folder, name);
  }

  it.each(['second-instance', 'open-file'])('by %s is opened once it has, in its one window', async (event) => {
    const dir = project('lab');
    const asked: (string | null)[] = [];
    const recorded = recordedApp();
    opened.push(recorded);
    const come = (): void => {
      if (event === 'open-file') electron.app.emit(event, { preventDefault: () => undefined }, dir);
      else electron.app.emit(event, {}, ['coresift', dir], '/');
    };
    for (const moment of ['createApp', 'settings.read'] as const) {
      asked.length = 0;
      await start({
        createApp: () => {
          if (moment === 'createApp') come();
          return Promise.resolve({
            ...recorded,
            handlers: {
              ...recorded.handlers,
              'settings.read': (request, context) => {
                if (moment === 'settings.read') come();
                return recorded.handlers['settings.read'](request, context);
              },
              'project.open': (request, context) => {
                asked.push(request.folder);
                return recorded.handlers['project.open'](request, context);
              },
            },
          });
        },
      });
      await vi.waitFor(() => expect(asked, moment).toEqual([dir]));
      expect(electron.windows).toHaveLength(1);
      electron.end();
    }
    expect(reported).toEqual([]);
  });
});

describe('the command line of the packaged application', () => {
  const walls = [
    ...['remote-debugging-port', 'remote-debugging-pipe', 'remote-debugging-address', 'remote-allow-origins'],
    ...['inspect', 'inspect-brk', 'inspect-port', 'js-flags', 'no-sandbox', 'disable-web-security'],
    ...['disable-site-isolation-trials', 'allow-file-access-from-files', 'ignore-certificate-errors'],
    ...['load-extension', 'proxy-server', 'proxy-pac-url', 'host-rules', 'gpu-launcher'],
    ...['renderer-cmd-prefix', 'utility-cmd-prefix'],
  ];
  const noApp = (): never => {
    throw new Error('Nothing is opened under such a switch.');
  };
  it.each(walls)('may not hold --%s, by whatever way it came there', async (name) => {
    for (const over of [
      { switches: [name] },
      { argv: ['coresift', `--${name}=1`] },
      { argv: ['coresift', `-${name}`] },
    ]) {
      await start({ packaged: true, box: [1], createApp: noApp, ...over });
      expect(electron.desk.exits).toEqual([4]);
      expect(electron.windows).toEqual([]);
      expect(electron.asked).toMatchObject([{ message: `Coresift does not run with --${name}.`, buttons: ['Quit'] }]);
      // It does not work while the dialog stands either.
      expect([...electron.given]).toEqual(name === 'no-sandbox' && over.switches !== undefined ? [name] : []);
      expect(electron.switches.get('host-resolver-rules')).toBe('MAP * ~NOTFOUND');
    }
  });

  it.each([
    ['one that is invented', '--a-new-way-in=9222', 'linux', 'a-new-way-in'],
    ['one that switches features', '--enable-features=Everything', 'linux', 'enable-features'],
    ['other rules for names', '--host-resolver-rules=MAP * 10.0.0.1', 'darwin', 'host-resolver-rules'],
    ['one as Windows writes it', '/Remote-Debugging-Port=1', 'win32', 'remote-debugging-port'],
    ['one in capitals, where they are the same', '--JS-FLAGS=--x', 'win32', 'js-flags'],
    ['what only looks like the number of a process', '-psn_0_x', 'darwin', 'psn_0_x'],
    ['a name that deceives', '--\u202eabc', 'linux', '\\u{202E}abc'],
  ] as const)('may not hold %s', async (_case, argument, platform, name) => {
    await start({ packaged: true, platform, box: [1], createApp: noApp, argv: ['coresift', 'lab', argument] });
    expect(electron.asked).toMatchObject([{ message: `Coresift does not run with --${name}.` }]);
    expect(electron.desk.exits).toEqual([4]);
    expect(electron.windows).toEqual([]);
  });

  it.each([
    ['Windows', 'win32', ['--original-process-start-time=13300000000000000', 'C:\\lab\\project.coresift']],
    ['an installer', 'win32', ['--squirrel-firstrun']],
    ['an installer that brought a newer one', 'win32', ['--updated']],
    ['a click on a notice', 'win32', ['-Embedding']],
    ['the Finder', 'darwin', ['-psn_0_123456']],
    ['a screen that needs it', 'linux', ['--ozone-platform=x11', '--force-device-scale-factor=2', '--disable-gpu']],
    ['a desktop without GNOME', 'linux', ['--password-store=kwallet6', '--lang=de']],
    ['a stick', 'linux', ['--user-data-dir=/media/stick/coresift']],
    ['nothing', 'linux', []],
    ['a file whose name looks like a switch', 'linux', ['--', '--js-flags=x']],
    ['a path and a single dash', 'linux', ['/lab', '-']],
  ] as const)('may hold what comes from %s', async (_case, platform, more) => {
    await start({ packaged: true, platform, argv: ['coresift', ...more] });
    expect(electron.asked).toEqual([]);
    expect(electron.desk.exits).toEqual([]);
    expect(electron.windows).toHaveLength(1);
  });

  it('is not looked at where the application is not packaged: tests drive it through switches', async () => {
    await start({ argv: ['electron', '.', '--remote-debugging-port=0'], switches: ['remote-debugging-port'] });
    expect(electron.windows).toHaveLength(1);
  });
});

describe('the entry of the application', () => {
  it('opens the real project where the system keeps such things, and says what nobody caught', async () => {
    electron = electronStandIn({ userData: folder });
    const utilityProcess = { fork: noEngine };
    vi.doMock('electron', () => ({ ...electron.parts, utilityProcess }));
    vi.stubEnv('XDG_CONFIG_HOME', folder);
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const names = ['uncaughtException', 'unhandledRejection'] as const;
    const before = new Set(names.flatMap((name) => process.listeners(name as 'uncaughtException')));
    try {
      await import('../../../src-main/hosts/electron/main.ts');
      await vi.waitFor(() => expect(electron.windows).toHaveLength(1));
      expect(existsSync(join(folder, 'project/project.sqlite'))).toBe(true);
      const [onException, onRejection] = names.map((name) => {
        const added = process.listeners(name as 'uncaughtException').filter((listener) => !before.has(listener));
        expect(added, name).toHaveLength(1);
        return added[0]!;
      });
      const [rejection, exception] = [new Error('nobody waited'), new Error('nobody caught')];
      onRejection!(rejection, 'unhandledRejection');
      expect(said).toHaveBeenLastCalledWith(rejection);
      expect(electron.desk.exits).toEqual([]);
      onException!(exception, 'uncaughtException');
      expect(said).toHaveBeenLastCalledWith(exception);
      expect(electron.desk.exits).toEqual([2]);
      electron.app.emit('before-quit', { preventDefault: () => undefined });
      await vi.waitFor(() => expect(electron.seen.quits).toBe(1));
    } finally {
      for (const name of names)
        for (const listener of process.listeners(name as 'uncaughtException'))
          if (!before.has(listener)) process.off(name, listener);
      said.mockRestore();
      vi.unstubAllEnvs();
      vi.doUnmock('electron');
    }
  });

  it('tells of a process of Chromium that ended, unless it ended as it should', async () => {
    await start();
    const gone = (reason: string): boolean => electron.app.emit('child-process-gone', {}, { type: 'GPU', reason });
    gone('clean-exit');
    expect(reported).toEqual([]);
    gone('crashed');
    gone('oom');
    expect(reported.map(String)).toEqual(['Error: A GPU process ended: crashed.', 'Error: A GPU process ended: oom.']);
    expect(electron.windows).toHaveLength(1);
  });
});

describe('Electron', () => {
  /** First stable release of each major, as the package registry dates it; looked at on 2026-11-26. */
  const stable: Readonly<Record<number, string>> = { 43: '2026-07-01', 44: '2026-08-25', 45: '2026-10-21' };
  /** The latest three majors are supported, and a new one comes every eight weeks. */
  const supportedDays = 3 * 8 * 7;

  /** What is wrong with building on `version` at `day`, and what to do; null when nothing is. */
  function unsupported(version: string, day: Date): string | null {
    const major = Number(/^(\d+)\.\d+\.\d+$/.exec(version)?.[1]);
    if (Number.isNaN(major)) return `Electron must be pinned to one version, met "${version}".`;
    const from = stable[major];
    const todo =
      'Take the newest Electron ("npm view electron dist-tags"), add the date of its major ("npm view electron time") ' +
      'to the table in this test, and run REQUIRE_ELECTRON=1 npm run test:e2e with its runtime before shipping it.';
    if (from === undefined) return `Electron ${major} is not in the table of supported majors. ${todo}`;
    const until = new Date(Date.parse(from) + supportedDays * 86_400_000);
    const said = until.toISOString().slice(0, 10);
    return day < until ? null : `Electron ${major} gets no security fixes since about ${said}. ${todo}`;
  }
  const version = (file: string): string =>
    (JSON.parse(readFileSync(join(import.meta.dirname, '../../..', file), 'utf8')) as Record<string, string>)[
      'version'
    ]!;

  it('is of a major that gets security fixes', () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const pinned = manifest.devDependencies['electron']!;
    expect(unsupported(pinned, new Date('2026-11-26'))).toBeNull();
    // What the calendar does is said, and no reason to refuse a change that has nothing to do with it.
    const overdue = unsupported(pinned, new Date());
    if (overdue !== null) console.warn(overdue);
    expect(version('node_modules/electron/package.json')).toBe(pinned);
  });

  it('that is too old, unknown or not pinned is found, with what to do', () => {
    expect(unsupported('44.0.0', new Date('2027-02-08'))).toBeNull();
    expect(unsupported('44.0.0', new Date('2027-02-09'))).toMatch(/since about 2027-02-09.*npm view electron/);
    expect(unsupported('42.9.9', new Date('2026-12-01'))).toMatch(/not in the table.*npm view electron/);
    expect(unsupported('^45.0.0', new Date('2026-12-01'))).toMatch(/pinned/);
  });
});

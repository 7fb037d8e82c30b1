/** The native menus: what the page can do, with keys, and the roles every application has. */
import type { MenuItemConstructorOptions } from 'electron';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import type { PageCommand } from '../../../src-shared/page-commands.ts';
import type { Work } from './work-watch.ts';

export interface MenuActs {
  readonly page: (command: PageCommand) => void;
  readonly cancelWork: () => void;
  readonly pauseRun: () => void;
  readonly continueRun: () => void;
  readonly openProject: () => void;
  readonly openPack: () => void;
  readonly openRecent: (folder: string) => void;
}

export interface MenuFacts {
  readonly platform: NodeJS.Platform;
  readonly words: NativeWords['menu'];
  readonly recent: readonly string[];
  /** What is going on, which can be cancelled, and under which no other project can be opened. */
  readonly work: Work['kind'] | null;
  /** Whether the run that is going on is paused. */
  readonly paused: boolean;
}

/** Developer tools are in no menu: no window has them (`webPreferences`). */
export function menuTemplate(
  { platform, words, recent, work, paused }: MenuFacts,
  acts: MenuActs,
): MenuItemConstructorOptions[] {
  const mac = platform === 'darwin';
  const page = (label: string, command: PageCommand, accelerator?: string): MenuItemConstructorOptions => ({
    label,
    click: () => acts.page(command),
    ...(accelerator === undefined ? {} : { accelerator }),
  });
  const settings = page(words.settings, 'settings', 'CmdOrCtrl+,');
  // An ampersand in a folder's name would be taken for a mnemonic.
  const literal = (text: string): string => text.replaceAll('&', '&&');
  const recents: MenuItemConstructorOptions[] =
    recent.length === 0
      ? [{ label: words.noRecent, enabled: false }]
      : recent.map((folder) => ({
          label: literal(folder),
          enabled: work === null,
          click: () => acts.openRecent(folder),
        }));
  return [
    ...(mac
      ? [
          {
            label: 'Coresift',
            submenu: [
              { role: 'about' as const, label: words.about },
              { type: 'separator' as const },
              settings,
              { type: 'separator' as const },
              { role: 'hide' as const },
              { role: 'hideOthers' as const },
              { role: 'unhide' as const },
              { type: 'separator' as const },
              { role: 'quit' as const },
            ],
          },
        ]
      : []),
    {
      label: words.file,
      submenu: [
        page(words.newAudit, 'new', 'CmdOrCtrl+N'),
        {
          label: words.openProject,
          accelerator: 'CmdOrCtrl+O',
          enabled: work === null,
          click: () => acts.openProject(),
        },
        { label: words.recent, submenu: recents },
        { type: 'separator' },
        { label: words.openPack, accelerator: 'CmdOrCtrl+Shift+O', click: () => acts.openPack() },
        ...(mac
          ? []
          : [{ type: 'separator' as const }, settings, { type: 'separator' as const }, { role: 'quit' as const }]),
      ],
    },
    {
      label: words.edit,
      submenu: [
        { role: 'undo' },
        { role: 'redo' },
        { type: 'separator' },
        { role: 'cut' },
        { role: 'copy' },
        { role: 'paste' },
        { role: 'selectAll' },
      ],
    },
    {
      label: words.view,
      submenu: [
        page(words.palette, 'palette', 'CmdOrCtrl+K'),
        { type: 'separator' },
        page(words.start, 'start', 'CmdOrCtrl+1'),
        page(words.history, 'history', 'CmdOrCtrl+2'),
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { role: 'togglefullscreen' },
      ],
    },
    {
      label: words.run,
      submenu: [
        {
          label: paused ? words.goOn : words.pause,
          accelerator: 'CmdOrCtrl+Shift+P',
          // Cells of a matrix and replays are processes that nobody holds.
          enabled: work === 'run',
          click: () => (paused ? acts.continueRun() : acts.pauseRun()),
        },
        {
          label: { run: words.cancel, matrix: words.cancelMatrix, replay: words.cancelReplay }[work ?? 'run'],
          accelerator: 'CmdOrCtrl+.',
          enabled: work !== null,
          click: () => acts.cancelWork(),
        },
      ],
    },
    { label: words.window, role: 'windowMenu' },
    {
      label: words.help,
      role: 'help',
      submenu: [
        page(words.guide, 'help', 'F1'),
        page(words.keys, 'keys'),
        ...(mac ? [] : [{ type: 'separator' as const }, { role: 'about' as const, label: words.about }]),
      ],
    },
  ];
}

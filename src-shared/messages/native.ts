/** What the desktop application says outside its page: menus, dialogs, notifications. */
import type { FileKind } from '../desktop-files.ts';

export interface NativeWords {
  readonly menu: {
    readonly file: string;
    readonly newAudit: string;
    readonly openProject: string;
    readonly openPack: string;
    readonly recent: string;
    readonly noRecent: string;
    readonly settings: string;
    readonly edit: string;
    readonly view: string;
    readonly palette: string;
    readonly start: string;
    readonly history: string;
    readonly run: string;
    readonly pause: string;
    readonly goOn: string;
    readonly cancel: string;
    readonly cancelMatrix: string;
    readonly cancelReplay: string;
    readonly window: string;
    readonly help: string;
    readonly guide: string;
    readonly keys: string;
    readonly about: string;
  };
  /** When there is no page yet that could say it. */
  readonly starting: {
    readonly failed: string;
    readonly choose: string;
    readonly quit: string;
    readonly refused: (name: string) => string;
    readonly refusedDetail: string;
  };
  readonly quit: {
    readonly ask: (run: number) => string;
    readonly detail: string;
    readonly askMatrix: (matrix: number) => string;
    readonly detailMatrix: string;
    readonly askReplay: (run: number) => string;
    readonly detailReplay: string;
    readonly stay: string;
    readonly interrupt: string;
  };
  readonly ended: {
    readonly title: Readonly<Record<'finished' | 'failed' | 'cancelled', string>>;
    readonly text: (run: number, encoder: string, dataset: string) => string;
    readonly titleMatrix: Readonly<Record<'finished' | 'failed' | 'cancelled', string>>;
    readonly textMatrix: (matrix: number, done: number, cells: number) => string;
    readonly titleReplay: Readonly<Record<'finished' | 'failed' | 'cancelled', string>>;
    /** `differing` = what came out differently; null when it is not known. */
    readonly textReplay: (run: number, differing: number | null) => string;
  };
  readonly page: {
    readonly hangs: string;
    readonly hangsDetail: string;
    readonly wait: string;
    readonly reload: string;
    readonly died: string;
    readonly diedDetail: string;
    readonly close: string;
  };
  readonly link: { readonly title: string; readonly detail: string; readonly copy: string };
  readonly opening: {
    readonly failed: string;
    readonly busy: string;
    readonly pack: (file: string) => string;
    readonly fits: (n: number) => string;
    readonly differs: (n: number) => string;
    readonly unseen: (n: number) => string;
    readonly origin: string;
    readonly project: string;
    readonly packFile: string;
  };
  /** Titles of the dialogs that the page asks for. */
  readonly files: Readonly<Record<FileKind | 'save', string>>;
}

const en: NativeWords = {
  menu: {
    file: '&File',
    newAudit: 'New audit',
    openProject: 'Open project…',
    openPack: 'Verify audit pack…',
    recent: 'Open recent',
    noRecent: 'No recent project',
    settings: 'Settings',
    edit: '&Edit',
    view: '&View',
    palette: 'Search or command…',
    start: 'Start page',
    history: 'History',
    run: '&Run',
    pause: 'Pause run',
    goOn: 'Continue run',
    cancel: 'Cancel run',
    cancelMatrix: 'Cancel planted attacks',
    cancelReplay: 'Cancel the replay',
    window: '&Window',
    help: '&Help',
    guide: 'Help and glossary',
    keys: 'Keys of this view',
    about: 'About Coresift',
  },
  starting: {
    failed: 'Coresift cannot open its project.',
    choose: 'Choose another project folder…',
    quit: 'Quit',
    refused: (name) => `Coresift does not run with --${name}.`,
    refusedDetail:
      'Switches that are not known to be harmless may open the application to other programs or take a wall away. Start it without.',
  },
  quit: {
    ask: (run) => `Run ${run} is going on. Interrupt it and quit?`,
    detail: 'What is committed stays. The run can be resumed later and ends with the same bytes.',
    askMatrix: (matrix) => `Planted attacks ${matrix} are going on. Interrupt them and quit?`,
    detailMatrix: 'Finished cells stay; the one at work begins anew when they are resumed.',
    askReplay: (run) => `The replay of run ${run} is going on. Interrupt it and quit?`,
    detailReplay: 'Nothing of the replay is kept; the run itself is not touched.',
    stay: 'Keep running',
    interrupt: 'Interrupt and quit',
  },
  ended: {
    title: { finished: 'Audit finished', failed: 'Audit failed', cancelled: 'Audit cancelled' },
    text: (run, encoder, dataset) => `Run ${run}: ${encoder}, ${dataset}`,
    titleMatrix: {
      finished: 'Planted attacks finished',
      failed: 'Planted attacks failed',
      cancelled: 'Planted attacks cancelled',
    },
    textMatrix: (matrix, done, cells) => `Planted attacks ${matrix}: ${done} of ${cells} cells`,
    titleReplay: { finished: 'Replay finished', failed: 'Replay failed', cancelled: 'Replay cancelled' },
    textReplay: (run, differing) =>
      differing === null
        ? `Run ${run}`
        : differing === 0
          ? `Run ${run}: everything came out the same`
          : `Run ${run}: ${differing} ${differing === 1 ? 'result differs' : 'results differ'}`,
  },
  page: {
    hangs: 'The page does not respond.',
    hangsDetail: 'A run that is going on is not affected: it lives in a process of its own.',
    wait: 'Wait',
    reload: 'Load the page anew',
    died: 'The page ended twice and was not loaded again.',
    diedDetail: 'A run that is going on is not affected. Close the window and open it again, or quit.',
    close: 'Close',
  },
  link: {
    title: 'Coresift opens no connection.',
    detail: 'To read this, copy the address and open it where you have a network:',
    copy: 'Copy the address',
  },
  opening: {
    failed: 'This could not be opened.',
    busy: 'A run is going on. Cancel it or wait for its end before another project is opened.',
    pack: (file) => `Audit pack ${file}`,
    fits: (n) => `${n} ${n === 1 ? 'check fits' : 'checks fit'}.`,
    differs: (n) => `${n} ${n === 1 ? 'check does' : 'checks do'} not fit:`,
    unseen: (n) => `${n} could not be checked:`,
    origin: 'Without a public key this proves that nothing was changed, not who made it ("coresift verify --key").',
    project: 'Coresift project',
    packFile: 'Coresift audit pack',
  },
  files: {
    file: 'File that Coresift may read',
    folder: 'Folder that Coresift may read',
    target: 'Folder that Coresift may write into',
    save: 'Save a file of Coresift',
  },
};

const de: NativeWords = {
  menu: {
    file: '&Datei',
    newAudit: 'Neue Prüfung',
    openProject: 'Projekt öffnen…',
    openPack: 'Prüfpaket verifizieren…',
    recent: 'Zuletzt geöffnet',
    noRecent: 'Kein Projekt bisher',
    settings: 'Einstellungen',
    edit: '&Bearbeiten',
    view: '&Ansicht',
    palette: 'Suche oder Befehl…',
    start: 'Startseite',
    history: 'Verlauf',
    run: '&Lauf',
    pause: 'Lauf anhalten',
    goOn: 'Lauf weiterführen',
    cancel: 'Lauf abbrechen',
    cancelMatrix: 'Gepflanzte Angriffe abbrechen',
    cancelReplay: 'Wiederholung abbrechen',
    window: '&Fenster',
    help: '&Hilfe',
    guide: 'Hilfe und Glossar',
    keys: 'Tasten dieser Ansicht',
    about: 'Über Coresift',
  },
  starting: {
    failed: 'Coresift kann sein Projekt nicht öffnen.',
    choose: 'Anderen Projektordner wählen…',
    quit: 'Beenden',
    refused: (name) => `Coresift läuft nicht mit --${name}.`,
    refusedDetail:
      'Schalter, die nicht als harmlos bekannt sind, können die Anwendung für andere Programme öffnen oder einen Schutz wegnehmen. Bitte ohne starten.',
  },
  quit: {
    ask: (run) => `Lauf ${run} ist im Gang. Unterbrechen und beenden?`,
    detail: 'Was festgeschrieben ist, bleibt. Der Lauf lässt sich später fortsetzen und endet mit denselben Bytes.',
    askMatrix: (matrix) => `Gepflanzte Angriffe ${matrix} sind im Gang. Unterbrechen und beenden?`,
    detailMatrix: 'Fertige Zellen bleiben; die angefangene beginnt beim Fortsetzen von vorn.',
    askReplay: (run) => `Die Wiederholung von Lauf ${run} ist im Gang. Unterbrechen und beenden?`,
    detailReplay: 'Von der Wiederholung bleibt nichts; der Lauf selbst wird nicht berührt.',
    stay: 'Weiterlaufen lassen',
    interrupt: 'Unterbrechen und beenden',
  },
  ended: {
    title: { finished: 'Prüfung fertig', failed: 'Prüfung gescheitert', cancelled: 'Prüfung abgebrochen' },
    text: (run, encoder, dataset) => `Lauf ${run}: ${encoder}, ${dataset}`,
    titleMatrix: {
      finished: 'Gepflanzte Angriffe fertig',
      failed: 'Gepflanzte Angriffe gescheitert',
      cancelled: 'Gepflanzte Angriffe abgebrochen',
    },
    textMatrix: (matrix, done, cells) => `Gepflanzte Angriffe ${matrix}: ${done} von ${cells} Zellen`,
    titleReplay: {
      finished: 'Wiederholung fertig',
      failed: 'Wiederholung gescheitert',
      cancelled: 'Wiederholung abgebrochen',
    },
    textReplay: (run, differing) =>
      differing === null
        ? `Lauf ${run}`
        : differing === 0
          ? `Lauf ${run}: alles kam gleich heraus`
          : `Lauf ${run}: ${differing} ${differing === 1 ? 'Ergebnis weicht' : 'Ergebnisse weichen'} ab`,
  },
  page: {
    hangs: 'Die Seite antwortet nicht.',
    hangsDetail: 'Ein laufender Lauf ist nicht betroffen: er hat einen eigenen Prozess.',
    wait: 'Warten',
    reload: 'Seite neu laden',
    died: 'Die Seite endete zweimal und wurde nicht wieder geladen.',
    diedDetail: 'Ein laufender Lauf ist nicht betroffen. Fenster schließen und neu öffnen, oder beenden.',
    close: 'Schließen',
  },
  link: {
    title: 'Coresift öffnet keine Verbindung.',
    detail: 'Zum Lesen die Adresse kopieren und dort öffnen, wo es ein Netz gibt:',
    copy: 'Adresse kopieren',
  },
  opening: {
    failed: 'Das ließ sich nicht öffnen.',
    busy: 'Ein Lauf ist im Gang. Vor einem anderen Projekt ihn abbrechen oder sein Ende abwarten.',
    pack: (file) => `Prüfpaket ${file}`,
    fits: (n) => `${n} ${n === 1 ? 'Prüfung passt' : 'Prüfungen passen'}.`,
    differs: (n) => `${n} ${n === 1 ? 'Prüfung passt' : 'Prüfungen passen'} nicht:`,
    unseen: (n) => `${n} nicht prüfbar:`,
    origin:
      'Ohne öffentlichen Schlüssel zeigt das, dass nichts verändert wurde, nicht, von wem es stammt ("coresift verify --key").',
    project: 'Coresift-Projekt',
    packFile: 'Coresift-Prüfpaket',
  },
  files: {
    file: 'Datei, die Coresift lesen darf',
    folder: 'Ordner, den Coresift lesen darf',
    target: 'Ordner, in den Coresift schreiben darf',
    save: 'Eine Datei von Coresift speichern',
  },
};

export function nativeWords(language: 'en' | 'de'): NativeWords {
  return language === 'de' ? de : en;
}

// Guards, and what is left when one is taken away. Each must make a test of its attack fail: a test that stays green
// without the guard guards nothing.
/** @typedef {{ name: string, file: string, guard: string, without: string, test: string }} Mutation */

/** @type {readonly Mutation[]} */
export const mutations = [
  {
    name: 'a foreign page may take the port',
    file: 'src-main/hosts/electron/security.ts',
    guard: 'if (!isOurs(frame.url) || frame.origin !== origin)',
    without: 'if (false)',
    test: 'test/unit/hosts/electron.test.ts',
  },
  {
    name: 'a window of ours sends requests to the network',
    file: 'src-main/hosts/electron/security.ts',
    guard: 'decide({ cancel: !own })',
    without: 'decide({ cancel: false && own })',
    test: 'test/unit/hosts/electron.test.ts',
  },
  {
    name: 'a frame of the page has what the page has',
    file: 'src-main/hosts/electron/security.ts',
    guard: '&& isMainFrame &&',
    without: '&&',
    test: 'test/unit/hosts/electron.test.ts',
  },
  {
    name: 'the packaged application runs under a switch that nobody knows',
    file: 'src-main/hosts/electron/switches.ts',
    guard: '.find((name) => !isAllowed(name))',
    without: '.find((name) => walls.some((wall) => wall === name))',
    test: 'test/unit/hosts/desktop-start.test.ts',
  },
  {
    name: 'a refused switch works while a dialog says so',
    file: 'src-main/hosts/electron/desktop.ts',
    guard: 'disarm(app, argv, platform);',
    without: '',
    test: 'test/unit/hosts/desktop-start.test.ts',
  },
  {
    name: 'a replay ends with its window before anybody was asked',
    file: 'src-main/hosts/electron/desktop.ts',
    guard: "if (leaving() || active()?.kind !== 'replay') return;",
    without: 'return;',
    test: 'test/unit/hosts/desktop-work.test.ts',
  },
  {
    name: 'a page names a path that nobody gave it',
    file: 'src-main/hosts/given-files.ts',
    guard: "if (known === undefined) throw new ExpectedError('path-not-given', name);",
    without: 'if (known === undefined) return token;',
    test: 'test/unit/hosts/desktop-files.test.ts',
  },
  {
    name: 'a page writes into what was given to be read',
    file: 'src-main/hosts/given-files.ts',
    guard: "if (use === 'write' && known.use !== 'write')",
    without: 'if (false)',
    test: 'test/unit/hosts/desktop-files.test.ts',
  },
  {
    name: 'a file of any kind is opened as a pack',
    file: 'src-main/hosts/electron/open-files.ts',
    guard: 'return startsAsZip(path) ?',
    without: 'return path !== "" ?',
    test: 'test/unit/hosts/desktop.test.ts',
  },
  {
    name: 'a link below the page leads to another file',
    file: 'src-main/hosts/page-files.ts',
    guard: '!file.startsWith(base + sep) ||',
    without: '',
    test: 'test/exploit/loopback.test.ts',
  },
  {
    name: 'another site drives the loopback server',
    file: 'src-main/hosts/loopback/server.ts',
    guard: 'origin !== undefined && !hosts.some(',
    without: 'origin !== undefined && false && !hosts.some(',
    test: 'test/exploit/loopback.test.ts',
  },
  {
    name: 'a manifest reads outside its folder',
    file: 'src-main/formats/paths.ts',
    guard: "if (part === '..')",
    without: "if (part === '…')",
    test: 'test/exploit/manifests.test.ts',
  },
  {
    name: 'an archive hides a second file under one name',
    file: 'src-main/formats/archives/archive.ts',
    guard: 'names.compare(order[i - 1], order[i]) === 0',
    without: 'false',
    test: 'test/exploit/archives.test.ts',
  },
  {
    name: 'a file name is markup in the report',
    file: 'src-shared/text.ts',
    guard: 'return text.replace(/[&<>"\'`]/g, (c) => `&#${c.charCodeAt(0)};`);',
    without: 'return text;',
    test: 'test/exploit/hostile-names-in-report.test.ts',
  },
];

/** Files into and out of the desktop window: native dialogs, tokens instead of paths, and which fields of requests are paths. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDesktop } from '../../../src-main/hosts/electron/desktop.ts';
import { safeName } from '../../../src-main/hosts/electron/file-dialogs.ts';
import { givenFiles } from '../../../src-main/hosts/given-files.ts';
import { useOf, withPaths, type FileUse, type SchemaShape } from '../../../src-main/hosts/request-paths.ts';
import { checkRequest, requestSchemas } from '../../../src-main/hosts/requests.ts';
import { auditRequest } from '../../../src-shared/domain/request.ts';
import { shownName, type Saved } from '../../../src-shared/desktop-files.ts';
import { electronStandIn } from '../../support/electron-stand-in.ts';
import { recordedApp } from '../../support/recorded-app.ts';

let folder: string;
let electron: ReturnType<typeof electronStandIn>;
let reported: unknown[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coresift-files-'));
  electron = electronStandIn();
  reported = [];
  await startDesktop(electron.parts, {
    rendererDir: folder,
    kept: join(folder, 'state', 'desktop.json'),
    argv: ['coresift'],
    cwd: folder,
    platform: 'linux',
    createApp: () => Promise.resolve(recordedApp()),
    report: (error) => reported.push(error),
  });
});
afterEach(() => {
  electron.end();
  rmSync(folder, { recursive: true });
});

const window = () => electron.windows[0]!;
const ask = <T>(channel: string, ...rest: unknown[]): Promise<T> =>
  electron.handled.get(channel)!(
    { sender: window().webContents, senderFrame: window().webContents.mainFrame },
    ...rest,
  ) as Promise<T>;
const choose = (kind: unknown): Promise<string | null> => ask('coresift:choose', kind);
const save = (name: unknown, text: unknown): Promise<Saved> => ask('coresift:save', name, text);

describe('a file that leaves the window', () => {
  it('is written where the user says, and the page learns its name and no folder', async () => {
    const path = join(folder, 'mine.csv');
    electron.answers.files.push([path]);
    expect(await save('../../etc/selection.csv', 'a,b\r\n')).toEqual({ state: 'saved', name: 'mine.csv' });
    expect(readFileSync(path, 'utf8')).toBe('a,b\r\n');
    expect(electron.shown).toMatchObject([{ of: 'save', options: { defaultPath: 'selection.csv' } }]);
    expect(electron.shown[0]?.window).toBe(window());
    // A file that was there is replaced as a whole, and nothing is left beside it.
    electron.answers.files.push([path]);
    await save('selection.csv', 'c');
    expect(readFileSync(path, 'utf8')).toBe('c');
    expect(readdirSync(folder).filter((name) => name.includes('mine'))).toEqual(['mine.csv']);
  });

  it('is not written when the dialog is left, and the page is told', async () => {
    expect(await save('a.csv', 'x')).toEqual({ state: 'cancelled' });
    expect(readdirSync(folder)).not.toContain('a.csv');
  });

  it('that the system does not take is said not to be saved, and one of that name stays as it was', async () => {
    const taken = join(folder, 'taken');
    mkdirSync(join(taken, 'full'), { recursive: true });
    for (const path of [join(folder, 'missing', 'a.pem'), taken]) {
      electron.answers.files.push([path]);
      expect(await save('a.pem', 'x')).toMatchObject({
        state: 'failed',
        failure: { kind: 'expected', code: 'file-not-saved' },
      });
    }
    expect(reported).toHaveLength(2);
    expect(existsSync(join(taken, 'full'))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it.each([
    ['selection.csv', 'selection.csv'],
    ['../../.bashrc', 'bashrc'],
    ['/etc/passwd', 'passwd'],
    ['C:\\Windows\\win.ini', 'win.ini'],
    ['a\u202egpj.exe', 'a_gpj.exe'],
    ['a\nb\0.pem', 'a_b_.pem'],
    ['CON.pem', '_CON.pem'],
    ['a.pem. . ', 'a.pem'],
    ['..', 'coresift'],
    ['', 'coresift'],
    ['a'.repeat(500), 'a'.repeat(120)],
  ])('%j is offered under the name %j', (asked, offered) => expect(safeName(asked)).toBe(offered));

  it('is a text of a bounded length with a name, or it is refused before any dialog', async () => {
    await expect(save(7, 'x')).rejects.toThrow(/^Refused/);
    await expect(save('a', new Uint8Array(3))).rejects.toThrow(/^Refused/);
    await expect(save('a', 'x'.repeat(2 ** 28 + 1))).rejects.toThrow(/^Refused/);
    expect(electron.shown).toEqual([]);
  });
});

describe('a file that is chosen', () => {
  it('comes as a token with its base name; the kind decides between file and folder and nothing else does', async () => {
    const kinds = [
      ['file', 'openFile'],
      ['folder', 'openDirectory'],
      ['target', 'createDirectory'],
    ] as const;
    for (const [kind, property] of kinds) {
      electron.answers.files.push(['/data/strange/net.onnx']);
      const token = await choose(kind);
      expect(token).toMatch(/^given:[A-Za-z0-9_-]{22}\/net\.onnx$/);
      expect(shownName(token ?? '')).toBe('net.onnx');
      const { options, window: parent } = electron.shown.at(-1)!;
      expect(options.properties).toContain(property);
      expect(options.properties.includes('openFile')).toBe(kind === 'file');
      expect(options.defaultPath).toBeUndefined();
      expect(parent).toBe(window());
    }
  });

  it('is nothing when the dialog is left, and no dialog opens for a kind nobody knows', async () => {
    expect(await choose('file')).toBeNull();
    for (const kind of ['multiSelections', '', 7, null, { properties: ['openFile'] }])
      await expect(choose(kind)).rejects.toThrow(/^Refused/);
    expect(electron.shown).toHaveLength(1);
  });

  it('has one dialog at a time, with those for saving', async () => {
    const done = Promise.withResolvers<undefined>();
    electron.answers.wait = done.promise;
    electron.answers.files.push(['/data/a']);
    const first = choose('folder');
    await expect(choose('file')).rejects.toThrow(/another dialog/);
    await expect(save('a', 'x')).rejects.toThrow(/another dialog/);
    expect(electron.shown).toHaveLength(1);
    done.resolve(undefined);
    expect(await first).toMatch(/\/a$/);
    electron.answers.files.push(['/data/b']);
    expect(await choose('file')).toMatch(/\/b$/);
  });
});

describe('a token', () => {
  it('stands for its path, with a name that draws what it is', () => {
    const files = givenFiles();
    const token = files.take('/data/odd\u202e\n name ', 'read');
    expect(shownName(token)).toBe('odd\\u{202E}\\u{A} name');
    expect(files.pathOf(token, 'read')).toBe('/data/odd\u202e\n name ');
    expect(checkRequest('pack.verify', { path: token, key: null })).toEqual({ path: token, key: null });
    expect(shownName('/typed/path')).toBe('/typed/path');
  });

  it('for something to read opens no folder to write into; one to write into may be read', () => {
    const files = givenFiles();
    expect(() => files.pathOf(files.take('/data/images', 'read'), 'write')).toThrow(/to be read/);
    expect(files.pathOf(files.take('/out', 'write'), 'read')).toBe('/out');
  });

  it.each(['/etc/passwd', 'relative', '\\\\evil\\share', 'given:', 'given:x/passwd', `given:${'A'.repeat(22)}/a`])(
    '%s was never given',
    (text) =>
      expect(() => givenFiles().pathOf(text, 'read')).toThrow(expect.objectContaining({ code: 'path-not-given' })),
  );

  it('is forgotten when 256 later ones were given', () => {
    const files = givenFiles();
    const first = files.take('/a', 'read');
    for (let n = 0; n < 255; n++) files.take('/b', 'read');
    expect(files.pathOf(first, 'read')).toBe('/a');
    files.take('/b', 'read');
    expect(() => files.pathOf(first, 'read')).toThrow();
  });
});

/** Every field of text there is, by its place below the procedure; `inUnion`: where paths would not be found. */
function textFields(
  schema: SchemaShape & { readonly options?: readonly unknown[]; readonly key?: SchemaShape },
  place: string,
  inUnion = false,
): { readonly place: string; readonly use: FileUse | null; readonly inUnion: boolean }[] {
  const below = (one: SchemaShape | undefined, name: string) =>
    one === undefined ? [] : textFields(one, `${place}${name}`, inUnion);
  switch (schema.type) {
    case 'string':
      return [{ place, use: useOf(schema), inUnion }];
    case 'nullable':
    case 'optional':
    case 'exact_optional':
      return below(schema.wrapped, '');
    case 'strict_object':
      return Object.entries(schema.entries ?? {}).flatMap(([name, one]) => below(one, `.${name}`));
    case 'array':
      return below(schema.item, '[]');
    case 'tuple':
      return (schema.items ?? []).flatMap((one, at) => below(one, `[${at}]`));
    case 'record':
      return below(schema.value, '{}');
    case 'union':
      return (schema.options as readonly SchemaShape[]).flatMap((one) => textFields(one, place, true));
    case 'number':
    case 'boolean':
    case 'picklist':
    case 'literal':
    case 'null':
      return [];
    default:
      throw new Error(`${place}: this test does not know whether "${schema.type}" can hold a path.`);
  }
}

const fields = Object.entries(requestSchemas).flatMap(([name, schema]) => textFields(schema, name));

describe('every field of text that a page can send', () => {
  /** Names of fields that are no paths: what each is bounded to is in requests.ts. */
  const words = new Set([
    ...['runId', 'id', 'name', 'pem', 'given', 'passphrase', 'tap', 'value', 'reason', 'subject', 'key'],
    ...['device', 'arch', 'representation', 'overrides{}'],
  ]);

  it('is a path that the host resolves, or known to be none', () => {
    const unknown = fields.filter(
      ({ place, use }) =>
        use === null && !place.includes('.declarations.') && !words.has(place.slice(place.lastIndexOf('.') + 1)),
    );
    expect(unknown.map(({ place }) => place)).toEqual([]);
    expect(fields.filter(({ use, inUnion }) => use !== null && inUnion)).toEqual([]);
  });

  it('and is called as paths are called is one, for reading or for writing', () => {
    const wanted = (place: string): FileUse | null => {
      if (place === 'pack.verify.key') return 'read';
      const name = place.slice(place.lastIndexOf('.') + 1);
      if (/^(encoder|dataset|classes|path|file|baseline|report|pack)s?$/i.test(name)) return 'read';
      return /^(out|folder|dir|directory|target)$/i.test(name) ? 'write' : null;
    };
    for (const { place, use } of fields) if (!place.includes('.declarations.')) expect(use, place).toBe(wanted(place));
    expect(fields.filter(({ use }) => use !== null).length).toBeGreaterThanOrEqual(13);
  });

  it('is refused in the desktop window where it names a path itself, whichever field it stands in', () => {
    const files = givenFiles();
    const { mode: _mode, preset: _preset, seed: _seed, ...looked } = auditRequest('/x', '/x');
    const requests = {
      'project.open': { folder: '/x' },
      'run.start': { request: { ...auditRequest('/x', '/x'), classes: '/x' }, out: '/x' },
      'audit.preview': { ...looked, encoder: '/x', dataset: '/x', classes: '/x' },
      'model.inspect': { path: '/x', limits: {} },
      'run.export': { runId: 'r', formats: ['safetensors'], out: '/x' },
      'report.write': {
        ...{ runId: 'r', formats: ['pdf'], language: 'en', paper: 'A4', cyclonedx: '1.6', redact: false },
        ...{ declarations: null, baseline: '/x', out: '/x', key: 'lab', passphrase: null },
      },
      'pack.verify': { path: '/x', key: '/x' },
      'attacks.start': {
        request: {
          ...{ encoders: ['none'], datasets: ['badnets'], target: 0, samples: 100 },
          ...{ inputs: { encoder: '/x', dataset: '/x' }, test: 50, preset: 'quick', mode: 'paper', seeds: [1] },
        },
      },
    } as const;
    let paths = 0;
    for (const [name, request] of Object.entries(requests)) {
      const checked = checkRequest(name as keyof typeof requests, request);
      const schema = requestSchemas[name as keyof typeof requests];
      const seen: string[] = [];
      const resolved = withPaths(schema, checked, (text, use) => {
        seen.push(use);
        expect(() => files.pathOf(text, use)).toThrow(expect.objectContaining({ code: 'path-not-given' }));
        return '/resolved';
      });
      paths += seen.length;
      expect(JSON.stringify(resolved)).not.toContain('"/x"');
      expect(withPaths(schema, checked, (text) => text)).toEqual(checked);
    }
    // One more procedure with a path needs one more request here.
    expect(paths).toBe(fields.filter(({ use }) => use !== null).length);
  });
});

/** Signing keys of the desktop application: in the operating system's key store where there is one, else encrypted. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../../src-main/audit/app.ts';
import { createKey, openKey } from '../../../src-main/audit/keys.ts';
import { startDesktop } from '../../../src-main/hosts/electron/desktop.ts';
import { systemVault } from '../../../src-main/hosts/electron/vault.ts';
import type { App, Contract } from '../../../src-shared/contract.ts';
import { portChannel, type PortLike } from '../../../src-shared/rpc/channels.ts';
import { connect, type Client } from '../../../src-shared/rpc/connect.ts';
import { electronStandIn, type StandInOptions } from '../../support/electron-stand-in.ts';

let folder: string;
let keys: string;
let app: App;
let electron: ReturnType<typeof electronStandIn>;
let page: Client<Contract>;

const noEngine = (): never => {
  throw new Error('No engine is needed for keys.');
};

async function start(options: StandInOptions = {}): Promise<void> {
  electron = electronStandIn(options);
  const report = (error: unknown): never => {
    throw error;
  };
  await startDesktop(electron.parts, {
    rendererDir: folder,
    kept: join(folder, 'desktop.json'),
    argv: [],
    cwd: folder,
    platform: process.platform,
    createApp: async (vault) => {
      const settings = join(folder, 'settings.json');
      return (app = await createApp({
        project: join(folder, 'project'),
        sample: folder,
        spawn: noEngine,
        settings,
        keys,
        vault,
      }));
    },
    report,
  });
  const contents = electron.windows[0]!.webContents;
  electron.handled.get('coresift:connect')!({ sender: contents, senderFrame: contents.mainFrame });
  page = connect<Contract>(portChannel(contents.mainFrame.posted.at(-1)!.ports[0]!.node as unknown as PortLike));
}
async function stop(): Promise<void> {
  electron.end();
  await app.close();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coresift-desktop-keys-'));
  keys = join(folder, 'keys');
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

const pkcs8 = /PRIVATE KEY/;

describe('with a key store of the operating system', () => {
  beforeEach(() => start());

  it.each(['ed25519', 'p256'] as const)(
    'a key of kind %s is made without a passphrase and lies sealed',
    async (kind) => {
      const made = await page.call('keys.create', { name: 'lab', kind, passphrase: null });
      expect(made).toMatchObject({ name: 'lab', kind, keptBy: 'key-store' });
      expect(await page.call('keys.list', {})).toEqual({ keeps: 'key-store', keys: [made] });
      expect(readdirSync(keys).sort()).toEqual(['lab.key.sealed', 'lab.pub.pem']);
      expect(readFileSync(join(keys, 'lab.key.sealed'), 'latin1')).not.toMatch(pkcs8);
      const vault = systemVault(electron.parts.safeStorage, 'linux')!;
      const { pem } = await page.call('keys.export', { name: 'lab', half: 'public', passphrase: null });
      const hash = kind === 'ed25519' ? null : 'sha256';
      const signature = sign(hash, Buffer.from('x'), openKey(keys, 'lab', vault));
      expect(verify(hash, Buffer.from('x'), createPublicKey(pem), signature)).toBe(true);
    },
  );

  it('its private half leaves under a new passphrase only, and comes in again', async () => {
    const { id } = await page.call('keys.create', { name: 'lab', kind: 'ed25519', passphrase: null });
    const ask = (passphrase: string | null) => page.call('keys.export', { name: 'lab', half: 'private', passphrase });
    await expect(ask(null)).rejects.toMatchObject({ code: 'key-unusable' });
    await expect(ask('')).rejects.toMatchObject({ code: 'key-unusable' });
    const { pem } = await ask('on its way');
    expect(pem).toMatch(/BEGIN ENCRYPTED PRIVATE KEY/);
    expect(() => createPrivateKey({ key: pem, passphrase: 'another' })).toThrow();
    const again = { name: 'again', pem, given: 'on its way', passphrase: null };
    expect(await page.call('keys.import', again)).toMatchObject({ id, keptBy: 'key-store' });
    await expect(page.call('keys.import', { ...again, name: 'wrong', given: 'another' })).rejects.toMatchObject({
      code: 'key-unusable',
    });
    await expect(page.call('keys.import', again)).rejects.toMatchObject({ code: 'key-exists' });
  });

  it('what another user or machine sealed, or a changed byte, is said not to open', async () => {
    await page.call('keys.create', { name: 'lab', kind: 'ed25519', passphrase: null });
    const ask = () => page.call('keys.export', { name: 'lab', half: 'private', passphrase: 'x' });
    const file = join(keys, 'lab.key.sealed');
    const sealed = readFileSync(file);
    sealed[40]! ^= 1;
    writeFileSync(file, sealed);
    await expect(ask()).rejects.toMatchObject({ code: 'key-unusable' });
    writeFileSync(file, electronStandIn().parts.safeStorage.encryptString('x'));
    await expect(ask()).rejects.toMatchObject({ code: 'key-unusable' });
    expect(() => openKey(keys, 'lab', 'a passphrase')).toThrow(/key store of the operating system/);
  });

  it('a key that the command line made stays under its passphrase', async () => {
    createKey(keys, 'shell', 'p256', 'secret');
    expect((await page.call('keys.list', {})).keys).toMatchObject([{ name: 'shell', keptBy: 'passphrase' }]);
    const { pem } = await page.call('keys.export', { name: 'shell', half: 'private', passphrase: null });
    expect(() => createPrivateKey({ key: pem, passphrase: 'secret' })).not.toThrow();
  });

  it('a name that would leave the folder goes no further than the door', async () => {
    for (const name of ['../x', '.x', 'a/b', '']) {
      await expect(page.call('keys.create', { name, kind: 'p256', passphrase: null })).rejects.toMatchObject({
        code: 'request-invalid',
      });
    }
  });
});

describe.each(['basic_text', 'unknown', null] as const)('where the key store is %s', (keyStore) => {
  it.runIf(process.platform === 'linux')(
    'a key is kept in an encrypted file, and never without a passphrase',
    async () => {
      await start({ keyStore });
      const make = (passphrase: string | null) =>
        page.call('keys.create', { name: 'lab', kind: 'ed25519', passphrase });
      expect(await page.call('keys.list', {})).toEqual({ keeps: 'passphrase', keys: [] });
      await expect(make(null)).rejects.toMatchObject({ code: 'key-unusable' });
      expect(await make('secret')).toMatchObject({ keptBy: 'passphrase' });
      expect(readFileSync(join(keys, 'lab.key.pem'), 'utf8')).toMatch(/BEGIN ENCRYPTED PRIVATE KEY/);
    },
  );
});

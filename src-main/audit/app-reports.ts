/** The use cases of a page about what leaves the application: signing keys, reports written anew, packs verified. */
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { AppProcedures, Handlers } from '../../src-shared/contract.ts';
import type { KeyInfo } from '../../src-shared/domain/signing-key.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { connectEngine } from '../engine/jobs/client.ts';
import type { ProjectReader } from '../store/reader.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { digestFile } from './files.ts';
import {
  createKey,
  exportEncrypted,
  exportKey,
  importKey,
  isSealed,
  listKeys,
  openKey,
  type Guard,
  type KeyFacts,
  type Vault,
} from './keys.ts';
import { writeReports } from './report.ts';
import type { EngineSpawner } from './spawn-engine.ts';

export interface ReportDesk {
  /** Folder of the keys. */
  readonly keys: string;
  /** The key store of the operating system; null where this host has none. */
  readonly vault: Vault | null;
  readonly spawn: EngineSpawner;
  readonly reader: () => ProjectReader;
}

type Procedure = 'keys.list' | 'keys.create' | 'keys.import' | 'keys.export' | 'report.write' | 'pack.verify';

export function reportHandlers({ keys, vault, spawn, reader }: ReportDesk): Pick<Handlers<AppProcedures>, Procedure> {
  /** How a new key is kept: in the key store where there is one. */
  const guardOfNew = (passphrase: string | null): Guard => vault ?? passphrase ?? '';
  const guardOf = (name: string, passphrase: string | null): Guard =>
    vault !== null && isSealed(keys, name) ? vault : (passphrase ?? '');

  return {
    'keys.list': async () => ({
      keeps: vault === null ? ('passphrase' as const) : ('key-store' as const),
      keys: listKeys(keys).map(told),
    }),
    'keys.create': async ({ name, kind, passphrase }) => told(createKey(keys, name, kind, guardOfNew(passphrase))),
    'keys.import': async ({ name, pem, given, passphrase }) =>
      told(importKey(keys, name, pem, given, guardOfNew(passphrase))),
    'keys.export': async ({ name, half, passphrase }) => ({
      pem:
        half === 'private' && isSealed(keys, name)
          ? exportEncrypted(keys, name, guardOf(name, null), passphrase ?? '')
          : exportKey(keys, name, half),
    }),
    'report.write': async ({ runId, out, key, passphrase, ...wish }, { signal }) => {
      const { summary } = reader().run(runId);
      const { dir } = reader();
      const folder = out === null ? join(dir, 'reports', String(summary.number).padStart(4, '0')) : resolve(out);
      const signer = key === null ? null : openKey(keys, key, guardOf(key, passphrase));
      const engine = connectEngine<EngineProtocol>(spawn());
      try {
        const paths = await writeReports(
          {
            ...wish,
            baseline: wish.baseline === null ? null : resolve(wish.baseline),
            project: dir,
            run: summary.id,
            out: folder,
            marking: null,
            key: signer,
          },
          async (record, format, options = {}) => [
            ...(await engine.run('render', { record, format, options: plain(options) }, { signal })),
          ],
        );
        return { folder, files: await Promise.all(paths.map(written)) };
      } finally {
        await engine.close();
      }
    },
    'pack.verify': async ({ path, key }, { signal }) => {
      const file = resolve(path);
      if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
        throw new ExpectedError('file-missing', `${file} is not a file.`);
      const engine = connectEngine<EngineProtocol>(spawn());
      try {
        return await engine.run('verify', { path: file, key: key === null ? null : resolve(key) }, { signal });
      } finally {
        await engine.close();
      }
    },
  };
}

/** Where its file lies is not for a page. */
function told({ name, kind, id, keptBy }: KeyFacts): KeyInfo {
  return { name, kind, id, keptBy };
}

/** An order holds more than a renderer needs, a key among it. */
function plain({ language, paper, cyclonedx }: EngineProtocol['jobs']['render']['request']['options']) {
  return {
    ...(language === undefined ? {} : { language }),
    ...(paper === undefined ? {} : { paper }),
    ...(cyclonedx === undefined ? {} : { cyclonedx }),
  };
}

async function written(path: string): Promise<{ name: string; bytes: number; sha256: string }> {
  return { name: basename(path), ...(await digestFile(path)) };
}

/** `coresift keys create|import|export|list` */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import {
  createKey,
  exportKey,
  importKey,
  keyFolder,
  listKeys,
  type KeyFacts,
  type KeyKind,
} from '../../../audit/keys.ts';
import type { ExitCode } from '../failure-text.ts';
import { passphraseFrom } from '../passphrase.ts';
import type { CliEnvironment } from '../program.ts';

export interface KeyFlags {
  readonly keys?: string;
  readonly type: KeyKind;
  readonly file?: string;
  readonly private?: boolean;
  readonly passphraseFile?: string;
  readonly fromPassphraseFile?: string;
  readonly json?: boolean;
}

export async function runKeysCommand(
  act: 'create' | 'import' | 'export' | 'list',
  name: string,
  flags: KeyFlags,
  { stdout, cwd }: CliEnvironment,
): Promise<ExitCode> {
  const dir = flags.keys === undefined ? keyFolder() : resolve(cwd, flags.keys);
  const file = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(cwd, path));
  const print = (facts: KeyFacts): void => {
    stdout.write(
      flags.json === true
        ? `${JSON.stringify({ type: 'key', ...facts })}\n`
        : `${facts.name} ${facts.kind} ${facts.id}\n`,
    );
  };
  switch (act) {
    case 'create':
      print(createKey(dir, name, flags.type, await passphraseFrom(file(flags.passphraseFile))));
      return 0;
    case 'import': {
      const from = file(flags.file);
      if (from === undefined) throw new ExpectedError('usage', '--file is missing: the private key in PEM.');
      const old = flags.fromPassphraseFile === undefined ? null : await passphraseFrom(file(flags.fromPassphraseFile));
      print(importKey(dir, name, read(from), old, await passphraseFrom(file(flags.passphraseFile))));
      return 0;
    }
    case 'export':
      stdout.write(exportKey(dir, name, flags.private === true ? 'private' : 'public'));
      return 0;
    case 'list':
      listKeys(dir).forEach(print);
      return 0;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ExpectedError('file-missing', file, { cause: error });
  }
}

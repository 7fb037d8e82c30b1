/** The passphrase of a key: from the environment, from a file, or asked for at a terminal. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ExpectedError } from '../../../src-shared/failure.ts';

export const passphraseVariable = 'CORESIFT_PASSPHRASE';

/** The first line of the file counts. @throws ExpectedError key-unusable when there is none and nobody to ask */
export async function passphraseFrom(file: string | undefined, question = 'Passphrase: '): Promise<string> {
  if (file !== undefined) {
    try {
      return readFileSync(file, 'utf8').split(/\r?\n/)[0];
    } catch (error) {
      throw new ExpectedError('file-missing', file, { cause: error });
    }
  }
  const set = process.env[passphraseVariable];
  if (set !== undefined && set !== '') return set;
  if (!process.stdin.isTTY) {
    throw new ExpectedError('key-unusable', `No passphrase: set ${passphraseVariable} or give --passphrase-file.`);
  }
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

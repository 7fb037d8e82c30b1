/** Files the user gave the desktop window, by dropping or choosing them: the host keeps the path, the page a token for it. */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { fileToken, shownName } from '../../src-shared/desktop-files.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { visibleName } from '../../src-shared/text.ts';
import type { FileUse } from './request-paths.ts';

export interface GivenFiles {
  /** @returns the token for `path`. @throws ExpectedError file-missing for what lies on no disk */
  take(path: string, use: FileUse): string;
  /** The path a token stands for. @throws ExpectedError path-not-given for a token never given, or given for another use */
  pathOf(token: string, use: FileUse): string;
}

const mostKept = 256;
const longestName = 200;

export function givenFiles(): GivenFiles {
  const given = new Map<string, { readonly path: string; readonly use: FileUse }>();
  return {
    take(path, use) {
      if (path === '') throw new ExpectedError('file-missing', 'What was dropped lies on no disk.');
      // A root has no base name. The page trims what it sends.
      const name = [...visibleName(basename(path) || path)].slice(0, longestName).join('').trim();
      const token = fileToken(randomBytes(16).toString('base64url'), name);
      given.set(token, { path, use });
      const [oldest] = given.keys();
      if (given.size > mostKept && oldest !== undefined) given.delete(oldest);
      return token;
    },
    pathOf(token, use) {
      const known = given.get(token);
      const name = visibleName(shownName(token));
      if (known === undefined) throw new ExpectedError('path-not-given', name);
      if (use === 'write' && known.use !== 'write') {
        throw new ExpectedError('path-not-given', `${name} was given to be read, not to be written into.`);
      }
      return known.path;
    },
  };
}

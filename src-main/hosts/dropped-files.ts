/** Files that were dropped onto a page: the host keeps the path, the page holds a token that stands for it. */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';

export interface DroppedFiles {
  /** @returns "dropped:<id>/<name>"; the name is for the eye only. @throws ExpectedError file-missing for what lies on no disk */
  take(path: string): string;
  /** The path a token stands for; any other text as it is. @throws ExpectedError file-missing for a token never given */
  pathOf(text: string): string;
}

const prefix = 'dropped:';
const mostKept = 256;

export function droppedFiles(): DroppedFiles {
  const paths = new Map<string, string>();
  return {
    take(path) {
      if (path === '') throw new ExpectedError('file-missing', 'What was dropped lies on no disk.');
      const token = `${prefix}${randomBytes(16).toString('base64url')}/${basename(path)}`;
      paths.set(token, path);
      const [oldest] = paths.keys();
      if (paths.size > mostKept && oldest !== undefined) paths.delete(oldest);
      return token;
    },
    pathOf(text) {
      if (!text.startsWith(prefix)) return text;
      const path = paths.get(text);
      if (path === undefined) throw new ExpectedError('file-missing', `Nothing was dropped as ${text}.`);
      return path;
    },
  };
}

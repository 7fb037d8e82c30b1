/** `coresift verify`: an audit folder against its digests, all of it against the journal, the journal against itself. */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { verifyFolder, type FinishedRun, type ProjectFindings } from '../report/verify.ts';
import { verifyProject } from '../store/chain.ts';
import { openReader } from '../store/reader.ts';
import { readPublic } from './keys.ts';
import { folderOf } from './run-folder.ts';

/**
 * A pack where `path` is a file, else a folder.
 * @param keyFile PEM of the public key that must have signed the pack
 * @throws ExpectedError file-missing, not-a-project, pack-malformed, key-unusable, usage (a key for a folder)
 */
export async function verifyAny(path: string, keyFile: string | null): Promise<Check[]> {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  if (isFile) {
    const { verifyPack } = await import('./verify-pack.ts');
    return verifyPack(path, keyFile === null ? null : readPublic(readKey(keyFile)));
  }
  if (keyFile !== null) throw new ExpectedError('usage', `--key is for a pack; ${path} is not a file.`);
  return verifyPath(path);
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ExpectedError('file-missing', file, { cause: error });
  }
}

/**
 * Checks a project folder, an audit folder, or one with the project inside. Damage is a check that failed, not an error.
 * @throws ExpectedError file-missing, not-a-project (the path is neither)
 */
export function verifyPath(path: string): Check[] {
  return verifyFolder(path, {
    verifyProject(dir, expectedHeads): ProjectFindings {
      const checks = verifyProject(dir, { expectedHeads });
      try {
        return { checks, runs: finishedRuns(dir) };
      } catch (error) {
        if (!(error instanceof ExpectedError)) throw error;
        const what = 'project: files its runs wrote';
        return { checks: [...checks, { what, ok: false, detail: error.message }], runs: [] };
      }
    },
  });
}

/** @throws ExpectedError project-corrupt and what else keeps a project from being read */
function finishedRuns(dir: string): FinishedRun[] {
  const reader = openReader(dir);
  try {
    const finished = reader.listRuns().filter((run) => run.state === 'finished');
    return finished.map(({ id, number }) => {
      // A file may be recorded again after a resumed run wrote it anew: the last row counts.
      // What `coresift export` wrote elsewhere has an absolute path and is not part of the folder.
      const own = reader.exports(id).filter((file) => !isAbsolute(file.path));
      const digests = new Map(own.map((file) => [file.path, file.sha256]));
      return { number, folder: folderOf(dir, reader.run(id).environment), digests };
    });
  } finally {
    reader.close();
  }
}

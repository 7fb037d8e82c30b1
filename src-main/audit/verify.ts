/** `coresift verify`: an audit folder against its digests, all of it against the journal, the journal against itself. */
import { isAbsolute } from 'node:path';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { verifyFolder, type FinishedRun, type ProjectFindings } from '../report/verify.ts';
import { verifyProject } from '../store/chain.ts';
import { openReader } from '../store/reader.ts';
import { folderOf } from './run-folder.ts';

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

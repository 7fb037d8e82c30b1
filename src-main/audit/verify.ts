/** `coresift verify`: an audit folder against its digests, the report against the journal, the journal against itself. */
import type { Check } from '../../src-shared/domain/check.ts';
import { verifyFolder } from '../report/verify.ts';
import { verifyProject } from '../store/chain.ts';

/**
 * Checks a project folder, an audit folder, or one with the project inside. Damage is a check that failed, not an error.
 * @throws ExpectedError file-missing, not-a-project (the path is neither)
 */
export function verifyPath(path: string): Check[] {
  return verifyFolder(path, { verifyProject: (dir, expectedHeads) => verifyProject(dir, { expectedHeads }) });
}

/** `coresift verify`: what an audit folder or a project holds against the digests it states. Changes nothing. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { visibleName } from '../../src-shared/text.ts';
import { checkRelativePath } from '../formats/paths.ts';
import { systemFailure } from '../formats/system.ts';
import { manifestName, parseManifest } from '../report/manifest.ts';
import { verifyProject } from '../store/chain.ts';
import type { ChainHead } from '../store/entries.ts';

/** Folder of the project within an audit folder, unless `--project` said otherwise. */
const projectName = 'project';
const databaseName = 'project.sqlite';

/**
 * Checks a project folder, or an audit folder with the project inside it. Damage is a check that failed, not an error.
 * @throws ExpectedError file-missing, not-a-project (the path is neither)
 */
export function verifyPath(path: string): Check[] {
  if (!existsSync(path)) throw new ExpectedError('file-missing', path);
  if (existsSync(join(path, databaseName))) return verifyProject(path);
  if (!existsSync(join(path, manifestName))) {
    throw new ExpectedError('not-a-project', `${path} holds neither ${databaseName} nor ${manifestName}.`);
  }
  const checks = verifyManifest(path);
  const project = join(path, projectName);
  if (!existsSync(join(project, databaseName))) return checks;
  const head = journalHead(path);
  return [...checks, ...verifyProject(project, head === null ? {} : { expectedHeads: [head] })];
}

/** Every line of the manifest, and every file of the folder that it does not speak for. */
export function verifyManifest(folder: string): Check[] {
  const lines = parseManifest(readText(join(folder, manifestName)));
  const named = new Set<string>([manifestName, projectName]);
  const checks = lines.map((line): Check => {
    if (line.kind === 'unreadable') {
      return { what: `${manifestName}, line ${line.line}`, ok: false, detail: 'is not "digest *name".' };
    }
    named.add(line.path);
    return verifyFile(folder, line.path, line.sha256);
  });
  if (lines.length === 0) checks.push({ what: manifestName, ok: false, detail: 'is empty.' });
  const strangers = readdirSync(folder).filter((name) => !named.has(name));
  return [
    ...checks,
    ...strangers.map((name) => ({
      what: visibleName(name),
      ok: false,
      detail: `is in the folder, but not in ${manifestName}.`,
    })),
  ];
}

function verifyFile(folder: string, name: string, stated: string): Check {
  const what = visibleName(name);
  const checked = checkRelativePath(name);
  if (!checked.ok) return { what, ok: false, detail: `is not looked at: ${checked.reason}.` };
  const path = join(folder, ...checked.parts);
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return { what, ok: false, detail: 'is missing.' };
  if (!status.isFile()) return { what, ok: false, detail: 'is not a regular file.' };
  const met = digest(path);
  const ok = met === stated;
  return { what, ok, detail: ok ? `${status.size} bytes, SHA-256 ${met}` : `SHA-256 is ${met}, stated is ${stated}.` };
}

function digest(path: string): string {
  try {
    const hash = createHash('sha256');
    const block = Buffer.allocUnsafe(1 << 20);
    const file = openSync(path, 'r');
    try {
      for (let got = readSync(file, block); got > 0; got = readSync(file, block)) hash.update(block.subarray(0, got));
    } finally {
      closeSync(file);
    }
    return hash.digest('hex');
  } catch (error) {
    throw systemFailure(error, path);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw systemFailure(error, path);
  }
}

/** The journal's last entry when the report was written, as the report states it; null when it states none. */
function journalHead(folder: string): ChainHead | null {
  const file = join(folder, 'report.json');
  if (!existsSync(file)) return null;
  let record: unknown;
  try {
    record = JSON.parse(readText(file));
  } catch {
    // A report that is no JSON any more has already failed against its digest.
    return null;
  }
  const head = (record as { journal?: { head?: { seq?: unknown; hash?: unknown } } } | null)?.journal?.head;
  return typeof head?.seq === 'number' && typeof head.hash === 'string' ? { seq: head.seq, hash: head.hash } : null;
}

/** Verifies what an audit wrote, offline: every file against MANIFEST.sha256, the record against the files and the journal. */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { visibleName } from '../../src-shared/text.ts';
import { manifestName, parseManifest } from './manifest.ts';
import { recordSchema } from './record.ts';

export interface JournalHead {
  readonly seq: number;
  readonly hash: string;
}

export interface VerifyOptions {
  /**
   * Verifies a project folder and that its journal still has these entries (the store's `verifyProject`). Without it, a
   * project that is met is said not to have been looked at.
   */
  readonly verifyProject?: (dir: string, expectedHeads: readonly JournalHead[]) => Check[];
}

/** Larger ones are not read: a manifest or record of ours stays far below. */
const textLimit = 256 * 1024 * 1024;

/**
 * Verifies an output folder, a project folder, or a folder with both. What does not fit is data: a check that is not ok
 * and names the file. Nothing outside `dir` is opened, whatever the manifest says; links are not followed.
 * @throws ExpectedError `file-missing` when `dir` is not a folder, `not-a-project` when it holds neither manifest nor project.
 */
export function verifyFolder(dir: string, options: VerifyOptions = {}): Check[] {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) throw new ExpectedError('file-missing', dir);
  const { files, projects, oddities } = walk(dir);
  const hasManifest = files.includes(manifestName);
  if (!hasManifest && projects.length === 0) {
    throw new ExpectedError('not-a-project', `${dir} holds neither ${manifestName} nor project.sqlite.`);
  }
  const checks: Check[] = [...oddities];
  let heads: readonly JournalHead[] = [];
  if (hasManifest) {
    const manifest = verifyManifest(dir, files);
    const record = verifyRecord(dir, files, manifest.digests);
    checks.push(...manifest.checks, ...record.checks);
    heads = record.heads;
  }
  for (const project of projects) {
    const name = project === '' ? 'project.sqlite' : `${visibleName(project)}/project.sqlite`;
    const verified = options.verifyProject?.(join(dir, project), heads);
    checks.push(...(verified ?? [{ what: name, ok: false, detail: 'The journal of this project was not looked at.' }]));
  }
  return checks;
}

interface Walk {
  /** Regular files, by their path below the folder with forward slashes. */
  readonly files: string[];
  /** Folders that hold a project; '' for the folder itself. */
  readonly projects: string[];
  readonly oddities: Check[];
}

/** A project's own files change while it is used; the journal vouches for them, not the manifest. */
const projectFiles = /^(project\.sqlite(-wal|-shm|-journal|\.v\d+\.bak)?|project\.lock)$/;
const projectFolders = new Set(['blobs', 'cache']);

function walk(dir: string): Walk {
  const found: Walk = { files: [], projects: [], oddities: [] };
  const visit = (folder: string): void => {
    const isProject = lstatSync(join(dir, folder, 'project.sqlite'), { throwIfNoEntry: false })?.isFile() === true;
    if (isProject) found.projects.push(folder);
    for (const entry of readdirSync(join(dir, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!(isProject && projectFolders.has(entry.name))) visit(path);
      } else if (entry.isFile()) {
        if (!(isProject && projectFiles.test(entry.name))) found.files.push(path);
      } else {
        const kind = entry.isSymbolicLink() ? 'a link' : 'not a regular file';
        found.oddities.push({ what: visibleName(path), ok: false, detail: `It is ${kind}; it was not opened.` });
      }
    }
  };
  visit('');
  found.files.sort();
  return found;
}

function verifyManifest(dir: string, files: readonly string[]): { checks: Check[]; digests: Map<string, string> } {
  const checks: Check[] = [];
  const digests = new Map<string, string>();
  const fault = (what: string, detail: string): void => void checks.push({ what, ok: false, detail });
  const text = readText(join(dir, manifestName));
  if (text === null)
    return { checks: [{ what: manifestName, ok: false, detail: 'It is too large to be one.' }], digests };
  const present = new Set(files);
  const seen = new Set<string>();
  for (const line of parseManifest(text)) {
    if (line.kind === 'unreadable') {
      fault(manifestName, `Line ${line.line} is not a digest and a name.`);
      continue;
    }
    const name = visibleName(line.path);
    const trick = pathTrick(line.path);
    if (trick !== null) fault(name, `The manifest names ${trick}; it was not opened.`);
    else if (seen.has(line.path)) fault(name, 'The manifest names it twice.');
    else if (!present.has(line.path)) fault(name, 'It is in the manifest, but not in the folder as a regular file.');
    else {
      const met = digestOf(join(dir, line.path));
      digests.set(line.path, met);
      if (met === line.sha256) checks.push({ what: name, ok: true, detail: met });
      else fault(name, `It was changed: SHA-256 is ${met}, the manifest says ${line.sha256}.`);
    }
    seen.add(line.path);
  }
  if (seen.size === 0) fault(manifestName, 'It names no file.');
  for (const path of files) {
    if (path !== manifestName && !seen.has(path))
      fault(visibleName(path), 'It is in the folder, but not in the manifest.');
  }
  return { checks, digests };
}

/** What is wrong with a manifest's path, or null: only plain names below the folder are opened. */
function pathTrick(path: string): string | null {
  if (path.startsWith('/') || path.startsWith('\\') || /^[A-Za-z]:/.test(path)) return 'an absolute path';
  if (path.includes('\0')) return 'a path with a NUL character';
  if (path.includes('\\')) return 'a path with a backslash';
  const parts = path.split('/');
  if (parts.includes('..')) return 'a path that leaves the folder';
  if (parts.includes('.') || parts.includes('')) return 'a path that is not in its plain form';
  return path === manifestName ? 'itself' : null;
}

function verifyRecord(
  dir: string,
  files: readonly string[],
  digests: ReadonlyMap<string, string>,
): { checks: Check[]; heads: JournalHead[] } {
  const what = 'report.json';
  if (!files.includes(what)) return { checks: [], heads: [] };
  const record = parseRecord(readText(join(dir, what)));
  if (record === null) {
    return { checks: [{ what, ok: false, detail: 'It is not a record that this version can read.' }], heads: [] };
  }
  const differing = record.outputs.filter((output) => digests.get(output.path) !== output.sha256);
  const checks = differing.map((output) => ({
    what: `${what}: ${visibleName(output.path)}`,
    ok: false,
    detail: `The report gives ${visibleName(output.sha256)} for it, the folder has ${digests.get(output.path) ?? 'no such file'}.`,
  }));
  const whole = { what, ok: true, detail: `Its ${record.outputs.length} outputs are the files of this folder.` };
  return { checks: checks.length === 0 ? [whole] : checks, heads: [record.head] };
}

interface RecordFacts {
  readonly outputs: readonly { readonly path: string; readonly sha256: string }[];
  readonly head: JournalHead;
}

function parseRecord(text: string | null): RecordFacts | null {
  try {
    const value = JSON.parse(text ?? '') as {
      $schema?: unknown;
      outputs?: { path?: unknown; sha256?: unknown }[];
      journal?: { head?: { seq?: unknown; hash?: unknown } };
    };
    const head = value.journal?.head;
    if (value.$schema !== recordSchema || !Array.isArray(value.outputs)) return null;
    if (typeof head?.seq !== 'number' || typeof head.hash !== 'string') return null;
    const outputs = value.outputs.map(({ path, sha256 }) => ({ path: String(path), sha256: String(sha256) }));
    return { outputs, head: { seq: head.seq, hash: head.hash } };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

function readText(path: string): string | null {
  return lstatSync(path).size > textLimit ? null : readFileSync(path, 'utf8');
}

function digestOf(path: string): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

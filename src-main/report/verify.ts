/** Verifies what an audit wrote, offline: every file against MANIFEST.sha256 and the journal, the record against both. */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { visibleName } from '../../src-shared/text.ts';
import { manifestName, parseManifest } from './manifest.ts';
import { pathTrick } from './paths.ts';
import { recordSchema } from './record.ts';

export interface JournalHead {
  readonly seq: number;
  readonly hash: string;
}

/** A finished run, as its project's journal tells it. */
export interface FinishedRun {
  readonly number: number;
  /** Absolute path of the folder it wrote to. */
  readonly folder: string;
  /** SHA-256 (hexadecimal) of every file it wrote, by path below the folder. */
  readonly digests: ReadonlyMap<string, string>;
}

export interface ProjectFindings {
  readonly checks: readonly Check[];
  readonly runs: readonly FinishedRun[];
}

export interface VerifyOptions {
  /** Files that something else vouches for, by name; and whether the journal is verified elsewhere, as in a pack. */
  readonly outside?: ReadonlySet<string>;
  readonly journalElsewhere?: boolean;
  /**
   * Verifies a project folder and that its journal still has these entries, and tells what its runs wrote. Without it, a
   * project that is met is said not to have been looked at.
   */
  readonly verifyProject?: (dir: string, expectedHeads: readonly JournalHead[]) => ProjectFindings;
}

/** Larger ones are not read: a manifest or record of ours stays far below. */
const textLimit = 256 * 1024 * 1024;

/**
 * Verifies an output folder, a project folder, or a folder with both. What does not fit is data: a check that is not ok
 * and names the file. Nothing outside `dir` is opened, whatever manifest and journal say; links are not followed.
 * @throws ExpectedError `file-missing` when `dir` is not a folder, `not-a-project` when it holds neither manifest nor project.
 */
export function verifyFolder(dir: string, options: VerifyOptions = {}): Check[] {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) throw new ExpectedError('file-missing', dir);
  const { files, projects, caches, oddities } = walk(dir);
  const hasManifest = files.includes(manifestName);
  if (!hasManifest && projects.length === 0) {
    throw new ExpectedError('not-a-project', `${dir} holds neither ${manifestName} nor project.sqlite.`);
  }
  const checks: Check[] = [...oddities];
  let heads: readonly JournalHead[] = [];
  let digests: ReadonlyMap<string, string> = new Map();
  if (hasManifest) {
    const covered = files.filter((path) => !ofProject(path, projects, ['']) && options.outside?.has(path) !== true);
    const manifest = verifyManifest(dir, covered);
    const record = verifyRecord(dir, files, manifest.digests);
    checks.push(...manifest.checks, ...record.checks);
    ({ digests } = manifest);
    ({ heads } = record);
  }
  if (projects.length === 0 && options.journalElsewhere !== true) {
    const detail = `There is no project in this folder, so the journal was not examined: files that were changed together with ${manifestName} would not be noticed.`;
    checks.push({ what: 'journal', ok: false, kind: 'not-examined', detail });
  }
  const runs: FinishedRun[] = [];
  for (const project of projects) {
    const name = project === '' ? 'project.sqlite' : `${visibleName(project)}/project.sqlite`;
    const found = options.verifyProject?.(join(dir, project), heads);
    const detail = 'The journal of this project was not looked at.';
    checks.push(...(found?.checks ?? [{ what: name, ok: false, kind: 'not-examined' as const, detail }]));
    runs.push(...(found?.runs ?? []));
  }
  if (projects.length > 0 && options.verifyProject !== undefined) {
    const digest = (path: string): string => digests.get(path) ?? digestOf(join(dir, path));
    checks.push(...verifyWritten(dir, { files, projects }, runs, digest));
  }
  const detail = 'Not covered (rebuilt when needed).';
  return [...checks, ...caches.map((path): Check => ({ what: visibleName(path), ok: true, kind: 'note', detail }))];
}

/** The files of the folder against what the journals say the finished runs wrote, both ways. */
function verifyWritten(
  dir: string,
  { files, projects }: Pick<Walk, 'files' | 'projects'>,
  runs: readonly FinishedRun[],
  digest: (path: string) => string,
): Check[] {
  const checks: Check[] = [];
  const present = new Set(files);
  const written = new Set<string>();
  const folders: string[] = [];
  for (const { number, folder, digests } of runs) {
    const what = `journal: run ${number}`;
    const below = pathBelow(dir, folder);
    if (below === null) {
      const detail = 'It wrote to a folder outside this one; its files were not examined here.';
      checks.push({ what, ok: true, kind: 'note', detail });
      continue;
    }
    folders.push(below);
    const faults: Check[] = [];
    for (const [name, sha256] of digests) {
      const path = below === '' ? name : `${below}/${name}`;
      written.add(path);
      const met = present.has(path) ? digest(path) : null;
      if (met === sha256) continue;
      const detail =
        met === null
          ? `Run ${number} wrote it, but it is not in the folder as a regular file.`
          : `It was changed: SHA-256 is ${met}, the journal says ${sha256}.`;
      faults.push({ what: `journal: ${visibleName(path)}`, ok: false, detail });
    }
    const whole = { what, ok: true, detail: `Its ${digests.size} files are as it wrote them.` };
    checks.push(...(faults.length === 0 ? [whole] : faults));
  }
  for (const path of files.filter((file) => !written.has(file))) {
    const what = `journal: ${visibleName(path)}`;
    if (ofProject(path, projects, folders))
      checks.push({ what, ok: true, kind: 'note', detail: 'It is in the project, but no part of it.' });
    else checks.push({ what, ok: false, detail: 'It is in the folder, but no finished run of the project wrote it.' });
  }
  return checks;
}

/** Whether a file lies in a project folder and not in a run's folder within it. */
function ofProject(path: string, projects: readonly string[], folders: readonly string[]): boolean {
  const depth = (candidates: readonly string[]): number =>
    Math.max(-1, ...candidates.filter((one) => one === '' || path.startsWith(`${one}/`)).map((one) => one.length));
  return depth(projects) > depth(folders);
}

/** `folder` relative to `dir` with forward slashes, '' for `dir` itself; null when it is not below it. */
function pathBelow(dir: string, folder: string): string | null {
  const path = relative(dir, folder);
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path) ? null : path.replaceAll(sep, '/');
}

interface Walk {
  /** Regular files, by their path below the folder with forward slashes. */
  readonly files: string[];
  /** Folders that hold a project; '' for the folder itself. */
  readonly projects: string[];
  /** What lies in the `cache` folders of projects. */
  readonly caches: string[];
  readonly oddities: Check[];
}

/** A project's own files change while it is used; the journal vouches for them and for `blobs`, not the manifest. */
const projectFiles = /^(project\.sqlite(-wal|-shm|-journal|\.v\d+\.bak)?|project\.lock)$/;

function walk(dir: string): Walk {
  const found: Walk = { files: [], projects: [], caches: [], oddities: [] };
  const visit = (folder: string): void => {
    const isProject = lstatSync(join(dir, folder, 'project.sqlite'), { throwIfNoEntry: false })?.isFile() === true;
    if (isProject) found.projects.push(folder);
    for (const entry of readdirSync(join(dir, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (isProject && entry.name === 'cache') {
          found.caches.push(...readdirSync(join(dir, path)).map((name) => `${path}/${name}`));
        } else if (!(isProject && entry.name === 'blobs')) visit(path);
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
    const trick = line.path === manifestName ? 'itself' : pathTrick(line.path);
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

/** Outputs and journal stand where they stood in the first. */
const readableSchemas: ReadonlySet<unknown> = new Set([recordSchema, 'urn:coresift:schema:report:1']);

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
    if (!readableSchemas.has(value.$schema) || !Array.isArray(value.outputs)) return null;
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

/**
 * Files the system asks the application to open: by a double click, the command line, a second start. Paths and
 * arguments are a stranger's; of all of them at most one is taken, and only if it is a project or a pack.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { projectFile } from '../../audit/run-folder.ts';

/** File that stands for a project folder, so that a folder can be double-clicked. */
export const projectLink = 'project.coresift';
export const projectExtension = '.coresift';
export const packExtension = '.coresiftpack';

export type Opened =
  { readonly kind: 'project'; readonly folder: string } | { readonly kind: 'pack'; readonly file: string };

const longest = 4096;
const zipStart = [0x50, 0x4b, 0x03, 0x04];

/** @returns null for what is neither a project nor a pack; contents are looked at, names alone decide nothing */
export function openedBy(path: string): Opened | null {
  if (!isAbsolute(path) || path.length > longest || path.includes('\0')) return null;
  // A network path would make the system connect to whoever it names.
  if (/^(\\\\|\/\/)/.test(path)) return null;
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return isProject(path) ? { kind: 'project', folder: path } : null;
    if (!stat.isFile()) return null;
    if (path === projectFile(dirname(path)) || basename(path) === projectLink) {
      return isProject(dirname(path)) ? { kind: 'project', folder: dirname(path) } : null;
    }
    if (!path.endsWith(packExtension) && !path.endsWith('.zip')) return null;
    return startsAsZip(path) ? { kind: 'pack', file: path } : null;
  } catch {
    return null;
  }
}

function startsAsZip(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(zipStart.length);
    readSync(file, start, 0, start.length, 0);
    return start.equals(Buffer.from(zipStart));
  } finally {
    closeSync(file);
  }
}

function isProject(folder: string): boolean {
  return statSync(projectFile(folder), { throwIfNoEntry: false })?.isFile() === true;
}

/** The first argument that names something to open; switches are no paths, and the application's own folder is none. */
export function openedByArguments(argv: readonly string[], cwd: string): Opened | null {
  for (const argument of argv.slice(1, 50)) {
    if (argument.startsWith('-') || argument.length > longest || /^[a-z][a-z0-9+.-]+:/i.test(argument)) continue;
    const opened = openedBy(resolve(cwd, argument));
    if (opened !== null) return opened;
  }
  return null;
}

/** What lies beside a project for the system to open: text that says what it is. */
export const projectLinkText = `${JSON.stringify({ coresift: 'project', open: 'this folder' })}\n`;

export const linkOf = (folder: string): string => join(folder, projectLink);

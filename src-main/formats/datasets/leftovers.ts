/** Names of what is being written, with the process that writes it, so that what a killed one left behind can be told. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PARTIAL = /^(.*)\.(\d{1,10})\.partial$/s;
const UNPACKED = /^(coresift-unpacked)-(\d{1,10})-/;

/** Where `file` is written until it is whole. */
export const partialOf = (file: string): string => `${file}.${process.pid}.partial`;

/** For `mkdtemp`: a folder of unpacked files within `folder`. */
export const unpackedPrefix = (folder: string): string => join(folder, `coresift-unpacked-${process.pid}-`);

/**
 * Throws away what writers that were killed left behind. A project is written by one machine at a time, so a process
 * that does not exist here exists nowhere.
 * @param of only what is left of the file of that name; everything when left out
 */
export function removeLeftovers(folder: string, of?: string): void {
  for (const name of readdirSync(folder)) {
    const [, base, writer] = PARTIAL.exec(name) ?? UNPACKED.exec(name) ?? [];
    if (base === undefined || (of !== undefined && base !== of) || isAlive(Number(writer))) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(writer: number): boolean {
  try {
    return process.kill(writer, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

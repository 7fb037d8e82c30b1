import { join } from 'node:path';

/** The database of a project folder. */
export function projectFile(dir: string): string {
  return join(dir, 'project.sqlite');
}

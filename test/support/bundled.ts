/** One file out of a source file and all it imports: a process started from it does not read and strip a hundred sources first. */
import { buildSync } from 'esbuild';
import { basename, join } from 'node:path';
import { root } from './built.ts';

/** Absolute path of the bundle of `source`; packages stay outside of it. */
export function bundled(source: string): string {
  // Below node_modules, so that packages are found; one of its own for each test process.
  const outfile = join(root, 'node_modules', '.cache', 'coresift-tests', `${process.pid}-${basename(source)}.mjs`);
  buildSync({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    packages: 'external',
    logLevel: 'warning',
  });
  return outfile;
}

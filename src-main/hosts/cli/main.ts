#!/usr/bin/env node
/** Entry of `coresift`. Nothing native may be imported before the version is known to be one that can carry it. */
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);

if (major < 24) {
  process.stderr.write(
    `Error: Coresift needs Node.js 24 or newer, met ${process.versions.node}.\n` +
      '  What it means: Nothing was started.\n' +
      '  What to do:    Start it through npm (npm run …, npx coresift …), which puts the Node 24 of the installation first.\n',
  );
  process.exitCode = 4;
} else {
  // As source the file lies in src-main/hosts/cli, built it is out/main/cli.js beside engine.js.
  const built = !import.meta.url.endsWith('.ts');
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const { runCli } = await import('./program.ts');
  process.exitCode = await runCli(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    cwd: process.cwd(),
    engineEntry: here(built ? './engine.js' : '../../audit/engine-process.ts'),
    root: here(built ? '../../' : '../../../'),
  });
}

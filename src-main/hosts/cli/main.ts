#!/usr/bin/env node
/** Entry of `coresift`. Nothing native may be imported before the version is known to be one that can carry it. */
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);

// Node ends with 1 after an error nobody caught, and 1 means "suspicious" here: such an end must never pass for a verdict.
process.on('uncaughtException', (error) => {
  process.stderr.write(`Error: Coresift itself failed; this is a bug.\n${error.stack ?? error.message}\n`);
  process.exit(2);
});
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read our output has gone (`| head`); the run and its exit code stand all the same.
    if (error.code !== 'EPIPE') throw error;
  });
}

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
  const { runCli } = await import('./program.ts').catch((error: unknown): never => {
    process.stderr.write(
      `Error: Coresift is not installed completely.\n  ${error instanceof Error ? error.message : String(error)}\n` +
        '  What it means: Nothing was started.\n' +
        '  What to do:    Run "npm ci" in its folder again.\n',
    );
    process.exit(2);
  });
  process.exitCode = await runCli(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    cwd: process.cwd(),
    engineEntry: here(built ? './engine.js' : '../../audit/engine-process.ts'),
    root: here(built ? '../../' : '../../../'),
  });
}

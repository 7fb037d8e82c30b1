/** Entry of the desktop application. */
import * as electron from 'electron';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApp } from '../../audit/app.ts';
import { version } from '../../audit/version.ts';
import { startDesktop } from './desktop.ts';
import { fileLog } from './log.ts';
import { utilityEngine } from './spawn-engine.ts';

// A desktop that was started by a double click has no console that anybody sees.
const log = fileLog({
  file: join(electron.app.getPath('userData'), 'logs', 'coresift.jsonl'),
  home: homedir(),
  version,
});
const report = (error: unknown): void => {
  console.error(error);
  log(error);
};
// After an exception that nobody caught nothing can be relied on; what was committed is safe.
process.on('uncaughtException', (error) => {
  report(error);
  electron.app.exit(2);
});
process.on('unhandledRejection', report);

// Built, this file is out/desktop/electron.js.
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

startDesktop(electron, {
  rendererDir: here('../renderer'),
  kept: join(electron.app.getPath('userData'), 'desktop.json'),
  argv: process.argv,
  cwd: process.cwd(),
  platform: process.platform,
  createApp: (vault, folder) =>
    createApp({
      vault,
      project: folder ?? join(electron.app.getPath('userData'), 'project'),
      sample: here('../../resources/samples/fashion'),
      spawn: utilityEngine(electron.utilityProcess, here('../main/engine.js')),
      engineEntry: here('../main/engine.js'),
    }),
  report,
}).catch((error: unknown) => {
  report(error);
  electron.app.exit(2);
});

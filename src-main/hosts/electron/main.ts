/** Entry of the desktop application. */
import * as electron from 'electron';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApp } from '../../audit/app.ts';
import { startDesktop } from './desktop.ts';
import { utilityEngine } from './spawn-engine.ts';

const report = (error: unknown): void => console.error(error);
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
  createApp: (vault) =>
    createApp({
      vault,
      project: join(electron.app.getPath('userData'), 'project'),
      sample: here('../../resources/samples/fashion'),
      spawn: utilityEngine(electron.utilityProcess, here('../main/engine.js')),
    }),
  report,
}).catch((error: unknown) => {
  report(error);
  electron.app.exit(2);
});

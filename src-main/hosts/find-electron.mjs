// Where Electron's runtime is, without asking the package itself: that would download one.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';

const executables = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };

/** Path of the executable (ELECTRON_OVERRIDE_DIST_PATH, else what `npx install-electron` fetched); null when there is none. */
export function findElectron(environment = process.env) {
  const executable = executables[process.platform] ?? 'electron';
  const given = environment.ELECTRON_OVERRIDE_DIST_PATH;
  if (given !== undefined && given !== '') {
    const path = join(given, executable);
    return existsSync(path) ? path : null;
  }
  try {
    const home = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
    const named = join(home, 'path.txt');
    const path = join(home, 'dist', existsSync(named) ? readFileSync(named, 'utf8').trim() : executable);
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

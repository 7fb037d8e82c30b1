// Electron's runtime brings a demonstration application; electron-builder leaves it where the runtime is given as a folder.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** @param {{ readonly appOutDir: string, readonly electronPlatformName: string }} context of electron-builder */
export default async function dropDemo({ appOutDir, electronPlatformName }) {
  const resources = electronPlatformName === 'darwin' ? 'Electron.app/Contents/Resources' : 'resources';
  await rm(join(appOutDir, resources, 'default_app.asar'), { force: true });
}

/** What a user set for themselves: one small file outside every project. */
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { UserSettings } from '../../src-shared/contract.ts';
import { systemFailure } from '../formats/system.ts';
import { writeWhole } from './files.ts';

const nothingSet: UserSettings = { language: null, theme: null };
const languages = ['en', 'de'] as const;
const themes = ['system', 'light', 'dark'] as const;

/** Where the platform keeps such files. */
export function settingsFile(): string {
  const { env, platform } = process;
  const base =
    platform === 'win32'
      ? (env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'))
      : platform === 'darwin'
        ? join(homedir(), 'Library', 'Application Support')
        : (env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'));
  return join(base, 'coresift', 'settings.json');
}

/** A file that is missing or not ours counts as nothing set: settings are a comfort, no evidence. */
export function readSettings(file: string): UserSettings {
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<keyof UserSettings, unknown>> | null;
    return {
      language: languages.find((one) => one === read?.language) ?? null,
      theme: themes.find((one) => one === read?.theme) ?? null,
    };
  } catch {
    return nothingSet;
  }
}

/** @throws ExpectedError project-not-writable, no-space */
export function writeSettings(file: string, settings: UserSettings): UserSettings {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeWhole(file, Buffer.from(`${JSON.stringify(settings, null, 2)}\n`));
  } catch (error) {
    throw systemFailure(error, file);
  }
  return settings;
}

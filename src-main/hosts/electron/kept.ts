/** What the desktop application remembers of itself between starts: its window and its recent projects. One small file. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';

export interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Kept {
  readonly window: { readonly bounds: Bounds; readonly maximised: boolean; readonly zoom: number } | null;
  /** Folders of projects, newest first. */
  readonly recent: readonly string[];
}

export const mostRecent = 10;
const nothing: Kept = { window: null, recent: [] };

/** A file that is missing, or not ours, counts as nothing remembered. Every value is checked: the file is the user's, but it may be broken. */
export function readKept(file: string): Kept {
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>> | null;
    return { window: windowOf(read?.['window']), recent: recentOf(read?.['recent']) };
  } catch {
    return nothing;
  }
}

/** Replaces the file as a whole. @throws the system's error */
export function writeKept(file: string, kept: Kept): void {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  writeFileSync(fresh, `${JSON.stringify(kept, null, 2)}\n`);
  renameSync(fresh, file);
}

/** `folder` first, once. */
export function withRecent(kept: Kept, folder: string): Kept {
  return { ...kept, recent: [folder, ...kept.recent.filter((one) => one !== folder)].slice(0, mostRecent) };
}

function windowOf(value: unknown): Kept['window'] {
  const { bounds, maximised, zoom } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const numbers = (bounds ?? {}) as Readonly<Record<string, unknown>>;
  const whole = (name: string): number => {
    const number = numbers[name];
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw new RangeError(`${name} is no whole number`);
    return number;
  };
  try {
    const read = { x: whole('x'), y: whole('y'), width: whole('width'), height: whole('height') };
    const kept = typeof zoom === 'number' && zoom >= 0.25 && zoom <= 5 ? zoom : 1;
    return { bounds: read, maximised: maximised === true, zoom: kept };
  } catch {
    return null;
  }
}

function recentOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const folders = value.filter(
    (one): one is string => typeof one === 'string' && one.length <= 4096 && isAbsolute(one),
  );
  return folders.slice(0, mostRecent);
}

/**
 * The remembered place if a part of it that can be grasped still lies on a screen; null = wherever the system likes.
 * Sizes are cut to the screen, so that nothing opens larger than what it is shown on.
 */
export function placeOnScreen(
  bounds: Bounds,
  screens: readonly Bounds[],
  least: { width: number; height: number },
): Bounds | null {
  const screen = screens.find(
    ({ x, y, width, height }) =>
      bounds.x + bounds.width >= x + 100 && bounds.x <= x + width - 100 && bounds.y >= y && bounds.y <= y + height - 50,
  );
  if (screen === undefined) return null;
  const width = Math.max(least.width, Math.min(bounds.width, screen.width));
  const height = Math.max(least.height, Math.min(bounds.height, screen.height));
  return { x: bounds.x, y: bounds.y, width, height };
}

/** How the page and the desktop host speak of files: what can be asked for, what stands for a path, how saving ended. */
import type { SerializedFailure } from './failure.ts';

/** What the native dialog asks the user for; `target` = a folder that may be made and written into. */
export const fileKinds = ['file', 'folder', 'target'] as const;
export type FileKind = (typeof fileKinds)[number];

/** How saving ended. `name` is the base name the user gave the file. */
export type Saved =
  | { readonly state: 'saved'; readonly name: string }
  | { readonly state: 'cancelled' }
  | { readonly state: 'failed'; readonly failure: SerializedFailure };

const prefix = 'given:';

/** What the page holds instead of a path: "given:<id>/<name>"; the name is for the eye only. */
export const fileToken = (id: string, name: string): string => `${prefix}${id}/${name}`;

/** The name in what stands for a path; any other text as it is. */
export function shownName(text: string): string {
  return text.startsWith(prefix) && text.includes('/') ? text.slice(text.indexOf('/') + 1) : text;
}
